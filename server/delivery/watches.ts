/** Who waits for a client to have answered up to a message: receipts, and a server that says goodbye. */
import type { RoomLog } from '../room-log.ts';

interface Watch {
  readonly seq: number;
  readonly settled: (delivered: boolean) => void;
}

/** Knows up to which `Seq` a client has answered everything that a log had for it. */
interface Answered {
  settledThrough(log: RoomLog): number;
}

export class Watches {
  /** In the order of their numbers, as messages are numbered. Bounded by the receipts that senders may have open. */
  #logs: Map<RoomLog, Set<Watch>> | undefined;

  /** Whether anybody waits. */
  get waiting(): boolean {
    if (this.#logs === undefined) return false;
    for (const watches of this.#logs.values()) if (watches.size > 0) return true;
    return false;
  }

  /** Returns what to call when nobody waits any more. */
  add(log: RoomLog, seq: number, settled: (delivered: boolean) => void): () => void {
    const watch: Watch = { seq, settled };
    this.#logs ??= new Map();
    const watches = this.#logs.get(log) ?? new Set();
    this.#logs.set(log, watches.add(watch));
    return () => watches.delete(watch);
  }

  /** Takes over who waits at `former`. */
  adopt(former: Watches): void {
    this.#logs = former.#logs;
    former.#logs = undefined;
  }

  /** Tells those whose message was answered. */
  check(feed: Answered): void {
    if (this.#logs === undefined) return;
    for (const [log, watches] of this.#logs) {
      if (watches.size === 0) continue;
      const through = feed.settledThrough(log);
      for (const watch of watches) {
        if (watch.seq > through) break;
        watches.delete(watch);
        watch.settled(true);
      }
    }
  }

  /** Tells all, or those of `log`, that their message will not be answered any more. */
  end(log?: RoomLog): void {
    const ended = [...(this.#logs ?? [])].filter(([each]) => log === undefined || each === log);
    for (const [each] of ended) this.#logs?.delete(each);
    for (const [, watches] of ended) for (const { settled } of watches) settled(false);
  }
}
