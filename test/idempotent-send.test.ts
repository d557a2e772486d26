/** A send that is repeated under the same MessageID is said once and answered alike, as long as the ID is remembered. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { RpcError } from '../commons/errors.ts';
import { RecentSends } from '../server/recent-sends.ts';
import { at } from './support/line-client.ts';
import { join, withServer, type Member } from './support/room.ts';

const SEND = 'ChatServer.SendMessage';
const send = ({ id, client, session }: Pick<Member, 'id' | 'client' | 'session'>, Text: string, MessageID: string) =>
  client.call(SEND, { UserID: id, Session: session, Text, MessageID });
const outcomeOf = (answer: unknown) => [at(answer, 'result', 'Seq'), at(answer, 'result', 'Duplicate')];

test('a repeated send has the first one’s number and is said once, over a new connection and a new registration too', () =>
  withServer({}, async (server) => {
    const listener = await join(server, { id: 'listener' });
    const member = await join(server, { id: 'member' });
    const [seq, duplicate] = outcomeOf(await send(member, 'hello', 'id-1'));
    assert.deepEqual([typeof seq, duplicate], ['number', undefined]);
    assert.deepEqual(outcomeOf(await send(member, 'hello', 'id-1')), [seq, true]);
    const elsewhere = { ...member, client: await server.connect() };
    assert.deepEqual(outcomeOf(await send(elsewhere, 'hello', 'id-1')), [seq, true]);
    await member.client.call('ChatServer.Unregister', { ID: 'member' });
    const again = await join(server, { id: 'member' });
    assert.deepEqual(outcomeOf(await send(again, 'hello', 'id-1')), [seq, true]);
    await send(again, 'other', 'id-2');
    await listener.hear(({ Text }) => Text === 'other');
    assert.deepEqual(
      listener.heard.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text),
      ['hello', 'other'],
    );
  }));

test('a repetition in the same breath as the first is said once', () =>
  withServer({}, async (server) => {
    const listener = await join(server, { id: 'listener' });
    const { client } = await join(server, { id: 'member' });
    const frame = (id: number) =>
      JSON.stringify({ jsonrpc: '2.0', id, method: SEND, params: { UserID: 'member', Text: 'once', MessageID: 'm' } });
    client.write(`${[1, 2, 3].map(frame).join('\n')}\n`);
    const [first, ...others] = [await client.next(), await client.next(), await client.next()];
    assert.deepEqual(outcomeOf(first)[1], undefined);
    for (const other of others) assert.deepEqual(outcomeOf(other), [outcomeOf(first)[0], true]);
    await listener.hear(({ Text }) => Text === 'once');
    await client.call(SEND, { UserID: 'member', Text: 'end' });
    await listener.hear(({ Text }) => Text === 'end');
    assert.equal(listener.heard.filter(({ Text }) => Text === 'once').length, 1);
  }));

test('the IDs of one sender say nothing about those of another', () =>
  withServer({}, async (server) => {
    const [one, other] = [await join(server, { id: 'one' }), await join(server, { id: 'other' })];
    const [first] = outcomeOf(await send(one, 'hello', 'same'));
    const [second, duplicate] = outcomeOf(await send(other, 'hello', 'same'));
    assert.notEqual(first, second);
    assert.equal(duplicate, undefined);
  }));

test('a send that was refused may be tried again under its ID', () =>
  withServer({ limits: { textBytes: 10 } }, async (server) => {
    const member = await join(server, { id: 'member' });
    assert.equal(at(await send(member, 'much too long', 'm'), 'error', 'data', 'Reason'), 'TooLarge');
    assert.deepEqual(outcomeOf(await send(member, 'shorter', 'm'))[1], undefined);
  }));

test('a first that is refused after waiting refuses its repetitions, and is forgotten', async () => {
  const recent = new RecentSends({ messageIdMs: 60_000, messageIds: 10 });
  const pending = deferred();
  recent.remember('a', 'm', pending.promise);
  const repeated = recent.find('a', 'm');
  assert.equal(repeated, pending.promise);
  pending.reject(new RpcError('Busy'));
  await assert.rejects(repeated ?? Promise.resolve(0), { reason: 'Busy' });
  assert.equal(recent.find('a', 'm'), undefined);
});

test('what is remembered is bounded in number and in time, the oldest goes first', () => {
  let now = 0;
  const recent = new RecentSends({ messageIdMs: 120_000, messageIds: 3 }, () => now);
  for (const id of ['1', '2', '3', '4']) recent.remember('a', id, Promise.resolve(Number(id)));
  assert.deepEqual(
    ['1', '2', '3', '4'].map((id) => recent.find('a', id) !== undefined),
    [false, true, true, true],
  );
  now += 119_999;
  recent.remember('a', '5', Promise.resolve(5));
  assert.ok(recent.find('a', '4') !== undefined);
  now += 2;
  recent.remember('a', '6', Promise.resolve(6));
  assert.deepEqual(
    ['4', '5', '6'].map((id) => recent.find('a', id) !== undefined),
    [false, true, true],
  );
});

function deferred() {
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<number>((_resolve, no) => (reject = no));
  return { promise, reject: (error: Error) => reject(error) };
}
