/** A store that keeps nothing beyond the life of its process: for `--memory` and for tests. The twin of `level.ts`. */
import { randomUUID } from 'node:crypto';
import { RpcError } from '../../commons/errors.ts';
import { MemoryFacts } from './memory-facts.ts';
import {
  checkRecords,
  FIRST_SEQ,
  follow,
  MOST_RECENT_IDS,
  outlived,
  type RememberedId,
  type Retention,
  type RoomState,
  type Store,
  type StoredRecord,
  type StoredSegment,
} from './store.ts';

/** Share of what is kept in all that is forgotten together. */
const SLACK = 1 / 16;

/** What is kept of one room. */
interface Kept {
  segments: StoredSegment[];
  messages: number;
  bytes: number;
}

/** Bounded by `trim`, and in all rooms together by what it was made with. */
export class MemoryStore implements Store {
  readonly epoch = randomUUID();
  readonly #rooms = new Map<string, RoomState>();
  /** The room that spoke longest ago first. */
  readonly #kept = new Map<string, Kept>();
  /** The last one in it. */
  #spokeLast: string | undefined;
  readonly #facts = new MemoryFacts();
  readonly #maxBytes: number;
  #bytes = 0;
  #lastSeq = FIRST_SEQ;
  #closed = false;

  /** @param maxBytes encoded calls of all rooms; beyond, the room that spoke longest ago forgets its oldest ones */
  constructor(maxBytes = Infinity) {
    this.#maxBytes = maxBytes;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get rooms(): ReadonlyMap<string, RoomState> {
    return this.#rooms;
  }

  async append(batch: readonly StoredSegment[], records: readonly StoredRecord[] = []): Promise<void> {
    this.#assertOpen();
    checkRecords(records);
    const states = new Map<string, RoomState>();
    for (const segment of batch)
      states.set(segment.room, follow(states.get(segment.room) ?? this.#rooms.get(segment.room), segment, this.#lastSeq));
    for (const segment of batch) this.#keep(segment);
    for (const [room, state] of states) {
      this.#rooms.set(room, state);
      this.#lastSeq = Math.max(this.#lastSeq, state.lastSeq);
    }
    for (const record of records) this.#facts.keep(record);
    if (records.length > 0) this.#lastSeq += 1;
    this.#forgetUnused();
    return Promise.resolve();
  }

  async records(prefix: string): Promise<ReadonlyMap<string, string>> {
    this.#assertOpen();
    return Promise.resolve(this.#facts.startingWith(prefix));
  }

  async after(room: string, seq: number, maxBytes: number): Promise<readonly StoredSegment[]> {
    this.#assertOpen();
    const kept = this.#kept.get(room)?.segments ?? [];
    const first = firstAfter(kept, seq);
    let end = first;
    for (let bytes = 0; end < kept.length && (bytes < maxBytes || end === first); end += 1) bytes += kept[end]?.bytes.length ?? 0;
    return Promise.resolve(kept.slice(first, end));
  }

  async before(room: string, seq: number, maxMessages: number): Promise<readonly StoredSegment[]> {
    this.#assertOpen();
    const kept = this.#kept.get(room)?.segments ?? [];
    const within = firstAfter(kept, seq - 1);
    const end = (kept[within]?.seqs[0] ?? Infinity) < seq ? within + 1 : within;
    let first = end;
    for (let covered = 0; first > 0 && covered < maxMessages; first -= 1) {
      covered += kept[first - 1]?.seqs.filter((one) => one < seq).length ?? 0;
    }
    return Promise.resolve(kept.slice(first, end));
  }

  async recentIds(sinceMs: number): Promise<readonly RememberedId[]> {
    this.#assertOpen();
    const recent = [...this.#kept.values()].flatMap(({ segments }) => segments).filter(({ at }) => at >= sinceMs);
    const ids = recent.flatMap((segment) => idsOf(segment));
    return Promise.resolve(ids.sort((a, b) => a.seq - b.seq).slice(-MOST_RECENT_IDS));
  }

  async trim(retention: Retention, now: number): Promise<void> {
    this.#assertOpen();
    const { maxCount = Infinity, maxBytes = Infinity, maxAgeMs } = retention;
    for (const [room, kept] of this.#kept) {
      if (maxAgeMs === undefined && kept.messages <= maxCount && kept.bytes <= maxBytes) continue;
      const lost = outlivedSegments(kept, retention, now);
      if (lost > 0) this.#forget(room, kept, lost);
    }
    return Promise.resolve();
  }

  async drop(room: string): Promise<void> {
    this.#assertOpen();
    this.#bytes -= this.#kept.get(room)?.bytes ?? 0;
    this.#kept.delete(room);
    if (room === this.#spokeLast) this.#spokeLast = undefined;
    this.#rooms.delete(room);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #keep(segment: StoredSegment): void {
    const { room, bytes, seqs } = segment;
    const kept = this.#kept.get(room) ?? { segments: [], messages: 0, bytes: 0 };
    kept.segments.push(segment);
    kept.messages += seqs.length;
    kept.bytes += bytes.length;
    this.#bytes += bytes.length;
    if (room === this.#spokeLast) return;
    this.#spokeLast = room;
    this.#kept.delete(room);
    this.#kept.set(room, kept);
  }

  /** Of the room that spoke last, the newest segment stays. */
  #forgetUnused(): void {
    if (this.#bytes <= this.#maxBytes) return;
    // More than needed, so that it is not done again with every append.
    const goal = this.#maxBytes * (1 - SLACK);
    let left = this.#kept.size;
    for (const [room, kept] of this.#kept) {
      left -= 1;
      let lost = 0;
      let bytes = this.#bytes;
      for (const segment of left === 0 ? kept.segments.slice(0, -1) : kept.segments) {
        if (bytes <= goal) break;
        bytes -= segment.bytes.length;
        lost += 1;
      }
      if (lost > 0) this.#forget(room, kept, lost);
      if (this.#bytes <= goal) return;
    }
  }

  /** Forgets the first `lost` segments that are kept of a room. */
  #forget(room: string, kept: Kept, lost: number): void {
    const state = this.#rooms.get(room);
    const gone = kept.segments.slice(0, lost);
    const newest = gone.at(-1);
    if (state === undefined || newest === undefined) return;
    const bytes = gone.reduce((sum, segment) => sum + segment.bytes.length, 0);
    kept.segments = kept.segments.slice(lost);
    kept.messages -= gone.reduce((sum, { seqs }) => sum + seqs.length, 0);
    kept.bytes -= bytes;
    this.#bytes -= bytes;
    this.#rooms.set(room, { ...state, lostThrough: newest.seqs.at(-1) ?? 0 });
  }

  #assertOpen(): void {
    if (this.#closed) throw new RpcError('StorageFailed');
  }
}

/** The `MessageID`s that a segment's senders gave. */
function idsOf({ senders, messageIds, seqs, at }: StoredSegment): readonly RememberedId[] {
  return messageIds.flatMap((messageId, index) =>
    messageId === null ? [] : [{ sender: senders[index] ?? '', messageId, seq: seqs[index] ?? 0, at }],
  );
}

/** How many segments at the beginning are outside of `retention`. */
function outlivedSegments({ segments, messages, bytes: all }: Kept, retention: Retention, now: number): number {
  let kept = messages;
  let bytes = all;
  const stays = segments.findIndex((segment, index) => {
    const { seqs, at } = segment;
    if (!outlived(retention, now, { length: seqs.length, at, newest: index === segments.length - 1 }, { kept, bytes })) return true;
    kept -= seqs.length;
    bytes -= segment.bytes.length;
    return false;
  });
  return stays === -1 ? segments.length : stays;
}

/** Index of the first segment that holds messages above `seq`. */
function firstAfter(segments: readonly StoredSegment[], seq: number): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((segments[middle]?.seqs.at(-1) ?? 0) <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
