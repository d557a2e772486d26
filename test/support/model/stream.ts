/**
 * What one client is to be brought of one log, as the model has it: every entry after its place, once, in order. It knows
 * entries and places in a list, and nothing of servers, rooms or people.
 */
import { at } from '../line-client.ts';

/** A line of a room, or a direct message. */
export interface Entry {
  readonly kind: 'chat' | 'join' | 'leave' | 'direct' | 'notice';
  /** ID of who says it or came or went; empty for the room itself. */
  readonly sender: string;
  readonly text: string;
  /** Known once it was answered or shown; above `above` and below `below`. */
  seq: number | undefined;
  above: number;
  below: number;
  /** `unknown`: a crash came before the answer, so it may have been said or not. `unsaid`: it was not. */
  fate: 'said' | 'unknown' | 'unsaid';
}

/** A message as a client got it. */
export interface Shown {
  readonly kind: string;
  readonly sender: string;
  readonly text: string;
  readonly seq: number;
}

export function entry(kind: Entry['kind'], sender: string, text: string, seq?: number): Entry {
  return { kind, sender, text, seq, above: 0, below: Infinity, fate: 'said' };
}

/** How far somebody has read, as the client knows it, as the server must know it, and as it must have written it down. */
export class Cursor {
  kept: number;
  sure: number;
  passed: number;

  constructor(place: number) {
    this.kept = this.sure = this.passed = place;
  }

  /** The client has answered up to `passed`, and the server has surely heard of it up to `sure`. */
  pass(passed: number, sure: number): void {
    this.passed = Math.max(this.passed, passed);
    this.sure = Math.max(this.sure, sure);
  }

  /** A later change is on disk, and so is what the server knew before. */
  commit(): void {
    this.kept = this.sure;
  }

  crash(): void {
    this.sure = this.kept;
  }
}

/**
 * One reading of a log, from a place on. What lies between `from` and `sure` was answered before and may come once more, as
 * a whole from anywhere on: what was answered last may not have reached the server, or its disk.
 */
export class Stream {
  readonly log: readonly Entry[];
  /** Index of the next entry. */
  next: number;
  /** Indexes of the entries that were received and are not answered, by a client that hangs. */
  readonly hand: number[] = [];
  readonly begun: number;
  /** Index behind what may come once more. */
  readonly #window: number;
  #sure: number;
  /** Whose own lines are left out; `undefined`: nobody's. */
  readonly #spared: string | undefined;
  #lastSeq = 0;
  #until = Infinity;

  constructor(log: readonly Entry[], spared: string | undefined, from: number, sure = from) {
    this.log = log;
    this.#spared = spared;
    this.begun = this.next = Math.min(from, sure);
    this.#sure = this.#window = sure;
  }

  /** Whether it is known for each entry whether it comes. */
  get isCertain(): boolean {
    return !this.mayRepeat && this.log.every(({ below }) => below === Infinity);
  }

  /** Whether something in it may have come before. */
  get mayRepeat(): boolean {
    return this.begun < this.#window;
  }

  /** Nothing that is said from now on belongs to it. */
  close(): this {
    this.#until = this.log.length;
    return this;
  }

  /** Index up to which all that was brought is answered. */
  get answered(): number {
    return this.hand[0] ?? this.next;
  }

  /** The same and the lines behind it that this client is not brought. */
  get passed(): number {
    if (this.hand[0] !== undefined) return this.hand[0];
    let index = Math.max(this.next, this.#sure);
    for (let each = this.log[index]; each !== undefined && (each.fate === 'unsaid' || this.#isSpared(each)); each = this.log[index])
      index += 1;
    return index;
  }

  /** The next entry that has to come; `undefined` when all have. */
  get missing(): Entry | undefined {
    return this.log.find((each, index) => index >= this.next && index >= this.#sure && each.fate === 'said' && !this.#isSpared(each));
  }

  /** Takes one message; returns the index of its entry. @throws Error when it is not the one that has to come next */
  take(shown: Shown, answered: boolean): number {
    // What nobody waits for, because it may not come, is not answered when the client is called in another way: so it comes twice.
    const again = this.log.findIndex(
      (each, place) =>
        each.seq === shown.seq && place >= this.begun && place < this.next && (place < this.#window || each.below < Infinity),
    );
    if (again >= 0) return again;
    const index = this.#find(shown);
    const found = this.log[index];
    if (found === undefined) throw new Error('a stream finds what is in its log');
    if (shown.seq <= this.#lastSeq) throw new Error(`${told(shown)} came after ${this.#lastSeq}`);
    for (const each of this.log.slice(Math.max(this.next, this.#sure), index))
      if (each.fate === 'unknown' && !this.#isSpared(each)) each.fate = 'unsaid';
    found.seq = this.#lastSeq = shown.seq;
    found.fate = 'said';
    this.next = index + 1;
    // From here on nothing is left out.
    this.#sure = 0;
    if (!answered) this.hand.push(index);
    return index;
  }

  #find(shown: Shown): number {
    for (let index = this.next; index < Math.min(this.log.length, this.#until); index += 1) {
      const each = this.log[index];
      if (each === undefined || each.fate === 'unsaid' || this.#isSpared(each)) continue;
      if (isSame(each, shown) && this.#mayBe(index, each, shown.seq)) return index;
      if (index < this.#sure || each.fate === 'unknown') continue;
      throw new Error(`${told(shown)} came, and ${told(each)} had to come before`);
    }
    const before = this.log.findLastIndex((each) => isSame(each, shown));
    throw new Error(`${told(shown)} came, and ${before < 0 ? 'nobody said it there' : 'it had come already, or was not for this client'}`);
  }

  /** Whether an entry may have this number: its own, or one between those of its neighbours. */
  #mayBe(index: number, { seq, above, below }: Entry, number: number): boolean {
    if (seq !== undefined) return number === seq;
    return number > above && number < below && !this.log.slice(index + 1).some((later) => later.seq !== undefined && later.seq <= number);
  }

  #isSpared({ kind, sender }: Entry): boolean {
    return sender === this.#spared && kind !== 'notice' && kind !== 'direct';
  }
}

/** A message of an answer. */
export function shownIn(message: unknown): Shown {
  const word = (field: string): string => String(at(message, field));
  return { kind: word('Kind'), sender: word('SenderID'), text: word('Text'), seq: Number(at(message, 'Seq')) };
}

function isSame(one: Omit<Shown, 'seq'>, other: Omit<Shown, 'seq'>): boolean {
  return one.kind === other.kind && one.sender === other.sender && one.text === other.text;
}

export function told({ kind, sender, text, seq }: Omit<Shown, 'seq'> & { readonly seq?: number | undefined }): string {
  return `${kind} "${text}" of ${sender || 'the room'} (${seq ?? 'not numbered yet'})`;
}
