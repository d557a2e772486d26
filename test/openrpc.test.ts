/**
 * The document that `rpc.discover` answers: a program that has nothing else must be able to rely on it. It is read over
 * the wire and judged by a validator that shares no code with the server's.
 */
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { ERRORS } from '../commons/errors.ts';
import { CLIENT_METHODS, SERVER_METHODS } from '../commons/protocol.ts';
import { VERSION } from '../commons/version.ts';
import { schemaFaults } from './support/json-schema.ts';
import { at, keysOf, type LineClient } from './support/line-client.ts';
import { join, startRoom } from './support/room.ts';

let room: Awaited<ReturnType<typeof startRoom>>;
let document: unknown;

before(async () => {
  room = await startRoom();
  const client = await room.connect();
  client.writeFrame({ jsonrpc: '2.0', id: 1, method: 'rpc.discover' });
  document = at(JSON.parse(await client.nextRaw()), 'result');
});
after(() => room.stop());

function list(value: unknown): readonly unknown[] {
  assert.ok(Array.isArray(value), `not an array: ${JSON.stringify(value)}`);
  return value;
}

function rowOf(name: string): unknown {
  const rows = [...list(at(document, 'methods')), ...list(at(document, 'x-client-methods'))];
  return rows.find((row) => at(row, 'name') === name) ?? assert.fail(`${name} is not in the document`);
}

/** The params of a method as one JSON Schema, as `by-name` means them. */
function paramsSchema(name: string): unknown {
  const params = list(at(rowOf(name), 'params'));
  const required = params.filter((param) => at(param, 'required') === true).map((param) => at(param, 'name'));
  const properties = Object.fromEntries<unknown>(params.map((param) => [String(at(param, 'name')), at(param, 'schema')]));
  return { type: 'object', required, properties };
}

test('the document has what OpenRPC 1.3 demands, each name once', () => {
  assert.match(String(at(document, 'openrpc')), /^1\.3\.\d+$/);
  assert.equal(at(document, 'info', 'version'), VERSION);
  for (const member of ['title', 'description']) assert.ok(String(at(document, 'info', member)).length > 5, member);
  const unknown = keysOf(document).filter(
    (key) => !key.startsWith('x-') && !['openrpc', 'info', 'methods', 'servers', 'components'].includes(key),
  );
  assert.deepEqual(unknown, []);

  for (const row of [...list(at(document, 'methods')), ...list(at(document, 'x-client-methods'))]) {
    const name = String(at(row, 'name'));
    assert.deepEqual(keysOf(row), ['errors', 'name', 'paramStructure', 'params', 'result', 'summary'], name);
    assert.equal(at(row, 'paramStructure'), 'by-name', name);
    assert.deepEqual(keysOf(at(row, 'result')), ['name', 'schema'], name);
    const params = list(at(row, 'params'));
    for (const param of params) {
      assert.deepEqual(keysOf(param), ['name', 'required', 'schema'], name);
      assert.ok(keysOf(at(param, 'schema')).length > 0, `${name}: ${String(at(param, 'name'))} may be anything`);
    }
    const names = params.map((param) => at(param, 'name'));
    assert.equal(new Set(names).size, names.length, `${name} names a param twice`);
  }
});

test('exactly the methods that are served are listed, and the callbacks apart from them', async () => {
  const client = await room.connect();
  const names = list(at(document, 'methods')).map((row) => String(at(row, 'name')));
  assert.deepEqual(names, Object.keys(SERVER_METHODS));
  assert.deepEqual(
    list(at(document, 'x-client-methods')).map((row) => at(row, 'name')),
    Object.keys(CLIENT_METHODS),
  );
  for (const name of names) assert.notEqual(at(await client.call(name, {}), 'error', 'code'), ERRORS.MethodNotFound.code, name);
});

test('every error of the catalogue is told with each method', () => {
  const expected = Object.entries(ERRORS).map(([Reason, { code, sentence }]) => ({ code, message: sentence, data: { Reason } }));
  for (const row of list(at(document, 'methods'))) assert.deepEqual(at(row, 'errors'), expected);
});

const GOOD = { ID: 'openrpc', Name: 'Openrpc', Callback: 'none' };
const SAID = { UserID: 'nobody', Text: 'hello' };

/** Params, and the field whose rule they break; without one they break none. */
const EXAMPLES: readonly (readonly [method: string, params: unknown, broken?: string])[] = [
  ['ChatServer.Register', {}, 'ID'],
  ['ChatServer.Register', { ...GOOD, ID: '' }, 'ID'],
  ['ChatServer.Register', { ...GOOD, ID: 7 }, 'ID'],
  ['ChatServer.Register', { ...GOOD, ID: 'x'.repeat(129) }, 'ID'],
  ['ChatServer.Register', { ...GOOD, Name: null }, 'Name'],
  ['ChatServer.Register', { ...GOOD, Name: 'x'.repeat(33) }, 'Name'],
  ['ChatServer.Register', { ...GOOD, Name: '😀'.repeat(33) }, 'Name'],
  ['ChatServer.Register', { ID: 'openrpc', Name: 'Openrpc' }, 'Callback'],
  ['ChatServer.Register', { ...GOOD, Callback: 'x'.repeat(129) }, 'Callback'],
  ['ChatServer.Register', { ...GOOD, Session: 5 }, 'Session'],
  ['ChatServer.Register', { ...GOOD, Secret: 'x'.repeat(129) }, 'Secret'],
  ['ChatServer.Register', { ...GOOD, Epoch: 5 }, 'Epoch'],
  ['ChatServer.Register', { ...GOOD, Token: ['x'] }, 'Token'],
  ['ChatServer.Register', { ...GOOD, ResumeAfter: -1 }, 'ResumeAfter'],
  ['ChatServer.Register', { ...GOOD, ResumeAfter: 1.5 }, 'ResumeAfter'],
  ['ChatServer.Register', { ...GOOD, ResumeAfter: '1' }, 'ResumeAfter'],
  ['ChatServer.Register', { ...GOOD, ResumeAfter: 2 ** 53 }, 'ResumeAfter'],
  ['ChatServer.Register', { ...GOOD, ID: '😀'.repeat(128), Name: '😀'.repeat(32), ResumeAfter: 0, Epoch: 'other', Unknown: 1 }],
  ['ChatServer.Unregister', {}, 'ID'],
  ['ChatServer.Unregister', { ID: '' }, 'ID'],
  ['ChatServer.Unregister', { ID: 'x'.repeat(1025) }, 'ID'],
  ['ChatServer.Unregister', { ID: 'nobody', Session: 'x' }],
  ['ChatServer.SendMessage', { Text: 'hello' }, 'UserID'],
  ['ChatServer.SendMessage', { UserID: 'nobody' }, 'Text'],
  ['ChatServer.CreateRoom', { UserID: 'nobody' }, 'Name'],
  ['ChatServer.CreateRoom', { UserID: 'nobody', Name: 'x'.repeat(33) }, 'Name'],
  ['ChatServer.CreateRoom', { UserID: 'nobody', Name: 'Den', Password: 'x'.repeat(1_025) }, 'Password'],
  ['ChatServer.CreateRoom', { UserID: 'nobody', Name: 'Den', Password: 'x' }],
  ['ChatServer.JoinRoom', { UserID: 'nobody' }, 'Room'],
  ['ChatServer.JoinRoom', { UserID: 'nobody', Room: 'AAAAAA', ResumeAfter: -1 }, 'ResumeAfter'],
  ['ChatServer.LeaveRoom', { Room: 'AAAAAA' }, 'UserID'],
  ['ChatServer.DeleteRoom', { UserID: 'nobody', Room: '' }, 'Room'],
  ['ChatServer.SendMessage', { ...SAID, Text: '' }, 'Text'],
  ['ChatServer.SendMessage', { ...SAID, Text: { a: 1 } }, 'Text'],
  ['ChatServer.SendMessage', { ...SAID, Session: 'x'.repeat(257) }, 'Session'],
  ['ChatServer.SendMessage', { ...SAID, Room: 5 }, 'Room'],
  ['ChatServer.SendMessage', { ...SAID, MessageID: 'x'.repeat(129) }, 'MessageID'],
  ['ChatServer.SendMessage', { ...SAID, Wait: 'stored' }, 'Wait'],
  ['ChatServer.SendMessage', { ...SAID, Wait: true }, 'Wait'],
  ['ChatServer.SendMessage', { ...SAID, TimeoutMs: 30_001 }, 'TimeoutMs'],
  ['ChatServer.SendMessage', { ...SAID, TimeoutMs: -1 }, 'TimeoutMs'],
  ['ChatServer.SendMessage', { ...SAID, Room: 'lobby', MessageID: '1', Wait: 'delivered', TimeoutMs: 30_000 }],
  ['ChatServer.ListUsers', {}, 'UserID'],
  ['ChatServer.ListUsers', { UserID: 'nobody', Room: 1 }, 'Room'],
  ['ChatServer.ListUsers', { UserID: 'nobody' }],
  ['ChatServer.SignUp', { Password: 'long enough' }, 'UserName'],
  ['ChatServer.SignUp', { UserName: 'x'.repeat(33), Password: 'long enough' }, 'UserName'],
  ['ChatServer.SignUp', { UserName: 'Openrpc' }, 'Password'],
  ['ChatServer.SignUp', { UserName: 'Openrpc', Password: 'x'.repeat(1_025) }, 'Password'],
  ['ChatServer.LogIn', { UserName: '', Password: 'x' }, 'UserName'],
  ['ChatServer.LogIn', { UserName: 'nobody', Password: 'x' }],
  ['ChatServer.LogOut', { Token: 7 }, 'Token'],
  ['ChatServer.LogOut', { Token: 'x', LogIn: 'x'.repeat(129) }, 'LogIn'],
  ['ChatServer.ListLogIns', {}, 'Token'],
  ['ChatServer.ChangePassword', { Token: 'x', Password: 'x' }, 'NewPassword'],
  ['ChatServer.DeleteAccount', { Token: 'x' }, 'Password'],
  ['ChatServer.DeleteAccount', { Token: 'x', Password: 'x' }],
  ['ChatServer.Info', { Anything: true }],
  ['rpc.discover', {}],
];

/** The first field that the server complains of; `undefined` when it understood the params, whatever it made of them. */
async function fieldRefused(client: LineClient, method: string, params: unknown): Promise<unknown> {
  const answer = await client.call(method, params);
  if (at(answer, 'error', 'code') !== ERRORS.InvalidParams.code) return undefined;
  return at(answer, 'error', 'data', 'Issues', 0, 'Path');
}

test('the schemas of the document refuse what the server refuses, and accept what it accepts', async () => {
  const client = await room.connect();
  for (const [method, params, broken] of EXAMPLES) {
    const shown = `${method} ${JSON.stringify(params).slice(0, 120)}`;
    const [fault] = schemaFaults(paramsSchema(method), params);
    assert.equal(await fieldRefused(client, method, params), broken, `the server: ${shown}`);
    assert.equal(fault !== undefined, broken !== undefined, `the document: ${shown}: ${fault}`);
    assert.ok(broken === undefined || fault?.includes(broken), `the document names another field: ${shown}: ${fault}`);
  }
});

test('what only sentences can say, the document says in the field’s description', async () => {
  const client = await room.connect();
  const beyond: readonly (readonly [method: string, params: object, field: string, said: RegExp])[] = [
    ['ChatServer.Register', { ...GOOD, ID: 'a<b' }, 'ID', /none of \[ \] < >/],
    ['ChatServer.Register', { ...GOOD, Name: 'System' }, 'Name', /reserved/],
    ['ChatServer.Register', { ...GOOD, Secret: 'é'.repeat(65) }, 'Secret', /at most 128 bytes/],
    ['ChatServer.SendMessage', { ...SAID, Text: 'a\u001b[2J' }, 'Text', /no control characters/],
    ['ChatServer.SignUp', { UserName: 'admin', Password: 'long enough' }, 'UserName', /by the rules of Name/],
    ['ChatServer.SignUp', { UserName: 'Openrpc', Password: 'short' }, 'Password', /at least 8 bytes/],
  ];
  for (const [method, params, field, said] of beyond) {
    assert.equal(await fieldRefused(client, method, params), field);
    assert.deepEqual(schemaFaults(paramsSchema(method), params), []);
    assert.match(String(at(paramsSchema(method), 'properties', field, 'description')), said);
  }
});

/** The schema, with every object closed: a field that it does not name is a fault. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inside = Object.fromEntries(Object.entries(schema).map(([key, value]: [string, unknown]) => [key, closed(value)]));
  return 'properties' in inside ? { ...inside, additionalProperties: false } : inside;
}

test('what the server answers and calls is as the document says, to the last field', async () => {
  const listener = await room.connect();
  const anna = await join(room, { id: 'anna' });
  const params = { ID: 'ben', Name: 'Ben', Callback: 'inline' };
  const answers: [method: string, answer: unknown][] = [['ChatServer.Register', await listener.call('ChatServer.Register', params)]];
  await anna.say('as documented');
  for (let heard = ''; heard !== 'as documented';) {
    const call = await listener.nextCall();
    assert.deepEqual(schemaFaults(closed(paramsSchema(call.method)), call.params), [], JSON.stringify(call.params));
    heard = String(at(call.params, 'Message', 'Text'));
    listener.answer(call, { Success: true });
  }
  const receipt = { UserID: 'anna', Text: 'twice', MessageID: '1', Wait: 'delivered', TimeoutMs: 10 };
  for (const [method, params] of [
    ['ChatServer.SendMessage', receipt],
    ['ChatServer.SendMessage', receipt],
    ['ChatServer.ListUsers', { UserID: 'anna' }],
    ['ChatServer.SignUp', { UserName: 'Anna', Password: 'long enough' }],
    ['ChatServer.LogIn', { UserName: 'Anna', Password: 'long enough' }],
    ['ChatServer.Info', {}],
    ['rpc.discover', {}],
    ['ChatServer.Unregister', { ID: 'anna' }],
  ] as const)
    answers.push([method, await anna.client.call(method, params)]);
  const Token = at(answers.find(([method]) => method === 'ChatServer.LogIn')?.[1], 'result', 'Token');
  for (const [method, more] of [
    ['ChatServer.ListLogIns', {}],
    ['ChatServer.ChangePassword', { Password: 'long enough', NewPassword: 'as long as it' }],
    ['ChatServer.DeleteAccount', { Password: 'as long as it' }],
  ] as const)
    answers.push([method, await anna.client.call(method, { Token, ...more })]);

  for (const [method, answer] of answers) {
    const result = at(answer, 'result');
    assert.notEqual(result, undefined, JSON.stringify(answer));
    const schema = at(rowOf(method), 'result', 'schema');
    assert.deepEqual(schemaFaults(method === 'rpc.discover' ? schema : closed(schema), result), [], method);
  }
  assert.equal(at(answers[2]?.[1], 'result', 'Duplicate'), true);
});

test('the validator of these tests catches what it is asked to', () => {
  const schema = { type: 'object', required: ['a'], properties: { a: { type: 'integer', minimum: 1 }, b: { enum: ['x'] } } };
  assert.deepEqual(schemaFaults(schema, { a: 1, b: 'x', c: 2 }), []);
  assert.deepEqual(schemaFaults(schema, { b: 'y' }), ['/b: enum', ': required a']);
  assert.deepEqual(schemaFaults(schema, { a: 0.5 }), ['/a: minimum', '/a: type integer']);
  assert.deepEqual(schemaFaults(schema, []), [': type object']);
  assert.match(String(schemaFaults({ pattern: 'x' }, 'y')), /does not know/);
});
