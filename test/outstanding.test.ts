/**
 * Answers that are recognised without parsing them are the ones that parsing would have accepted: no more, no less, however
 * the client writes them and the network cuts them.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AnswerShapes } from '../server/answer-shape.ts';
import { Cursor } from '../server/delivery/cursor.ts';
import { Feed } from '../server/delivery/feed.ts';
import { ShortCut } from '../server/delivery/short-cut.ts';
import { Outstanding } from '../server/delivery/outstanding.ts';
import { at } from './support/line-client.ts';
import { roomOf, segmentOf, type Line } from './support/segments.ts';

const SHAPES: readonly ((id: number) => string)[] = [
  (id) => `{"jsonrpc":"2.0","id":${id},"result":{"Success":true}}`,
  (id) => `{"id":${id},"result":{"Success":true},"error":null}`,
  (id) => `{"result":true,"id":${id}, "jsonrpc" : "2.0" }`,
  (id) => `{"jsonrpc":"2.0","result":{"Success":true,"id":${id}},"id":${id}}`,
  (id) => `{"id":999,"jsonrpc":"2.0","result":{"Seen":${id}},"id":${id}}`,
  (id) => `{"jsonrpc":"2.0","result":"${'x'.repeat(200)}","id":${id}}`,
  (id) => `{"jsonrpc":"2.0","result":"é","id":${id}}`,
  (id) => `{"jsonrpc":"2.0","\\u0069d":${id},"result":1}`,
];

/** Feeds `bytes`, cut at `cuts`, to a short cut with a framing of its own behind it; what was taken, in order. */
function take(outstanding: Outstanding, bytes: Buffer, cuts: readonly number[], shapes: AnswerShapes): { ids: number[]; short: number } {
  const shortCut = new ShortCut(shapes);
  const ids: number[] = [];
  let short = 0;
  let partial = Buffer.alloc(0);
  const line = (whole: Buffer) => {
    const id = Number(at(JSON.parse(whole.toString()), 'id'));
    if (!outstanding.holds(id)) return;
    outstanding.answered(id);
    ids.push(id);
    shortCut.learn(whole, 0, whole.length, id);
  };
  const chunk = (from: number, to: number) => {
    let start = from;
    while (start < to) {
      const before = outstanding.calls;
      if (partial.length === 0) start = shortCut.match(outstanding, bytes, start, to);
      short += before - outstanding.calls;
      const end = bytes.indexOf(10, start);
      if (start >= to) return;
      if (end < 0 || end >= to) return void (partial = Buffer.concat([partial, bytes.subarray(start, to)]));
      line(Buffer.concat([partial, bytes.subarray(start, end)]));
      partial = Buffer.alloc(0);
      start = end + 1;
    }
  };
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  edges.slice(1).forEach((edge, index) => chunk(edges[index] ?? 0, edge));
  return { ids, short };
}

/** Sent runs: of several segments with gaps in their numbers, each sent from some message up to some other. */
const sent = fc
  .array(fc.record({ size: fc.integer({ min: 1, max: 8 }), from: fc.nat(7), length: fc.integer({ min: 1, max: 8 }), gap: fc.nat(3) }), {
    minLength: 1,
    maxLength: 8,
  })
  .map((pieces) => {
    const room = roomOf([]);
    const outstanding = new Outstanding();
    const ids: number[] = [];
    let seq = 2;
    for (const { size, from, length, gap } of pieces) {
      const lines = Array.from({ length: size }, (_, index): Line => ['a', `text ${index}`]);
      const { named } = segmentOf(lines, seq, 0, gap + 1);
      const next = Math.min(from, size - 1);
      const to = Math.min(size, next + length);
      outstanding.add({ cursor: new Cursor(room.log, 0, 1), view: named, next, to });
      ids.push(...named.seqs.slice(next, to));
      seq = (named.seqs.at(-1) ?? seq) + 1;
    }
    return { outstanding, ids };
  });

test('any cutting of any answers is taken exactly as parsing line by line would', () =>
  fc.assert(
    fc.property(
      sent,
      fc.array(fc.nat(SHAPES.length - 1), { minLength: 1, maxLength: 4 }),
      fc.array(fc.record({ kind: fc.nat(5), which: fc.nat() }), { maxLength: 60 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      ({ outstanding, ids }, kinds, slips, cuts) => {
        const order = [...ids];
        for (const { kind, which } of slips.slice(0, 6)) {
          const index = which % order.length;
          if (kind === 0) order.splice(index, 0, order[index] ?? 0); // said twice
          if (kind === 1) order.push(...order.splice(index, 1)); // late
          if (kind === 2) order.splice(index, 0, 1); // of a call that was never sent
        }
        const bytes = Buffer.from(order.map((id, index) => `${SHAPES[kinds[index % kinds.length] ?? 0]?.(id)}\n`).join(''));
        const waiting = new Set(ids);
        const parsed = order.filter((id) => waiting.delete(id));
        const { ids: taken, short } = take(outstanding, bytes, cuts, new AnswerShapes());
        assert.equal(taken.length + short, parsed.length);
        assert.deepEqual(
          taken,
          parsed.filter((id) => taken.includes(id)),
        );
        assert.equal(outstanding.calls, 0);
        assert.equal(outstanding.bytes, 0);
      },
    ),
    { numRuns: 500 },
  ));

/** One step in the life of a client's calls: `some` are sent in runs of one, or answered, the oldest or one further on. */
const steps = fc.array(
  fc.record({ kind: fc.constantFrom('send', 'send', 'answer', 'answer late'), some: fc.integer({ min: 1, max: 90 }) }),
  { maxLength: 30 },
);

test('hundreds of runs are remembered, through any order of sending and answering, as a plain list of their ids would', () =>
  fc.assert(
    fc.property(steps, (done) => {
      const { log } = roomOf([]);
      const cursors = [new Cursor(log, 0, 1), new Cursor(roomOf([]).log, 0, 1)] as const;
      const outstanding = new Outstanding();
      let seq = 2;
      const sent: { seq: number; cursor: Cursor; answered: boolean }[] = [];
      for (const { kind, some } of done) {
        for (let left = some; left > 0; left -= 1) {
          const cursor = cursors[seq % 5 === 0 ? 1 : 0];
          const waiting = sent.filter(({ answered }) => !answered);
          const call = waiting[kind === 'answer late' ? Math.min(some, waiting.length - 1) : 0];
          if (kind === 'send') {
            outstanding.add({ cursor, view: segmentOf([['a', 'x']], seq).named, next: 0, to: 1 });
            sent.push({ seq, cursor, answered: false });
            seq += 1;
          } else if (call !== undefined) {
            assert.equal(outstanding.holds(call.seq), true);
            assert.equal(outstanding.answered(call.seq), call === sent[0]);
            assert.equal(outstanding.holds(call.seq), false);
            call.answered = true;
            // What is answered early counts when those before it are.
            while (sent[0]?.answered === true) sent.shift();
          }
        }
        assert.equal(outstanding.calls, sent.filter(({ answered }) => !answered).length);
        assert.equal(
          sent.every((each) => outstanding.holds(each.seq) !== each.answered),
          true,
        );
        for (const cursor of cursors) {
          const oldest = sent.find((each) => each.cursor === cursor)?.seq;
          assert.equal(outstanding.oldestOf(cursor.log), oldest);
          assert.equal(outstanding.isFrom(cursor), oldest !== undefined);
        }
      }
      const oldest = cursors.map((cursor) => sent.find((each) => each.cursor === cursor)?.seq ?? cursor.passed + 1);
      outstanding.rewind();
      assert.deepEqual(
        cursors.map(({ passed }) => passed + 1),
        oldest,
      );
      assert.equal(outstanding.calls + outstanding.bytes, 0);
    }),
    { numRuns: 200 },
  ));

test('a client that keeps its shape is parsed once and then compared', () => {
  const room = roomOf([]);
  for (const [kind, shape] of SHAPES.slice(0, 3).entries()) {
    const outstanding = new Outstanding();
    const { named } = segmentOf(
      Array.from({ length: 50 }, (): Line => ['a', 'x']),
      8,
    );
    outstanding.add({ cursor: new Cursor(room.log, 0, 1), view: named, next: 0, to: 50 });
    const bytes = Buffer.from(named.seqs.map((seq) => `${shape(seq)}\n`).join(''));
    assert.deepEqual(take(outstanding, bytes, [40, 700], new AnswerShapes()).short >= 45, true, `shape ${kind}`);
  }
});

test('an answer that could be read in two ways is no shape', () => {
  const shapes = new AnswerShapes();
  const learnt = SHAPES.map((shape) => {
    const line = Buffer.from(shape(7));
    return shapes.learn(line, 0, line.length, 7) !== undefined;
  });
  assert.deepEqual(learnt, [true, true, true, false, false, false, false, false]);
});

test('an answer that names another call is not taken for the next one', () => {
  const outstanding = new Outstanding();
  const { named } = segmentOf(
    [
      ['a', 'x'],
      ['a', 'y'],
    ],
    10,
  );
  outstanding.add({ cursor: new Cursor(roomOf([]).log, 0, 1), view: named, next: 0, to: 2 });
  const shapes = new AnswerShapes();
  const [first, other] = [Buffer.from('{"id":10,"result":1}'), Buffer.from('{"id":12,"result":1}\n{"id":1')];
  const shape = shapes.learn(first, 0, first.length, 10);
  assert.ok(shape !== undefined);
  assert.equal(outstanding.match(shape, other, 0, other.length), 0);
  assert.equal(outstanding.holds(12), false);
  assert.equal(outstanding.calls, 2);
});

test('a feed sends everything but the client’s own messages, once, within its window, and begins again at the first unanswered', () =>
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.constantFrom('me', 'you', 'they'), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 100, max: 2000 }),
      fc.array(fc.nat(3), { maxLength: 40 }),
      (batches, windowCalls, windowBytes, moves) => {
        const room = roomOf(batches.map((senders) => senders.map((sender): Line => [sender, 'hello'])));
        const longestCall = 300;
        const owed = batches.flat().flatMap((sender, index) => (sender === 'me' ? [] : [index + 2]));
        const feed = new Feed('me', 'named', { windowCalls, windowBytes }, { wake: () => undefined });
        feed.follow(room.log, 0, 1);
        const answered: number[] = [];
        let sentIds: number[] = [];
        const pump = () => {
          for (let bytes = feed.next(); bytes !== undefined; bytes = feed.next())
            sentIds.push(
              ...bytes
                .toString()
                .trimEnd()
                .split('\n')
                .map((line) => Number(at(JSON.parse(line), 'id'))),
            );
        };
        const answer = () => {
          const id = sentIds.shift();
          if (id === undefined) return;
          assert.equal(feed.outstanding.answered(id), true);
          answered.push(id);
        };
        for (const move of [...moves, ...owed.map(() => 1)]) {
          pump();
          assert.ok(feed.outstanding.calls <= windowCalls);
          assert.ok(feed.outstanding.bytes < windowBytes + longestCall);
          assert.equal(feed.settledThrough(room.log) >= (answered.at(-1) ?? 1), true);
          if (move === 0) {
            feed.rewind();
            sentIds = [];
          } else answer();
        }
        assert.deepEqual(answered, owed);
        pump();
        assert.equal(feed.atEnd, true);
        assert.equal(feed.settledThrough(room.log), room.log.lastSeq);
        assert.equal(feed.waiting, 0);
      },
    ),
  ));
