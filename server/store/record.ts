/**
 * How segments and rooms are written down: keys that sort, compact values, and a checksum over both, because LevelDB
 * does not verify its own when it reads. A segment also names the one before it in its room, so a missing one is noticed.
 *
 * Value: CRC-32 of key and rest (4 bytes, little endian), version (1), length of the numbers (varint), numbers (varints),
 * strings (UTF-8), and for a segment the encoded calls.
 */
import { crc32 } from 'node:zlib';
import type { RememberedId, RoomState, StoredSegment } from './store.ts';
import { readVarint, readVarints, varintLength, writeVarint } from './varint.ts';

const VERSION = 1;
/** The checksum and the version. */
const HEAD_BYTES = 5;
const SEGMENT = 0x73;
/**
 * Above all segments, like the store's own record: both are written with every batch. Below the segments they would make
 * each of LevelDB's tables overlap all older ones, which it would rewrite again and again. Facts stand above them too.
 */
const ROOM = 0x74;
const FACT = 0x77;
/** The one record that speaks of the store as a whole. */
export const META_KEY = Buffer.from('u');
/** Bounds of all room records, for iterators. */
export const ROOM_KEYS = { gt: Buffer.from([ROOM]), lt: Buffer.from([ROOM + 1]) };

/** What the records of the last batch that had any were before it. */
export const UNDO_KEY = Buffer.from('v');

/** What is stored is not what was written: a flipped bit, a missing piece. Its message is for the log. */
export class Damage extends Error {
  override readonly name = 'Damage';
}

/** What is known of a room beyond its `RoomState`. */
export interface RoomRecord extends RoomState {
  /** Messages that are no longer kept. */
  readonly lostCount: number;
  /** Bytes of the encoded calls that are kept. */
  readonly bytes: number;
}

export interface Meta {
  readonly epoch: string;
  readonly lastSeq: number;
  /** How many room records there are. */
  readonly rooms: number;
  /** How many facts there are. */
  readonly facts: number;
}

/** A segment as it was read. */
export interface Linked extends StoredSegment {
  /** The newest number of the room's segment before this one; 0 for the room's first. */
  readonly previous: number;
}

/** What a segment says of who must not be heard again. */
export interface Identified {
  readonly at: number;
  readonly previous: number;
  /** The segment's newest number. */
  readonly last: number;
  readonly ids: readonly RememberedId[];
}

/** Sorts by room, then by the segment's newest number. @throws RangeError for a room's code over 255 bytes */
export function segmentKey(room: string, lastSeq: number): Buffer {
  const name = Buffer.from(room);
  if (name.length > 255) throw new RangeError('The code of a room has at most 255 bytes.');
  const key = Buffer.alloc(name.length + 10);
  key[0] = SEGMENT;
  key[1] = name.length;
  name.copy(key, 2);
  key.writeBigUInt64BE(BigInt(Math.min(Math.max(0, Math.trunc(lastSeq)), Number.MAX_SAFE_INTEGER)), name.length + 2);
  return key;
}

/** The newest number of the segment with this key. */
export function seqOfKey(key: Buffer): number {
  return Number(key.readBigUInt64BE(key.length - 8));
}

export function roomKey(room: string): Buffer {
  return Buffer.concat([ROOM_KEYS.gt, Buffer.from(room)]);
}

export function roomOfKey(key: Buffer): string {
  return key.toString('utf8', 1);
}

export function encodeSegment(key: Buffer, segment: StoredSegment, previous: number): Buffer {
  const { seqs, ends, senders, messageIds } = segment;
  const places = new Map<string, number>();
  for (const sender of senders) if (!places.has(sender)) places.set(sender, places.size);
  const speakers = [...places.keys()];
  const numbers = [segment.at, segment.ordinal, previous, seqs.length, speakers.length];
  for (const sender of speakers) numbers.push(Buffer.byteLength(sender));
  let lastSeq = 0;
  let lastEnd = 0;
  for (let index = 0; index < seqs.length; index += 1) {
    const id = messageIds[index] ?? null;
    const seq = seqs[index] ?? 0;
    const end = ends[index] ?? 0;
    numbers.push(seq - lastSeq, end - lastEnd);
    lastSeq = seq;
    lastEnd = end;
    numbers.push(places.get(senders[index] ?? '') ?? 0, id === null ? 0 : Buffer.byteLength(id) + 1);
  }
  const strings = Buffer.from(speakers.join('') + messageIds.map((id) => id ?? '').join(''));
  return sealed(key, numbers, [strings, segment.bytes]);
}

/** @throws Damage when it is not what was written */
export function decodeSegment(room: string, key: Buffer, value: Buffer): Linked {
  const { numbers, rest } = unsealed(key, value);
  let place = 0;
  const next = (): number => numbers[(place += 1) - 1] ?? Number.NaN;
  let cut = 0;
  const text = (length: number): string => rest.toString('utf8', cut, (cut += length));
  const [at, ordinal, previous, length] = [next(), next(), next(), next()];
  const speakers = Array.from({ length: next() }, () => text(next()));
  const seqs: number[] = [];
  const ends: number[] = [];
  const senders: string[] = [];
  const messageIds: (string | null)[] = [];
  for (let [index, seq, end] = [0, 0, 0]; index < length; index += 1) {
    seqs.push((seq += next()));
    ends.push((end += next()));
    senders.push(speakers[next()] ?? '');
    const id = next();
    messageIds.push(id === 0 ? null : text(id - 1));
  }
  const bytes = rest.subarray(cut);
  if (place !== numbers.length || ends.at(-1) !== bytes.length) throw new Damage(`${describe(key)} does not add up`);
  return { room, bytes, ends, seqs, senders, ordinal, at, messageIds, previous };
}

/** The `MessageID`s of a segment and its place in the room, without the rest of it. @throws Damage when it is not what was written */
export function decodeIds(key: Buffer, value: Buffer): Identified {
  const { numbers, rest } = unsealed(key, value);
  const [at = 0, , previous = 0, length = 0, speakers = 0] = numbers;
  const first = 5 + speakers;
  if (numbers.length !== first + 4 * length) throw new Damage(`${describe(key)} does not add up`);
  const ends: number[] = [];
  for (let index = 5, end = 0; index < first; index += 1) ends.push((end += numbers[index] ?? 0));
  const ids: RememberedId[] = [];
  let last = 0;
  let cut = ends.at(-1) ?? 0;
  for (let index = first; index < numbers.length; index += 4) {
    last += numbers[index] ?? 0;
    const id = numbers[index + 3] ?? 0;
    if (id === 0) continue;
    const speaker = numbers[index + 2] ?? 0;
    const messageId = rest.toString('utf8', cut, (cut += id - 1));
    ids.push({ sender: rest.toString('utf8', ends[speaker - 1] ?? 0, ends[speaker]), messageId, seq: last, at });
  }
  return { at, previous, last, ids };
}

export function encodeRoom(key: Buffer, { lastSeq, count, lostThrough, lostCount, bytes }: RoomRecord): Buffer {
  return sealed(key, [lastSeq, count, lostThrough, lostCount, bytes], []);
}

/** @throws Damage when it is not what was written */
export function decodeRoom(key: Buffer, value: Buffer): RoomRecord {
  const [lastSeq = 0, count = 0, lostThrough = 0, lostCount = 0, bytes = 0] = unsealed(key, value).numbers;
  return { lastSeq, count, lostThrough, lostCount, bytes };
}

export function factKey(key: string): Buffer {
  return Buffer.concat([Buffer.from([FACT]), Buffer.from(key)]);
}

/** Bounds of the facts whose keys begin with `prefix`, for iterators. */
export function factKeys(prefix: string): { readonly gte: Buffer; readonly lt: Buffer } {
  const gte = factKey(prefix);
  // No byte of UTF-8 is 0xff, so this is above every key that begins so.
  return { gte, lt: Buffer.concat([gte, Buffer.from([0xff])]) };
}

export function nameOfFact(key: Buffer): string {
  return key.toString('utf8', 1);
}

export function encodeFact(key: Buffer, value: string): Buffer {
  return sealed(key, [], [Buffer.from(value)]);
}

/** @throws Damage when it is not what was written */
export function decodeFact(key: Buffer, value: Buffer): string {
  return unsealed(key, value).rest.toString();
}

/** What facts were before the batch that took number `seq`. */
export interface Undo {
  readonly seq: number;
  /** How many facts there were. */
  readonly count: number;
  readonly before: readonly (readonly [key: string, value: string | null])[];
}

export function encodeUndo({ seq, count, before }: Undo): Buffer {
  const numbers = [
    seq,
    count,
    ...before.flatMap(([key, value]) => [Buffer.byteLength(key), value === null ? 0 : Buffer.byteLength(value) + 1]),
  ];
  return sealed(UNDO_KEY, numbers, [Buffer.from(before.map(([key, value]) => key + (value ?? '')).join(''))]);
}

/** @throws Damage when it is not what was written */
export function decodeUndo(value: Buffer): Undo {
  const { numbers, rest } = unsealed(UNDO_KEY, value);
  let cut = 0;
  const text = (length: number): string => rest.toString('utf8', cut, (cut += length));
  const before: [string, string | null][] = [];
  for (let at = 2; at < numbers.length; at += 2) {
    const key = text(numbers[at] ?? 0);
    const length = numbers[at + 1] ?? 0;
    before.push([key, length === 0 ? null : text(length - 1)]);
  }
  return { seq: numbers[0] ?? 0, count: numbers[1] ?? 0, before };
}

export function encodeMeta({ epoch, lastSeq, rooms, facts }: Meta): Buffer {
  return sealed(META_KEY, [lastSeq, rooms, facts], [Buffer.from(epoch)]);
}

/** @throws Damage when it is not what was written */
export function decodeMeta(value: Buffer): Meta {
  const { numbers, rest } = unsealed(META_KEY, value);
  const [lastSeq = 0, rooms = 0, facts = 0] = numbers;
  return { epoch: rest.toString(), lastSeq, rooms, facts };
}

function sealed(key: Buffer, numbers: readonly number[], rest: readonly Buffer[]): Buffer {
  const length = numbers.reduce((sum, number) => sum + varintLength(number), 0);
  const start = HEAD_BYTES + varintLength(length);
  const value = Buffer.allocUnsafe(rest.reduce((sum, part) => sum + part.length, start + length));
  value[HEAD_BYTES - 1] = VERSION;
  let at = writeVarint(value, HEAD_BYTES, length);
  for (const number of numbers) at = writeVarint(value, at, number);
  for (const part of rest) at += part.copy(value, at);
  value.writeUInt32LE(crc32(value.subarray(4), crc32(key)), 0);
  return value;
}

function unsealed(key: Buffer, value: Buffer): { readonly numbers: readonly number[]; readonly rest: Buffer } {
  if (value.length <= HEAD_BYTES || value.readUInt32LE(0) !== crc32(value.subarray(4), crc32(key)))
    throw new Damage(`${describe(key)} has a wrong checksum`);
  if (value[HEAD_BYTES - 1] !== VERSION) throw new Damage(`${describe(key)} was written by another version of this program`);
  const [length, start] = readVarint(value, HEAD_BYTES);
  return { numbers: readVarints(value, start, start + length), rest: value.subarray(start + length) };
}

function describe(key: Buffer): string {
  if (key[0] === SEGMENT)
    return `the segment of room ${key.toString('utf8', 2, key.length - 8)} that ends with message ${key.readBigUInt64BE(key.length - 8)}`;
  if (key[0] === FACT) return `the record ${nameOfFact(key)}`;
  return key[0] === ROOM ? `the record of room ${roomOfKey(key)}` : 'the record of the store';
}
