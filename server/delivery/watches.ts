/** Who waits for a client to have answered up to a message: receipts, and a server that says goodbye. */
import type { Room } from '../room.ts';

interface Watch {
  readonly seq: number;
  readonly settled: (delivered: boolean) => void;
}

export class Watches {
  /** In the order of their numbers, as messages are numbered. Bounded by the receipts that senders may have open. */
  readonly #rooms = new Map<Room, Set<Watch>>();

  /** Returns what to call when nobody waits any more. */
  add(room: Room, seq: number, settled: (delivered: boolean) => void): () => void {
    const watch: Watch = { seq, settled };
    const watches = this.#rooms.get(room) ?? new Set();
    this.#rooms.set(room, watches.add(watch));
    return () => watches.delete(watch);
  }

  /** Takes over who waits at `former`. */
  adopt(former: Watches): void {
    for (const [room, watches] of former.#rooms) this.#rooms.set(room, watches);
    former.#rooms.clear();
  }

  /** Tells those whose message was answered: `settledThrough` is the `Seq` up to which a room's messages were. */
  check(settledThrough: (room: Room) => number): void {
    for (const [room, watches] of this.#rooms) {
      if (watches.size === 0) continue;
      const through = settledThrough(room);
      for (const watch of watches) {
        if (watch.seq > through) break;
        watches.delete(watch);
        watch.settled(true);
      }
    }
  }

  /** Tells all that their message will not be answered any more. */
  end(): void {
    const rooms = [...this.#rooms.values()];
    this.#rooms.clear();
    for (const watches of rooms) for (const { settled } of watches) settled(false);
  }
}
