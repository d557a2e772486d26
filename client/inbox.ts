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

/** Rooms whose cursor is kept; the one that was silent longest is forgotten first. */
const ROOMS = 1_024;
/** Where everyone starts. */
export const LOBBY = 'lobby';

export class Inbox {
  readonly #show: (message: Message) => void;
  /** Last Seq shown, by room. They belong to `#epoch` and mean nothing in another one. */
  readonly #shown = new Map<string, number>();
  #epoch: string | undefined;
  /** Where the first registration of this epoch began: a resume starts here while nothing was shown. */
  #began = 0;
  /** Where the client left off in the lobby of an epoch that is gone, until the notice of that, which comes first, was shown. */
  #untold: Cursor | undefined;
  #holds = 0;
  /** Bounded by the calls that the callback connections may have unanswered. */
  #held: (() => void)[] = [];

  /** Where the first Register of this process is to begin. */
  readonly #start: Cursor | undefined;

  /**
   * @param show must not throw
   * @param start where the first Register begins; with what comes next when left out
   */
  constructor(show: (message: Message) => void, start?: Cursor) {
    this.#show = show;
    this.#start = start;
    this.#epoch = start?.epoch;
    this.#began = start?.after ?? 0;
  }

  /** The life of the history that the cursors belong to; `undefined` before the first Register. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  /** What the next visit goes on from: the last Seq shown, by room, the lobby always among them. */
  get place(): { readonly epoch: string; readonly cursors: ReadonlyMap<string, number> } | undefined {
    if (this.#untold?.epoch !== undefined) return { epoch: this.#untold.epoch, cursors: new Map([[LOBBY, this.#untold.after]]) };
    return this.#epoch === undefined ? undefined : { epoch: this.#epoch, cursors: new Map([[LOBBY, this.#began], ...this.#shown]) };
  }

  /** Answers a message, and shows it if it is new. */
  receive(message: Message, answer: () => void): void {
    if (this.#holds > 0) this.#held.push(() => this.#take(message, answer));
    else this.#take(message, answer);
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
    if (epoch === this.#epoch) return;
    // The server tells of the hole again to who comes back from before it.
    if (this.#epoch !== undefined) this.#untold ??= this.resumption(LOBBY);
    this.#epoch = epoch;
    this.#began = seq;
    this.#shown.clear();
  }

  /** Where the next Register begins: right where the client is, or before a hole that it was not yet told of. */
  get beginning(): Cursor | undefined {
    return this.#untold ?? this.resumption(LOBBY);
  }

  /** Where the client is in `room`; `undefined` before the first Register, unless it was told where to start. */
  resumption(room: string): Cursor | undefined {
    if (this.#epoch === undefined) return this.#start;
    return { after: this.#shown.get(room) ?? this.#began, epoch: this.#epoch };
  }

  #take(message: Message, answer: () => void): void {
    answer();
    const { Room: room, Seq: seq } = message;
    if (room === LOBBY) this.#untold = undefined;
    const last = this.#shown.get(room);
    if (last !== undefined && seq <= last) return;
    this.#shown.delete(room);
    this.#shown.set(room, seq);
    const [silent] = this.#shown.keys();
    if (this.#shown.size > ROOMS && silent !== undefined) this.#shown.delete(silent);
    this.#show(message);
  }
}
