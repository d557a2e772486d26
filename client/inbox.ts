/**
 * What was shown and what was not: a message is shown once, in its room's order, however often it is delivered. It knows
 * no connection; who delivers gets the answer for it by a function.
 */
import type { Message } from '../commons/protocol.ts';

/** A place in a room's history: right after the message `after`. Without an epoch the server's present one is meant. */
export interface Cursor {
  readonly after: number;
  readonly epoch?: string;
}

/** Who is shown what came. Neither method may throw, and both call `answer` when the server is to be told that it arrived: now or later. */
export interface Audience {
  hear(message: Message, answer: () => void): void;
  /** A message that was heard before was delivered again. */
  hearAgain(message: Message, answer: () => void): void;
}

interface Delivered {
  readonly message: Message;
  readonly answer: () => void;
}

/** Rooms whose cursor is kept; the one that was silent longest is forgotten first. */
const ROOMS = 1_024;
/** Where everyone starts. */
export const LOBBY = 'lobby';

export class Inbox {
  readonly #audience: Audience;
  /** Last Seq shown, by room. They belong to `#epoch` and mean nothing in another one. */
  readonly #shown = new Map<string, number>();
  /** Where the client entered in this epoch, by room: a resume starts here while nothing was shown. */
  readonly #entered = new Map<string, number>();
  /** Rooms that are gone. */
  readonly #closed = new Set<string>();
  #epoch: string | undefined;
  /** Where the client left off in the lobby of an epoch that is gone, until the notice of that, which comes first, was shown. */
  #untold: Cursor | undefined;
  #isNew = true;
  #holds = 0;
  /** This one and `#paused`: bounded by the calls that the callback connections may have unanswered. */
  #held: (() => void)[] = [];
  /** By room, what came since `pause`. */
  readonly #paused = new Map<string, Delivered[]>();

  /** Where the first Register of this process is to begin in the lobby. */
  readonly #start: Cursor | undefined;

  /**
   * @param start where the first Register begins in the lobby; with what comes next when left out
   */
  constructor(audience: Audience, start?: Cursor) {
    this.#audience = audience;
    this.#start = start;
    this.#epoch = start?.epoch;
    if (start !== undefined) this.#entered.set(LOBBY, start.after);
  }

  /** The life of the history that the cursors belong to; `undefined` before the first Register. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  /** What the next visit goes on from: the last Seq shown, by room, the lobby always among them. */
  get place(): { readonly epoch: string; readonly cursors: ReadonlyMap<string, number> } | undefined {
    if (this.#untold?.epoch !== undefined) return { epoch: this.#untold.epoch, cursors: new Map([[LOBBY, this.#untold.after]]) };
    return this.#epoch === undefined ? undefined : { epoch: this.#epoch, cursors: this.cursors() };
  }

  /** Nothing was heard from the server yet. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** The last Seq shown, by room; where nothing was shown yet, the place at which the client entered. */
  cursors(): ReadonlyMap<string, number> {
    return new Map([...this.#entered, ...this.#shown]);
  }

  /** Takes a message, and shows it if it is new. */
  receive(message: Message, answer: () => void): void {
    const paused = this.#paused.get(message.Room);
    if (this.#holds > 0) this.#held.push(() => this.receive(message, answer));
    else if (paused !== undefined) paused.push({ message, answer });
    else this.#take(message, answer);
  }

  /** Shows a message that was read from the history, if it is new. */
  catchUp(message: Message): void {
    this.#take(message, () => undefined);
  }

  /** Nothing of `room` is shown or answered until `resume`. */
  pause(room: string): void {
    if (!this.#paused.has(room)) this.#paused.set(room, []);
  }

  /** What is paused of `room` came over a connection that is gone: it was not answered, so it comes again. */
  drop(room: string): void {
    this.#paused.delete(room);
  }

  /** The Seq of the first message that came since `pause`. */
  firstPaused(room: string): number | undefined {
    return this.#paused.get(room)?.[0]?.message.Seq;
  }

  resume(room: string): void {
    const paused = this.#paused.get(room) ?? [];
    this.#paused.delete(room);
    for (const { message, answer } of paused) this.#take(message, answer);
  }

  /** Shows a message of the client's own making in its turn; it has no place in the room's order. */
  tell(message: Message): void {
    const show = (): void => this.#audience.hear(message, () => undefined);
    if (this.#holds > 0) this.#held.push(show);
    else show();
  }

  /**
   * Nothing is shown or answered until `release`: while a Register is under way, it is not known to which epoch a
   * message belongs, and so whether its Seq is old or new.
   */
  hold(): void {
    this.#holds += 1;
  }

  release(): void {
    this.#holds -= 1;
    if (this.#holds > 0) return;
    const held = this.#held;
    this.#held = [];
    for (const take of held) take();
  }

  /** What a Register was answered. In a new epoch all cursors start anew; in the same one the answer's Seq is only news. */
  adopt(epoch: string, seq: number): void {
    this.#isNew = false;
    if (epoch === this.#epoch) return;
    // The server tells of the hole again to who comes back from before it.
    if (this.#epoch !== undefined) this.#untold ??= this.resumption(LOBBY);
    this.#epoch = epoch;
    this.#shown.clear();
    this.#entered.clear();
    this.#entered.set(LOBBY, seq);
  }

  /** The client is served in `room` from behind `seq` on; where something of it was shown already, that says more. */
  enter(room: string, seq: number): void {
    this.#closed.delete(room);
    if (!this.#shown.has(room)) this.#entered.set(room, seq);
  }

  /** `room` is gone, as the client was told: no notice of it is shown again, until people speak there or it is entered. */
  close(room: string): void {
    this.forget(room);
    this.#closed.add(room);
    const [first] = this.#closed;
    if (this.#closed.size > ROOMS && first !== undefined) this.#closed.delete(first);
  }

  /** The client has left `room`: should it come back, it begins as a stranger. */
  forget(room: string): void {
    this.#shown.delete(room);
    this.#entered.delete(room);
    this.#paused.delete(room);
  }

  /** Where the next Register begins: right where the client is, or before a hole that it was not yet told of. */
  get beginning(): Cursor | undefined {
    return this.#untold ?? this.resumption(LOBBY);
  }

  /** Where the client is in `room`; `undefined` before the first Register, unless it was told where to start. */
  resumption(room: string): Cursor | undefined {
    if (this.#epoch === undefined) return room === LOBBY ? this.#start : undefined;
    const after = this.#shown.get(room) ?? this.#entered.get(room);
    return after === undefined ? undefined : { after, epoch: this.#epoch };
  }

  #take(message: Message, answer: () => void): void {
    const { Room: room, Seq: seq } = message;
    if (room === LOBBY) this.#untold = undefined;
    const last = this.#shown.get(room);
    const isKnown = this.#closed.has(room) && message.Kind === 'notice';
    if (isKnown || (last !== undefined && seq <= last)) return this.#audience.hearAgain(message, answer);
    this.#closed.delete(room);
    this.#shown.delete(room);
    this.#shown.set(room, seq);
    const [silent] = this.#shown.keys();
    if (this.#shown.size > ROOMS && silent !== undefined) this.#shown.delete(silent);
    this.#audience.hear(message, answer);
  }
}
