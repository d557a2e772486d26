/** What a client hears of what was said before: nothing, what it missed, or everything after a Seq; each message once. */
import test, { type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import type { Message } from '../commons/protocol.ts';
import { ChatClient, PlaceUnkept, type ChatClientOptions } from '../client/chat-client.ts';
import { ChatServer } from '../server/chat-server.ts';
import { at } from './support/line-client.ts';
import { said, ScriptedServer, type Script } from './support/scripted-server.ts';
import { until } from './support/traffic.ts';

interface Where {
  readonly host: string;
  readonly port: number;
}

async function startRoom(t: TestContext, port = 0): Promise<ChatServer> {
  const server = await ChatServer.start({ host: '127.0.0.1', port, dataDir: null, messagesPerSecond: 0, logLevel: 'silent' });
  t.after(() => server.stop());
  return server;
}

async function startScripted(t: TestContext, script?: Script): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(script);
  t.after(() => server.die());
  return server;
}

function stateFolder(t: TestContext): string {
  const folder = mkdtempSync(path(tmpdir(), 'partyline-replay-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Joined {
  readonly client: ChatClient;
  readonly shown: Message[];
  texts(): string[];
  /** Until the text is shown; then nothing before it is missing any more. */
  hears(text: string): Promise<void>;
}

async function join(t: TestContext, { host, port }: Where, options: Partial<ChatClientOptions> = {}): Promise<Joined> {
  const client = await ChatClient.connect({ host, port, name: 'Ann', ...options });
  t.after(() => client.disconnect(200));
  const shown: Message[] = [];
  client.on('message', (message) => shown.push(message));
  const texts = () => shown.filter(({ Kind }) => Kind === 'chat' || Kind === 'notice').map(({ Text }) => Text);
  return { client, shown, texts, hears: (text) => until(client, 'message', () => texts().includes(text), text) };
}

/** A room in which Bob said one, two, three. */
async function roomWithPast(t: TestContext): Promise<{ server: ChatServer; where: Where; bob: ChatClient; seqs: number[] }> {
  const server = await startRoom(t);
  const { client: bob } = await join(t, server.address, { name: 'Bob' });
  const seqs: number[] = [];
  for (const text of ['one', 'two', 'three']) seqs.push((await bob.send(text)).Seq);
  return { server, where: server.address, bob, seqs };
}

test('nothing of what was said before is handed out unless it is asked for', async (t) => {
  const { where, bob } = await roomWithPast(t);
  const ann = await join(t, where);
  await bob.send('now');
  await ann.hears('now');
  assert.deepEqual(ann.texts(), ['now']);
  assert.equal(ann.client.resumedFrom, undefined);
});

test('everything after a Seq is handed out, then what is said now; after 0 all that is kept', async (t) => {
  const { where, bob, seqs } = await roomWithPast(t);
  const [since, all] = [
    await join(t, where, { replay: { after: seqs[0] ?? 0 } }),
    await join(t, where, { replay: { after: 0 }, name: 'Abe' }),
  ];
  await bob.send('now');
  await Promise.all([since.hears('now'), all.hears('now')]);
  assert.deepEqual(since.texts(), ['two', 'three', 'now']);
  assert.deepEqual(all.texts(), ['one', 'two', 'three', 'now']);
  assert.deepEqual(since.client.resumedFrom, { after: seqs[0] });
});

test('what a Seq of another epoch leaves out is told by a notice', async (t) => {
  const { where, bob, seqs } = await roomWithPast(t);
  const ann = await join(t, where, { replay: { after: seqs[0] ?? 0, epoch: 'another' } });
  await bob.send('now');
  await ann.hears('now');
  assert.deepEqual(
    ann.shown.filter(({ Kind }) => Kind !== 'join').map(({ Kind }) => Kind),
    ['notice', 'chat'],
  );
});

test('what was missed between two runs is handed out once, under the same ID, without one’s own words', async (t) => {
  const { where, bob } = await roomWithPast(t);
  const options = { stateFolder: stateFolder(t), replay: 'missed' } as const;
  const first = await join(t, where, options);
  await bob.send('seen');
  await first.hears('seen');
  await first.client.send('my own');
  await first.client.disconnect();
  await bob.send('missed');
  const second = await join(t, where, options);
  await bob.send('now');
  await second.hears('now');
  assert.deepEqual(first.texts(), ['seen']);
  assert.deepEqual(second.texts(), ['missed', 'now']);
  assert.equal(second.client.id, first.client.id);
  assert.deepEqual(
    second.shown.filter(({ SenderID }) => SenderID === first.client.id),
    [],
  );
});

test('of two at the same time each hears everything once, and the next run hears what neither did', async (t) => {
  const { where, bob } = await roomWithPast(t);
  const options = { stateFolder: stateFolder(t), replay: 'missed' } as const;
  const [one, two] = [await join(t, where, options), await join(t, where, options)];
  assert.notEqual(one.client.id, two.client.id);
  await bob.send('both');
  await Promise.all([one.hears('both'), two.hears('both')]);
  await one.client.disconnect();
  await bob.send('only the second');
  await two.hears('only the second');
  await two.client.disconnect();
  await bob.send('nobody');
  const next = await join(t, where, options);
  await next.hears('nobody');
  assert.deepEqual(next.texts(), ['nobody']);
  assert.equal(next.client.id, one.client.id);
});

test('a remembered ID that somebody else has by now is given up, the place is not', async (t) => {
  const { where, bob } = await roomWithPast(t);
  const options = { stateFolder: stateFolder(t), replay: 'missed' } as const;
  const first = await join(t, where, options);
  await first.client.disconnect();
  await join(t, where, { id: first.client.id, name: 'Eve' });
  await bob.send('missed');
  const second = await join(t, where, options);
  await second.hears('missed');
  assert.notEqual(second.client.id, first.client.id);
  await assert.rejects(join(t, where, { ...options, id: first.client.id, name: 'Ann' }), { reason: 'AlreadyRegistered' });
});

test('the session is kept as long as the registration lives, and not any longer', async (t) => {
  const server = await startScripted(t);
  const options = { stateFolder: stateFolder(t), callback: 'inline', reconnect: false } as const;
  const first = await join(t, server, options);
  await (await server.asked('Register', 1)).client.close();
  await until(first.client, 'state', () => first.client.state.kind === 'closed', 'the loss');
  const second = await join(t, server, options);
  assert.equal(at((await server.asked('Register', 2)).params, 'Session'), 'session-1');
  await second.client.disconnect();
  await join(t, server, options);
  assert.equal(at((await server.asked('Register', 3)).params, 'Session'), undefined);
  assert.equal(at((await server.asked('Register', 3)).params, 'ID'), first.client.id);
});

test('what was missed cannot be known without a folder', async (t) => {
  const { host, port } = await startScripted(t);
  await assert.rejects(ChatClient.connect({ host, port, name: 'Ann', replay: 'missed' }), /stateFolder/);
});

test('a damaged place is a fault that listeners are told of, and the client joins all the same', async (t) => {
  const server = await startScripted(t);
  const folder = stateFolder(t);
  await (await join(t, server, { stateFolder: folder })).client.disconnect();
  for (const name of readdirSync(folder)) writeFileSync(path(folder, name), '{');
  const { client } = await join(t, server, { stateFolder: folder });
  const faults: unknown[] = [];
  client.on('fault', (fault) => faults.push(fault));
  await until(client, 'fault', () => faults.length > 0, 'the fault');
  assert.ok(faults[0] instanceof PlaceUnkept);
});

test('history is read in pages in both directions, one’s own words included, and moves no cursor', async (t) => {
  const { where, bob, seqs } = await roomWithPast(t);
  const ann = await join(t, where);
  const [first = 0, second = 0] = seqs;
  const texts = (page: { Messages: Message[] }) => page.Messages.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text);
  const { cursor } = ann.client;
  assert.deepEqual(texts(await ann.client.history()), ['one', 'two', 'three']);
  assert.deepEqual(texts(await bob.history({ after: first, limit: 1 })), ['two']);
  assert.deepEqual(texts(await ann.client.history({ before: second, room: 'lobby' })), ['one']);
  assert.equal((await ann.client.history()).Epoch, cursor.epoch);
  assert.deepEqual(ann.client.cursor, cursor);
  await assert.rejects(ann.client.history({ limit: 201 }), { reason: 'InvalidParams' });
});

test('a receipt that is waited for holds up no other line, and its question says nothing again', async (t) => {
  const server = await startScripted(t, ({ params }) => at(params, 'Wait') !== undefined);
  const { client } = await join(t, server, { callback: 'inline' });
  const accepted: number[] = [];
  const waiting = client.send('first', { wait: 'delivered', timeoutMs: 9, accepted: ({ Seq }) => accepted.push(Seq) });
  assert.equal((await client.send('second')).Seq, 2);
  assert.deepEqual(accepted, [1]);
  await server.asked('SendMessage', 3);
  const [ask, ...more] = server.of('SendMessage').filter(({ params }) => at(params, 'Wait') !== undefined);
  assert.deepEqual([at(ask?.params, 'Text'), at(ask?.params, 'TimeoutMs'), more.length], ['first', 9, 0]);
  assert.equal(at(ask?.params, 'MessageID'), at(server.of('SendMessage')[0]?.params, 'MessageID'));
  ask?.ok({ Success: true, Message: 'm', Error: '', Seq: 1, Duplicate: true, Receipt: { Delivered: 3, Pending: ['Bob'], Failed: 0 } });
  const sent = await waiting;
  assert.deepEqual([sent.Seq, sent.Duplicate, sent.Receipt], [1, undefined, { Delivered: 3, Pending: ['Bob'], Failed: 0 }]);
});

test('a receipt is asked for again after a loss, but never of a server with another history, which would say the line again', async (t) => {
  const server = await startScripted(t, ({ params }) => at(params, 'Wait') !== undefined);
  const { client } = await join(t, server, { callback: 'inline' });
  const waiting = client.send('first', { wait: 'delivered' });
  await (await server.asked('SendMessage', 2)).client.close();
  await (await server.asked('SendMessage', 3)).client.close();
  server.epoch = 'epoch-2';
  const { Seq, Receipt } = await waiting;
  assert.deepEqual([Seq, Receipt], [1, undefined]);
  assert.deepEqual(
    server.of('SendMessage').map(({ params }) => at(params, 'Wait')),
    [undefined, 'delivered', 'delivered'],
  );
});

test('a receipt that a busy server has no room for is asked for again; one that it refuses is left out', async (t) => {
  const server = await startScripted(t, (call) => {
    if (at(call.params, 'Wait') === undefined || call.nth > 3) return false;
    if (call.nth === 2) call.refuse(-32000, 'Busy', { RetryAfterMs: 1 });
    else call.refuse(-32005, 'NotFound');
    return true;
  });
  const { client } = await join(t, server, { callback: 'inline' });
  assert.equal((await client.send('first', { wait: 'delivered' })).Receipt, undefined);
  assert.equal(server.of('SendMessage').length, 3);
});

test('a client that leaves does not wait for its receipts: the message was accepted', async (t) => {
  const server = await startScripted(t, ({ params }) => at(params, 'Wait') !== undefined);
  const { client } = await join(t, server, { callback: 'inline' });
  const waiting = client.send('first', { wait: 'delivered' });
  await server.asked('SendMessage', 2);
  await client.disconnect(50);
  assert.deepEqual(await waiting.then(({ Seq, Receipt }) => [Seq, Receipt]), [1, undefined]);
});

test('after a loss before anything was heard it begins again where it was to begin', async (t) => {
  const server = await startScripted(t);
  const ann = await join(t, server, { callback: 'inline', replay: { after: 4 } });
  const first = await server.asked('Register', 1);
  assert.deepEqual([at(first.params, 'ResumeAfter'), at(first.params, 'Epoch')], [4, undefined]);
  server.seq = 4;
  await first.client.close();
  const second = await server.asked('Register', 2);
  assert.equal(at(second.params, 'Epoch'), 'epoch-1');
  await second.client.call('ClientCallback.ReceiveMessage', said(5));
  assert.deepEqual(ann.texts(), ['text 5']);
});

test('the place before a history that is gone is kept until that was told: over losses, and from one visit to the next', async (t) => {
  const server = await startScripted(t);
  server.seq = 40;
  const folder = stateFolder(t);
  const ann = await join(t, server, { callback: 'inline', stateFolder: folder, id: 'ann' });
  const first = await server.asked('Register', 1);
  await first.client.call('ClientCallback.ReceiveMessage', said(44));
  server.epoch = 'epoch-2';
  server.seq = 6;
  await first.client.close();
  const before = { ResumeAfter: 44, Epoch: 'epoch-1' };
  const second = await server.asked('Register', 2);
  assert.deepEqual(cursorOf(second.params), before);
  await until(ann.client, 'state', () => ann.client.state.kind === 'connected', 'the new epoch');
  await second.client.close();
  const third = await server.asked('Register', 3);
  assert.deepEqual(cursorOf(third.params), before, 'the notice was not shown yet');
  await until(ann.client, 'state', () => ann.client.state.kind === 'connected', 'the new epoch again');
  await ann.client.disconnect(200);
  await join(t, server, { callback: 'inline', stateFolder: folder, id: 'ann', replay: 'missed' });
  const fourth = await server.asked('Register', 4);
  assert.deepEqual(cursorOf(fourth.params), before, 'nor in the visit before');
  await fourth.client.call('ClientCallback.ReceiveMessage', said(7, 'gone', { Kind: 'notice' }));
  await fourth.client.close();
  assert.deepEqual(cursorOf((await server.asked('Register', 5)).params), { ResumeAfter: 7, Epoch: 'epoch-2' });
});

function cursorOf(params: unknown): object {
  return { ResumeAfter: at(params, 'ResumeAfter'), Epoch: at(params, 'Epoch') };
}
