/**
 * All rooms by their code. A room lives in memory while somebody is in it, something of it is on its way, or a call uses
 * it; then it is forgotten, and read from its fact and its history when somebody asks for it. It knows who owns a
 * room, not who may do what.
 */
import { RpcError } from '../commons/errors.ts';
import type { Limits } from '../commons/limits.ts';
import type { Broadcaster } from './broadcaster.ts';
import { History, HistoryPages } from './history.ts';
import type { Presence } from './presence.ts';
import { LOBBY, Room, type About } from './room.ts';
import { canonicalCode, randomCode } from './room-code.ts';
import { insideKey, lastPart, leftRecords, ownedKey, readRoom, roomKey, roomRecord } from './room-facts.ts';
import { RoomMemory } from './room-memory.ts';
import { FIRST_SEQ, type Store, type StoredRecord } from './store/store.ts';

export interface RoomsMeans {
  readonly store: Store;
  readonly broadcaster: Broadcaster;
  readonly presence: Presence;
  readonly lobby: Room;
  readonly memory: RoomMemory;
  readonly pages: HistoryPages;
  /** Whether the store outlives the process: what leaves a room's memory is read from there. */
  readonly onDisk: boolean;
  readonly limits: Pick<Limits, 'rooms' | 'roomBytes' | 'roomCodeLength'>;
}

/** Codes that are tried before there is none to be found. */
const TRIES = 64;
const FULL_RETRY_MS = 60_000;

export class Rooms {
  readonly lobby: Room;
  readonly #means: RoomsMeans;
  readonly #living = new Map<string, Room>();
  readonly #loading = new Map<string, Promise<Room | undefined>>();
  /** How many calls use a room. */
  readonly #held = new Map<Room, number>();
  /** Rooms that nobody is in; forgotten once nothing of them is on its way. */
  readonly #idle = new Set<Room>();
  /** Codes that are being given to new rooms. */
  readonly #taken = new Set<string>();
  #count = 0;
  #changes = 0;

  constructor(means: RoomsMeans) {
    this.#means = means;
    this.lobby = means.lobby;
    this.#living.set(LOBBY, means.lobby);
  }

  /** All rooms in memory; a live view. */
  living(): Iterable<Room> {
    return this.#living.values();
  }

  /** How many rooms are in memory, the lobby included. */
  get size(): number {
    return this.#living.size;
  }

  /** How many rooms there are, in memory or not, the lobby aside. */
  get count(): number {
    return this.#count;
  }

  /** Grows whenever a room comes into memory or goes. */
  get changes(): number {
    return this.#changes;
  }

  /** Told once, before anybody may make a room: how many there are. */
  startWith(count: number): void {
    this.#count = count;
  }

  /** A room that is in memory, as every room is that somebody is in. */
  get(code: string): Room | undefined {
    const room = this.#living.get(code) ?? this.#living.get(canonicalCode(code));
    return room?.closed === true ? undefined : room;
  }

  /**
   * The room with this code, in memory until `release`; `undefined` when there is none.
   * @throws RpcError `StorageFailed`
   */
  async hold(given: string): Promise<Room | undefined> {
    const code = canonicalCode(given);
    let room = this.#living.get(code);
    if (room === undefined) {
      const loading = this.#loading.get(code) ?? this.#load(code);
      this.#loading.set(code, loading);
      room = await loading.finally(() => this.#loading.delete(code));
    }
    if (room === undefined || room.closed) return undefined;
    this.#held.set(room, (this.#held.get(room) ?? 0) + 1);
    return room;
  }

  release(room: Room): void {
    const uses = (this.#held.get(room) ?? 1) - 1;
    if (uses > 0) this.#held.set(room, uses);
    else this.#held.delete(room);
    if (room.members.length === 0 && room !== this.lobby) this.#idle.add(room);
  }

  /** Runs `use` with a room that stays in memory meanwhile. @throws RpcError `NotFound` or `StorageFailed` */
  async using<T>(code: string, use: (room: Room) => T | Promise<T>): Promise<T> {
    const room = await this.hold(code);
    if (room === undefined) throw new RpcError('NotFound', 'There is no such room.');
    try {
      return await use(room);
    } finally {
      this.release(room);
    }
  }

  /**
   * Makes a room, which is held for the caller; on disk when it resolves.
   * @param more facts that are kept with it
   * @throws RpcError `Busy` when there are too many rooms, `StorageFailed`, `ShuttingDown`
   */
  async create(about: About, more: (code: string) => readonly StoredRecord[]): Promise<Room> {
    const { limits, broadcaster } = this.#means;
    if (this.#count >= limits.rooms) {
      const sentence = `There are ${limits.rooms} rooms already, which is the most here.`;
      throw new RpcError('Busy', sentence, { RetryAfterMs: FULL_RETRY_MS });
    }
    this.#count += 1;
    let code: string | undefined;
    try {
      code = await this.#freeCode();
      await broadcaster.keep([roomRecord(code, about, null), ...more(code)]);
      const room = this.#bringToLife(code, about);
      this.#held.set(room, 1);
      return room;
    } catch (error) {
      this.#count -= 1;
      throw error;
    } finally {
      if (code !== undefined) this.#taken.delete(code);
    }
  }

  /**
   * Removes what is kept about a room, and who was in it; on disk when it resolves. From the beginning on nobody finds
   * it. What was said in it goes when its last member has left it.
   * @throws RpcError `StorageFailed` or `ShuttingDown`: it stays
   */
  async remove(room: Room): Promise<void> {
    const { store, broadcaster } = this.#means;
    const { code, about } = room;
    room.closed = true;
    try {
      const accounts = [...(await store.records(insideKey(code))).keys()].map(lastPart);
      const owned = about.owner === null ? [] : [{ key: ownedKey(about.owner, code), value: null }];
      const gone = [{ key: roomKey(code), value: null }, ...owned, ...accounts.flatMap((account) => leftRecords(account, code))];
      await broadcaster.keep(gone);
    } catch (error) {
      room.closed = false;
      throw error;
    }
    this.#count -= 1;
    this.#idle.add(room);
  }

  /** Somebody has come into an empty room. */
  occupied(room: Room): void {
    if (this.#idle.delete(room)) this.#note(room, null);
  }

  /** The last member has left. */
  emptied(room: Room): void {
    if (room === this.lobby || room.closed) return;
    this.#idle.add(room);
    this.#note(room, Date.now());
  }

  /** Forgets the rooms that nobody is in any more, and what was said in those that were removed. Costs nothing when there are none. */
  sweep(): void {
    if (this.#idle.size === 0) return;
    const { broadcaster, presence } = this.#means;
    const spoken = broadcaster.spokenTo();
    for (const room of this.#idle) {
      if (room.members.length > 0 || this.#held.has(room) || spoken.has(room) || presence.gathers(room)) continue;
      this.#idle.delete(room);
      this.#changes += 1;
      this.#means.memory.release(room.log);
      if (room.closed) this.#drop(room);
      else this.#living.delete(room.code);
    }
  }

  /** Since when a room is empty counts for guests' rooms only: others are kept anyhow. A disk that fails loses a note, no room. */
  #note({ code, about, closed }: Room, emptySince: number | null): void {
    if (about.owner !== null || closed) return;
    this.#means.broadcaster.keep([roomRecord(code, about, emptySince)]).catch(() => undefined);
  }

  /** What cannot be dropped now is found by the next look for what is left over. */
  #drop({ code }: Room): void {
    const done = (): boolean => this.#living.delete(code);
    this.#means.store.drop(code).then(done, done);
  }

  async #load(code: string): Promise<Room | undefined> {
    const key = roomKey(code);
    const value = (await this.#means.store.records(key)).get(key);
    const room = this.#living.get(code);
    if (value === undefined || room !== undefined) return room;
    const loaded = this.#bringToLife(code, readRoom(value));
    this.#idle.add(loaded);
    return loaded;
  }

  #bringToLife(code: string, { name, owner, password, createdAt }: About): Room {
    const { store, limits, memory, pages, onDisk } = this.#means;
    const kept = store.rooms.get(code);
    const hasOlder = onDisk || kept !== undefined;
    const older = hasOlder ? { history: new History(store, code, pages), count: kept?.count ?? 0 } : undefined;
    const about = { name, owner, password, createdAt };
    const room = new Room(code, limits.roomBytes, kept?.lastSeq ?? FIRST_SEQ, older, memory, about);
    this.#living.set(code, room);
    this.#changes += 1;
    return room;
  }

  /** A code that no room has or had whose history is still there; the caller frees it in `#taken`. */
  async #freeCode(): Promise<string> {
    const { store, limits } = this.#means;
    for (let tries = 0; tries < TRIES; tries += 1) {
      const code = randomCode(limits.roomCodeLength);
      if (this.#taken.has(code) || this.#living.has(code) || store.rooms.has(code)) continue;
      this.#taken.add(code);
      try {
        if (!(await store.records(roomKey(code))).has(roomKey(code))) return code;
      } catch (error) {
        this.#taken.delete(code);
        throw error;
      }
      this.#taken.delete(code);
    }
    throw new RpcError('Busy', 'No free code for a room was found.', { RetryAfterMs: FULL_RETRY_MS });
  }
}
