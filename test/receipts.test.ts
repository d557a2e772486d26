/** Receipts: who has answered a message, within a time; they cost the others nothing and are bounded. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { PEERS } from './support/fault-peers.ts';
import { at, type LineClient } from './support/line-client.ts';
import { join, listenOn, withServer, type Member, type RunningServer } from './support/room.ts';

const SEND = 'ChatServer.SendMessage';
const waitFor = ({ id, client, session }: Member, text: string, TimeoutMs?: number) =>
  client.call(SEND, { UserID: id, Session: session, Text: text, Wait: 'delivered', ...(TimeoutMs === undefined ? {} : { TimeoutMs }) });
const receiptOf = (answer: unknown): unknown => at(answer, 'result', 'Receipt');

/** A member who is read to and answers nothing until told to. */
async function joinMute(server: RunningServer, id: string): Promise<{ client: LineClient; session: string }> {
  const client = await server.connect();
  const answer = await client.call('ChatServer.Register', { ID: id, Name: `Mute ${id}`, Callback: 'inline' });
  return { client, session: String(at(answer, 'result', 'Session')) };
}

test('a receipt counts the members who answered; who pulls does not count, nor does the sender', () =>
  withServer({}, async (server) => {
    const sender = await join(server, { id: 'sender' });
    for (const id of ['a1', 'a2', 'a3']) await join(server, { id });
    await join(server, { id: 'puller', callback: 'none' });
    assert.deepEqual(receiptOf(await waitFor(sender, 'hello')), { Delivered: 3, Pending: [], Failed: 0 });
  }));

test('a repetition gets a receipt too', () =>
  withServer({}, async (server) => {
    const sender = await join(server, { id: 'sender' });
    await join(server, { id: 'reader' });
    const params = { UserID: 'sender', Session: sender.session, Text: 'once', MessageID: 'm', Wait: 'delivered' };
    const [first, again] = [await sender.client.call(SEND, params), await sender.client.call(SEND, params)];
    assert.deepEqual([receiptOf(first), receiptOf(again)], Array(2).fill({ Delivered: 1, Pending: [], Failed: 0 }));
    assert.deepEqual([at(again, 'result', 'Duplicate'), at(again, 'result', 'Seq')], [true, at(first, 'result', 'Seq')]);
  }));

test('alone in a room it is given at once', () =>
  withServer({}, async (server) => {
    const sender = await join(server, { id: 'sender' });
    const answer = await waitFor(sender, 'anybody?', 30_000);
    assert.deepEqual(receiptOf(answer), { Delivered: 0, Pending: [], Failed: 0 });
    assert.ok(Number(at(answer, 'result', 'Seq')) > 0);
  }));

test('when its time is over it names who has not answered, at most 20', () =>
  withServer({}, async (server) => {
    const sender = await join(server, { id: 'sender' });
    await join(server, { id: 'quick' });
    for (let index = 0; index < 25; index += 1) await joinMute(server, `m${index}`);
    const began = performance.now();
    const receipt = receiptOf(await waitFor(sender, 'hello', 100));
    const took = performance.now() - began;
    assert.ok(took >= 98 && took < 1000, `${took} ms`);
    assert.deepEqual([at(receipt, 'Delivered'), at(receipt, 'Failed')], [1, 0]);
    const pending = at(receipt, 'Pending');
    assert.ok(Array.isArray(pending));
    assert.equal(pending.length, 20);
    assert.ok(
      pending.every((name) => /^Mute m\d+$/.test(String(name))),
      String(pending),
    );
  }));

test('who is dropped or leaves before it answered counts as failed, at once', () =>
  withServer({ limits: { callMs: 200, retryCallMs: 100, retryDelaysMs: [20, 20, 20] } }, async (server) => {
    const sender = await join(server, { id: 'sender' });
    const bad = await PEERS.wrongId();
    const registrar = await server.connect();
    await registrar.call('ChatServer.Register', { ID: 'bad', Name: 'bad', Callback: bad.callback });
    const mute = await joinMute(server, 'leaver');
    const receipt = waitFor(sender, 'hello', 30_000);
    await mute.client.nextCall();
    await mute.client.call('ChatServer.Unregister', { ID: 'leaver' });
    assert.deepEqual(receiptOf(await receipt), { Delivered: 0, Pending: [], Failed: 2 });
    await bad.close();
  }));

test('a receipt that takes long does not hold up the sender’s other calls', () =>
  withServer({}, async (server) => {
    const sender = await join(server, { id: 'sender' });
    const mute = await joinMute(server, 'mute');
    sender.client.writeFrame({ jsonrpc: '2.0', id: 'slow', method: SEND, params: { UserID: 'sender', Text: 'one', Wait: 'delivered' } });
    assert.equal(at(await sender.say('two'), 'result', 'Success'), true);
    listenOn(mute.client);
    const late = await sender.client.next();
    assert.deepEqual([at(late, 'id'), at(receiptOf(late), 'Delivered')], ['slow', 1]);
  }));

test('a client that is taken over and answers then has had the message', () =>
  withServer({}, async (server) => {
    const sender = await join(server, { id: 'sender' });
    const mute = await joinMute(server, 'mute');
    const receipt = waitFor(sender, 'hello', 10_000);
    await mute.client.nextCall();
    const heir = await server.connect();
    const ears = listenOn(heir);
    const params = { ID: 'mute', Name: 'Mute mute', Callback: 'inline', Session: mute.session };
    assert.equal(at(await heir.call('ChatServer.Register', params), 'result', 'Success'), true);
    await ears.hear(({ Text }) => Text === 'hello');
    assert.deepEqual(receiptOf(await receipt), { Delivered: 1, Pending: [], Failed: 0 });
  }));

test('one member may wait for 256 receipts at a time; each that is given makes room for another', () =>
  withServer({}, async (server) => {
    const sender = await join(server, { id: 'sender' });
    const mute = await joinMute(server, 'mute');
    const frame = (id: number) =>
      `${JSON.stringify({ jsonrpc: '2.0', id, method: SEND, params: { UserID: 'sender', Text: `${id}`, Wait: 'delivered', TimeoutMs: 30_000 } })}\n`;
    sender.client.write(Array.from({ length: 257 }, (_, id) => frame(id)).join(''));
    const refused = await sender.client.next();
    assert.deepEqual([at(refused, 'id'), at(refused, 'error', 'data', 'Reason')], [256, 'Busy']);
    listenOn(mute.client);
    for (let index = 0; index < 256; index += 1) assert.equal(at(receiptOf(await sender.client.next()), 'Delivered'), 1);
    assert.equal(at(receiptOf(await waitFor(sender, 'one more')), 'Delivered'), 1);
  }));
