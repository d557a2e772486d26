/**
 * What all rooms keep in memory together, bounded in bytes: the room that spoke longest ago forgets first. It knows logs,
 * not rooms, and nothing of what stands in them.
 */
import type { MemoryBudget, RoomLog } from './room-log.ts';

export class RoomMemory implements MemoryBudget {
  readonly #maxBytes: number;
  /** What each log held when it was last looked at; the one that was used longest ago first. */
  readonly #logs = new Map<RoomLog, number>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that all logs hold. */
  get bytes(): number {
    return this.#bytes;
  }

  used(log: RoomLog): void {
    this.#bytes += log.bytes - (this.#logs.get(log) ?? 0);
    this.#logs.delete(log);
    this.#logs.set(log, log.bytes);
    if (this.#bytes > this.#maxBytes) this.#makeRoom(log);
  }

  /** The log is not used any more. */
  release(log: RoomLog): void {
    this.#bytes -= this.#logs.get(log) ?? 0;
    this.#logs.delete(log);
  }

  /** Of `newest`, the segment that was just written stays. */
  #makeRoom(newest: RoomLog): void {
    for (const log of this.#logs.keys()) {
      const stays = log === newest ? 1 : 0;
      while (this.#bytes > this.#maxBytes && log.head - log.tail > stays) {
        const before = log.bytes;
        log.forgetOldest();
        this.#bytes -= before - log.bytes;
      }
      if (log.head === log.tail) this.#logs.delete(log);
      else this.#logs.set(log, log.bytes);
      if (this.#bytes <= this.#maxBytes) return;
    }
  }
}
