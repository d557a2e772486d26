/** The checker finds each fault that is planted in a clean run, names it, and finds nothing in what is legal. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  check,
  FAULT_KINDS,
  FAULTS_KEPT,
  together,
  type Delivery,
  type FaultKind,
  type ReceiverRecord,
  type SenderRecord,
} from './support/checker.ts';

/** Two senders taking turns, five messages each, `Seq` 1 to 10; both also receive, and so does `ear`. */
function cleanRun(): { senders: SenderRecord[]; receivers: ReceiverRecord[] } {
  const all = Array.from({ length: 10 }, (_, i) => ({
    sender: i % 2 === 0 ? 'ann' : 'ben',
    text: `${i % 2 === 0 ? 'ann' : 'ben'}-${i >> 1}`,
    seq: i + 1,
  }));
  const senders = ['ann', 'ben'].map((id) => ({ id, sends: all.filter((m) => m.sender === id).map(({ text, seq }) => ({ text, seq })) }));
  const receivers = ['ann', 'ben', 'ear'].map((id) => ({
    id,
    since: 0,
    owed: true,
    deliveries: all.filter((m) => m.sender !== id).map(({ text, seq }) => ({ text, seq })),
  }));
  return { senders, receivers };
}

const EAR: ReceiverRecord = { id: 'ear', since: 0, owed: true, deliveries: [] };

/** The clean run with what `ear` was given changed. */
function tampered(change: (deliveries: Delivery[]) => Delivery[], more: Partial<ReceiverRecord> = {}) {
  const { senders, receivers } = cleanRun();
  return check(
    senders,
    receivers.map((r) => (r.id === 'ear' ? { ...r, deliveries: change([...r.deliveries]), ...more } : r)),
  );
}

/** The clean run with what `ann` knows of her sends changed. */
function withSends(change: (sends: SenderRecord['sends']) => SenderRecord['sends']) {
  const { senders, receivers } = cleanRun();
  return check(
    senders.map((s) => (s.id === 'ann' ? { ...s, sends: change(s.sends) } : s)),
    receivers,
  );
}

function only(counts: Readonly<Record<FaultKind, number>>, kind: FaultKind, times = 1): void {
  for (const other of FAULT_KINDS) assert.equal(counts[other], other === kind ? times : 0, `${other}: ${JSON.stringify(counts)}`);
}

test('a clean run is proven, and what was proven is counted', () => {
  const { senders, receivers } = cleanRun();
  const verdict = check(senders, receivers);
  assert.deepEqual(verdict, {
    proven: true,
    counts: { lost: 0, duplicated: 0, reordered: 0, phantom: 0 },
    faults: [],
    acknowledged: 10,
    unanswered: 0,
    shown: 20,
    redelivered: 0,
  });
});

test('an acknowledged message that one receiver never shows is lost', () => {
  const verdict = tampered((given) => given.filter(({ seq }) => seq !== 4));
  only(verdict.counts, 'lost');
  assert.equal(verdict.proven, false);
  assert.deepEqual(verdict.faults[0], {
    kind: 'lost',
    receiver: 'ear',
    text: 'ben-1',
    sentence: 'lost: "ben-1" was acknowledged as 4 and never shown to ear',
  });
});

test('losing everything is not a clean run', () => {
  only(tampered(() => []).counts, 'lost', 10);
});

test('nothing is owed to one that was not there: before it joined, after it left, or when it was dropped', () => {
  const late = tampered((given) => given.filter(({ seq }) => seq > 3), { since: 3 });
  const early = tampered((given) => given.filter(({ seq }) => seq <= 7), { until: 7 });
  const dropped = tampered((given) => given.slice(0, 2), { owed: false });
  for (const verdict of [late, early, dropped]) assert.equal(verdict.proven, true, JSON.stringify(verdict.faults));
  only(tampered((given) => given.filter(({ seq }) => seq > 3), { since: 2 }).counts, 'lost');
  only(tampered((given) => given.filter(({ seq }) => seq <= 7), { until: 8 }).counts, 'lost');
});

test('one text under two Seq is duplicated', () => {
  const verdict = tampered((given) => [...given, { seq: 11, text: 'ann-4' }]);
  only(verdict.counts, 'duplicated');
  assert.match(verdict.faults[0]?.sentence ?? '', /"ann-4" was shown to ear again as 11/);
});

test('the same Seq again is a redelivery, which is legal and counted', () => {
  const verdict = tampered((given) => [...given.slice(0, 6), ...given.slice(4)]);
  assert.equal(verdict.proven, true);
  assert.equal(verdict.redelivered, 2);
});

test('two deliveries swapped are reordered', () => {
  const verdict = tampered(([a, b, c, ...rest]) => [a, c, b, ...rest].filter((d) => d !== undefined));
  only(verdict.counts, 'reordered');
  assert.match(verdict.faults[0]?.sentence ?? '', /"ben-0" \(2\) was shown to ear after 3/);
});

test('two texts swapped under increasing Seq are reordered', () => {
  const swap = new Map([
    ['ann-1', 'ben-1'],
    ['ben-1', 'ann-1'],
  ]);
  const verdict = tampered((given) => given.map(({ seq, text = '' }) => ({ seq, text: swap.get(text) ?? text })));
  only(verdict.counts, 'reordered', 2);
});

test('two receivers that disagree on a message whose send was never answered are reordered', () => {
  const senders = [{ id: 'ann', sends: [{ text: 'ann-0' }, { text: 'ann-1' }] }];
  const receiver = (id: string, first: number, second: number): ReceiverRecord => ({
    id,
    since: 0,
    owed: true,
    deliveries: [
      { seq: first, text: 'ann-0' },
      { seq: second, text: 'ann-1' },
    ],
  });
  assert.equal(check(senders, [receiver('x', 1, 2), receiver('y', 1, 2)]).proven, true);
  const { counts } = check(senders, [receiver('x', 1, 2), receiver('y', 2, 3)]);
  assert.ok(counts.reordered > 0, JSON.stringify(counts));
});

test('a message shown under another Seq than was acknowledged is reordered', () => {
  const verdict = tampered((given) => given.map((d) => (d.seq === 10 ? { ...d, seq: 11 } : d)));
  only(verdict.counts, 'reordered');
  assert.match(verdict.faults[0]?.sentence ?? '', /"ben-4" was shown to ear as 11, and acknowledged as 10/);
});

test('another text under a Seq that was delivered before is no redelivery but reordered', () => {
  only(tampered((given) => [...given, { seq: 10, text: 'ben-3' }]).counts, 'reordered');
});

test('a sender’s own order broken by the server is reordered, though every Seq increases', () => {
  const sends = [
    { text: 'ann-0', seq: 2 },
    { text: 'ann-1', seq: 1 },
  ];
  const deliveries = [
    { seq: 1, text: 'ann-1' },
    { seq: 2, text: 'ann-0' },
  ];
  only(check([{ id: 'ann', sends }], [{ id: 'ear', since: 0, owed: true, deliveries }]).counts, 'reordered');
});

test('two acknowledgements with one Seq are reordered', () => {
  assert.ok(withSends((sends) => sends.map((send) => ({ ...send, seq: send.seq === 3 ? 1 : (send.seq ?? 0) }))).counts.reordered > 0);
});

test('lines of the room take part in the order', () => {
  assert.equal(tampered((given) => [{ seq: 0 }, ...given, { seq: 11 }]).proven, true);
  only(tampered((given) => [...given, { seq: 12 }, { seq: 11 }]).counts, 'reordered');
});

test('what nobody sent is a phantom', () => {
  const verdict = tampered((given) => [...given, { seq: 11, text: 'eve-0' }]);
  only(verdict.counts, 'phantom');
  assert.match(verdict.faults[0]?.sentence ?? '', /"eve-0" was shown to ear and never sent/);
});

test('an altered text is a phantom, and the one that was sent is lost', () => {
  const { counts } = tampered((given) => given.map((d) => (d.seq === 5 ? { ...d, text: 'ann-2!' } : d)));
  assert.deepEqual(counts, { lost: 1, duplicated: 0, reordered: 0, phantom: 1 });
});

test('an own message shown to its sender is a phantom', () => {
  const { senders, receivers } = cleanRun();
  const echoing = receivers.map((r) => (r.id === 'ann' ? { ...r, deliveries: [...r.deliveries, { seq: 11, text: 'ann-4' }] } : r));
  only(check(senders, echoing).counts, 'phantom');
});

test('what is shown to somebody who is not in the room is a phantom, and nothing is owed there', () => {
  const { senders, receivers } = cleanRun();
  const outsider = { id: 'out', since: 0, owed: false, outsider: true, deliveries: [] };
  assert.equal(check(senders, [...receivers, outsider]).proven, true);
  const verdict = check(senders, [...receivers, { ...outsider, deliveries: [{ seq: 3, text: 'ann-1' }] }]);
  only(verdict.counts, 'phantom');
  assert.match(verdict.faults[0]?.sentence ?? '', /"ann-1" was shown to out, who is not there/);
});

test('what was found in many rooms is added up, and one fault disproves all', () => {
  const { senders, receivers } = cleanRun();
  const [good, bad] = [check(senders, receivers), check(senders, [{ ...EAR, deliveries: [] }])];
  const both = together([good, bad, good]);
  assert.deepEqual([both.proven, both.counts.lost, both.acknowledged, both.shown], [false, 10, 30, good.shown * 2]);
  assert.equal(together([good, good]).proven, true);
  assert.equal(together([bad, bad, bad]).faults.length, FAULTS_KEPT);
});

test('a refused send that is shown is a phantom', () => {
  const { counts } = withSends((sends) => sends.map((send, i) => (i === 4 ? { text: send.text, refused: true } : send)));
  only(counts, 'phantom', 2); // shown to ben and to ear
});

test('a send that was never answered may appear once or not at all, not twice', () => {
  const { senders, receivers } = cleanRun();
  const unsure = senders.map((s) => (s.id === 'ann' ? { ...s, sends: s.sends.map((m, i) => (i === 4 ? { text: m.text } : m)) } : s));
  const [, ben, ear] = receivers;
  assert.ok(ben && ear);
  const without = { ...ear, deliveries: ear.deliveries.filter(({ text }) => text !== 'ann-4') };
  assert.equal(check(unsure, [ben, ear]).proven, true);
  assert.equal(check(unsure, [ben, without]).proven, true);
  assert.equal(check(unsure, [ben, without]).unanswered, 1);
  only(check(unsure, [ben, { ...ear, deliveries: [...ear.deliveries, { seq: 11, text: 'ann-4' }] }]).counts, 'duplicated');
});

test('texts that are not unique are refused: nothing could be proved with them', () => {
  assert.throws(() => check([{ id: 'ann', sends: [{ text: 'hi' }, { text: 'hi' }] }], []), /unique/);
});

test('every fault is counted, the first of each kind are told', () => {
  const sends = Array.from({ length: 100 }, (_, i) => ({ text: `ann-${i}`, seq: i + 1 }));
  const verdict = check([{ id: 'ann', sends }], [{ id: 'ear', since: 0, owed: true, deliveries: [] }]);
  assert.equal(verdict.counts.lost, 100);
  assert.equal(verdict.faults.length, FAULTS_KEPT);
});

test('no change to what a receiver shows, redeliveries apart, goes unnoticed', () => {
  const { receivers } = cleanRun();
  const given = receivers.find(({ id }) => id === 'ear')?.deliveries ?? [];
  fc.assert(
    fc.property(fc.shuffledSubarray([...given]), (changed) => {
      const same = changed.length === given.length && changed.every((delivery, i) => delivery === given[i]);
      assert.equal(tampered(() => changed).proven, same);
    }),
  );
});
