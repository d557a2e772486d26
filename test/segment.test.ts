/** What is encoded once is, in every form, exactly what a client of that form must be sent. */
import test from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import * as v from 'valibot';
import { Message } from '../commons/protocol.ts';
import { AnswerShapes } from '../server/answer-shape.ts';
import { encodeSegment, formOf, indexAfter, type Form } from '../server/segment.ts';
import { Speaker } from '../server/speaker.ts';
import { segmentOf, SENT_AT } from './support/segments.ts';

const FORMS: readonly Form[] = ['named', 'positional', 'classic'];
const anyText = fc.string({ unit: fc.oneof(fc.constantFrom('"', '\\', '\n', '\t', 'é', '☃', '😀', '\u2028', '{', '}'), fc.string()) });
const drafts = fc.array(fc.record({ id: anyText, name: anyText, text: anyText }), { minLength: 1, maxLength: 12 });

/** What a call of `form` must look like, written by the platform's own JSON. */
function expected(form: Form, message: unknown, id: number): unknown {
  const method = 'ClientCallback.ReceiveMessage';
  if (form === 'classic') return { method, params: [{ Message: message }], id };
  const params = form === 'named' ? { Message: message } : [{ Message: message }];
  return { jsonrpc: '2.0', method, params, id };
}

test('a message reads the same in every form, whatever its sender and text hold', () =>
  fc.assert(
    fc.property(drafts, fc.constantFrom(...FORMS), (said, form) => {
      const seqs = said.map((_, index) => 1000 + index * 7);
      const segment = encodeSegment(
        'lobby',
        said.map(({ id, name, text }) => ({ kind: 'chat', speaker: new Speaker(id, name), text })),
        seqs,
        SENT_AT,
        0,
      );
      const view = segment.view(form);
      said.forEach(({ id, name, text }, index) => {
        const bytes = view.slice(index, index + 1).toString();
        assert.equal(bytes.indexOf('\n'), bytes.length - 1);
        const message = {
          SenderID: id,
          Content: `${name}: ${text}`,
          IsSystem: false,
          Seq: seqs[index],
          Room: 'lobby',
          Name: name,
          Text: text,
          Kind: 'chat',
          SentAt: SENT_AT,
        };
        assert.deepEqual(JSON.parse(bytes), expected(form, message, seqs[index] ?? 0));
        v.assert(Message, message);
      });
      assert.equal(view.slice(0, said.length), view.bytes);
    }),
  ));

test('a line of the room is marked as the room’s own, and its content is its text', () => {
  const speaker = new Speaker('Alice-1', 'Alice');
  const segment = encodeSegment('lobby', [{ kind: 'join', speaker, text: 'User Alice-1 joined the chat' }], [7], SENT_AT, 0);
  const { Content, IsSystem, SenderID, Kind } = v.parse(Message, JSON.parse(segment.body(0).toString()));
  assert.deepEqual([Content, IsSystem, SenderID, Kind], ['User Alice-1 joined the chat', true, 'Alice-1', 'join']);
});

test('each form is encoded once for all members, and the first of them is what was written', () => {
  const segment = segmentOf([['a', 'one']], 2);
  assert.equal(segment.view('named'), segment.named);
  for (const form of FORMS) assert.equal(segment.view(form), segment.view(form));
});

test('the dialect and the params style of Register decide the form', () => {
  assert.deepEqual([formOf('2.0', 'name'), formOf('2.0', 'position')], ['named', 'positional']);
  assert.deepEqual([formOf('1.0', 'name'), formOf('1.0', 'position')], ['classic', 'classic']);
});

test('what a view keeps of answers is bounded, however many kinds of answers there are', () => {
  const shapes = new AnswerShapes();
  const view = segmentOf([['a', 'one']], 2).named;
  const kept = Array.from({ length: 64 }, (_, kind) => {
    const line = Buffer.from(`{"id":2,"result":${kind}}`);
    const shape = shapes.learn(line, 0, line.length, 2);
    return shape !== undefined && view.answers(shape) !== undefined;
  });
  assert.deepEqual([kept.slice(0, 8).includes(false), kept.slice(8).includes(true)], [false, false]);
});

test('indexAfter finds the first number that is greater', () =>
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(50)), fc.nat(60), (numbers, seq) => {
      const seqs = numbers.toSorted((a, b) => a - b);
      const found = seqs.findIndex((each) => each > seq);
      assert.equal(indexAfter(seqs, seq), found < 0 ? seqs.length : found);
    }),
  ));
