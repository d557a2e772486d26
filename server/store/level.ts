/**
 * The store on disk: LevelDB, one synchronous batch for each append. The event loop never waits for the disk, reads go
 * on while a write hangs or fails, and nothing that was refused can appear later. The twin of `memory.ts`.
 *
 * After a failed write LevelDB cannot be trusted: its journal may end in half a record, which would swallow what is
 * written behind it, or hold a whole one that nobody was told of. So nothing more is written to it; it serves reads until
 * the disk takes data again, then it is closed, opened with all checks, and rid of what failed.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Mutex } from 'async-mutex';
import { RpcError } from '../../commons/errors.ts';
import { DEFAULT_TUNING, openDatabase, type Database, type Opened, type Tuning } from './database.ts';
import { Complaints } from './complaints.ts';
import { Folder } from './folder.ts';
import { commit, GONE, metaChange, planFacts, type Change } from './changes.ts';
import { readAfter, readBefore, readFacts, readRecentIds } from './reading.ts';
import { encodeRoom, encodeSegment, roomKey, segmentKey, type RoomRecord } from './record.ts';
import {
  checkRecords,
  follow,
  type RememberedId,
  type Retention,
  type RoomState,
  type Store,
  type StoredRecord,
  type StoredSegment,
} from './store.ts';
import type { Tide } from './tide.ts';
import { TrimPlan } from './trim-plan.ts';
import { nextTrim } from './trimming.ts';

/** Pause between two tries to write again after a failure, milliseconds. */
const RETRY_MS = 500;
/** Forgotten bytes after which LevelDB is asked to give the space back; it does so by itself only when it rewrites them. */
const GIVE_BACK_BYTES = 16_777_216;
/** Rooms that a trim looks at in one turn of the event loop. */
const ROOMS_A_TURN = 1_000;

export interface LevelStoreOptions {
  /** The data folder; made when it is missing. */
  readonly folder: string;
  /** Gets every failure of the disk and everything an operator should know. */
  readonly report: (text: string, failure?: unknown) => void;
  readonly tuning?: Tuning;
}

/** Everything goes: for a room that is dropped. */
const NOTHING_KEPT: Retention = { maxAgeMs: -Number.MAX_SAFE_INTEGER };

const FACTS = 'What is kept beside the messages';
const messagesOf = (room: string): string => `Stored messages of room ${room}`;

export class LevelStore implements Store {
  readonly epoch: string;
  readonly #folder: Folder;
  readonly #report: (text: string, failure?: unknown) => void;
  readonly #complaints: Complaints;
  readonly #tuning: Tuning;
  /** One writer at a time, first come first served; spans the commit, or the steps of opening again. */
  readonly #writing = new Mutex();
  readonly #reads = new Set<Promise<unknown>>();
  /** `undefined` while there is none to read from: between closing and opening again. */
  #db: Database | undefined;
  #tide: Tide;
  #rooms: Map<string, RoomRecord>;
  readonly #trimPlan = new TrimPlan();
  #lastSeq: number;
  #facts: number;
  #failing = false;
  #closed = false;
  #triedAt = -Infinity;

  private constructor(folder: Folder, { db, meta, rooms, tide }: Opened, options: Required<LevelStoreOptions>) {
    this.#folder = folder;
    this.#report = options.report;
    this.#complaints = new Complaints(options.report);
    this.#tuning = options.tuning;
    this.epoch = meta.epoch;
    this.#db = db;
    this.#tide = tide;
    this.#rooms = rooms;
    this.#lastSeq = meta.lastSeq;
    this.#facts = meta.facts;
  }

  /** @throws StoreRefused whose message tells an operator why the folder cannot be used and what to do */
  static async open({ folder: path, report, tuning = DEFAULT_TUNING }: LevelStoreOptions): Promise<LevelStore> {
    const folder = new Folder(path);
    const opened = await openDatabase(folder, tuning, report);
    await folder.hold().catch((failure: unknown) => report('The file "holder" cannot be written.', failure));
    return new LevelStore(folder, opened, { folder: path, report, tuning });
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get rooms(): ReadonlyMap<string, RoomState> {
    return this.#rooms;
  }

  append(batch: readonly StoredSegment[], records: readonly StoredRecord[] = []): Promise<void> {
    return this.#writing.runExclusive(async () => {
      const db = await this.#writable();
      checkRecords(records);
      const { changes, rooms, lastSeq: lastOfMessages } = this.#plan(batch);
      const facts = records.length === 0 ? undefined : await this.#answer(FACTS, planFacts(db, records, lastOfMessages + 1, this.#facts));
      if (facts !== undefined) changes.push(...facts.changes);
      if (changes.length === 0) return;
      const [lastSeq, count] = [facts?.seq ?? lastOfMessages, facts?.count ?? this.#facts];
      const born = [...rooms.keys()].filter((room) => !this.#rooms.has(room)).length;
      changes.push(metaChange({ epoch: this.epoch, lastSeq, rooms: this.#rooms.size + born, facts: count }));
      await this.#commit(db, changes);
      for (const [room, record] of rooms) {
        this.#rooms.set(room, record);
        this.#trimPlan.spoke(room);
      }
      this.#facts = count;
      this.#lastSeq = lastSeq;
      this.#tide.rise(lastSeq);
    });
  }

  records(prefix: string): Promise<ReadonlyMap<string, string>> {
    return this.#read(FACTS, (db) => readFacts(db, prefix));
  }

  after(room: string, seq: number, maxBytes: number): Promise<readonly StoredSegment[]> {
    return this.#read(messagesOf(room), async (db) => {
      const record = this.#rooms.get(room);
      return record === undefined ? [] : readAfter(db, room, record, seq, maxBytes);
    });
  }

  before(room: string, seq: number, maxMessages: number): Promise<readonly StoredSegment[]> {
    return this.#read(messagesOf(room), async (db) => {
      const record = this.#rooms.get(room);
      return record === undefined ? [] : readBefore(db, room, record, seq, maxMessages);
    });
  }

  recentIds(sinceMs: number): Promise<readonly RememberedId[]> {
    return this.#read('The newest messages', (db) => readRecentIds(db, this.#rooms, sinceMs));
  }

  async trim(retention: Retention, now: number): Promise<void> {
    if (this.#closed) throw new RpcError('StorageFailed');
    let looks = 0;
    for (const room of this.#trimPlan.begin(this.#rooms, retention, now)) {
      if ((looks += 1) % ROOMS_A_TURN === 0) await nextTurn();
      const record = this.#rooms.get(room);
      if (record === undefined || !this.#trimPlan.isDue(room, record, retention, now)) continue;
      let forgotten = 0;
      for (let more = true; more;) {
        const step = await this.#writing.runExclusive(() => this.#trimStep(room, retention, now));
        forgotten += step.bytes;
        more = step.more;
      }
      if (forgotten >= GIVE_BACK_BYTES) await this.#giveBack(room);
    }
    this.#trimPlan.end();
  }

  async drop(room: string): Promise<void> {
    for (let more = true; more;) {
      ({ more } = await this.#writing.runExclusive(() => this.#trimStep(room, NOTHING_KEPT, 0)));
    }
    await this.#writing.runExclusive(async () => {
      const db = await this.#writable();
      if (!this.#rooms.delete(room)) return;
      this.#trimPlan.learnt(room, undefined);
      const meta = metaChange({ epoch: this.epoch, lastSeq: this.#lastSeq, rooms: this.#rooms.size, facts: this.#facts });
      await this.#commit(db, [{ type: 'del', key: roomKey(room), value: GONE }, meta]);
    });
  }

  close(): Promise<void> {
    return this.#writing.runExclusive(async () => {
      if (this.#closed) return;
      this.#closed = true;
      await Promise.allSettled(this.#reads);
      await this.#tide.close().catch((failure: unknown) => this.#report('The file "tide" cannot be written.', failure));
      await this.#folder.letGo();
      await this.#db?.close();
    });
  }

  #plan(batch: readonly StoredSegment[]) {
    const rooms = new Map<string, RoomRecord>();
    const changes: Change[] = [];
    for (const segment of batch) {
      const { room } = segment;
      const before = rooms.get(room) ?? this.#rooms.get(room);
      const state = follow(before, segment, this.#lastSeq);
      const key = segmentKey(room, state.lastSeq);
      changes.push({ type: 'put', key, value: encodeSegment(key, segment, before?.lastSeq ?? 0) });
      rooms.set(room, { ...state, lostCount: before?.lostCount ?? 0, bytes: (before?.bytes ?? 0) + segment.bytes.length });
    }
    for (const [room, record] of rooms) changes.push({ type: 'put', key: roomKey(room), value: encodeRoom(roomKey(room), record) });
    return { changes, rooms, lastSeq: Math.max(this.#lastSeq, ...[...rooms.values()].map((record) => record.lastSeq)) };
  }

  async #commit(db: Database, changes: readonly Change[]): Promise<void> {
    try {
      await commit(db, changes);
    } catch (failure) {
      this.#failing = true;
      this.#report('Messages cannot be stored; senders are told, reading goes on.', failure);
      // Not even this process may be trusted to live until the journal is rid of what failed.
      await this.#tide.seal(true).catch((again: unknown) => this.#report('The file "tide" cannot be written.', again));
      throw new RpcError('StorageFailed');
    }
  }

  async #trimStep(room: string, retention: Retention, now: number): Promise<{ readonly bytes: number; readonly more: boolean }> {
    const db = await this.#writable();
    const found = this.#rooms.get(room);
    if (found === undefined || found.lastSeq <= found.lostThrough) return { bytes: 0, more: false };
    const { keys, record, more, oldestAt } = await this.#answer(messagesOf(room), nextTrim(db, room, found, retention, now));
    this.#trimPlan.learnt(room, oldestAt);
    if (keys.length === 0) return { bytes: 0, more: false };
    // Told as lost before it is: a reader that starts now must not look for what may be gone.
    this.#rooms.set(room, record);
    const gone = keys.map((key): Change => ({ type: 'del', key, value: GONE }));
    await this.#commit(db, [...gone, { type: 'put', key: roomKey(room), value: encodeRoom(roomKey(room), record) }]);
    return { bytes: found.bytes - record.bytes, more };
  }

  #giveBack(room: string): Promise<void> {
    const end = segmentKey(room, this.#rooms.get(room)?.lostThrough ?? 0);
    return this.#read(messagesOf(room), (db) => db.compactRange(segmentKey(room, 0), end));
  }

  /** Runs `work` on the open database, which stays open until it is done. */
  async #read<T>(what: string, work: (db: Database) => Promise<T>): Promise<T> {
    const db = this.#db ?? (await this.#writing.runExclusive(() => this.#writable()));
    if (this.#closed) throw new RpcError('StorageFailed');
    const reading = work(db);
    this.#reads.add(reading);
    try {
      return await this.#answer(what, reading);
    } finally {
      this.#reads.delete(reading);
    }
  }

  /** What `work` answers; its failures are reported, and become the one that callers see. */
  async #answer<T>(what: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (failure) {
      this.#complaints.unreadable(what, failure);
      throw new RpcError('StorageFailed');
    }
  }

  /** The database for writing; after a failure opened again, if the disk takes data. Called by the one writer only. */
  async #writable(): Promise<Database> {
    if (this.#closed) throw new RpcError('StorageFailed');
    if (!this.#failing && this.#db !== undefined) return this.#db;
    if (performance.now() - this.#triedAt < RETRY_MS) throw new RpcError('StorageFailed');
    try {
      return await this.#openAgain();
    } catch (failure) {
      this.#report('Messages cannot be stored yet.', failure);
      throw new RpcError('StorageFailed');
    } finally {
      this.#triedAt = performance.now();
    }
  }

  async #openAgain(): Promise<Database> {
    await this.#folder.tryDisk();
    const old = this.#db;
    if (old !== undefined) {
      await this.#tide.seal(true);
      this.#db = undefined;
      await Promise.allSettled(this.#reads);
      await this.#tide.close();
      await old.close();
    }
    const { db, meta, rooms, tide } = await openDatabase(this.#folder, this.#tuning, this.#report);
    this.#db = db;
    this.#rooms = rooms;
    this.#trimPlan.clear();
    this.#lastSeq = meta.lastSeq;
    this.#facts = meta.facts;
    this.#tide = tide;
    this.#failing = false;
    this.#report('Messages are stored again.');
    return db;
  }
}
