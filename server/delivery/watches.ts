/** Who waits for a client to have answered up to a message: receipts, and a server that says goodbye. */
import type { RoomLog } from '../room-log.ts';

interface Watch {
  readonly seq: number;
  readonly settled: (delivered: boolean) => void;
}

export class Watches {
  /** In the order of their numbers, as messages are numbered. Bounded by the receipts that senders may have open. */
  readonly #logs = new Map<RoomLog, Set<Watch>>();

  /** Returns what to call when nobody waits any more. */
  add(log: RoomLog, seq: number, settled: (delivered: boolean) => void): () => void {
    const watch: Watch = { seq, settled };
    const watches = this.#logs.get(log) ?? new Set();
    this.#logs.set(log, watches.add(watch));
    return () => watches.delete(watch);
  }

  /** Takes over who waits at `former`. */
  adopt(former: Watches): void {
    for (const [log, watches] of former.#logs) this.#logs.set(log, watches);
    former.#logs.clear();
  }

  /** Tells those whose message was answered: `settledThrough` is the `Seq` up to which a room's messages were. */
  check(settledThrough: (log: RoomLog) => number): void {
    for (const [log, watches] of this.#logs) {
      if (watches.size === 0) continue;
      const through = settledThrough(log);
      for (const watch of watches) {
        if (watch.seq > through) break;
        watches.delete(watch);
        watch.settled(true);
      }
    }
  }

  /** Tells all, or those of `log`, that their message will not be answered any more. */
  end(log?: RoomLog): void {
    const ended = [...this.#logs].filter(([each]) => log === undefined || each === log);
    for (const [each] of ended) this.#logs.delete(each);
    for (const [, watches] of ended) for (const { settled } of watches) settled(false);
  }
}
