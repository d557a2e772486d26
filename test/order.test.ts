/** One order for everybody: none missing, none twice, the own ones left out, whatever a client speaks and however it is called. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { check, type SenderRecord } from './support/checker.ts';
import { PEERS } from './support/fault-peers.ts';
import { at, type LineClient } from './support/line-client.ts';
import { answerTo, Peer, type Message } from './support/peer.ts';
import { join, withServer, type Heard, type RunningServer } from './support/room.ts';

const SENDS = 200;

/** Sends `count` messages in one write; the records of what was acknowledged, from answers that must come in order. */
async function pipeline(client: LineClient, id: string, session: string, count = SENDS): Promise<SenderRecord> {
  const frames = Array.from({ length: count }, (_, index) => {
    const params = { UserID: id, Session: session, Text: `${id}-${index}` };
    return `${JSON.stringify({ jsonrpc: '2.0', id: index, method: 'ChatServer.SendMessage', params })}\n`;
  });
  client.write(frames.join(''));
  const sends = [];
  for (let index = 0; index < count; index += 1) {
    const answer = await client.next();
    assert.equal(at(answer, 'id'), index, 'answers come in the order of the calls');
    sends.push({ text: `${id}-${index}`, seq: Number(at(answer, 'result', 'Seq')) });
  }
  return { id, sends };
}

const delivered = (heard: readonly (Heard | Message)[]) =>
  heard.map(({ Seq, Kind, Text }) => ({ seq: Seq, text: Kind === 'chat' ? Text : undefined }));

/** What `heard` is when all of `senders` but `id` have come through. */
const hasAll = (heard: readonly (Heard | Message)[], senders: readonly string[], id: string): boolean =>
  senders.every((sender) => sender === id || heard.some(({ Text }) => Text === `${sender}-${SENDS - 1}`));

/** Registers a listening callback on a connection of its own, in the dialect and params style given. */
async function registerPeer(server: RunningServer, id: string, peer: Peer, form: 'named' | 'positional' | 'classic'): Promise<number> {
  const client = await server.connect();
  const params = { ID: id, Name: id, Callback: peer.callback };
  const head = form === 'classic' ? {} : { jsonrpc: '2.0' };
  client.writeFrame({ ...head, id: 1, method: 'ChatServer.Register', params: form === 'named' ? params : [params] });
  const answer = await client.next();
  assert.equal(at(answer, 'result', 'Success'), true, JSON.stringify(answer));
  return Number(at(answer, 'result', 'Seq'));
}

test('200 pipelined sends from each of 3 senders arrive everywhere in the same order, none missing, none twice, in every way to be called', () =>
  withServer({}, async (server) => {
    const ways = [
      { form: 'named', peer: await PEERS.healthy() },
      { form: 'positional', peer: await PEERS.healthy('spaced') },
      { form: 'named', peer: await PEERS.healthy('talkative') },
      { form: 'classic', peer: await PEERS.healthy() },
      { form: 'named', peer: await PEERS.bytewise() },
      { form: 'named', peer: await PEERS.closesAfterEachAnswer() },
    ] as const;
    const since: number[] = [];
    for (const [index, { form, peer }] of ways.entries()) since.push(await registerPeer(server, `peer-${index}`, peer, form));
    const senders = await Promise.all(['s1', 's2', 's3'].map((id) => join(server, { id })));
    const ids = senders.map(({ id }) => id);
    const records = await Promise.all(senders.map(({ client, id, session }) => pipeline(client, id, session)));
    for (const { peer } of ways) await peer.heard(({ messages }) => hasAll(messages, ids, ''), 'all messages', 30_000);
    for (const sender of senders) await sender.hear(() => hasAll(sender.heard, ids, sender.id));
    const verdict = check(records, [
      ...ways.map(({ peer }, index) => ({
        id: `peer-${index}`,
        since: since[index] ?? 0,
        owed: true,
        deliveries: delivered(peer.messages),
      })),
      ...senders.map(({ id, heard }) => ({ id, since: 0, owed: true, deliveries: delivered(heard) })),
    ]);
    assert.deepEqual(verdict.faults, []);
    assert.equal(verdict.acknowledged, 3 * SENDS);
    assert.equal(verdict.shown, ways.length * 3 * SENDS + 3 * 2 * SENDS);
    assert.deepEqual(server.warnings, []);
    await Promise.all(ways.map(({ peer }) => peer.close()));
  }));

test('a client of dialect 1.0 has one unanswered call at a time, pings included', () =>
  withServer({ limits: { pingIdleMs: 100 } }, async (server) => {
    let open = 0;
    let most = 0;
    const peer = await Peer.start({
      called: (call, socket) => {
        most = Math.max(most, (open += 1));
        setTimeout(() => {
          open -= 1;
          if (socket.writable) socket.write(`${JSON.stringify({ id: call.id, result: {}, error: null })}\n`);
        }, 20);
      },
    });
    await registerPeer(server, 'go', peer, 'classic');
    const { client, id, session } = await join(server, { id: 'sender' });
    await peer.heard(({ calls }) => calls.some(({ method }) => method === 'ClientCallback.Ping'), 'a ping');
    await pipeline(client, id, session, 20);
    await peer.heard(({ texts }) => texts.length === 20, 'all of them');
    assert.equal(most, 1);
    assert.deepEqual(
      peer.texts,
      Array.from({ length: 20 }, (_, index) => `sender-${index}`),
    );
    await peer.close();
  }));

test('what one client says on two connections keeps the order in which it was answered', () =>
  withServer({}, async (server) => {
    const listener = await join(server, { id: 'listener' });
    const one = await join(server, { id: 'one' });
    const other = await server.connect();
    for (let index = 0; index < 20; index += 1) {
      const client = index % 2 === 0 ? one.client : other;
      await client.call('ChatServer.SendMessage', { UserID: 'one', Session: one.session, Text: `${index}` });
    }
    await listener.hear(({ Text }) => Text === '19');
    const texts = listener.heard.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text);
    assert.deepEqual(
      texts,
      Array.from({ length: 20 }, (_, index) => `${index}`),
    );
  }));

test('while a message is tried again the others wait behind it, so that whoever drops what is older loses nothing', () =>
  withServer({ limits: { retryDelaysMs: [100, 200, 200] } }, async (server) => {
    const answered: string[] = [];
    const failed = (id: unknown) => `${JSON.stringify({ jsonrpc: '2.0', id, error: { code: -1, message: 'not now' } })}\n`;
    const peer = await Peer.start({
      called: (call, socket, { messages }) => {
        const tried = messages.filter(({ Kind }) => Kind === 'chat').length;
        const isChat = call.message?.Kind === 'chat';
        if (isChat && tried <= 3) return void socket.write(failed(call.id));
        if (isChat) answered.push(call.message.Text);
        socket.write(answerTo(call));
      },
    });
    await join(server, { id: 'moody', callback: peer.callback });
    const sender = await join(server, { id: 'sender' });
    await sender.say('one');
    const tries = () => peer.messages.filter(({ Text }) => Text === 'one').length;
    await peer.heard(() => tries() >= 2, 'the second try, before which the first has failed');
    for (const text of ['two', 'three']) await sender.say(text);
    await peer.heard(({ texts }) => texts.length === 3, 'all of them');
    const brought = peer.messages.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text);
    assert.deepEqual(
      [answered, brought],
      [
        ['one', 'two', 'three'],
        ['one', 'one', 'one', 'one', 'two', 'three'],
      ],
    );
    await peer.close();
  }));
