/** A store that keeps nothing beyond the life of its process: for `--memory` and for tests. The twin of `level.ts`. */
import { randomUUID } from 'node:crypto';
import { RpcError } from '../../commons/errors.ts';
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

/** Bounded only by `trim`: who uses it for long calls that with a retention. */
export class MemoryStore implements Store {
  readonly epoch = randomUUID();
  readonly #rooms = new Map<string, RoomState>();
  readonly #segments = new Map<string, StoredSegment[]>();
  readonly #records = new Map<string, string>();
  /** The keys of the records, ascending: a read by prefix must not look at all of them. */
  readonly #keys: string[] = [];
  #lastSeq = FIRST_SEQ;
  #closed = false;

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
    for (const segment of batch) {
      const kept = this.#segments.get(segment.room);
      if (kept === undefined) this.#segments.set(segment.room, [segment]);
      else kept.push(segment);
    }
    for (const [room, state] of states) {
      this.#rooms.set(room, state);
      this.#lastSeq = Math.max(this.#lastSeq, state.lastSeq);
    }
    for (const record of records) this.#keep(record);
    if (records.length > 0) this.#lastSeq += 1;
    return Promise.resolve();
  }

  async records(prefix: string): Promise<ReadonlyMap<string, string>> {
    this.#assertOpen();
    const found: [string, string][] = [];
    for (let place = this.#placeOf(prefix); this.#keys[place]?.startsWith(prefix) === true; place += 1) {
      const key = this.#keys[place] ?? '';
      found.push([key, this.#records.get(key) ?? '']);
    }
    return Promise.resolve(new Map(found.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))));
  }

  #keep({ key, value }: StoredRecord): void {
    if (value === null ? this.#records.has(key) : !this.#records.has(key)) {
      if (value === null) this.#keys.splice(this.#placeOf(key), 1);
      else this.#keys.splice(this.#placeOf(key), 0, key);
    }
    if (value === null) this.#records.delete(key);
    else this.#records.set(key, value);
  }

  /** Where `key` is among the keys, or would be. */
  #placeOf(key: string): number {
    return lowest(this.#keys.length, (index) => (this.#keys[index] ?? '') >= key);
  }

  async after(room: string, seq: number, maxBytes: number): Promise<readonly StoredSegment[]> {
    this.#assertOpen();
    const kept = this.#segments.get(room) ?? [];
    const first = firstAfter(kept, seq);
    let end = first;
    for (let bytes = 0; end < kept.length && (bytes < maxBytes || end === first); end += 1) bytes += kept[end]?.bytes.length ?? 0;
    return Promise.resolve(kept.slice(first, end));
  }

  async before(room: string, seq: number, maxMessages: number): Promise<readonly StoredSegment[]> {
    this.#assertOpen();
    const kept = this.#segments.get(room) ?? [];
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
    const recent = [...this.#segments.values()].flat().filter(({ at }) => at >= sinceMs);
    const ids = recent.flatMap((segment) => idsOf(segment));
    return Promise.resolve(ids.sort((a, b) => a.seq - b.seq).slice(-MOST_RECENT_IDS));
  }

  async trim(retention: Retention, now: number): Promise<void> {
    this.#assertOpen();
    for (const [room, kept] of this.#segments) {
      const state = this.#rooms.get(room);
      const lost = state === undefined ? 0 : outlivedSegments(kept, retention, now);
      const newest = kept[lost - 1];
      if (state === undefined || newest === undefined) continue;
      this.#segments.set(room, kept.slice(lost));
      this.#rooms.set(room, { ...state, lostThrough: newest.seqs.at(-1) ?? 0 });
    }
    return Promise.resolve();
  }

  async drop(room: string): Promise<void> {
    this.#assertOpen();
    this.#segments.delete(room);
    this.#rooms.delete(room);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #assertOpen(): void {
    if (this.#closed) throw new RpcError('StorageFailed');
  }
}

/** The `MessageID`s that a segment's senders gave. */
export function idsOf({ senders, messageIds, seqs, at }: StoredSegment): readonly RememberedId[] {
  return messageIds.flatMap((messageId, index) =>
    messageId === null ? [] : [{ sender: senders[index] ?? '', messageId, seq: seqs[index] ?? 0, at }],
  );
}

/** How many segments at the beginning are outside of `retention`. */
function outlivedSegments(segments: readonly StoredSegment[], retention: Retention, now: number): number {
  let kept = segments.reduce((sum, { seqs }) => sum + seqs.length, 0);
  let bytes = segments.reduce((sum, segment) => sum + segment.bytes.length, 0);
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
  return lowest(segments.length, (index) => (segments[index]?.seqs.at(-1) ?? 0) > seq);
}

/** The lowest index below `length` from which on `holds`; `length` when it never does. */
function lowest(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
