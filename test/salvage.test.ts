/** Reading around damage: everything before it is kept, and the notice stands for exactly what cannot be read, wherever that is. */
import test from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { noticeOfDamage, readUpToDamage, type Damaged } from '../server/salvage.ts';
import type { StoredSegment } from '../server/store/store.ts';

const NOWHERE = { room: 'lobby', senders: [], ordinal: 0, at: 0, messageIds: [] };
/** A segment whose last message is number `seq`. */
const segment = (seq: number): StoredSegment => ({ ...NOWHERE, bytes: Buffer.alloc(100), ends: [100], seqs: [seq] });

interface Disk {
  /** The last numbers of the segments, ascending. */
  readonly seqs: readonly number[];
  /** Which of them cannot be read, from and up to but not including. */
  readonly bad: readonly [from: number, to: number];
  /** What is in memory begins after this one. */
  readonly last: number;
}

/** A disk as the store shows it: no segment is given that does not follow on the one that was asked for. */
function damaged({ seqs, bad: [from, to], last }: Disk): Damaged {
  const next = (seq: number): Promise<readonly StoredSegment[]> => {
    const index = seqs.findIndex((each) => each > seq);
    if (index < 0) return Promise.resolve([]);
    if ((index >= from && index < to) || (index === to && seq < (seqs[index - 1] ?? 0))) return Promise.reject(new Error('damaged'));
    return Promise.resolve([segment(seqs[index] ?? 0)]);
  };
  return { room: 'lobby', next, through: () => seqs[last] ?? 0 };
}

const disks = fc
  .array(fc.integer({ min: 1, max: 5_000 }), { minLength: 2, maxLength: 200 })
  .chain((gaps) => {
    let seq = 1;
    const seqs = gaps.map((gap) => (seq += gap));
    const index = fc.nat({ max: seqs.length - 1 });
    return fc.record({ seqs: fc.constant(seqs), one: index, other: index, last: index }, { noNullPrototype: true });
  })
  .filter(({ one, other, last }) => last >= Math.min(one, other))
  .map(({ seqs, one, other, last }): Disk => ({ seqs, bad: [Math.min(one, other), Math.max(one, other) + 1], last }));

test('what is before the damage is read, and one notice stands for all of it and for nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(disks, async (disk) => {
      const { seqs, bad, last } = disk;
      const before = await readUpToDamage(damaged(disk), 1, Infinity);
      assert.deepEqual(
        before.map((each) => each.seqs[0]),
        seqs.slice(0, bad[0]),
      );
      const notice = await noticeOfDamage(damaged(disk), seqs[bad[0] - 1] ?? 1);
      assert.equal(notice.lastSeq, seqs[Math.min(bad[1] - 1, last)]);
    }),
    { numRuns: 300 },
  );
});

test('of a long stretch before the damage a page is read and not more', async () => {
  const seqs = Array.from({ length: 100 }, (_, index) => index + 2);
  assert.equal((await readUpToDamage(damaged({ seqs, bad: [99, 100], last: 99 }), 1, 1_000)).length, 10);
});
