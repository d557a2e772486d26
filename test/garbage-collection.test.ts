/** What the server asks of V8's garbage collector comes about. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { getHeapSpaceStatistics } from 'node:v8';
import { tuneGarbageCollection } from '../server/garbage-collection.ts';

const run = promisify(execFile);
/** Objects that are made and kept: some 40 MB, of which V8 would otherwise conclude that it needs more room for young ones. */
const OBJECTS = 500_000;
/** Makes V8 mark several times. */
const MARKING = `
  const { tuneGarbageCollection } = await import(process.argv[1]);
  tuneGarbageCollection(Number(process.argv[2]));
  let kept = [];
  for (let left = ${4 * OBJECTS}; left > 0; left -= 1) {
    kept.push([left]);
    if (kept.length > ${OBJECTS / 2}) kept = [];
  }
`;

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? NaN;
}

/** What V8 says of its work while that program runs and has so many cores. */
async function marking(cores: number, ...flags: readonly string[]): Promise<string> {
  const module = new URL('../server/garbage-collection.js', import.meta.url).href;
  const { stdout } = await run(process.execPath, [...flags, '--trace-gc', '--input-type=module', '--eval', MARKING, module, String(cores)]);
  return stdout;
}

/** How many threads begin to mark for each time that all is marked. */
async function markingThreads(cores: number): Promise<number> {
  const trace = await marking(cores, '--trace-concurrent-marking');
  return (trace.split('concurrent marking task').length - 1) / (trace.split('Mark-Compact').length - 1);
}

test('the young generation does not grow any more, however much survives', () => {
  tuneGarbageCollection();
  const before = youngBytes();
  const kept = Array.from({ length: OBJECTS }, (_, index) => ({ index, more: [index] }));
  // The second of its halves may not have been in use before.
  assert.ok(youngBytes() <= 2 * before, `${before} bytes, then ${youngBytes()}`);
  assert.equal(kept.length, OBJECTS);
});

test('with one core to use, what is not needed is found without threads that compete for it; with more, with them', async () => {
  // One may help at the very end, when the main thread would wait for it anyway.
  const [one, two] = [await markingThreads(1), await markingThreads(2)];
  assert.ok(one < 1.5 && two > 1.5, `${one} threads with one core, ${two} with two`);
});

test('the heap may become three times what was in use before all of it is looked at again, not less', async () => {
  const trace = await marking(2, '--trace-gc-verbose');
  const growths = [...trace.matchAll(/\[HeapController\] Limit: .* \(([\d.]+)\)/gu)].map(([, growth]) => growth);
  assert.deepEqual([...new Set(growths)], ['3.0']);
});
