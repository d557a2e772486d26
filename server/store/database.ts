/**
 * Opens LevelDB so that nothing is lost without a word: refuses a folder that another server holds, a damaged one and
 * one that has less than was committed, and says what to do. It repairs and deletes nothing; what LevelDB itself would
 * delete is kept in `found` until everything is known to be there.
 */
import { randomUUID } from 'node:crypto';
import { ClassicLevel } from 'classic-level';
import { codeOf, type Folder } from './folder.ts';
import { checkJournal } from './journal.ts';
import { namedTables } from './manifest.ts';
import {
  Damage,
  decodeFact,
  decodeMeta,
  decodeRoom,
  encodeMeta,
  factKeys,
  META_KEY,
  ROOM_KEYS,
  roomOfKey,
  segmentKey,
  type Meta,
  type RoomRecord,
} from './record.ts';
import { readAfter } from './reading.ts';
import { rollBack } from './roll-back.ts';
import { FIRST_SEQ } from './store.ts';
import { Tide, type Mark } from './tide.ts';

export type Database = ClassicLevel<Buffer, Buffer>;

/** A store that cannot be used as it stands; the message says to an operator why, and what to do. */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused';
}

export interface Tuning {
  /** The journal's size, and half of what LevelDB keeps in memory, bytes. More makes opening slower. */
  readonly writeBufferBytes: number;
}

export const DEFAULT_TUNING: Tuning = { writeBufferBytes: 4_194_304 };

/** Encoded calls that are held at a time while everything is verified. */
const VERIFY_BYTES = 1_048_576;

/** What was found when the database was opened. */
export interface Opened {
  readonly db: Database;
  readonly meta: Meta;
  readonly rooms: Map<string, RoomRecord>;
  readonly tide: Tide;
}

/**
 * @param report gets what an operator should know although the store works
 * @throws StoreRefused
 */
export async function openDatabase(folder: Folder, tuning: Tuning, report: (text: string, failure?: unknown) => void): Promise<Opened> {
  try {
    const mark = await Tide.read(folder.tide);
    const fresh = await inspect(folder, mark);
    const db = await openLevel(folder, tuning, fresh);
    try {
      return await examine(folder, db, mark, report);
    } catch (failure) {
      await db.close();
      throw failure;
    }
  } catch (failure) {
    throw await refusal(folder, failure);
  }
}

/** Everything that is looked at before LevelDB may touch the files; whether there is no database yet. */
async function inspect(folder: Folder, mark: Mark | undefined): Promise<boolean> {
  const files = await folder.levelFiles();
  const fresh = !files.includes('CURRENT');
  // A first start that was killed may leave an empty manifest, and only that.
  if (fresh && (mark !== undefined || files.some((name) => name !== 'MANIFEST-000001')))
    throw new Damage('the file "CURRENT" of the database is missing');
  if (fresh) return true;
  await assertFree(folder);
  await checkJournal(folder.level);
  const tables = await namedTables(folder.level);
  const wrong = await folder.wrongTable(tables);
  if (wrong !== undefined) throw new Damage(`the file ${wrong}`);
  await folder.keepAsFound(tables);
  return false;
}

/** Takes the lock and lets it go again: LevelDB looks at it before it refuses a database that exists. */
async function assertFree(folder: Folder): Promise<void> {
  const probe = new ClassicLevel(folder.level, { createIfMissing: false, errorIfExists: true });
  try {
    await probe.open();
    await probe.close();
  } catch (failure) {
    if (codeOf(failure) === 'LEVEL_LOCKED') throw failure;
  }
}

async function openLevel(folder: Folder, { writeBufferBytes }: Tuning, fresh: boolean): Promise<Database> {
  const db: Database = new ClassicLevel(folder.level, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    createIfMissing: fresh,
    errorIfExists: fresh,
    writeBufferSize: writeBufferBytes,
    // Messages are read in runs, and their envelopes repeat: larger blocks compress better and cost no more to read.
    blockSize: 16_384,
    // Each open table is mapped into memory; 64 of them are 128 MiB of history.
    maxOpenFiles: 74,
  });
  await db.open();
  return db;
}

async function examine(
  folder: Folder,
  db: Database,
  mark: (Mark & { readonly generation: number }) | undefined,
  report: (text: string) => void,
): Promise<Opened> {
  if (mark?.sealed === true) await rollBack(db, mark.lastSeq);
  let meta = await readMeta(db, mark);
  const rooms = await readRooms(db);
  if (rooms.size !== meta.rooms) throw new Damage(`${meta.rooms} rooms were stored, ${rooms.size} are left`);
  await assertNewest(db, rooms);
  assertReached(meta, mark);
  // Rarely needed, and long for a long history: about a second for two million messages.
  if (await folder.lacksTables()) await assertWhole(db, rooms, meta.facts);
  if (mark === undefined && meta.lastSeq > FIRST_SEQ) {
    meta = { ...meta, epoch: randomUUID() };
    await db.put(META_KEY, encodeMeta(meta), { sync: true });
    report('The file "tide" is missing: nobody knows whether messages were lost, so a new epoch begins.');
  }
  const afresh: Mark = { lastSeq: meta.lastSeq, sealed: false, epoch: meta.epoch };
  const tide = await Tide.write(folder.tide, afresh, mark?.generation ?? 0, (failure) => {
    report(`The file "tide" cannot be written: ${String(failure)}`);
  });
  await folder.forgetFound();
  return { db, meta, rooms, tide };
}

/** The record of the store; made when the database is empty, which only a new one may be. */
async function readMeta(db: Database, mark: Mark | undefined): Promise<Meta> {
  const value = await db.get(META_KEY);
  if (value !== undefined) return decodeMeta(value);
  if ((await db.keys({ limit: 1 }).all()).length > 0) throw new Damage('the record of the store is missing');
  if (mark !== undefined) throw new Damage(`messages up to number ${mark.lastSeq} were stored, none is left`);
  const meta: Meta = { epoch: randomUUID(), lastSeq: FIRST_SEQ, rooms: 0, facts: 0 };
  await db.put(META_KEY, encodeMeta(meta), { sync: true });
  return meta;
}

async function readRooms(db: Database): Promise<Map<string, RoomRecord>> {
  const rooms = new Map<string, RoomRecord>();
  for await (const [key, value] of db.iterator(ROOM_KEYS)) rooms.set(roomOfKey(key), decodeRoom(key, value));
  return rooms;
}

/** Each room's newest segment must be there; older ones are checked when they are read. */
async function assertNewest(db: Database, rooms: ReadonlyMap<string, RoomRecord>): Promise<void> {
  const kept = [...rooms].filter(([, { lastSeq, lostThrough }]) => lastSeq > lostThrough);
  const found = await db.hasMany(kept.map(([room, { lastSeq }]) => segmentKey(room, lastSeq)));
  const missing = kept[found.indexOf(false)];
  if (missing !== undefined) throw new Damage(`message number ${missing[1].lastSeq} of room ${missing[0]} is missing`);
}

/** Reads everything. */
async function assertWhole(db: Database, rooms: ReadonlyMap<string, RoomRecord>, facts: number): Promise<void> {
  for (const [room, record] of rooms) {
    for (let reached = 0; reached < record.lastSeq;) {
      const segments = await readAfter(db, room, record, reached, VERIFY_BYTES);
      reached = segments.at(-1)?.seqs.at(-1) ?? record.lastSeq;
    }
  }
  let left = 0;
  for await (const [key, value] of db.iterator(factKeys(''))) {
    decodeFact(key, value);
    left += 1;
  }
  if (left !== facts) throw new Damage(`${facts} records were stored, ${left} are left`);
}

function assertReached(meta: Meta, mark: Mark | undefined): void {
  if (mark === undefined) return;
  if (mark.epoch !== meta.epoch) throw new Damage('the file "tide" belongs to another database');
  if (meta.lastSeq < mark.lastSeq)
    throw new Damage(`messages up to number ${mark.lastSeq} were stored, those after ${meta.lastSeq} are missing`);
}

/** What an operator is told, for whatever went wrong. */
async function refusal(folder: Folder, failure: unknown): Promise<Error> {
  const code = codeOf(failure);
  if (code === 'LEVEL_LOCKED') {
    return new StoreRefused(
      `The data folder ${folder.path} is in use by another server: ${await folder.heldBy()}. Stop it, or use another folder.`,
    );
  }
  if (failure instanceof Damage || code === 'LEVEL_CORRUPTION') {
    const what = failure instanceof Damage ? failure.message : causeOf(failure);
    return new StoreRefused(
      `The data folder ${folder.path} is damaged: ${what}. Nothing was repaired or deleted; files that had to be opened are as they ` +
        `were in its folder "found". Restore a backup, or move the folder away and start anew; if only the end is missing and may stay so, ` +
        `delete its file "tide": then the server starts with what is left, and clients are told of a gap.`,
      { cause: failure },
    );
  }
  return new StoreRefused(`The data folder ${folder.path} cannot be opened: ${causeOf(failure)}.`, { cause: failure });
}

function causeOf(failure: unknown): string {
  if (!(failure instanceof Error)) return String(failure);
  return failure.cause === undefined ? failure.message : causeOf(failure.cause);
}
