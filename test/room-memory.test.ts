/** What all rooms keep in memory together is bounded, the room that spoke longest ago forgets first; and what was forgotten is known to be. */
import test from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RoomLog } from '../server/room-log.ts';
import { RoomMemory } from '../server/room-memory.ts';
import { MemoryStore } from '../server/store/memory.ts';
import { openHall, createRoom, register, say } from './support/hall.ts';
import { segmentOf } from './support/segments.ts';

/** Logs that share a memory, after each of `turns` said something of about its size. */
function spoken(turns: readonly (readonly [log: number, size: number])[], maxBytes: number) {
  const memory = new RoomMemory(maxBytes);
  const logs = Array.from({ length: 5 }, () => new RoomLog(3_000, 1, undefined, memory));
  let seq = 1;
  for (const [which, size] of turns) {
    const log = logs[which] ?? assert.fail();
    log.append(segmentOf([['a', 'x'.repeat(size)]], (seq += 1), log.count));
    assert.ok(memory.bytes <= maxBytes || (memory.bytes === log.bytes && log.head - log.tail === 1), 'the bound holds after every message');
  }
  return { memory, logs };
}
const turns = fc.array(fc.tuple(fc.nat(4), fc.nat(400)), { maxLength: 60 });

test('the bound holds after every message, the newest one aside, and the sum is right', () =>
  fc.assert(
    fc.property(turns, fc.integer({ min: 1, max: 10_000 }), (said, maxBytes) => {
      const { memory, logs } = spoken(said, maxBytes);
      assert.equal(
        memory.bytes,
        logs.reduce((sum, log) => sum + log.bytes, 0),
      );
      for (const log of logs) memory.release(log);
      assert.equal(memory.bytes, 0);
    }),
  ));

test('who spoke longest ago forgets first, all of it, before one that spoke later forgets anything', () => {
  const memory = new RoomMemory(20_000);
  const logs = Array.from({ length: 4 }, () => new RoomLog(100_000, 1, undefined, memory));
  let seq = 1;
  const speak = (which: number): void => logs[which]?.append(segmentOf([['a', 'x'.repeat(200)]], (seq += 1), logs[which]?.count ?? 0));
  for (const which of [0, 1, 2, 3, 0, 1, 2, 3, 1]) speak(which);
  const kept = (): number[] => logs.map((log) => log.head - log.tail);
  assert.deepEqual(kept(), [2, 3, 2, 2]);
  const order = [0, 2, 3];
  while (order.length > 0) {
    const before = kept();
    speak(1);
    const after = kept();
    const robbed = [0, 2, 3].filter((which) => after[which] !== before[which]);
    const [next] = order;
    assert.deepEqual(
      robbed.filter((which) => which !== next),
      [],
      `${String(before)} became ${String(after)}`,
    );
    if (next !== undefined && after[next] === 0) order.shift();
  }
  assert.ok(kept()[1] !== 0);
});

test('a log that was emptied knows where it is, and goes on', () => {
  const memory = new RoomMemory(2_000);
  const [old, young] = [new RoomLog(10_000, 1, undefined, memory), new RoomLog(10_000, 1, undefined, memory)];
  old.append(segmentOf([['a', 'x']], 2, 0));
  young.append(segmentOf([['a', 'x'.repeat(900)]], 3, 0));
  assert.deepEqual([old.bytes, old.head - old.tail, old.lostThrough, old.lastSeq, old.locate(2)], [0, 0, 2, 2, 1]);
  assert.deepEqual([old.locate(1), old.waiting(old.head, 2)], [undefined, 0]);
  old.append(segmentOf([['a', 'y']], 4, 1));
  assert.deepEqual([old.locate(2), old.waiting(1, 2), old.count], [1, 1, 2]);
});

test('rooms whose members have heard everything lose what they keep to busy ones, and read it back from the disk', async () => {
  const hall = await openHall(null, { roomsBytes: 20_000 });
  try {
    const { member: ann } = await register(hall, 'ann');
    const [quiet, busy] = [await createRoom(hall, ann), await createRoom(hall, ann)];
    await say(hall, ann, quiet, 'kept');
    for (let index = 0; index < 60; index += 1) await say(hall, ann, busy, 'x'.repeat(200));
    assert.equal(quiet.log.bytes, 0);
    assert.ok(hall.memory.bytes <= 20_000);
    const segments = await hall.store.after(quiet.code, 0, 1_000_000);
    assert.ok(segments.some(({ bytes }) => bytes.includes('kept')));
  } finally {
    await hall.crash();
  }
});

test('a store in memory is bounded over all rooms: the one that spoke longest ago forgets, and says through where', async () => {
  const store = new MemoryStore(4_000);
  const bytes = Buffer.alloc(500);
  const state = (room: string) => store.rooms.get(room);
  const append = (room: string) => {
    const seqs = [store.lastSeq + 1];
    return store.append([{ room, bytes, ends: [500], seqs, senders: ['a'], ordinal: state(room)?.count ?? 0, at: 1, messageIds: [null] }]);
  };
  for (const room of ['a', 'a', 'b', 'b', 'a', 'c', 'c', 'c']) await append(room);
  assert.deepEqual(
    ['a', 'b', 'c'].map((room) => state(room)?.lostThrough),
    [0, 0, 0],
    'all within the bound',
  );
  await append('d');
  assert.deepEqual(
    ['a', 'b', 'c'].map((room) => state(room)?.lostThrough),
    [0, 5, 0],
    'b spoke longest ago',
  );
  for (let count = 0; count < 20; count += 1) await append('d');
  const kept = await Promise.all(['a', 'b', 'c', 'd'].map(async (room) => (await store.after(room, 0, 1_000_000)).length));
  assert.deepEqual(kept.slice(0, 3), [0, 0, 0]);
  assert.ok((kept[3] ?? 0) >= 7 && (kept[3] ?? 0) <= 8, `${kept[3]} of 8`);
  assert.equal(state('d')?.lostThrough, store.lastSeq - (kept[3] ?? 0));
});
