/** A stock jayson client (one connection per call) and a stock jayson callback server are a complete client. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import jayson from 'jayson';
import * as v from 'valibot';
import { until } from './support/traffic.ts';
import { startServer } from './support/server-process.ts';

const Received = v.object({ Message: v.object({ Seq: v.number(), Kind: v.string(), Content: v.string(), IsSystem: v.boolean() }) });
const Answer = v.object({
  result: v.optional(v.unknown()),
  error: v.optional(v.object({ code: v.number(), message: v.string(), data: v.object({ Reason: v.string() }) })),
});
const Registered = v.object({ Success: v.literal(true), Message: v.string(), Session: v.string() });

type Params = Record<string, unknown>;

/** jayson's own client and server, joined to the room; `contents` grows as the room speaks. */
async function stockClient(t: TestContext, { host, port }: { host: string; port: number }, id: string) {
  const contents: string[] = [];
  const heard = new EventEmitter();
  const callback = new jayson.Server({
    'ClientCallback.ReceiveMessage': (params: unknown, done: (error: null, result: object) => void) => {
      contents.push(v.parse(Received, params).Message.Content);
      heard.emit('message');
      done(null, { Success: true });
    },
  }).tcp();
  callback.listen(0, '127.0.0.1');
  t.after(() => callback.close());
  await once(callback, 'listening');
  const client = jayson.Client.tcp({ host, port });
  const call = async (method: string, params: Params | unknown[]) => v.parse(Answer, await request(client, method, params));
  const joined = await call('ChatServer.Register', { ID: id, Name: id, Callback: `:${portOf(callback)}` });
  return {
    call,
    contents,
    session: v.parse(Registered, joined.result).Session,
    hears: (content: string) => until(heard, 'message', () => contents.includes(content), content),
  };
}

function portOf(listener: { address(): AddressInfo | string | null }): number {
  const address = listener.address();
  assert.ok(address !== null && typeof address !== 'string');
  return address.port;
}

function request(client: jayson.TcpClient, method: string, params: Params | unknown[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.request(method, params, (error?: unknown, answer?: unknown) => {
      if (error instanceof Error) reject(error);
      else resolve(answer);
    });
  });
}

test('two stock jayson programs talk: one connection per call, and the session says who speaks', async (t) => {
  const server = await startServer(['--rate', '0']);
  t.after(() => server.stop());
  const ann = await stockClient(t, server, 'Ann');
  const ben = await stockClient(t, server, 'Ben');
  await ann.hears('User Ben joined the chat');

  const sent = await ann.call('ChatServer.SendMessage', { UserID: 'Ann', Session: ann.session, Text: 'Hello, Ben ☃' });
  assert.equal(sent.error, undefined);
  await ben.hears('Ann: Hello, Ben ☃');
  await ben.call('ChatServer.SendMessage', [{ UserID: 'Ben', Session: ben.session, Text: 'Hello, Ann' }]);
  await ann.hears('Ben: Hello, Ann');
  assert.ok(!ann.contents.includes('Ann: Hello, Ben ☃'), 'an own message does not come back');

  const { result } = await ben.call('ChatServer.ListUsers', { UserID: 'Ben', Session: ben.session });
  const { Users } = v.parse(v.object({ Users: v.array(v.object({ ID: v.string() })) }), result);
  assert.deepEqual(Users.map(({ ID }) => ID).sort(), ['Ann', 'Ben']);

  const left = await ann.call('ChatServer.Unregister', { ID: 'Ann', Session: ann.session });
  assert.equal(left.result, 'Successfully unregistered');
  await ben.hears('User Ann left the chat');
});

test('without the session another connection is a stranger: refused, and told why', async (t) => {
  const server = await startServer(['--rate', '0']);
  t.after(() => server.stop());
  const ann = await stockClient(t, server, 'Ann');
  for (const params of [
    { UserID: 'Ann', Text: 'not me' },
    { UserID: 'Ann', Text: 'not me', Session: 'guessed' },
  ]) {
    const { error } = await ann.call('ChatServer.SendMessage', params);
    assert.deepEqual([error?.code, error?.data.Reason], [-32003, 'Unauthorized']);
  }
  assert.equal((await ann.call('ChatServer.Unregister', { ID: 'Ann' })).error?.data.Reason, 'Unauthorized');
  const { error } = await ann.call('ChatServer.SendMessage', { UserID: 'nobody', Text: 'x', Session: ann.session });
  assert.equal(error?.data.Reason, 'NotRegistered');
});

test('100 messages reach a stock jayson callback server in order', async (t) => {
  const server = await startServer(['--rate', '0']);
  t.after(() => server.stop());
  const ann = await stockClient(t, server, 'Ann');
  const ben = await stockClient(t, server, 'Ben');
  const wanted = Array.from({ length: 100 }, (_, i) => `Ann: ${i}`);
  for (let i = 0; i < 100; i++) await ann.call('ChatServer.SendMessage', { UserID: 'Ann', Session: ann.session, Text: String(i) });
  await ben.hears('Ann: 99');
  assert.deepEqual(
    ben.contents.filter((content) => content.startsWith('Ann: ')),
    wanted,
  );
});
