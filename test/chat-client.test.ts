/** The client library against the real server, and against servers and networks that do what no real one should. */
import test, { type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import type { Message } from '../commons/protocol.ts';
import { ChatClient, ClientClosed, OutcomeUnknown, QueueFull, ServerUnreachable, type ChatClientOptions } from '../client/chat-client.ts';
import { ChatServer } from '../server/chat-server.ts';
import { CuttableRelay } from './support/cuttable-relay.ts';
import { at, LineClient } from './support/line-client.ts';
import { said, ScriptedServer, type Script } from './support/scripted-server.ts';
import { until } from './support/traffic.ts';

/** A room of the real server in this process; stopped when the test ends. */
async function startRoom(t: TestContext, port = 0): Promise<ChatServer> {
  const server = await ChatServer.start({ host: '127.0.0.1', port, dataDir: null, messagesPerSecond: 0, logLevel: 'silent' });
  t.after(() => server.stop());
  return server;
}

async function startScripted(t: TestContext, script?: Script, host?: string): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(script, host);
  t.after(() => server.die());
  return server;
}

interface Joined {
  readonly client: ChatClient;
  /** What was shown, in order. */
  readonly shown: Message[];
  /** The texts of what people said. */
  texts(): string[];
  sees(done: () => boolean, what: string): Promise<void>;
}

/** Joins, and leaves when the test ends. */
async function join(t: TestContext, server: { host: string; port: number }, options: Partial<ChatClientOptions> = {}): Promise<Joined> {
  const { host, port } = server;
  const client = await ChatClient.connect({ host, port, name: 'Ann', ...options });
  t.after(() => client.disconnect(200));
  const shown: Message[] = [];
  client.on('message', (message) => shown.push(message));
  const texts = () => shown.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text);
  return { client, shown, texts, sees: (done, what) => until(client, 'message', done, what) };
}

function becomes(client: ChatClient, kind: ChatClient['state']['kind']): Promise<void> {
  return until(client, 'state', () => client.state.kind === kind, kind);
}

const seqs = (messages: readonly Message[]) => messages.map(({ Seq }) => Seq);
const textOf = (params: unknown) => at(params, 'Text');
const isSend = (method: string) => method === 'ChatServer.SendMessage';

for (const callback of ['auto', 'inline'] as const) {
  test(`two members hear each other once and in order, and nobody hears itself (${callback})`, async (t) => {
    const { address } = await startRoom(t);
    const ann = await join(t, address, { name: 'Ann', callback });
    const bob = await join(t, address, { name: 'Bob', callback });
    const lines = Array.from({ length: 100 }, (_, i) => `${callback} ${i}`);
    await Promise.all(lines.flatMap((line) => [ann.client.send(`A ${line}`), bob.client.send(`B ${line}`)]));
    await ann.sees(() => ann.texts().length === 100, 'all that Bob said');
    await bob.sees(() => bob.texts().length === 100, 'all that Ann said');
    assert.deepEqual(
      ann.texts(),
      lines.map((line) => `B ${line}`),
    );
    assert.deepEqual(
      bob.texts(),
      lines.map((line) => `A ${line}`),
    );
    const users = await ann.client.listUsers();
    assert.deepEqual(
      users.map(({ ID }) => ID),
      [ann.client.id, bob.client.id],
    );
    assert.equal((await ann.client.info()).Success, true);
  });
}

test('a receipt says when everybody has it', async (t) => {
  const { address } = await startRoom(t);
  const [ann] = [await join(t, address), await join(t, address, { name: 'Bob' })];
  assert.deepEqual((await ann.client.send('read me', { wait: 'delivered' })).Receipt, { Delivered: 1, Pending: [], Failed: 0 });
});

test('a taken ID is refused with the server’s reason, and nothing stays open', async (t) => {
  const { address } = await startRoom(t);
  await join(t, address, { id: 'taken' });
  await assert.rejects(ChatClient.connect({ ...address, name: 'Eve', id: 'taken' }), { name: 'RpcError', reason: 'AlreadyRegistered' });
});

test('a server that is not there, closes at once or answers garbage is unreachable, and nothing stays open', async (t) => {
  const gone = await ScriptedServer.start();
  await gone.die();
  const closing = await startScripted(t, ({ client }) => (client.end(), true));
  const garbage = await startScripted(t, ({ client }) => (client.write('SSH-2.0-OpenSSH_9.2\r\n'), true));
  const nonsense = await startScripted(t, (call) => (call.ok({ Success: true, Epoch: 7 }), true));
  for (const { host, port } of [gone, closing, garbage, nonsense]) {
    await assert.rejects(ChatClient.connect({ host, port, name: 'Ann' }), ServerUnreachable);
  }
});

test('a callback address that cannot be listened on is said to be that', async (t) => {
  const server = await startScripted(t);
  for (const callback of [`127.0.0.1:${server.port}`, 'nonsense', '127.0.0.1:99999', '[zz]:4000']) {
    await assert.rejects(join(t, server, { callback }), { name: 'CallbackUnusable' }, callback);
  }
});

test('auto listens on the interface that reaches the server and nowhere else', async (t) => {
  const server = await startScripted(t);
  await join(t, server);
  const { params } = await server.asked('Register', 1);
  const [, host, port] = /^(.+):(\d+)$/.exec(String(at(params, 'Callback'))) ?? [];
  assert.equal(host, '127.0.0.1');
  assert.ok(String(at(params, 'Secret')).length >= 32);
  await assert.rejects(LineClient.connect('127.0.0.2', Number(port)), /ECONNREFUSED/);
});

test('a stranger who finds the callback port cannot put words into anybody’s mouth', async (t) => {
  const server = await startScripted(t);
  const ann = await join(t, server);
  const callback = String(at((await server.asked('Register', 1)).params, 'Callback'));
  const stranger = await LineClient.connect('127.0.0.1', Number(callback.split(':')[1]));
  const answer = await stranger.call('ClientCallback.ReceiveMessage', said(1));
  await stranger.closed;
  assert.equal(at(answer, 'error', 'data', 'Reason'), 'Unauthorized');
  assert.deepEqual(ann.shown, []);
});

test('over IPv6 the callback address is in brackets', async (t) => {
  const server = await startScripted(t, undefined, '::1');
  const ann = await join(t, server);
  assert.match(String(at((await server.asked('Register', 1)).params, 'Callback')), /^\[::1\]:\d+$/);
  assert.equal(ann.client.server, `[::1]:${server.port}`);
});

test('where the server cannot dial the chosen port, the callbacks come on the connection to it', async (t) => {
  const server = await startScripted(t, (call) => {
    if (at(call.params, 'Callback') === 'inline' || call.method !== 'ChatServer.Register') return false;
    call.refuse(-32006, 'CallbackFailed');
    return true;
  });
  const ann = await join(t, server);
  await (await server.asked('Register', 2)).client.call('ClientCallback.ReceiveMessage', said(1));
  assert.deepEqual(seqs(ann.shown), [1]);
});

test('a message is shown once: what was seen before is answered and not shown', async (t) => {
  const server = await startScripted(t);
  const ann = await join(t, server, { callback: 'inline' });
  const { client } = await server.asked('Register', 1);
  for (const seq of [5, 5, 4, 6, 1, 6, 7]) {
    assert.deepEqual(at(await client.call('ClientCallback.ReceiveMessage', said(seq)), 'result'), { Success: true });
  }
  await client.call('ClientCallback.ReceiveMessage', said(2, 'elsewhere', { Room: 'another' }));
  assert.deepEqual(seqs(ann.shown), [5, 6, 7, 2]);
});

test('what comes in the same packet as the answer to Register is not lost', async (t) => {
  const server = await startScripted(t, (call) => {
    if (call.method !== 'ChatServer.Register') return false;
    call.client.socket.cork();
    server.register(call);
    call.client.writeFrame({ jsonrpc: '2.0', id: 1, method: 'ClientCallback.ReceiveMessage', params: said(1) });
    call.client.socket.uncork();
    return true;
  });
  const ann = await join(t, server, { callback: 'inline' });
  await ann.sees(() => ann.shown.length === 1, 'the early message');
});

test('a listener that throws or rejects breaks nothing and is reported', async (t) => {
  const server = await startScripted(t);
  const ann = await join(t, server, { callback: 'inline' });
  const faults: unknown[] = [];
  ann.client.on('fault', (error) => faults.push(error));
  ann.client.on('message', ({ Seq }) => {
    if (Seq === 1) throw new Error('thrown');
  });
  const rejects = ({ Seq }: Message): unknown => (Seq === 2 ? Promise.reject(new Error('rejected')) : undefined);
  ann.client.on('message', rejects);
  const { client } = await server.asked('Register', 1);
  for (const seq of [1, 2, 3]) {
    assert.deepEqual(at(await client.call('ClientCallback.ReceiveMessage', said(seq)), 'result'), { Success: true });
  }
  assert.deepEqual(seqs(ann.shown), [1, 2, 3]);
  assert.deepEqual(faults.map(String), ['Error: thrown', 'Error: rejected']);
  assert.equal(ann.client.state.kind, 'connected');
});

test('after a loss it registers as the same member, with its session and its cursor', async (t) => {
  const server = await startScripted(t);
  server.seq = 3;
  const ann = await join(t, server, { id: 'Ann-1', callback: 'inline' });
  const first = await server.asked('Register', 1);
  await first.client.close();
  const second = await server.asked('Register', 2);
  const resumption = { ID: 'Ann-1', Name: 'Ann', Callback: 'inline', Session: 'session-1', Epoch: 'epoch-1' };
  assert.deepEqual(second.params, { ...resumption, ResumeAfter: 3 });
  await second.client.call('ClientCallback.ReceiveMessage', said(8));
  await second.client.close();
  assert.deepEqual((await server.asked('Register', 3)).params, { ...resumption, Session: 'session-2', ResumeAfter: 8 });
  await becomes(ann.client, 'connected');
});

test('in a new epoch cursors start anew, even for what comes before the answer to Register', async (t) => {
  const server = await startScripted(t, (call) => {
    if (call.method !== 'ChatServer.Register' || call.nth === 1) return false;
    const early = { jsonrpc: '2.0', id: 1, method: 'ClientCallback.ReceiveMessage', params: said(1, 'early') };
    call.client.writeFrame(early);
    server.register(call);
    call.client.writeFrame({ ...early, id: 2, params: said(2, 'late') });
    return true;
  });
  const ann = await join(t, server, { callback: 'inline' });
  const { client } = await server.asked('Register', 1);
  await client.call('ClientCallback.ReceiveMessage', said(500, 'before'));
  server.epoch = 'epoch-2';
  await client.close();
  await ann.sees(() => ann.shown.length === 3, 'both messages of the new epoch');
  assert.deepEqual(ann.texts(), ['before', 'early', 'late']);
});

test('its own ghost does not keep it out, nor is the ghost kept alive', async (t) => {
  let ghost = '';
  let unreachable: Promise<void> | undefined;
  const server = await startScripted(t, (call) => {
    if (call.method !== 'ChatServer.Register' || call.nth === 1 || call.nth > 3) return false;
    ghost = String(at(call.params, 'Callback'));
    call.refuse(-32002, 'AlreadyRegistered');
    return true;
  });
  const ann = await join(t, server);
  ann.client.on('state', (state) => {
    if (state.kind !== 'lost' || state.attempt !== 2) return;
    unreachable = assert.rejects(LineClient.connect('127.0.0.1', Number(ghost.split(':')[1])), /ECONNREFUSED/);
  });
  await (await server.asked('Register', 1)).client.close();
  await server.asked('Register', 4);
  await becomes(ann.client, 'connected');
  assert.ok(unreachable !== undefined, 'the ghost was looked for');
  await unreachable;
});

test('a refusal that no try can change ends it, with the reason', async (t) => {
  const server = await startScripted(
    t,
    (call) => call.method === 'ChatServer.Register' && call.nth > 1 && (call.refuse(-32004, 'Forbidden'), true),
  );
  const ann = await join(t, server);
  const waiting = server.asked('Register', 1).then(({ client }) => client.close());
  await becomes(ann.client, 'closed');
  await waiting;
  await assert.rejects(ann.client.send('too late'), ClientClosed);
  await assert.rejects(ann.client.listUsers(), ClientClosed);
});

test('without reconnect the first loss is the end', async (t) => {
  const server = await startScripted(t);
  const ann = await join(t, server, { reconnect: false });
  await (await server.asked('Register', 1)).client.close();
  await becomes(ann.client, 'closed');
  assert.equal(server.of('Register').length, 1);
});

test('a member that was dropped in silence notices by itself and joins again', async (t) => {
  const server = await startScripted(t, (call) => {
    if (call.method !== 'ChatServer.ListUsers' || call.nth > 1) return false;
    call.refuse(-32001, 'NotRegistered');
    return true;
  });
  await join(t, server, { pingEveryMs: 20 });
  await server.asked('Register', 2);
  await server.asked('ListUsers', 3);
});

test('a server that hangs is given up: at the first Register, and later when it gives no sign of life', async (t) => {
  const deaf = await startScripted(t, () => true);
  const stuck = await startScripted(t, ({ method, nth }) => method === 'ChatServer.ListUsers' && nth === 1);
  const refused = assert.rejects(ChatClient.connect({ host: deaf.host, port: deaf.port, name: 'Ann' }), ServerUnreachable);
  const ann = await join(t, stuck, { pingEveryMs: 20 });
  await until(ann.client, 'state', () => ann.client.state.kind === 'lost', 'the loss to be noticed', 15_000);
  await stuck.asked('Register', 2);
  await refused;
});

test('what is typed while the network is broken arrives once and in order', async (t) => {
  const { address } = await startRoom(t);
  const relay = await CuttableRelay.start(address);
  t.after(() => relay.close());
  const bob = await join(t, address, { name: 'Bob' });
  const ann = await join(t, relay, { callback: 'inline' });
  await ann.client.send('before');
  // The server gets this line, but its answer is lost: only the MessageID keeps the repetition from being heard.
  relay.passes = (text) => !text.includes('answer lost');
  const unanswered = ann.client.send('answer lost');
  await bob.sees(() => bob.texts().includes('answer lost'), 'the unanswered line');
  relay.cut();
  await becomes(ann.client, 'lost');
  const typed = Promise.all(['one', 'two', 'three'].map((text) => ann.client.send(text)));
  await bob.client.send('meanwhile');
  relay.passes = () => true;
  relay.mend();
  assert.equal((await unanswered).Duplicate, true);
  await typed;
  await ann.client.send('after');
  await bob.sees(() => bob.texts().includes('after'), 'the last line');
  assert.deepEqual(bob.texts(), ['before', 'answer lost', 'one', 'two', 'three', 'after']);
  await ann.sees(() => ann.texts().length > 0, 'what was said while it was away');
  assert.deepEqual(ann.texts(), ['meanwhile']);
});

test('lines that a dying server left unanswered, or that were typed after it, reach the next one once and in order', async (t) => {
  const server = await startScripted(t, ({ method, nth }) => isSend(method) && nth === 1);
  const ann = await join(t, server);
  const sends = [ann.client.send('unanswered')];
  await server.asked('SendMessage', 1);
  await server.die();
  await becomes(ann.client, 'lost');
  sends.push(ann.client.send('typed 1'), ann.client.send('typed 2', { messageId: 'my own' }));
  await server.listen();
  await Promise.all(sends);
  const asked = server.of('SendMessage').map(({ params }) => params);
  assert.deepEqual(asked.map(textOf), ['unanswered', 'unanswered', 'typed 1', 'typed 2']);
  const [first, again, , own] = asked.map((params) => at(params, 'MessageID'));
  assert.equal(first, again);
  assert.equal(own, 'my own');
});

test('a line that was never answered is not repeated to a server with another history: its outcome is unknown, later lines go on', async (t) => {
  const server = await startScripted(t, ({ method, nth }) => isSend(method) && nth === 1);
  const ann = await join(t, server);
  const unanswered = assert.rejects(ann.client.send('unanswered'), OutcomeUnknown);
  await server.asked('SendMessage', 1);
  const waited = ann.client.send('waited behind it');
  await server.die();
  await becomes(ann.client, 'lost');
  const typed = ann.client.send('typed while it was away');
  server.epoch = 'epoch-2';
  await server.listen();
  await Promise.all([unanswered, waited, typed]);
  assert.deepEqual(
    server.of('SendMessage').map(({ params }) => textOf(params)),
    ['unanswered', 'waited behind it', 'typed while it was away'],
  );
});

test('a server that is restarted on the same port finds its members again, and their lines', async (t) => {
  const first = await startRoom(t);
  const { address } = first;
  const [ann, bob] = [await join(t, address), await join(t, address, { name: 'Bob' })];
  for (let i = 0; i < 5; i++) await ann.client.send(`old ${i}`);
  await bob.sees(() => bob.texts().length === 5, 'the old lines');
  await first.stop();
  await becomes(ann.client, 'lost');
  const typed = [ann.client.send('typed 1'), ann.client.send('typed 2')];
  await startRoom(t, address.port);
  const [one, two] = await Promise.all(typed);
  assert.ok(one !== undefined && two !== undefined && one.Seq < two.Seq);
  await becomes(bob.client, 'connected');
  await ann.client.send('new');
  await bob.sees(() => bob.texts().includes('new'), 'a line of the new life');
  assert.equal(bob.texts().filter((text) => text === 'new').length, 1);
  assert.equal(
    bob.shown.filter(({ Kind, Text }) => Kind === 'notice' && /missed/.test(Text)).length,
    1,
    'told once that something is missing',
  );
});

test('a refused pace is kept: the line is repeated after the pause, nothing overtakes it', async (t) => {
  const server = await startScripted(t, (call) => {
    if (!isSend(call.method) || call.nth === 1 || call.nth > 4) return false;
    if (call.nth === 2) call.refuse(-32007, 'RateLimited', { RetryAfterMs: 300 });
    else if (call.nth === 3) call.refuse(-32000, 'Busy', { RetryAfterMs: 10 });
    else call.refuse(-32010, 'ShuttingDown', { RetryAfterMs: 10 });
    return true;
  });
  const ann = await join(t, server);
  const began = performance.now();
  await Promise.all(['a', 'b', 'c'].map((text) => ann.client.send(text)));
  assert.ok(performance.now() - began >= 295, 'the pause that was asked for');
  const sends = server.of('SendMessage').map(({ params }) => params);
  assert.deepEqual(sends.map(textOf), ['a', 'b', 'b', 'b', 'b', 'c']);
  assert.equal(new Set(sends.map((params) => at(params, 'MessageID'))).size, 3);
});

test('a line that is refused fails alone', async (t) => {
  const server = await startScripted(t, (call) => textOf(call.params) === 'b' && (call.refuse(-32004, 'Forbidden'), true));
  const ann = await join(t, server);
  const [a, b, c] = await Promise.allSettled(['a', 'b', 'c', 'x'.repeat(70_000)].map((text) => ann.client.send(text)));
  assert.deepEqual([a?.status, b?.status, c?.status], ['fulfilled', 'rejected', 'fulfilled']);
  assert.equal(b?.status === 'rejected' && at(b.reason, 'reason'), 'Forbidden');
  await assert.rejects(ann.client.send('x'.repeat(70_000)), { reason: 'TooLarge' });
  assert.equal(server.of('Register').length, 1, 'no connection was lost for it');
});

test('a server that forgot the member gets a new registration, then the line', async (t) => {
  const server = await startScripted(t, (call) => isSend(call.method) && call.nth === 1 && (call.refuse(-32001, 'NotRegistered'), true));
  const ann = await join(t, server);
  await ann.client.send('remember me');
  assert.equal(server.of('Register').length, 2);
  assert.deepEqual(
    server.of('SendMessage').map(({ params }) => textOf(params)),
    ['remember me', 'remember me'],
  );
});

test('a server that never lets the member speak is believed in the end', async (t) => {
  const server = await startScripted(t, (call) => isSend(call.method) && (call.refuse(-32003, 'Unauthorized'), true));
  const ann = await join(t, server);
  await assert.rejects(ann.client.send('hello?'), { reason: 'Unauthorized' });
  assert.equal(server.of('SendMessage').length, 4);
});

test('one line at a time is unanswered, and the queue has a bound', async (t) => {
  const server = await startScripted(t, (call) => isSend(call.method) && call.nth === 1);
  const ann = await join(t, server);
  const sends = Array.from({ length: 1_000 }, (_, i) => ann.client.send(`line ${i}`));
  await assert.rejects(ann.client.send('one too many'), QueueFull);
  const first = await server.asked('SendMessage', 1);
  await ann.client.listUsers();
  assert.equal(server.of('SendMessage').length, 1);
  server.accepted(first);
  const all = await Promise.all(sends);
  assert.deepEqual(
    all.map(({ Seq }) => Seq),
    Array.from({ length: 1_000 }, (_, i) => i + 1),
  );
});

test('leaving is bounded when the server hangs; what waits is told so, and nobody can call back any more', async (t) => {
  const server = await startScripted(t, (call) => isSend(call.method) || call.method === 'ChatServer.Unregister');
  const ann = await join(t, server);
  const callback = String(at((await server.asked('Register', 1)).params, 'Callback'));
  const [said1, said2] = [ann.client.send('unanswered'), ann.client.send('never sent')];
  const refused = [assert.rejects(said1, OutcomeUnknown), assert.rejects(said2, ClientClosed)];
  await server.asked('SendMessage', 1);
  const began = performance.now();
  const left = ann.client.disconnect(300);
  await assert.rejects(ann.client.send('too late'), ClientClosed);
  await Promise.all([left, ann.client.disconnect(), ...refused]);
  const took = performance.now() - began;
  assert.ok(took >= 290 && took < 600, `took ${took} ms`);
  assert.equal(ann.client.state.kind, 'closed');
  assert.equal(server.of('Unregister').length, 1);
  await assert.rejects(LineClient.connect('127.0.0.1', Number(callback.split(':')[1])), /ECONNREFUSED/);
});

test('a line that waits when the client leaves is not sent any more, the one under way may still be answered', async (t) => {
  const server = await startScripted(t, (call) => {
    if (call.method === 'ChatServer.Unregister') server.of('SendMessage').forEach((send) => server.accepted(send));
    return isSend(call.method) || call.method === 'ChatServer.Unregister';
  });
  const ann = await join(t, server);
  const [underWay, waiting] = [ann.client.send('under way'), assert.rejects(ann.client.send('waiting'), ClientClosed)];
  await ann.client.disconnect(100);
  assert.equal((await underWay).Seq, 1);
  await waiting;
  assert.deepEqual(
    server.of('SendMessage').map(({ params }) => textOf(params)),
    ['under way'],
  );
});

test('leaving tells the room, lets the last answer in, and is quick when there is no server', async (t) => {
  const room = await startRoom(t);
  const [ann, bob] = [await join(t, room.address), await join(t, room.address, { name: 'Bob' })];
  const last = ann.client.send('bye');
  await ann.client.disconnect();
  assert.equal((await last).Success, true);
  await bob.sees(() => bob.shown.some(({ Kind, SenderID }) => Kind === 'leave' && SenderID !== bob.client.id), 'the leave line');
  await room.stop();
  await becomes(bob.client, 'lost');
  const waiting = assert.rejects(bob.client.send('anybody?'), ClientClosed);
  const began = performance.now();
  await bob.client.disconnect();
  assert.ok(performance.now() - began < 200);
  await waiting;
});
