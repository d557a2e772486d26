/** A segment as it is written down: read back it is what it was, in whole or only for its message IDs, and a flipped bit is damage. */
import test from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Damage, decodeIds, decodeSegment, encodeSegment, segmentKey } from '../server/store/record.ts';
import type { StoredSegment } from '../server/store/store.ts';

const message = fc.record(
  {
    step: fc.integer({ min: 1, max: 2 ** 40 }),
    bytes: fc.integer({ min: 1, max: 300 }),
    sender: fc.constantFrom('', 'ann', 'Bjørn-7', '东'),
    messageId: fc.option(fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' })),
  },
  { noNullPrototype: true },
);

const segments = fc.array(message, { minLength: 1, maxLength: 30 }).map((messages): StoredSegment => {
  let [seq, end] = [1, 0];
  return {
    room: 'lobby',
    seqs: messages.map(({ step }) => (seq += step)),
    ends: messages.map(({ bytes }) => (end += bytes)),
    bytes: Buffer.alloc(end, 7),
    senders: messages.map(({ sender }) => sender),
    messageIds: messages.map(({ messageId }) => messageId),
    ordinal: 12,
    at: 1_790_000_000_000,
  };
});

const keyOf = ({ seqs }: StoredSegment): Buffer => segmentKey('lobby', seqs.at(-1) ?? 0);

test('what is written is what is read, and its message IDs are the same when nothing else is read', () => {
  fc.assert(
    fc.property(segments, fc.nat(), (segment, previous) => {
      const key = keyOf(segment);
      const value = encodeSegment(key, segment, previous);
      assert.deepEqual(decodeSegment('lobby', key, value), { ...segment, previous });
      const ids = segment.messageIds.flatMap((messageId, index) =>
        messageId === null ? [] : [{ sender: segment.senders[index], messageId, seq: segment.seqs[index], at: segment.at }],
      );
      assert.deepEqual(decodeIds(key, value), { at: segment.at, previous, last: segment.seqs.at(-1), ids });
    }),
  );
});

test('a flipped bit is damage, whichever way it is read', () => {
  fc.assert(
    fc.property(segments, fc.nat(), fc.nat({ max: 7 }), (segment, place, bit) => {
      const key = keyOf(segment);
      const value = encodeSegment(key, segment, 1);
      const at = place % value.length;
      value[at] = (value[at] ?? 0) ^ (1 << bit);
      assert.throws(() => decodeSegment('lobby', key, value), Damage);
      assert.throws(() => decodeIds(key, value), Damage);
    }),
  );
});
