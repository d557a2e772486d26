/**
 * Takes back what a failed commit left in the journal: it was answered with an error, so it must not appear later. Each
 * segment says what its room was before it, which is all that is needed.
 */
import type { ClassicLevel } from 'classic-level';
import {
  decodeMeta,
  decodeRoom,
  decodeSegment,
  encodeMeta,
  encodeRoom,
  META_KEY,
  ROOM_KEYS,
  roomOfKey,
  segmentKey,
  type RoomRecord,
} from './record.ts';

interface Change {
  readonly type: 'del' | 'put';
  readonly key: Buffer;
  readonly value: Buffer;
}

const NOTHING = Buffer.alloc(0);

/** Removes every segment above `lastSeq`; on disk when it resolves. Only the last commits can be there, so it is little. */
export async function rollBack(db: ClassicLevel<Buffer, Buffer>, lastSeq: number): Promise<void> {
  const changes: Change[] = [];
  let gone = 0;
  for await (const [key, value] of db.iterator(ROOM_KEYS)) {
    const record = decodeRoom(key, value);
    if (record.lastSeq <= lastSeq) continue;
    const { undone, before } = await undo(db, roomOfKey(key), record, lastSeq);
    changes.push(...undone);
    if (before.count === 0) gone += 1;
    changes.push(before.count === 0 ? { type: 'del', key, value: NOTHING } : { type: 'put', key, value: encodeRoom(key, before) });
  }
  const meta = await db.get(META_KEY);
  if (changes.length === 0 || meta === undefined) return;
  const { epoch, rooms } = decodeMeta(meta);
  changes.push({ type: 'put', key: META_KEY, value: encodeMeta({ epoch, lastSeq, rooms: rooms - gone }) });
  await db.batch(changes, { sync: true });
}

async function undo(db: ClassicLevel<Buffer, Buffer>, room: string, record: RoomRecord, lastSeq: number) {
  let before = record;
  const undone: Change[] = [];
  const range = { gt: segmentKey(room, lastSeq), lte: segmentKey(room, record.lastSeq), reverse: true };
  for await (const [key, value] of db.iterator(range)) {
    const { previous, ordinal, bytes } = decodeSegment(room, key, value);
    before = { ...before, lastSeq: previous, count: ordinal, bytes: before.bytes - bytes.length };
    undone.push({ type: 'del', key, value: NOTHING });
  }
  return { undone, before };
}
