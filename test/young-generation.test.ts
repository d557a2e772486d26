/** V8's young generation stays as it is while much is made that lives long, as when many clients join. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { getHeapSpaceStatistics } from 'node:v8';
import { keepYoungGenerationSmall } from '../server/young-generation.ts';

/** Objects that are made and kept: some 40 MB, of which V8 would otherwise conclude that it needs more room for young ones. */
const OBJECTS = 500_000;

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? NaN;
}

test('the young generation does not grow any more, however much survives', () => {
  keepYoungGenerationSmall();
  const before = youngBytes();
  const kept = Array.from({ length: OBJECTS }, (_, index) => ({ index, more: [index] }));
  // The second of its halves may not have been in use before.
  assert.ok(youngBytes() <= 2 * before, `${before} bytes, then ${youngBytes()}`);
  assert.equal(kept.length, OBJECTS);
});
