/** Segments for the tests of the stores: what a room says, told apart by number. */
import type { Store, StoredSegment } from '../../server/store/store.ts';

/** What `segmentOf` makes calls of; the number makes each one different. */
export const callOf = (seq: number): string => `{"call":"né ${seq}"}\n`;

export interface Saying {
  readonly at?: number;
  /** Bytes that each call is padded to. */
  readonly size?: number;
  /** The first number; the next free one when left out. */
  readonly from?: number;
  readonly ids?: boolean;
}

/** `count` messages that `room` may say next. */
export function segmentOf(
  store: Pick<Store, 'lastSeq' | 'rooms'>,
  room: string,
  count: number,
  { at = 1_000, size = 0, from = store.lastSeq + 1, ids = false }: Saying = {},
): StoredSegment {
  const seqs = Array.from({ length: count }, (_, index) => from + index);
  const calls = seqs.map((seq) => Buffer.from(callOf(seq).padEnd(size, '.')));
  let end = 0;
  return {
    room,
    bytes: Buffer.concat(calls),
    ends: calls.map((call) => (end += call.length)),
    seqs,
    senders: seqs.map((seq) => (seq % 3 === 0 ? '' : `Sender-${seq % 3} ü`)),
    ordinal: store.rooms.get(room)?.count ?? 0,
    at,
    messageIds: seqs.map((seq) => (ids ? `id-${seq}` : null)),
  };
}

/** Lets a room say `count` messages in a batch of their own. */
export async function say(store: Store, room: string, count: number, saying: Saying = {}): Promise<StoredSegment> {
  const segment = segmentOf(store, room, count, saying);
  await store.append([segment]);
  return segment;
}

export function seqsOf(segments: readonly StoredSegment[]): readonly number[] {
  return segments.flatMap(({ seqs }) => seqs);
}
