/** The client's callback listener against strangers and against a server: who may call, what is answered, what it costs. */
import test from 'node:test';
import assert from 'node:assert/strict';
import type { Message } from '../commons/protocol.ts';
import { CallbackMethods } from '../client/callback-methods.ts';
import { CALLBACK_CONNECTIONS, CallbackServer } from '../client/callback-server.ts';
import { at, LineClient } from './support/line-client.ts';
import { said } from './support/scripted-server.ts';

const SECRET = 'the secret that Register gave';
const SUCCESS = { Success: true };

interface Room {
  readonly server: CallbackServer;
  readonly heard: Message[];
  /** Whatever connects is closed by the end of the test. */
  connect(): Promise<LineClient>;
}

async function withRoom(use: (room: Room) => Promise<void>): Promise<void> {
  const heard: Message[] = [];
  const methods = new CallbackMethods(SECRET, (message, answer) => (heard.push(message), answer()), assert.ifError);
  const server = await CallbackServer.listen('127.0.0.1', 0, methods);
  const clients: LineClient[] = [];
  const connect = async () => {
    const client = await LineClient.connect('127.0.0.1', server.port);
    clients.push(client);
    return client;
  };
  try {
    await use({ server, heard, connect });
  } finally {
    server.close();
    await Promise.all(clients.map((client) => client.close()));
  }
}

async function trusted(room: Room): Promise<LineClient> {
  const client = await room.connect();
  assert.deepEqual(at(await client.call('ClientCallback.Authenticate', { Secret: SECRET }), 'result'), SUCCESS);
  return client;
}

test('a stranger gets one and the same error whatever it calls, then the end of the connection', () =>
  withRoom(async (room) => {
    const calls: readonly (readonly [string, unknown])[] = [
      ['ClientCallback.ReceiveMessage', said(1)],
      ['ClientCallback.Ping', {}],
      ['ClientCallback.Verify', { Challenge: 'x' }],
      ['ClientCallback.NoSuchMethod', {}],
      ['ClientCallback.Authenticate', { Secret: `${SECRET}!` }],
      ['ClientCallback.Authenticate', { Secret: 42 }],
      ['ClientCallback.Authenticate', {}],
    ];
    const answers = new Set<string>();
    for (const [method, params] of calls) {
      const stranger = await room.connect();
      stranger.writeFrame({ jsonrpc: '2.0', id: 1, method, params });
      stranger.writeFrame({ jsonrpc: '2.0', id: 2, method: 'ClientCallback.Authenticate', params: { Secret: SECRET } });
      stranger.writeFrame({ jsonrpc: '2.0', id: 3, method: 'ClientCallback.ReceiveMessage', params: said(2) });
      answers.add(await stranger.nextRaw());
      await stranger.closed;
      assert.deepEqual(stranger.leftOver(), [], `${method}: nothing after the error`);
    }
    const [only, ...others] = [...answers];
    assert.deepEqual(others, []);
    assert.equal(at(JSON.parse(only ?? ''), 'error', 'code'), -32003);
    assert.deepEqual(room.heard, []);
  }));

test('a stranger’s notifications and batches are not heard and end the connection', () =>
  withRoom(async (room) => {
    const message = { jsonrpc: '2.0', method: 'ClientCallback.ReceiveMessage', params: said(1) };
    for (const frame of [message, [message, { ...message, id: 1 }]]) {
      const stranger = await room.connect();
      stranger.writeFrame(frame);
      await stranger.closed;
    }
    assert.deepEqual(room.heard, []);
  }));

test('garbage and frames that do not fit end a stranger’s connection without a word', () =>
  withRoom(async (room) => {
    const authenticate = {
      jsonrpc: '2.0',
      id: 1,
      method: 'ClientCallback.Authenticate',
      params: { Secret: SECRET, Filler: 'x'.repeat(8_192) },
    };
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '[[1]]\n', '42\n', 'x'.repeat(10_000), `${JSON.stringify(authenticate)}\n`]) {
      const stranger = await room.connect();
      stranger.write(bytes);
      await stranger.closed;
      assert.deepEqual(stranger.leftOver(), [], bytes.slice(0, 20));
    }
  }));

test('whoever shows the secret is served, in both dialects and both styles', () =>
  withRoom(async (room) => {
    const server = await trusted(room);
    assert.deepEqual(at(await server.call('ClientCallback.Ping', {}), 'result'), SUCCESS);
    assert.deepEqual(at(await server.call('ClientCallback.Verify', { Challenge: 'c-1' }), 'result'), { Challenge: 'c-1' });
    assert.deepEqual(at(await server.call('ClientCallback.ReceiveMessage', said(1)), 'result'), SUCCESS);
    assert.deepEqual(at(await server.call('ClientCallback.ReceiveMessage', [said(2)]), 'result'), SUCCESS);
    assert.equal(at(await server.call('ClientCallback.NoSuchMethod', {}), 'error', 'code'), -32601);
    const go = await room.connect();
    go.writeFrame({ id: 0, method: 'ClientCallback.Authenticate', params: [{ Secret: SECRET }] });
    assert.deepEqual(await go.next(), { id: 0, result: SUCCESS, error: null });
    go.writeFrame({ id: 1, method: 'ClientCallback.ReceiveMessage', params: [said(3)] });
    assert.deepEqual(await go.next(), { id: 1, result: SUCCESS, error: null });
    assert.deepEqual(
      room.heard.map(({ Seq }) => Seq),
      [1, 2, 3],
    );
  }));

test('a message of the longest allowed text fits, each of its characters escaped', () =>
  withRoom(async (room) => {
    const server = await trusted(room);
    const text = '\n'.repeat(4_096);
    await server.call('ClientCallback.ReceiveMessage', said(1, text));
    assert.equal(room.heard[0]?.Text, text);
  }));

test('what is no message is declined without a failure, and an unknown kind is shown as a notice', () =>
  withRoom(async (room) => {
    const server = await trusted(room);
    assert.equal(at(await server.call('ClientCallback.ReceiveMessage', { Message: { Seq: 'one' } }), 'result', 'Success'), false);
    assert.deepEqual(at(await server.call('ClientCallback.ReceiveMessage', said(1, 'a', { Kind: 'reaction' })), 'result'), SUCCESS);
    assert.deepEqual(
      room.heard.map(({ Kind }) => Kind),
      ['notice'],
    );
  }));

test('strangers who fill all connections shut nobody out: the oldest of them goes, the server stays', () =>
  withRoom(async (room) => {
    const first = await room.connect();
    const server = await trusted(room);
    for (let i = 0; i < 3 * CALLBACK_CONNECTIONS; i++) await room.connect();
    await first.closed;
    assert.deepEqual(at(await server.call('ClientCallback.Ping', {}), 'result'), SUCCESS);
    const again = await trusted(room);
    assert.deepEqual(at(await again.call('ClientCallback.Ping', {}), 'result'), SUCCESS);
    assert.ok(room.server.connections <= CALLBACK_CONNECTIONS);
  }));

test('a stranger who says nothing, or a byte at a time, is cut off', () =>
  withRoom(async (room) => {
    const [silent, slow] = [await room.connect(), await room.connect()];
    slow.write('{"jsonrpc"');
    await Promise.all([silent.closed, slow.closed]);
    assert.equal(room.server.connections, 0);
  }));

test('close ends every connection and lets nobody in any more', () =>
  withRoom(async (room) => {
    const [server, stranger] = [await trusted(room), await room.connect()];
    room.server.close();
    await Promise.all([server.closed, stranger.closed]);
    await assert.rejects(room.connect(), /ECONNREFUSED/);
  }));

test('it listens on the one address it was given', () =>
  withRoom(async (room) => {
    await assert.rejects(LineClient.connect('127.0.0.2', room.server.port), /ECONNREFUSED/);
  }));
