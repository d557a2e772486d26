/**
 * The server answers as it is spoken to, and calls back as it was spoken to: JSON-RPC 2.0 by name and by position, and
 * 1.0 to the letter of Go's `net/rpc/jsonrpc`, which accepts no other answer.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { at, keysOf, type IncomingCall, type LineClient } from './support/line-client.ts';
import { join, withServer, type RunningServer } from './support/room.ts';

/** Calls as Go's client does, and checks what Go's client needs of an answer: the id, and either a result or a string. */
async function goCall(client: LineClient, id: number, method: string, param: unknown): Promise<unknown> {
  client.writeFrame({ method, params: [param], id });
  const answer = await client.next();
  assert.deepEqual(keysOf(answer), ['error', 'id', 'result']);
  assert.equal(at(answer, 'id'), id);
  const [result, error] = [at(answer, 'result'), at(answer, 'error')];
  if (error === null) assert.notEqual(result, null, 'a success never has a null result');
  else assert.ok(typeof error === 'string' && error !== '' && result === null, 'an error is a string, its result null');
  return answer;
}

test('every method answers dialect 1.0 with a result that is not null and an error that is', () =>
  withServer({}, async (server) => {
    const go = await server.connect();
    const me = { UserID: 'go' };
    const register = await goCall(go, 0, 'ChatServer.Register', { ID: 'go', Name: 'Gopher', Callback: 'none' });
    const calls = [
      ['ChatServer.SendMessage', { ...me, Text: 'hi' }],
      ['ChatServer.ListUsers', me],
      ['ChatServer.Info', {}],
      ['ChatServer.Info', null],
      ['rpc.discover', {}],
      ['ChatServer.Unregister', 'go'],
    ] as const;
    assert.equal(at(register, 'result', 'Message'), 'Successfully registered as go');
    for (const [index, [method, param]] of calls.entries()) {
      assert.equal(at(await goCall(go, index + 1, method, param), 'error'), null, method);
    }
  }));

test('a failed call in dialect 1.0 is a sentence, and the connection goes on', () =>
  withServer({}, async (server) => {
    const go = await server.connect();
    const failing = [
      ['ChatServer.Nothing', {}],
      ['ChatServer.Register', { ID: '', Name: 'Gopher', Callback: 'none' }],
      ['ChatServer.Register', null],
      ['ChatServer.SendMessage', { UserID: 'nobody', Text: 'hi' }],
      ['ChatServer.SendMessage', 42],
      ['ChatServer.Unregister', 'nobody'],
    ] as const;
    for (const [index, [method, param]] of failing.entries()) {
      assert.match(String(at(await goCall(go, index, method, param), 'error')), /^[A-Z].*\.$/s, method);
      assert.equal(at(await goCall(go, index + 100, 'ChatServer.Info', {}), 'error'), null);
    }
  }));

test('ids of dialect 1.0 come back to the letter; a call whose id is null is a notification', () =>
  withServer({}, async (server) => {
    const client = await server.connect();
    for (const id of ['0', '18446744073709551615', '9007199254740993', '"seven"', '""', '1.5']) {
      client.write(`{"method":"ChatServer.Info","params":[{}],"id":null}\n{"method":"ChatServer.Info","params":[{}],"id":${id}}\n`);
      assert.ok((await client.nextRaw()).includes(`"id":${id},`), id);
    }
  }));

test('each call of a connection is answered in its own dialect, in the order of arrival', () =>
  withServer({}, async (server) => {
    const mixed = await join(server, { id: 'mixed', callback: 'none' });
    const send = (id: number, head: string) =>
      `{${head}"method":"ChatServer.SendMessage","params":[{"UserID":"mixed","Text":"${id}"}],"id":${id}}\n`;
    const round = (id: number) =>
      send(id, '"jsonrpc":"2.0",') +
      `{"jsonrpc":"2.0","method":"ChatServer.Info","id":${id + 1}}\n` +
      send(id + 2, '') +
      `{"jsonrpc":"2.0","method":"ChatServer.Info"}\n` +
      `{"jsonrpc":"2.0","method":"no","id":${id + 3}}\n` +
      `{"method":"ChatServer.ListUsers","params":[{"UserID":"mixed"}],"id":${id + 4}}\n` +
      `[{"jsonrpc":"2.0","method":"ChatServer.SendMessage","params":{"UserID":"mixed","Text":"x"},"id":${id + 5}}]\n` +
      `no JSON\n` +
      send(id + 6, '');
    mixed.client.write(Array.from({ length: 50 }, (_, index) => round(index * 10)).join(''));
    for (let id = 0; id < 500; id += 10) {
      const answers: unknown[] = [];
      for (let count = 0; count < 8; count++) answers.push(await mixed.client.next());
      const ids = answers.map((answer) => at(answer, 'id') ?? at(answer, 0, 'id') ?? null);
      assert.deepEqual(ids, [id, id + 1, id + 2, id + 3, id + 4, id + 5, null, id + 6]);
      const dialects = answers.map((answer) => at(answer, 'jsonrpc') ?? at(answer, 0, 'jsonrpc') ?? '1.0');
      assert.deepEqual(dialects, ['2.0', '2.0', '1.0', '2.0', '1.0', '2.0', '2.0', '1.0']);
      const sent = [0, 2, 7].map((index) => Number(at(answers[index], 'result', 'Seq')));
      assert.deepEqual(
        sent,
        sent.toSorted((a, b) => a - b),
        'messages are numbered in the order in which they were sent',
      );
    }
  }));

test('what is of neither dialect is refused, and the connection goes on', () =>
  withServer({}, async (server) => {
    const client = await server.connect();
    for (const frame of ['{}', '{"foo":"boo"}', '{"id":3}', '{"params":[],"id":3}', '{"method":7,"params":[],"id":3}']) {
      client.write(`${frame}\n`);
      const answer = await client.next();
      assert.ok([3, null].includes(Number(at(answer, 'id')) || null), frame);
      assert.ok(at(answer, 'error', 'code') === -32600 || typeof at(answer, 'error') === 'string', frame);
    }
    assert.equal(at(await client.call('ChatServer.Info'), 'result', 'Success'), true);
  }));

/** The ways in which a client may speak, and how it must be called back. */
const STYLES = [
  { name: '2.0 by name', head: { jsonrpc: '2.0' }, params: (value: object) => value, byPosition: false },
  { name: '2.0 by position', head: { jsonrpc: '2.0' }, params: (value: object) => [value], byPosition: true },
  { name: '1.0', head: {}, params: (value: object) => [value], byPosition: true },
] as const;
type Style = (typeof STYLES)[number];

/** Registers in a style with an inline callback; the calls that follow are the test's to answer. */
async function registerAs(server: RunningServer, style: Style, id: string): Promise<LineClient> {
  const client = await server.connect();
  const params = style.params({ ID: id, Name: id, Callback: 'inline' });
  client.writeFrame({ ...style.head, method: 'ChatServer.Register', params, id: 1 });
  assert.equal(at(await client.next(), 'result', 'Success'), true);
  return client;
}

for (const style of STYLES) {
  test(`who registered in ${style.name} is called back in ${style.name}, and its answer is understood`, () =>
    withServer({}, async (server) => {
      const client = await registerAs(server, style, 'mirror');
      const sender = await join(server, { id: 'sender', callback: 'none' });
      checkCall(await answered(client), style, 'join');
      const sent = sender.client.call('ChatServer.SendMessage', { UserID: 'sender', Text: 'hello', Wait: 'delivered' });
      checkCall(await answered(client), style, 'chat');
      assert.deepEqual(at(await sent, 'result', 'Receipt'), { Delivered: 1, Pending: [], Failed: 0 });
    }));
}

async function answered(client: LineClient): Promise<IncomingCall> {
  const call = await client.nextCall();
  client.answer(call, { Success: true });
  return call;
}

function checkCall(call: IncomingCall, style: Style, kind: string): void {
  const members = style.name === '1.0' ? ['id', 'method', 'params'] : ['id', 'jsonrpc', 'method', 'params'];
  assert.deepEqual(keysOf(JSON.parse(call.raw)), members);
  assert.equal(call.jsonrpc, style.name === '1.0' ? undefined : '2.0');
  assert.equal(call.method, 'ClientCallback.ReceiveMessage');
  assert.equal(Array.isArray(call.params), style.byPosition);
  if (Array.isArray(call.params)) assert.equal(call.params.length, 1);
  const params = style.byPosition ? at(call.params, 0) : call.params;
  assert.deepEqual(keysOf(params), ['Message']);
  assert.deepEqual(keysOf(at(params, 'Message')), ['Content', 'IsSystem', 'Kind', 'Name', 'Room', 'SenderID', 'SentAt', 'Seq', 'Text']);
  assert.equal(at(params, 'Message', 'Kind'), kind);
}

test('a 1.0 client has one unanswered call at a time, because Go would run more of them in any order', () =>
  withServer({}, async (server) => {
    const [one, two] = [await registerAs(server, STYLES[2], 'one-oh'), await registerAs(server, STYLES[0], 'two-oh')];
    const sender = await join(server, { id: 'sender', callback: 'none' });
    for (const text of ['a', 'b', 'c']) await sender.say(text);
    // Whoever registered in 2.0 gets all that waits without answering: two joins of others are at most before the texts.
    const many = [await two.nextCall(), await two.nextCall(), await two.nextCall(), await two.nextCall()];
    assert.deepEqual(many.map(contentOf), ['User sender joined the chat', 'sender: a', 'sender: b', 'sender: c']);
    const contents: unknown[] = [];
    for (let count = 0; count < 5; count++) {
      const call = await one.nextCall();
      contents.push(contentOf(call));
      await one.call('ChatServer.Info');
      assert.deepEqual(one.leftOverCalls(), [], 'no second call may come before the first is answered');
      one.answer(call, { Success: true });
    }
    assert.deepEqual(contents, ['User two-oh joined the chat', 'User sender joined the chat', 'sender: a', 'sender: b', 'sender: c']);
  }));

function contentOf(call: IncomingCall): unknown {
  return at(call.params, 'Message', 'Content') ?? at(call.params, 0, 'Message', 'Content');
}

for (const params of [['leaver'], [{ ID: 'leaver' }], { ID: 'leaver' }]) {
  test(`Unregister takes ${JSON.stringify(params)} and answers with the bare string`, () =>
    withServer({}, async (server) => {
      const [first, second] = [await join(server, { id: 'leaver' }), await join(server, { id: 'witness' })];
      assert.equal(at(await first.client.call('ChatServer.Unregister', params), 'result'), 'Successfully unregistered');
      assert.equal((await second.hear((message) => message.Kind === 'leave')).Content, 'User leaver left the chat');
      assert.equal(at(await first.client.call('ChatServer.Unregister', params), 'error', 'data', 'Reason'), 'NotRegistered');
    }));
}

test('Unregister in dialect 1.0 answers with the bare string', () =>
  withServer({}, async (server) => {
    for (const param of ['go', { ID: 'go' }]) {
      const go = await server.connect();
      await goCall(go, 1, 'ChatServer.Register', { ID: 'go', Name: 'Gopher', Callback: 'none' });
      assert.equal(at(await goCall(go, 2, 'ChatServer.Unregister', param), 'result'), 'Successfully unregistered');
    }
  }));
