/**
 * Looks through the rooms on disk, at the start and from time to time: deletes those of guests that were empty for too
 * long, and what is left over of deleted ones. It holds a small part of the facts at a time.
 */
import type { Broadcaster } from './broadcaster.ts';
import { CODE_ALPHABET } from './room-code.ts';
import { insideKey, lastPart, readRoom, roomKey, roomRecord, type RoomFact } from './room-facts.ts';
import type { Rooms } from './rooms.ts';
import type { Store, StoredRecord } from './store/store.ts';

export interface KeepingMeans {
  readonly store: Store;
  readonly broadcaster: Broadcaster;
  readonly rooms: Rooms;
  /** How long a guests' room is kept while it is empty. */
  readonly emptyRoomMs: number;
  /** Told of failures; a look that failed is repeated later. */
  readonly failed: (error: unknown) => void;
}

/** Pauses between two looks, milliseconds: an eighth of `emptyRoomMs` within these. */
const SHORTEST_MS = 250;
const LONGEST_MS = 3_600_000;

export class RoomKeeping {
  readonly #means: KeepingMeans;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<unknown> = Promise.resolve();

  constructor(means: KeepingMeans) {
    this.#means = means;
  }

  /** Looks once and tells how many rooms there are, then looks again and again. @throws RpcError `StorageFailed` */
  async start(now: number): Promise<number> {
    const count = await this.look(now);
    const pause = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, this.#means.emptyRoomMs / 8));
    this.#timer = setInterval(() => {
      this.#looking = this.look(Date.now()).catch(this.#means.failed);
    }, pause);
    return count;
  }

  /** Resolves when a look that is under way has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** Looks through all rooms; tells how many stay. @param now milliseconds since 1970 */
  async look(now: number): Promise<number> {
    let count = 0;
    for (const letter of CODE_ALPHABET) {
      const facts = await this.#facts(letter);
      const outlived = await this.#outlived(facts, now);
      for (const code of outlived) await this.#remove(code);
      await this.#dropLeftOvers(letter, facts);
      count += facts.size - outlived.length;
    }
    return count;
  }

  /** The facts of rooms whose code begins with `letter`. */
  async #facts(letter: string): Promise<ReadonlyMap<string, RoomFact>> {
    const facts = await this.#means.store.records(roomKey(letter));
    return new Map([...facts].map(([key, value]) => [lastPart(key), readRoom(value)]));
  }

  /** The codes of empty rooms whose time is over. For the others that are empty, the time begins now if it has not yet. */
  async #outlived(facts: ReadonlyMap<string, RoomFact>, now: number): Promise<readonly string[]> {
    const { rooms, store, broadcaster, emptyRoomMs } = this.#means;
    const codes: string[] = [];
    const begun: StoredRecord[] = [];
    for (const [code, fact] of facts) {
      if (fact.owner !== null || rooms.get(code) !== undefined) continue;
      if (fact.emptySince === null) begun.push(roomRecord(code, fact, now));
      else if (now - fact.emptySince > emptyRoomMs && (await store.records(insideKey(code))).size === 0) codes.push(code);
    }
    if (begun.length > 0) await broadcaster.keep(begun);
    return codes;
  }

  async #remove(code: string): Promise<void> {
    const { rooms } = this.#means;
    const room = await rooms.hold(code);
    if (room === undefined) return;
    try {
      if (room.members.length === 0) await rooms.remove(room);
    } finally {
      rooms.release(room);
    }
  }

  /** What was said in rooms that are deleted: the process ended, or the disk failed, before it was gone. */
  async #dropLeftOvers(letter: string, facts: ReadonlyMap<string, RoomFact>): Promise<void> {
    const { store, rooms } = this.#means;
    const living = new Set([...rooms.living()].map(({ code }) => code));
    const left = [...store.rooms.keys()].filter((code) => code.startsWith(letter) && !facts.has(code) && !living.has(code));
    for (const code of left) await store.drop(code);
  }
}
