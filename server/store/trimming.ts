/** Chooses what a room forgets next, in steps small enough to stand between two appends. It deletes nothing itself. */
import type { ClassicLevel } from 'classic-level';
import { within } from './reading.ts';
import { decodeSegment, segmentKey, type RoomRecord } from './record.ts';
import { outlived, type Retention } from './store.ts';

/** Segments, and bytes of them, that one step reads. */
const STEP_SEGMENTS = 64;
const STEP_BYTES = 1_048_576;

export interface TrimStep {
  readonly keys: readonly Buffer[];
  /** What the room is when those are gone. */
  readonly record: RoomRecord;
  /** Whether the room may have more to forget. */
  readonly more: boolean;
  /** When the oldest segment that stays was accepted, milliseconds since 1970, where this step has seen it. */
  readonly oldestAt?: number;
}

/** The oldest segments of a room that `retention` does not cover, one step of them; read failures and damage reject. */
export async function nextTrim(
  db: ClassicLevel<Buffer, Buffer>,
  room: string,
  found: RoomRecord,
  retention: Retention,
  now: number,
): Promise<TrimStep> {
  const keys: Buffer[] = [];
  let record = found;
  for await (const [key, value] of within(db, room, found.lostThrough, found.lastSeq)) {
    const { seqs, at, bytes } = decodeSegment(room, key, value);
    const lastSeq = seqs.at(-1) ?? 0;
    const kept = record.count - record.lostCount;
    const segment = { length: seqs.length, at, newest: lastSeq === found.lastSeq };
    if (!outlived(retention, now, segment, { kept, bytes: record.bytes })) return { keys, record, more: false, oldestAt: at };
    keys.push(segmentKey(room, lastSeq));
    record = { ...record, lostThrough: lastSeq, lostCount: record.lostCount + seqs.length, bytes: record.bytes - bytes.length };
    if (keys.length >= STEP_SEGMENTS || found.bytes - record.bytes >= STEP_BYTES) return { keys, record, more: true };
  }
  return { keys, record, more: false };
}
