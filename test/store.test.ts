/** The promises of the store, the same for the one on disk and the one in memory. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { LevelStore } from '../server/store/level.ts';
import { MemoryStore } from '../server/store/memory.ts';
import { FIRST_SEQ, type Store } from '../server/store/store.ts';
import { callOf, say, segmentOf, seqsOf } from './support/store-segments.ts';

const KINDS = new Map<string, (context: TestContext) => Promise<Store>>([
  ['memory', () => Promise.resolve(new MemoryStore())],
  ['level', openLevel],
]);

async function openLevel(context: TestContext): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), 'partyline-store-'));
  context.after(() => rm(folder, { recursive: true }));
  // A small journal, so that what is read comes from tables as well.
  const tuning = { writeBufferBytes: 65_536 };
  return LevelStore.open({ folder, report: (text, failure) => assert.fail(`${text} ${String(failure)}`), tuning });
}

for (const [kind, make] of KINDS) {
  const promise = (name: string, body: (store: Store) => Promise<void>): void => {
    test(`${kind}: ${name}`, async (context) => {
      const store = await make(context);
      try {
        await body(store);
      } finally {
        await store.close();
      }
    });
  };

  promise('an empty store has an epoch and no rooms', async (store) => {
    assert.match(store.epoch, /^[\w-]{16,}$/);
    assert.equal(store.lastSeq, FIRST_SEQ);
    assert.equal(store.rooms.size, 0);
    assert.deepEqual(await store.after('lobby', 0, 1_000), []);
    assert.deepEqual(await store.before('lobby', 100, 10), []);
    assert.deepEqual(await store.recentIds(0), []);
  });

  promise('what was appended is read back as it was given', async (store) => {
    const first = segmentOf(store, 'lobby', 3, { ids: true });
    const other = segmentOf(store, 'räum', 2, { from: 10 });
    await store.append([first, other]);
    const second = await say(store, 'lobby', 1, { at: 1_769_000_000_000, from: 2 ** 45 });
    assert.deepEqual((await store.after('lobby', 0, 1_000)).map(plain), [first, second].map(plain));
    assert.deepEqual((await store.after('räum', 0, 1_000)).map(plain), [plain(other)]);
    assert.equal(first.bytes.toString(), [2, 3, 4].map(callOf).join(''));
  });

  promise('records by prefix are those of a plain map, whatever was kept and removed before', async (store) => {
    const model = new Map<string, string>();
    const key = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é', '😀'), minLength: 1, maxLength: 3 });
    const batch = fc.uniqueArray(fc.record({ key, value: fc.option(fc.string()) }, { noNullPrototype: true }), {
      selector: (record) => record.key,
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(batch, key, async (records, prefix) => {
        await store.append([], records);
        for (const record of records) {
          if (record.value === null) model.delete(record.key);
          else model.set(record.key, record.value);
        }
        const expected = [...model].filter(([one]) => one.startsWith(prefix));
        const sorted = expected.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        assert.deepEqual([...(await store.records(prefix))], sorted);
      }),
      { endOnFailure: true },
    );
  });

  promise('rooms and the last number follow every append', async (store) => {
    await store.append([segmentOf(store, 'a', 2), segmentOf(store, 'b', 3, { from: 4 })]);
    await say(store, 'a', 1);
    assert.equal(store.lastSeq, 7);
    assert.deepEqual([...store.rooms.keys()].sort(), ['a', 'b']);
    const [a, b] = [store.rooms.get('a'), store.rooms.get('b')];
    assert.deepEqual([a?.lastSeq, a?.count, a?.lostThrough], [7, 3, 0]);
    assert.deepEqual([b?.lastSeq, b?.count, b?.lostThrough], [6, 3, 0]);
  });

  promise('a room may have several segments in one batch', async (store) => {
    const first = segmentOf(store, 'a', 2);
    await store.append([first, { ...segmentOf(store, 'a', 1, { from: 4 }), ordinal: 2 }]);
    assert.deepEqual(seqsOf(await store.after('a', 0, 1_000)), [2, 3, 4]);
    assert.equal(store.rooms.get('a')?.count, 3);
  });

  promise('a batch that cannot be is refused whole', async (store) => {
    await say(store, 'a', 2);
    const good = segmentOf(store, 'b', 1);
    const bad = [
      segmentOf(store, 'a', 1, { from: 3 }),
      segmentOf(store, 'a', 0),
      { ...segmentOf(store, 'a', 1), ordinal: 1 },
      { ...segmentOf(store, 'a', 2), senders: ['x'] },
      { ...segmentOf(store, 'a', 2), ends: [4, 5] },
      { ...segmentOf(store, 'a', 2), seqs: [9, 9] },
    ];
    for (const segment of bad) await assert.rejects(store.append([good, segment]), RangeError);
    assert.equal(store.rooms.has('b'), false);
    assert.deepEqual(await store.after('b', 0, 1_000), []);
    await store.append([good]);
  });

  promise('a room whose name begins like another one keeps its own history', async (store) => {
    for (const room of ['a', 'aa', 'a\u0000', '', 'aa']) await say(store, room, 2);
    assert.deepEqual(seqsOf(await store.after('a', 0, 1_000)), [2, 3]);
    assert.deepEqual(seqsOf(await store.after('aa', 0, 1_000)), [4, 5, 10, 11]);
    assert.deepEqual(seqsOf(await store.before('aa', 100, 3)), [4, 5, 10, 11]);
    assert.deepEqual(seqsOf(await store.before('a\u0000', 100, 3)), [6, 7]);
    assert.deepEqual(seqsOf(await store.after('', 0, 3)), [8, 9]);
  });

  promise('after: from the segment that holds the next message, by bytes, at least one', async (store) => {
    for (let segment = 0; segment < 10; segment += 1) await say(store, 'a', 3, { size: 100 });
    assert.deepEqual(seqsOf(await store.after('a', 5, 1)), [5, 6, 7]);
    assert.deepEqual(seqsOf(await store.after('a', 4, 1)), [5, 6, 7]);
    assert.deepEqual(seqsOf(await store.after('a', 4, 304)), [5, 6, 7, 8, 9, 10]);
    assert.equal(seqsOf(await store.after('a', 0, Infinity)).length, 30);
    assert.deepEqual(await store.after('a', 31, 1_000), []);
    assert.deepEqual(await store.after('a', 1_000, 1_000), []);
  });

  promise('before: ascending, enough to cover what was asked for, the segment that holds it included', async (store) => {
    for (let segment = 0; segment < 10; segment += 1) await say(store, 'a', 3);
    assert.deepEqual(seqsOf(await store.before('a', 8, 3)), [5, 6, 7]);
    assert.deepEqual(seqsOf(await store.before('a', 9, 3)), [5, 6, 7, 8, 9, 10]);
    assert.deepEqual(seqsOf(await store.before('a', 9, 1)), [8, 9, 10]);
    assert.deepEqual(seqsOf(await store.before('a', 1_000, 4)), [26, 27, 28, 29, 30, 31]);
    assert.deepEqual(seqsOf(await store.before('a', 32, 3)), [29, 30, 31]);
    assert.equal(seqsOf(await store.before('a', 32, 1_000)).length, 30);
    assert.deepEqual(await store.before('a', 2, 10), []);
    assert.deepEqual(await store.before('a', 0, 10), []);
  });

  promise('message IDs are remembered with their sender, number and time', async (store) => {
    await say(store, 'a', 2, { ids: true, at: 1_000 });
    await say(store, 'b', 1, { ids: true, at: 2_000 });
    await say(store, 'a', 1, { at: 2_500 });
    await say(store, 'a', 1, { ids: true, at: 3_000 });
    assert.deepEqual(await store.recentIds(2_000), [
      { sender: 'Sender-1 ü', messageId: 'id-4', seq: 4, at: 2_000 },
      { sender: '', messageId: 'id-6', seq: 6, at: 3_000 },
    ]);
    assert.deepEqual(
      (await store.recentIds(0)).map(({ seq }) => seq),
      [2, 3, 4, 6],
    );
  });

  promise('no more than 100,000 message IDs are returned, the newest', async (store) => {
    for (let batch = 0; batch < 30; batch += 1) await say(store, `room ${batch % 3}`, 4_000, { ids: true });
    const ids = await store.recentIds(0);
    assert.equal(ids.length, 100_000);
    assert.deepEqual([ids[0]?.seq, ids.at(-1)?.seq], [20_002, 120_001]);
  });

  promise('by count: the newest stay, and what was stored with the oldest of them', async (store) => {
    for (let segment = 0; segment < 10; segment += 1) await say(store, 'a', 3);
    await say(store, 'b', 3);
    await store.trim({ maxCount: 7 }, 0);
    assert.deepEqual(seqsOf(await store.after('a', 0, Infinity)), [23, 24, 25, 26, 27, 28, 29, 30, 31]);
    assert.equal(store.rooms.get('a')?.lostThrough, 22);
    assert.equal(store.rooms.get('a')?.count, 30);
    assert.equal(store.rooms.get('b')?.lostThrough, 0);
    assert.deepEqual(seqsOf(await store.before('a', 25, 100)), [23, 24, 25]);
    await say(store, 'a', 1);
    assert.equal(seqsOf(await store.before('a', 100, 100)).length, 10);
  });

  promise('by bytes: at most so many, but always the newest segment', async (store) => {
    for (let segment = 0; segment < 10; segment += 1) await say(store, 'a', 2, { size: 100 });
    await store.trim({ maxBytes: 650 }, 0);
    assert.equal(seqsOf(await store.after('a', 0, Infinity)).length, 6);
    await store.trim({ maxBytes: 1 }, 0);
    assert.deepEqual(seqsOf(await store.after('a', 0, Infinity)), [20, 21]);
  });

  promise('by age: what is older goes, and the room still knows its numbers', async (store) => {
    await say(store, 'a', 2, { at: 1_000 });
    await say(store, 'a', 2, { at: 2_000 });
    await store.trim({ maxAgeMs: 500 }, 2_200);
    assert.deepEqual(seqsOf(await store.after('a', 0, Infinity)), [4, 5]);
    await store.trim({ maxAgeMs: 500 }, 9_000);
    assert.deepEqual(await store.after('a', 0, Infinity), []);
    assert.deepEqual(await store.before('a', 100, 5), []);
    assert.equal(store.rooms.get('a')?.lostThrough, 5);
    await say(store, 'a', 1, { at: 9_000 });
    assert.deepEqual(seqsOf(await store.after('a', 5, Infinity)), [6]);
    assert.equal(store.rooms.get('a')?.count, 5);
  });

  promise('facts are kept with the messages of their batch, replaced and removed; they take one number', async (store) => {
    await store.append(
      [segmentOf(store, 'a', 2)],
      [
        { key: 'x/1', value: 'eins' },
        { key: 'x/2', value: '' },
        { key: 'y', value: 'ü' },
      ],
    );
    assert.equal(store.lastSeq, 4);
    assert.deepEqual(
      [...(await store.records('x/'))],
      [
        ['x/1', 'eins'],
        ['x/2', ''],
      ],
    );
    await store.append(
      [],
      [
        { key: 'x/1', value: null },
        { key: 'y', value: 'anders' },
        { key: 'z', value: null },
      ],
    );
    assert.equal(store.lastSeq, 5);
    assert.deepEqual(
      [...(await store.records(''))],
      [
        ['x/2', ''],
        ['y', 'anders'],
      ],
    );
    await say(store, 'a', 1);
    assert.deepEqual(seqsOf(await store.after('a', 0, Infinity)), [2, 3, 6]);
  });

  promise('facts that cannot be are refused with their whole batch', async (store) => {
    const twice = { key: 'k', value: '1' };
    for (const records of [[twice, twice], [{ key: '', value: '' }], [{ key: 'x'.repeat(513), value: '' }]]) {
      await assert.rejects(store.append([segmentOf(store, 'a', 1)], records), RangeError);
    }
    assert.equal((await store.records('')).size, 0);
    assert.equal(store.rooms.has('a'), false);
  });

  promise('a room that is dropped is gone, the others are not, and its name may be used anew', async (store) => {
    for (let segment = 0; segment < 100; segment += 1) await say(store, segment % 2 === 0 ? 'a' : 'aa', 3);
    await store.drop('a');
    await store.drop('never there');
    assert.deepEqual([...store.rooms.keys()], ['aa']);
    assert.deepEqual(await store.after('a', 0, Infinity), []);
    assert.equal(seqsOf(await store.after('aa', 0, Infinity)).length, 150);
    await say(store, 'a', 2);
    assert.deepEqual(seqsOf(await store.after('a', 0, Infinity)), [302, 303]);
    assert.equal(store.rooms.get('a')?.count, 2);
  });

  promise('trimming and appending at once leaves no gap for a reader', async (store) => {
    for (let segment = 0; segment < 300; segment += 1) await say(store, 'a', 2, { size: 1_000 });
    const trimmed = store.trim({ maxCount: 20 }, 0);
    for (let round = 0; round < 40; round += 1) {
      const said = say(store, 'a', 2);
      const seqs = seqsOf(await store.after('a', 0, Infinity));
      const [first = 0] = seqs;
      assert.deepEqual(
        seqs,
        seqs.map((_, index) => first + index),
      );
      assert.ok((store.rooms.get('a')?.lostThrough ?? 0) >= first - 1 || first === 2);
      await said;
    }
    await trimmed;
    assert.ok((store.rooms.get('a')?.lostThrough ?? 0) >= 500);
  });

  promise('any history reads the same as a plain list, forwards and backwards', async (store) => {
    const said = new Map<string, number[]>();
    const step = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 6 }), fc.nat(3));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.nat(80), fc.integer({ min: 1, max: 30 }), async (steps, back, many) => {
        for (const [room, count, skip] of steps) {
          const { seqs } = await say(store, room, count, { from: store.lastSeq + 1 + skip });
          said.set(room, [...(said.get(room) ?? []), ...seqs]);
        }
        const seq = Math.max(0, store.lastSeq - back);
        for (const [room, seqs] of said) {
          const after = seqsOf(await store.after(room, seq, Infinity)).filter((one) => one > seq);
          assert.deepEqual(
            after,
            seqs.filter((one) => one > seq),
          );
          const before = seqsOf(await store.before(room, seq, many)).filter((one) => one < seq);
          assert.deepEqual(before.slice(-many), seqs.filter((one) => one < seq).slice(-many));
        }
      }),
      { numRuns: 40 },
    );
  });

  test(`${kind}: after close every call rejects`, async (context) => {
    const store = await make(context);
    await say(store, 'a', 1);
    await store.close();
    await store.close();
    const refused = { name: 'RpcError', reason: 'StorageFailed' };
    await assert.rejects(store.append([segmentOf(store, 'a', 1)]), refused);
    await assert.rejects(store.after('a', 0, 1), refused);
    await assert.rejects(store.before('a', 9, 1), refused);
    await assert.rejects(store.recentIds(0), refused);
    await assert.rejects(store.trim({ maxCount: 1 }, 0), refused);
    await assert.rejects(store.records(''), refused);
    await assert.rejects(store.drop('a'), refused);
  });

  test(`${kind}: appends that are under way are done before it closes`, async (context) => {
    const store = await make(context);
    const said = say(store, 'a', 1);
    await store.close();
    await said;
  });
}

/** A segment as a plain value; stores may add to it. */
function plain({ room, bytes, ends, seqs, senders, ordinal, at, messageIds }: Awaited<ReturnType<Store['after']>>[number]) {
  return { room, bytes: bytes.toString(), ends, seqs, senders, ordinal, at, messageIds };
}
