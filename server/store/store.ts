/**
 * The seam between the rooms and what keeps their messages: LevelDB (`level.ts`) or memory (`memory.ts`); one suite
 * proves both. It knows rooms by their code and messages by their number; it knows no members, sockets or JSON.
 */

/** What one room said in one batch, encoded once: the unit that is stored, read back and sent. */
export interface StoredSegment {
  /** The room's code; at most 255 bytes of UTF-8. */
  readonly room: string;
  /** The encoded calls, back to back. */
  readonly bytes: Buffer;
  /** Where each call ends in `bytes`, ascending; one for each message, at least one. */
  readonly ends: readonly number[];
  /** The number of each message, ascending; one counter serves all rooms. */
  readonly seqs: readonly number[];
  /** Who said each message; '' for the room itself. */
  readonly senders: readonly string[];
  /** Messages that the room had before this segment. */
  readonly ordinal: number;
  /** When it was accepted, milliseconds since 1970. */
  readonly at: number;
  /** The `MessageID` that the sender gave, so that a repetition is known after a restart too. */
  readonly messageIds: readonly (string | null)[];
}

export interface RoomState {
  readonly lastSeq: number;
  /** Messages that the room ever had. */
  readonly count: number;
  /** `Seq` of the newest message that is no longer kept; 0 = everything is. */
  readonly lostThrough: number;
}

/** How much of each room is kept. What is left out bounds nothing. */
export interface Retention {
  /** Messages a room: the newest so many stay, and what was stored together with the oldest of them. */
  readonly maxCount?: number;
  /** Bytes of encoded calls a room; the newest segment stays even when it alone is larger. */
  readonly maxBytes?: number;
  /** Milliseconds; older segments go, the newest one included. */
  readonly maxAgeMs?: number;
}

/** A fact that is kept beside the messages: an account, a room's name, who may enter it, how far somebody has read. */
export interface StoredRecord {
  /** Names the fact; 1 to 512 bytes of UTF-8. Facts of one kind begin alike, so that they can be read together. */
  readonly key: string;
  /** What is to be kept under the key, in place of what was; `null` = nothing. */
  readonly value: string | null;
}

export interface RememberedId {
  readonly sender: string;
  readonly messageId: string;
  readonly seq: number;
  readonly at: number;
}

/** The number that an empty store's history begins after. */
export const FIRST_SEQ = 1;
/** Longest key of a record, bytes. */
export const KEY_BYTES = 512;
/** What `recentIds` returns at most. */
export const MOST_RECENT_IDS = 100_000;

/**
 * Every failure of the disk rejects with `RpcError('StorageFailed')`; the details are reported to the one who made the
 * store, never to the caller. Segments are given and returned as they are and must not be changed afterwards.
 */
export interface Store {
  /** The life of this history: made with the store and kept over restarts; a memory store has a new one each time. */
  readonly epoch: string;
  /** The highest number that was ever committed, a number of a batch of records included; `FIRST_SEQ` for an empty store. */
  readonly lastSeq: number;
  /** Every room that ever said something, as it is after the last commit. Live: read it again after an await. */
  readonly rooms: ReadonlyMap<string, RoomState>;

  /**
   * Keeps a batch of messages and records, all or nothing: on disk when it resolves. Numbers must be above `lastSeq`, a
   * room's `ordinal` its `count`, no key twice (else a `RangeError`). Records take one number, which comes after those of
   * the messages. Appends are carried out in the order of the calls. After a rejection nothing of the batch is kept, not
   * even after a restart, its numbers are free again, and a later append may succeed. A disk that hangs delays the answer
   * for as long: bound what waits behind it.
   */
  append(batch: readonly StoredSegment[], records?: readonly StoredRecord[]): Promise<void>;

  /** The records whose keys begin with `prefix`, by key, ascending in bytes. */
  records(prefix: string): Promise<ReadonlyMap<string, string>>;

  /**
   * The segments that hold messages with a `Seq` above `seq`, ascending, until `maxBytes` are together; at least one when
   * there is any. The first may also hold older messages. They follow each other without a gap; only before the first
   * one messages may be missing: when the room's `lostThrough`, read afterwards, is above `seq`.
   */
  after(room: string, seq: number, maxBytes: number): Promise<readonly StoredSegment[]>;

  /** The segments with messages below `seq`, ascending, back to where `maxMessages` of them are covered or no more is kept. */
  before(room: string, seq: number, maxMessages: number): Promise<readonly StoredSegment[]>;

  /** The `MessageID`s of what was accepted at or after `sinceMs`, ascending by `seq`; the newest `MOST_RECENT_IDS` at most. */
  recentIds(sinceMs: number): Promise<readonly RememberedId[]>;

  /** Forgets what `retention` does not cover, in small steps between the appends; raises `lostThrough`. @param now ms since 1970 */
  trim(retention: Retention, now: number): Promise<void>;

  /** Forgets a room, in small steps as `trim` does: its messages, and at the end that there ever was one. Nobody may append to it meanwhile. */
  drop(room: string): Promise<void>;

  /** Resolves when what was called before is done and the files are free for others. Later calls reject. */
  close(): Promise<void>;
}

/** @throws RangeError when `segment` cannot come next in a room; returns what the room is afterwards. */
export function follow(state: RoomState | undefined, segment: StoredSegment, lastSeq: number): RoomState {
  const { seqs, ends, ordinal, bytes } = segment;
  const length = seqs.length;
  if (length === 0 || ends.length !== length || segment.senders.length !== length || segment.messageIds.length !== length)
    throw new RangeError('A segment needs one end, number, sender and message ID for each message.');
  if (ends.at(-1) !== bytes.length || !ascends(ends, 0)) throw new RangeError('The ends of a segment must ascend to the end of its bytes.');
  if (!ascends(seqs, Math.max(lastSeq, state?.lastSeq ?? 0))) throw new RangeError('Numbers must ascend and be new.');
  if (ordinal !== (state?.count ?? 0)) throw new RangeError(`Room ${segment.room} has ${state?.count ?? 0} messages, not ${ordinal}.`);
  return { lastSeq: seqs[length - 1] ?? 0, count: ordinal + length, lostThrough: state?.lostThrough ?? 0 };
}

/** @throws RangeError when `records` cannot be kept together */
export function checkRecords(records: readonly StoredRecord[]): void {
  if (records.length === 0) return;
  const keys = new Set(records.map(({ key }) => key));
  if (keys.size !== records.length) throw new RangeError('A batch has each key of a record once.');
  for (const key of keys) {
    const bytes = Buffer.byteLength(key);
    if (bytes === 0 || bytes > KEY_BYTES) throw new RangeError(`The key of a record has 1 to ${KEY_BYTES} bytes.`);
  }
}

function ascends(numbers: readonly number[], above: number): boolean {
  let last = above;
  for (const number of numbers) {
    if (!Number.isSafeInteger(number) || number <= last) return false;
    last = number;
  }
  return true;
}

/** How far `segment`, the oldest that a room keeps, is outside of `retention`. `kept` and `bytes` count it too. */
export function outlived(
  retention: Retention,
  now: number,
  segment: { readonly length: number; readonly at: number; readonly newest: boolean },
  room: { readonly kept: number; readonly bytes: number },
): boolean {
  const { maxCount = Infinity, maxBytes = Infinity, maxAgeMs = Infinity } = retention;
  if (segment.at < now - maxAgeMs) return true;
  if (segment.newest) return false;
  return room.kept - segment.length >= maxCount || room.bytes > maxBytes;
}
