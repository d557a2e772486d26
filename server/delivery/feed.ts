/**
 * What one client is to be sent next, and what it has been sent and not answered: cursors into the logs of its rooms and
 * a window of outstanding calls. It holds positions and references to shared bytes, and knows no connection.
 */
import type { RoomLog } from '../room-log.ts';
import { indexAfter, type Form, type Segment, type View } from '../segment.ts';
import { Cursor } from './cursor.ts';
import { Outstanding } from './outstanding.ts';

export interface FeedLimits {
  /** Unanswered calls at most. */
  readonly windowCalls: number;
  /** Unanswered bytes at most; the last call may go beyond it. */
  readonly windowBytes: number;
}

/** Pause before a read that failed is tried again, milliseconds. */
const READ_PAUSE_MS = 1_000;

export class Feed {
  readonly outstanding = new Outstanding();
  readonly #reader: string;
  readonly #form: Form;
  readonly #limits: FeedLimits;
  readonly #owner: { wake(): void };
  readonly #cursors: Cursor[] = [];
  #windowCalls: number;
  #lastSent = 1;
  #lost = false;
  /** Older messages are being read from the store. */
  #reading = false;

  /**
   * @param reader the client's ID: its own messages are skipped
   * @param owner woken when older messages have been read and there may be something to send
   */
  constructor(reader: string, form: Form, limits: FeedLimits, owner: { wake(): void }) {
    this.#reader = reader;
    this.#form = form;
    this.#limits = limits;
    this.#owner = owner;
    this.#windowCalls = this.#widest;
  }

  /** No `Seq` above it was sent; at least 1, the number that stands for the beginning of history. */
  get lastSent(): number {
    return this.#lastSent;
  }

  /** Whether the next message has left a room's memory. */
  get isLost(): boolean {
    return this.#lost;
  }

  /** Whether everything was sent. */
  get atEnd(): boolean {
    return this.#cursors.every((cursor) => cursor.atEnd);
  }

  /** Messages that the client has not yet answered. */
  get waiting(): number {
    return this.#cursors.reduce((sum, cursor) => sum + cursor.waiting, this.outstanding.calls);
  }

  follow(log: RoomLog, segment: number, passed: number): void {
    this.#cursors.push(new Cursor(log, segment, passed));
    // An earlier registration may have sent all of this on the same connection: its late answers are no wrong ones.
    this.#lastSent = Math.max(this.#lastSent, log.lastSeq);
  }

  /** One call at a time from now on: the client closes the connection after each answer. */
  narrow(): void {
    this.#windowCalls = 1;
  }

  /** As many as ever again: it did not close the connection after one answer. */
  widen(): void {
    this.#windowCalls = this.#widest;
  }

  segmentIn(log: RoomLog): number | undefined {
    return this.#cursors.find((cursor) => cursor.log === log)?.segment;
  }

  /** `Seq` up to which the client has answered everything that `log` had for it. */
  settledThrough(log: RoomLog): number {
    const run = this.outstanding.runs().find((each) => each.cursor.log === log);
    if (run !== undefined) return (run.view.seqs[run.next] ?? 1) - 1;
    return this.#cursors.find((cursor) => cursor.log === log)?.passed ?? 0;
  }

  /** The next piece to send, counted as outstanding; `undefined` when there is none or the window is full. */
  next(): Buffer | undefined {
    for (const cursor of this.#cursors) {
      while (!cursor.atEnd && this.#windowOpen && !this.#lost && !this.#reading) {
        const bytes = this.#advance(cursor);
        if (bytes !== undefined) return bytes;
      }
    }
    return undefined;
  }

  /** Puts the cursors back to the first unanswered message of each room: it will be sent again. */
  rewind(): void {
    for (const run of this.outstanding.runs().toReversed()) {
      run.cursor.segment = run.segment;
      run.cursor.passed = (run.view.seqs[run.next] ?? 1) - 1;
    }
    this.outstanding.clear();
  }

  /** Whether three quarters of what the client may leave unanswered are used. */
  get mostlyFull(): boolean {
    const { calls, bytes } = this.outstanding;
    return 4 * calls >= 3 * this.#windowCalls || 4 * bytes >= 3 * this.#limits.windowBytes;
  }

  /** Go's standard server runs calls side by side: more than one at a time would be reordered there. */
  get #widest(): number {
    return this.#form === 'classic' ? 1 : this.#limits.windowCalls;
  }

  get #windowOpen(): boolean {
    return this.outstanding.calls < this.#windowCalls && this.outstanding.bytes < this.#limits.windowBytes;
  }

  #advance(cursor: Cursor): Buffer | undefined {
    const segment = cursor.log.segment(cursor.segment) ?? this.#fromHistory(cursor);
    if (segment === undefined) return undefined;
    const passed = indexAfter(segment.named.seqs, cursor.passed);
    const [from, until] = segment.runFor(this.#reader, passed);
    if (from < until) return this.#take(cursor, segment.view(this.#form), from, until);
    cursor.moveBehind(segment);
    return undefined;
  }

  /** A segment that has left the memory: at hand, or being read, or gone from the store too. */
  #fromHistory({ log: { history }, passed }: Cursor): Segment | undefined {
    if (history === undefined || passed < history.lostThrough) {
      this.#lost = true;
      return undefined;
    }
    const segment = history.segmentAfter(passed);
    if (segment !== undefined) return segment;
    this.#reading = true;
    void history.load(passed).then(
      () => this.#read(history.segmentAfter(passed) !== undefined || passed < history.lostThrough),
      () => this.#read(false),
    );
    return undefined;
  }

  /** A disk that cannot be read now is asked again, until the client has waited too long for its own deadline. */
  #read(succeeded: boolean): void {
    if (!succeeded) {
      setTimeout(() => this.#read(true), READ_PAUSE_MS).unref();
      return;
    }
    this.#reading = false;
    this.#owner.wake();
  }

  /** Takes of the calls from `from` up to `until` what the window has room for, at least one. */
  #take(cursor: Cursor, view: View, from: number, until: number): Buffer {
    const free = this.#limits.windowBytes - this.outstanding.bytes;
    const fitting = Math.max(from + 1, indexAfter(view.ends, view.startOf(from) + free));
    const to = Math.min(until, fitting, from + this.#windowCalls - this.outstanding.calls);
    this.outstanding.add({ cursor, segment: cursor.segment, view, next: from, to });
    cursor.passed = view.seqs[to - 1] ?? cursor.passed;
    if (to === view.seqs.length) cursor.moveOn();
    this.#lastSent = Math.max(this.#lastSent, cursor.passed);
    return view.slice(from, to);
  }
}
