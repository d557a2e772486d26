/**
 * What a peer can cost: however long, slow, many or unread its frames are, it gets one error and the end of its
 * connection, and nobody else notices.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { PEERS } from './support/fault-peers.ts';
import { at, LineClient } from './support/line-client.ts';
import { join, withServer, type RunningServer } from './support/room.ts';
import { startServer } from './support/server-process.ts';

/** An Info call of exactly `bytes` bytes, its newline not counted. */
function infoOf(bytes: number, id = 1): string {
  const [head, tail] = [`{"jsonrpc":"2.0","method":"ChatServer.Info","params":{"pad":"`, `"},"id":${id}}`];
  return head + 'x'.repeat(bytes - head.length - tail.length) + tail;
}

async function answersInfo(client: LineClient): Promise<void> {
  assert.equal(at(await client.call('ChatServer.Info'), 'result', 'Success'), true);
}

/** One TooLarge, then the end, and nothing in between. */
async function isCutOff(client: LineClient): Promise<void> {
  assert.equal(at(await client.next(), 'error', 'code'), -32008);
  await client.gone();
  assert.deepEqual(client.leftOver(), []);
}

test('a stranger may send frames of 8 KiB and not a byte more', () =>
  withServer({}, async (server) => {
    for (const end of ['\n', '\r\n']) {
      const client = await server.connect();
      client.write(infoOf(8192) + end + infoOf(8192, 2) + end);
      assert.equal(at(await client.next(), 'result', 'Success'), true);
      assert.equal(at(await client.next(), 'id'), 2);
      client.write(infoOf(8193) + end);
      await isCutOff(client);
    }
    // Refused as soon as it is too long, not when it ends.
    const unended = await server.connect();
    unended.write(infoOf(8193));
    await isCutOff(unended);
  }));

test('a member may send frames of 64 KiB and not a byte more, however they are cut into packets', () =>
  withServer({}, async (server) => {
    for (const piece of [1_000, 8_192, 65_536, 200_000]) {
      const { client, id } = await join(server, { id: `member-${piece}` });
      await inPieces(client, `${infoOf(65_536)}\n`, piece);
      assert.equal(at(await client.next(), 'result', 'Success'), true, `${id}, in pieces`);
      await inPieces(client, `${infoOf(65_537)}\n`, piece);
      await isCutOff(client);
    }
  }));

async function inPieces(client: LineClient, text: string, bytes: number): Promise<void> {
  for (let start = 0; start < text.length; start += bytes) {
    client.write(text.slice(start, start + bytes));
    await new Promise(setImmediate);
  }
}

test('a line that never ends is cut off, though its sender never stops, not even when told', () =>
  withServer({}, async (server) => {
    const endless = new LineClient(net.connect({ host: server.host, port: server.port, allowHalfOpen: true }));
    const other = await server.connect();
    const chunk = Buffer.alloc(65_536, 'x');
    const started = Date.now();
    while (endless.socket.writable && Date.now() - started < 10_000) {
      if (!endless.socket.write(chunk))
        await Promise.race([new Promise((resolve) => endless.socket.once('drain', resolve)), endless.closed]);
      if (endless.socket.bytesWritten < 2_000_000) await answersInfo(other);
    }
    await isCutOff(endless);
    assert.ok(Date.now() - started < 5_000, 'a sender that never stops must not be read for long');
    await answersInfo(other);
  }));

test('who sends far too much in one go still reads why it was cut off', () =>
  withServer({}, async (server) => {
    for (let round = 0; round < 20; round++) {
      const client = await server.connect();
      client.write(Buffer.alloc(1_048_576, 'x'));
      await isCutOff(client);
    }
  }));

test('a frame of more than 4,096 tokens is cut off', () =>
  withServer({}, async (server) => {
    const { client } = await join(server, { id: 'tokens' });
    client.write(`{"jsonrpc":"2.0","method":"ChatServer.Info","id":1,"params":{"pad":[${'1,'.repeat(4_000)}1]}}\n`);
    assert.equal(at(await client.next(), 'result', 'Success'), true);
    client.write(`{"jsonrpc":"2.0","method":"ChatServer.Info","id":1,"params":{"pad":[${'1,'.repeat(4_200)}1]}}\n`);
    await isCutOff(client);
  }));

test('frames that came before one over a limit are answered first', () =>
  withServer({}, async (server) => {
    const { client } = await join(server, { id: 'first', callback: 'none' });
    const send = '{"jsonrpc":"2.0","method":"ChatServer.SendMessage","params":{"UserID":"first","Text":"kept"},"id":"kept"}\n';
    client.write(`${send}${'['.repeat(17)}${']'.repeat(17)}\n`);
    assert.equal(at(await client.next(), 'id'), 'kept');
    await isCutOff(client);
  }));

test('who makes no valid call is cut off, whatever else it sends', () =>
  withServer({ limits: { firstCallMs: 400 } }, async (server) => {
    const speaker = await server.connect();
    await answersInfo(speaker);
    const silent = await server.connect();
    const started = Date.now();
    const others = [await server.connect(), await server.connect(), await server.connect()] as const;
    const [blank, garbage, trickle] = others;
    const timer = setInterval(() => {
      if (blank.socket.writable) blank.write('\n');
      if (garbage.socket.writable) garbage.write('garbage\n');
      if (trickle.socket.writable) trickle.write('{');
    }, 40);
    try {
      assert.match(String(at(await silent.next(), 'error', 'message')), /first call must come within 400 ms/);
      await Promise.all([silent, ...others].map((client) => client.gone(3_000)));
    } finally {
      clearInterval(timer);
    }
    assert.ok(Date.now() - started >= 380, 'the time that was promised is given');
    await answersInfo(speaker);
  }));

test('a frame that was started has to end, though its sender keeps sending', () =>
  withServer({ limits: { frameMs: 400 } }, async (server) => {
    const [stuck, trickle, whole] = [await server.connect(), await server.connect(), await server.connect()];
    for (const client of [stuck, trickle, whole]) await answersInfo(client);
    stuck.write('{"jsonrpc":"2.0"');
    const timer = setInterval(() => void (trickle.socket.writable && trickle.write('[')), 40);
    try {
      await Promise.all([stuck.gone(3_000), trickle.gone(3_000)]);
    } finally {
      clearInterval(timer);
    }
    await answersInfo(whole);
  }));

test('who does not read its answers is not read either, others do not notice, and it loses none', () =>
  withServer({ limits: { unreadAnswerBytes: 65_536 } }, async (server) => {
    const [deaf, other] = [await server.connect(), await server.connect()];
    deaf.socket.pause();
    const calls = 4_000;
    const pad = 'x'.repeat(7_000);
    for (let id = 0; id < calls; id++) deaf.write(`{"jsonrpc":"2.0","method":"rpc.discover","params":{"pad":"${pad}"},"id":${id}}\n`);
    for (let count = 0; count < 200; count++) await answersInfo(other);
    assert.ok(deaf.socket.writableLength > 1_000_000, 'what it writes stays with it');
    deaf.socket.resume();
    for (let id = 0; id < calls; id++) assert.equal(at(await deaf.next(), 'id'), id);
  }));

test('who ends its side after its calls still gets every answer, late ones too, then the end', () =>
  withServer({}, async (server) => {
    const [slow, half] = [await server.connect(), await join(server, { id: 'half', callback: 'none' })];
    await slow.call('ChatServer.Register', { ID: 'slow', Name: 'slow', Callback: 'inline' });
    for (const [id, wait] of [{}, { Wait: 'delivered' }, {}].entries()) {
      half.client.writeFrame({ jsonrpc: '2.0', id, method: 'ChatServer.SendMessage', params: { UserID: 'half', Text: `${id}`, ...wait } });
    }
    half.client.end();
    const calls = [await slow.nextCall(), await slow.nextCall(), await slow.nextCall()];
    const answers = [await half.client.next(), await half.client.next()];
    for (const call of calls) slow.answer(call, { Success: true });
    answers.push(await half.client.next());
    assert.deepEqual(answers.map((answer) => at(answer, 'id')).sort(), [0, 1, 2]);
    assert.deepEqual(at(answers[2], 'result', 'Receipt'), { Delivered: 1, Pending: [], Failed: 0 });
    await half.client.gone(3_000);
  }));

test('who ends its side behind a call that others wait for still has those carried out and answered', () =>
  withServer({}, async (server) => {
    const [peer, hears, half] = [await PEERS.healthy(), await join(server, { id: 'hears' }), await server.connect()];
    const frames = [
      { jsonrpc: '2.0', id: 1, method: 'ChatServer.Register', params: { ID: 'half', Name: 'half', Callback: peer.callback } },
      { jsonrpc: '2.0', id: 2, method: 'ChatServer.SendMessage', params: { UserID: 'half', Text: 'my last words' } },
      { jsonrpc: '2.0', id: 3, method: 'ChatServer.Info' },
    ];
    half.write(frames.map((frame) => `${JSON.stringify(frame)}\n`).join(''));
    half.end();
    for (const { id } of frames) {
      const answer = await half.next();
      assert.deepEqual([at(answer, 'id'), at(answer, 'result', 'Success')], [id, true], JSON.stringify(answer));
    }
    await half.gone(3_000);
    await hears.hear(({ Text }) => Text === 'my last words');
    await peer.close();
  }));

/** How many of `count` messages of `id` are accepted, sent in one go. */
async function accepted(client: LineClient, id: string, count: number, session?: string): Promise<number> {
  const params = { UserID: id, Text: 'flood', ...(session === undefined ? {} : { Session: session }) };
  const frame = { jsonrpc: '2.0', id: 'flood', method: 'ChatServer.SendMessage', params };
  client.write(`${JSON.stringify(frame)}\n`.repeat(count));
  let passed = 0;
  for (let answer = 0; answer < count; answer++) if (at(await client.next(), 'result', 'Success') === true) passed++;
  return passed;
}

test('all registrations of a connection share one rate: leaving and registering again is no way to send more', () =>
  withServer({ messagesPerSecond: 1 }, async (server) => {
    const { client, session } = await join(server, { id: 'first', callback: 'none' });
    const started = performance.now();
    let passed = await accepted(client, 'first', 5);
    for (let round = 0; round < 20; round++) {
      const id = `again-${round}`;
      await client.call('ChatServer.Register', { ID: id, Name: id, Callback: 'none' });
      passed += await accepted(client, id, 5);
      await client.call('ChatServer.Unregister', { ID: id });
    }
    const mayPass = () => 2 + Math.ceil((performance.now() - started) / 1_000);
    assert.ok(passed >= 2 && passed <= mayPass(), `${passed} messages passed, ${mayPass()} may`);
    const other = await join(server, { id: 'other', callback: 'none' });
    // Who calls with a session is charged for the registration, wherever it calls from.
    passed += await accepted(other.client, 'first', 5, session);
    assert.ok(passed <= mayPass(), `${passed} messages passed with the session, ${mayPass()} may`);
    assert.ok((await accepted(other.client, 'other', 5)) >= 2, 'another connection has a rate of its own');
  }));

test('1,000 connections that come and go leave nothing behind', () =>
  withServer({}, async (server) => {
    const member = await join(server, { id: 'stays' });
    const open = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
    const before = open();
    for (let round = 0; round < 10; round++) {
      const clients = await Promise.all(Array.from({ length: 100 }, () => server.connect()));
      clients.forEach((client, index) => leave(client, index));
      await Promise.all(clients.map((client) => client.closed));
      await answersInfo(member.client);
    }
    const deadline = Date.now() + 5_000;
    while (open() > before && Date.now() < deadline) await answersInfo(member.client);
    assert.ok(open() <= before, `${open()} sockets are open, ${before} were`);
  }));

/** The ways in which a connection can go: silently, reset, in the middle of a frame, right after a call, at its end. */
function leave(client: LineClient, index: number): void {
  if (index % 5 === 1) client.socket.resetAndDestroy();
  if (index % 5 === 2) client.write('{"jsonrpc":"2.0","meth');
  if (index % 5 === 3) client.write(`${infoOf(100)}\n`.repeat(50));
  if (index % 5 === 4) client.end();
  else client.socket.destroySoon();
}

/** Frames of the greatest size that are as costly to look at as possible. */
const WORST: Readonly<Record<string, string>> = {
  'open brackets': '['.repeat(65_536),
  'a string of escaped quotes': `"${'\\"'.repeat(32_000)}"`,
  'a string of backslashes': `"${'\\\\'.repeat(32_000)}"`,
  'a string that never ends': `"${'\\"'.repeat(32_000)}`,
  'a number of 60,000 digits': `{"jsonrpc":"2.0","method":"ChatServer.Info","id":1${'0'.repeat(60_000)}}`,
  'a batch of 20 numbers of 3,000 digits': `[${Array<string>(20)
    .fill(`{"jsonrpc":"2.0","method":"x","id":1${'0'.repeat(3_000)}}`)
    .join(',')}]`,
  blanks: `${' '.repeat(65_000)}1`,
  'a batch of 20 registrations': `[${Array<string>(20)
    .fill(registration('𝐀'.repeat(700)))
    .join(',')}]`,
  'a name of combining marks': registration(`a${'\u0301'.repeat(30_000)}`),
  'a text of combining marks': message(`a${'\u0301'.repeat(30_000)}`),
  'a text of joiners': message('\u200d'.repeat(20_000)),
  'a method name of 60,000 characters': `{"jsonrpc":"2.0","id":1,"method":"${'m'.repeat(60_000)}"}`,
  '2,000 keys': `{"jsonrpc":"2.0","id":1,"method":"ChatServer.Info","params":{${Array.from({ length: 1_900 }, (_, i) => `"${i}":1`).join(',')}}}`,
};

function registration(name: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ChatServer.Register', params: { ID: name, Name: name, Callback: name } });
}

function message(text: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ChatServer.SendMessage', params: { UserID: 'worst', Text: text } });
}

test('no single frame keeps the others waiting for more than 25 ms', async () => {
  const process = await startServer(['--log-level', 'error', '--rate', '0']);
  const server: RunningServer = { ...process, connect: () => LineClient.connect(process.host, process.port) };
  try {
    const other = await server.connect();
    for (const [name, frame] of Object.entries(WORST)) {
      const waits: number[] = [];
      // Five times each: a stall that a frame causes is there each time, one that a busy machine causes is not.
      for (let round = 0; round < 5; round++) waits.push(await waitBehind(server, other, frame, round));
      assert.ok(Math.min(...waits) < 25, `${name}: the others waited ${waits.map((ms) => ms.toFixed(1)).join(', ')} ms`);
    }
  } finally {
    await process.stop();
  }
});

/** How long an Info call takes that is made right behind `frame`, milliseconds. The frame's sender is a member of its own. */
async function waitBehind(server: RunningServer, other: LineClient, frame: string, round: number): Promise<number> {
  const { id, client, session } = await join(server, { id: `worst-${round}`, callback: 'none' });
  await new Promise((resolve) => client.socket.write(`${frame.replace('"worst"', `"${id}"`)}\n`, resolve));
  const started = performance.now();
  await answersInfo(other);
  const wait = performance.now() - started;
  await client.nextRaw();
  await other.call('ChatServer.Unregister', { ID: id, Session: session });
  await client.close();
  return wait;
}
