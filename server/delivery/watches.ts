/** Who waits for a client to have answered up to a message: receipts, and a server that says goodbye. */
import type { Room } from '../room.ts';

interface Watch {
  readonly room: Room;
  readonly seq: number;
  readonly settled: (delivered: boolean) => void;
}

export class Watches {
  /** Bounded by the receipts that senders may have open. */
  readonly #watches = new Set<Watch>();
  readonly #settledThrough: (room: Room) => number;

  /** @param settledThrough up to which `Seq` the client has answered what a room had for it */
  constructor(settledThrough: (room: Room) => number) {
    this.#settledThrough = settledThrough;
  }

  get size(): number {
    return this.#watches.size;
  }

  /** Returns what to call when nobody waits any more. */
  add(room: Room, seq: number, settled: (delivered: boolean) => void): () => void {
    const watch: Watch = { room, seq, settled };
    this.#watches.add(watch);
    return () => this.#watches.delete(watch);
  }

  /** Tells those whose message was answered; at the `end` the others too, that it was not. */
  check(end: boolean): void {
    for (const watch of this.#watches) {
      const delivered = this.#settledThrough(watch.room) >= watch.seq;
      if (!delivered && !end) continue;
      this.#watches.delete(watch);
      watch.settled(delivered);
    }
  }
}
