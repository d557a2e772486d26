/**
 * Which rooms may have something to forget, so that a trim does not look at all of them each time: those that spoke since
 * the last one, and all of them only when the oldest messages of some room have grown too old. It reads nothing.
 */
import type { RoomRecord } from './record.ts';
import type { Retention } from './store.ts';

/** Rooms that one trim reads only to learn how old their oldest messages are. */
const ROOMS_LOOKED_AT = 500;

export class TrimPlan {
  /** When the oldest segment of a room was accepted, where that is known. */
  readonly #oldest = new Map<string, number>();
  #spoken = new Set<string>();
  /** No room keeps a segment that is older; `undefined` = not known. */
  #floor: number | undefined;
  #last: Retention = {};
  #unknown = 0;
  #isFull = false;

  /** A room has more than before. */
  spoke(room: string): void {
    this.#spoken.add(room);
  }

  /** @param oldestAt when the oldest segment that stays was accepted; `undefined` = not known, or none stays */
  learnt(room: string, oldestAt: number | undefined): void {
    if (oldestAt === undefined) this.#oldest.delete(room);
    else this.#oldest.set(room, oldestAt);
  }

  /** Nothing is known any more: other rooms may be there. */
  clear(): void {
    this.#oldest.clear();
    this.#floor = undefined;
  }

  /** The rooms that a trim has to ask `isDue` about. Rooms that speak from now on are the next trim's. */
  begin(rooms: ReadonlyMap<string, unknown>, retention: Retention, now: number): readonly string[] {
    const spoken = this.#spoken;
    this.#spoken = new Set();
    this.#unknown = 0;
    const { maxCount, maxBytes, maxAgeMs } = retention;
    const isUsual = maxCount === this.#last.maxCount && maxBytes === this.#last.maxBytes && maxAgeMs === this.#last.maxAgeMs;
    this.#last = retention;
    const isYoung = maxAgeMs === undefined || (this.#floor !== undefined && this.#floor >= now - maxAgeMs);
    this.#isFull = !isUsual || !isYoung;
    return this.#isFull ? [...rooms.keys()] : [...spoken];
  }

  /** Whether a room may have something to forget, as far as it can be told without reading, or has to be read to learn that. */
  isDue(room: string, record: RoomRecord, { maxCount = Infinity, maxBytes = Infinity, maxAgeMs }: Retention, now: number): boolean {
    if (record.lastSeq <= record.lostThrough) return false;
    if (record.count - record.lostCount > maxCount || record.bytes > maxBytes) return true;
    if (maxAgeMs === undefined) return false;
    const oldestAt = this.#oldest.get(room);
    if (oldestAt !== undefined) return oldestAt < now - maxAgeMs;
    this.#unknown += 1;
    return this.#unknown <= ROOMS_LOOKED_AT;
  }

  /** All that `begin` named was looked at. */
  end(): void {
    if (!this.#isFull) return;
    let floor = Infinity;
    for (const oldestAt of this.#oldest.values()) floor = Math.min(floor, oldestAt);
    this.#floor = this.#unknown > ROOMS_LOOKED_AT ? undefined : floor;
  }
}
