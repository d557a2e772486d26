/**
 * Which rooms there are, for people: the ones with the most members first. Rooms in memory are looked at, of the others
 * as many are read as fit the list. It knows no caller.
 */
import { CODE_ALPHABET } from './room-code.ts';
import type { Room } from './room.ts';
import { lastPart, readRoom, roomKey } from './room-facts.ts';
import type { Rooms } from './rooms.ts';
import type { Store } from './store/store.ts';

/** Rooms that the list has at most. */
export const LISTED_ROOMS = 1_000;
/** On a server with more rooms than the list has, it may be so old, milliseconds: making it costs a look at all of them. */
const STALE_MS = 1_000;

export interface Listed {
  readonly code: string;
  readonly name: string;
  readonly members: number;
  readonly isProtected: boolean;
}

export class RoomList {
  readonly #rooms: Rooms;
  readonly #store: Store;
  #made: Promise<readonly Listed[]> | undefined;
  #madeAt = -Infinity;
  /** Of the rooms that are not in memory, as of `#readAt` changes. */
  #read: Promise<readonly Listed[]> | undefined;
  #readAt = -1;

  constructor(rooms: Rooms, store: Store) {
    this.#rooms = rooms;
    this.#store = store;
  }

  /** At most `LISTED_ROOMS`, the lobby aside, the most populated first. @throws RpcError `StorageFailed` */
  async read(): Promise<readonly Listed[]> {
    const now = performance.now();
    const isLarge = this.#rooms.count > LISTED_ROOMS;
    if (this.#made !== undefined && isLarge && now - this.#madeAt < STALE_MS) return this.#made;
    this.#madeAt = now;
    this.#made = this.#make();
    return this.#made;
  }

  async #make(): Promise<readonly Listed[]> {
    const living = [...this.#rooms.living()].filter((room) => room !== this.#rooms.lobby && !room.closed);
    const listed = living.map(listedRoom).sort((a, b) => b.members - a.members || (a.code < b.code ? -1 : 1));
    if (listed.length >= LISTED_ROOMS) return listed.slice(0, LISTED_ROOMS);
    return [...listed, ...(await this.#notLiving()).slice(0, LISTED_ROOMS - listed.length)];
  }

  /** Rooms that are not in memory, read anew when one has come or gone. */
  #notLiving(): Promise<readonly Listed[]> {
    if (this.#read === undefined || this.#readAt !== this.#rooms.changes) {
      this.#readAt = this.#rooms.changes;
      this.#read = this.#readEmpty(LISTED_ROOMS, new Set([...this.#rooms.living()].map(({ code }) => code)));
      this.#read.catch(() => (this.#read = undefined));
    }
    return this.#read;
  }

  async #readEmpty(most: number, known: ReadonlySet<string>): Promise<readonly Listed[]> {
    const empty: Listed[] = [];
    for (const letter of CODE_ALPHABET) {
      for (const [key, value] of await this.#store.records(roomKey(letter))) {
        const code = lastPart(key);
        if (known.has(code)) continue;
        const { name, password } = readRoom(value);
        empty.push({ code, name, members: 0, isProtected: password !== null });
      }
      if (empty.length >= most) break;
    }
    return empty.slice(0, most);
  }
}

export function listedRoom({ code, about, members }: Room): Listed {
  return { code, name: about.name, members: members.length, isProtected: about.password !== null };
}
