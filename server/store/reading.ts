/**
 * Reads segments back and proves that none is missing: each names the one before it, and the newest is known. What does
 * not fit is `Damage`, never skipped. It writes nothing.
 */
import type { ClassicLevel } from 'classic-level';
import {
  Damage,
  decodeFact,
  decodeIds,
  decodeSegment,
  factKeys,
  nameOfFact,
  segmentKey,
  seqOfKey,
  type Linked,
  type RoomRecord,
} from './record.ts';
import { MOST_RECENT_IDS, type RememberedId, type StoredSegment } from './store.ts';

/** What an iterator reads ahead, bytes. */
const READ_AHEAD = 262_144;
type Database = ClassicLevel<Buffer, Buffer>;
type Entry = [key: Buffer, value: Buffer];

/** `Store.after`. Its snapshot is taken before it first waits, so `record` is what the room is in it, or a little older. */
export async function readAfter(db: Database, room: string, record: RoomRecord, seq: number, maxBytes: number): Promise<StoredSegment[]> {
  const segments: StoredSegment[] = [];
  let reached = Math.max(seq, record.lostThrough);
  if (reached >= record.lastSeq) return segments;
  let bytes = 0;
  for await (const [key, value] of within(db, room, reached, record.lastSeq)) {
    const segment = decodeSegment(room, key, value);
    if (segments.length === 0 ? segment.previous > reached : segment.previous !== reached) throw gap(room, reached, segment.previous);
    segments.push(segment);
    reached = segment.seqs.at(-1) ?? 0;
    bytes += segment.bytes.length;
    if (bytes >= maxBytes) return segments;
  }
  if (reached < record.lastSeq) throw gap(room, reached, record.lastSeq);
  return segments;
}

/** `Store.before`, in the same way. */
export async function readBefore(
  db: Database,
  room: string,
  record: RoomRecord,
  seq: number,
  maxMessages: number,
): Promise<StoredSegment[]> {
  const segments: Linked[] = [];
  const below = within(db, room, record.lostThrough, Math.min(seq - 1, record.lastSeq), true);
  const at = within(db, room, Math.max(seq - 1, record.lostThrough), record.lastSeq);
  const holding = seq > record.lastSeq ? undefined : await first(at, room);
  await at.close();
  let covered = 0;
  if (holding !== undefined && (holding.seqs[0] ?? 0) < seq) {
    segments.push(holding);
    covered = holding.seqs.filter((one) => one < seq).length;
  }
  if (covered >= maxMessages) {
    await below.close();
    return segments;
  }
  const whole = (key: Buffer, value: Buffer): Linked => decodeSegment(room, key, value);
  for await (const segment of backwards(below, { room, lostThrough: record.lostThrough }, holding?.previous ?? record.lastSeq, whole)) {
    segments.push(segment);
    covered += segment.seqs.length;
    if (covered >= maxMessages) break;
  }
  return segments.reverse();
}

/** Segments from the one that ends with `reached` back to the oldest after `lostThrough`. @throws Damage when one is missing */
async function* backwards<T extends { readonly previous: number }>(
  entries: AsyncIterable<Entry>,
  { room, lostThrough }: { readonly room: string; readonly lostThrough: number },
  reached: number,
  decode: (key: Buffer, value: Buffer) => T,
): AsyncGenerator<T> {
  let next = reached;
  for await (const [key, value] of entries) {
    const last = seqOfKey(key);
    if (last !== next) throw gap(room, last, next);
    const segment = decode(key, value);
    yield segment;
    next = segment.previous;
  }
  if (next > lostThrough) throw gap(room, lostThrough, next);
}

/**
 * `Store.recentIds`. Rooms are read from their newest segment backwards, the room that spoke last first, so that once
 * enough is together only newer segments are looked at. It holds twice `MOST_RECENT_IDS` at most, one segment aside.
 */
export async function readRecentIds(db: Database, rooms: ReadonlyMap<string, RoomRecord>, sinceMs: number): Promise<RememberedId[]> {
  const spoken = [...rooms].sort(([, a], [, b]) => b.lastSeq - a.lastSeq);
  let ids: RememberedId[] = [];
  let floor = 0;
  for (const [room, { lastSeq, lostThrough }] of spoken) {
    if (lastSeq <= floor) break;
    for await (const segment of backwards(within(db, room, lostThrough, lastSeq, true), { room, lostThrough }, lastSeq, decodeIds)) {
      if (segment.at < sinceMs || segment.last <= floor) break;
      ids.push(...segment.ids);
      if (ids.length < 2 * MOST_RECENT_IDS) continue;
      ids = newest(ids);
      floor = ids[0]?.seq ?? 0;
    }
  }
  return newest(ids);
}

/** `Store.records`. */
export async function readFacts(db: Database, prefix: string): Promise<Map<string, string>> {
  const facts = new Map<string, string>();
  for await (const [key, value] of db.iterator(factKeys(prefix))) facts.set(nameOfFact(key), decodeFact(key, value));
  return facts;
}

function newest(ids: RememberedId[]): RememberedId[] {
  return ids.sort((a, b) => a.seq - b.seq).slice(-MOST_RECENT_IDS);
}

/** The segments of a room that end above `above` and not above `through`. */
export function within(db: Database, room: string, above: number, through: number, reverse = false) {
  return db.iterator({ gt: segmentKey(room, above), lte: segmentKey(room, through), reverse, highWaterMarkBytes: READ_AHEAD });
}

async function first(entries: { next(): Promise<Entry | undefined> }, room: string): Promise<Linked | undefined> {
  const entry = await entries.next();
  if (entry === undefined) throw new Damage(`the newest messages of room ${room} are missing`);
  return decodeSegment(room, ...entry);
}

function gap(room: string, from: number, to: number): Damage {
  return new Damage(`messages of room ${room} between numbers ${from} and ${to} are missing`);
}
