/**
 * Takes back what a failed commit left in the journal: it was answered with an error, so it must not appear later. Each
 * segment says what its room was before it, and one record what the facts were before the last batch that changed any:
 * all that is needed, because nothing is written after a commit that failed.
 */
import type { ClassicLevel } from 'classic-level';
import { commit, GONE, type Change } from './changes.ts';
import {
  decodeMeta,
  decodeRoom,
  decodeSegment,
  decodeUndo,
  encodeFact,
  encodeMeta,
  encodeRoom,
  factKey,
  META_KEY,
  ROOM_KEYS,
  roomOfKey,
  segmentKey,
  UNDO_KEY,
  type RoomRecord,
} from './record.ts';

/** Removes every segment above `lastSeq`, and changes of facts that took a number above it; on disk when it resolves. Only the last commits can be there, so it is little. */
export async function rollBack(db: ClassicLevel<Buffer, Buffer>, lastSeq: number): Promise<void> {
  const changes: Change[] = [];
  let gone = 0;
  for await (const [key, value] of db.iterator(ROOM_KEYS)) {
    const record = decodeRoom(key, value);
    if (record.lastSeq <= lastSeq) continue;
    const { undone, before } = await undo(db, roomOfKey(key), record, lastSeq);
    changes.push(...undone);
    if (before.count === 0) gone += 1;
    changes.push(before.count === 0 ? { type: 'del', key, value: GONE } : { type: 'put', key, value: encodeRoom(key, before) });
  }
  const facts = await undoFacts(db, lastSeq);
  changes.push(...facts.changes);
  const found = await db.get(META_KEY);
  if (changes.length === 0 || found === undefined) return;
  const meta = decodeMeta(found);
  const before = { ...meta, lastSeq, rooms: meta.rooms - gone, facts: facts.count ?? meta.facts };
  changes.push({ type: 'put', key: META_KEY, value: encodeMeta(before) });
  await commit(db, changes);
}

/** @returns count how many facts there were; `undefined` when there is nothing to undo */
async function undoFacts(db: ClassicLevel<Buffer, Buffer>, lastSeq: number) {
  const value = await db.get(UNDO_KEY);
  const { seq, count, before } = value === undefined ? { seq: 0, count: 0, before: [] } : decodeUndo(value);
  if (seq <= lastSeq) return { changes: [], count: undefined };
  const facts = before.map(([name, former]): Change => {
    const key = factKey(name);
    return former === null ? { type: 'del', key, value: GONE } : { type: 'put', key, value: encodeFact(key, former) };
  });
  const changes: readonly Change[] = [...facts, { type: 'del', key: UNDO_KEY, value: GONE }];
  return { changes, count };
}

async function undo(db: ClassicLevel<Buffer, Buffer>, room: string, record: RoomRecord, lastSeq: number) {
  let before = record;
  const undone: Change[] = [];
  const range = { gt: segmentKey(room, lastSeq), lte: segmentKey(room, record.lastSeq), reverse: true };
  for await (const [key, value] of db.iterator(range)) {
    const { previous, ordinal, bytes } = decodeSegment(room, key, value);
    before = { ...before, lastSeq: previous, count: ordinal, bytes: before.bytes - bytes.length };
    undone.push({ type: 'del', key, value: GONE });
  }
  return { undone, before };
}
