/** A room's memory: bounded in bytes, and honest about what it has forgotten. */
import test from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RoomLog } from '../server/room-log.ts';
import { segmentOf, type Line } from './support/segments.ts';

/** A log that was given batches of these sizes; and the last `Seq` of each. */
function filled(sizes: readonly number[], maxBytes: number): { log: RoomLog; lastSeqs: number[] } {
  const log = new RoomLog(maxBytes, 1);
  const lastSeqs = sizes.map((size) => {
    const lines = Array.from({ length: size }, (): Line => ['a', 'x'.repeat(50)]);
    log.append(segmentOf(lines, log.lastSeq + 1, log.count));
    return log.lastSeq;
  });
  return { log, lastSeqs };
}

const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 40 });

test('it keeps the newest segments within its bound, and the newest one always', () =>
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 20_000 }), (batches, maxBytes) => {
      const { log } = filled(batches, maxBytes);
      assert.ok(log.bytes <= maxBytes || log.head - log.tail === 1, `${log.bytes} of ${maxBytes} bytes`);
      assert.equal(log.head, batches.length);
      assert.ok(log.segment(log.head - 1) !== undefined);
      for (let index = 0; index < log.head; index += 1) assert.equal(log.segment(index) !== undefined, index >= log.tail);
    }),
  ));

test('it finds the first message after any number, or says that it is lost', () =>
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 20_000 }), fc.nat(250), (batches, maxBytes, seq) => {
      const { log, lastSeqs } = filled(batches, maxBytes);
      const found = lastSeqs.findIndex((last) => last > seq);
      const index = found < 0 ? batches.length : found;
      assert.equal(log.locate(seq), seq < log.lostThrough ? undefined : index);
      assert.equal(log.lostThrough, log.tail === 0 ? 1 : lastSeqs[log.tail - 1]);
      if (seq >= log.lostThrough) assert.equal(log.waiting(index, seq), Math.max(0, log.lastSeq - seq));
    }),
  ));

test('forgetting is cheap and leaves nothing behind: 10,000 segments through a log that holds ten', () => {
  const { log } = filled(
    Array.from({ length: 10_000 }, () => 1),
    4_000,
  );
  assert.equal(log.count, 10_000);
  assert.ok(log.head - log.tail < 20);
  assert.equal(log.locate(log.lastSeq - 2), log.head - 2);
});
