/**
 * The JSON-RPC 2.0 specification's section 7, with this server's methods in place of its examples', and the edge cases
 * beyond it. Each vector is delivered whole, byte by byte, and in one packet with the frame after it: nothing but the
 * bytes may decide what is answered.
 */
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { at, keysOf, type LineClient } from './support/line-client.ts';
import { startRoom, join, type Member, type RunningServer } from './support/room.ts';

/** What an answer says, without its words: `ok` with an id, or an error's code with an id. */
type Outline = { readonly id: unknown; readonly error?: number; readonly ok?: true };
/** The answers to one vector: none, one, or one that is a batch. */
type Expected = readonly (Outline | readonly Outline[])[];

interface Vector {
  readonly name: string;
  readonly frame: string | Buffer;
  /** Each acceptable outcome; most vectors have exactly one. */
  readonly outcomes: readonly Expected[];
  /** Over a limit: one error answer, then the end of the connection. */
  readonly closes?: true;
  /** What the answer's own text must contain: parsing would hide it. */
  readonly text?: RegExp;
}

const ok = (id: unknown): Outline => ({ id, ok: true });
const refused = (error: number, id: unknown = null): Outline => ({ id, error });
const PARSE = -32700;
const REQUEST = -32600;
const METHOD = -32601;
const PARAMS = -32602;
const TOO_LARGE = -32008;

let server: RunningServer & { stop(): Promise<void> };
let member: Member;
before(async () => {
  server = await startRoom();
  member = await join(server, { id: 'vector', callback: 'none' });
});
after(() => server.stop());

const answered = (name: string, frame: string | Buffer, ...answers: Expected): Vector => ({ name, frame, outcomes: [answers] });
/** An invalid request whose id can be read: the specification allows the id as well as null. */
const invalid = (name: string, frame: string, id: unknown): Vector => ({
  name,
  frame,
  outcomes: [[refused(REQUEST, id)], [refused(REQUEST)]],
});
const closed = (name: string, frame: string | Buffer): Vector => ({ name, frame, outcomes: [[refused(TOO_LARGE)]], closes: true });
const nested = (depth: number, core = '1') => '['.repeat(depth) + core + ']'.repeat(depth);
const infoCall = (id: string) => `{"jsonrpc":"2.0","method":"ChatServer.Info","id":${id}}`;
const repeat = (element: string, times: number) => `[${Array<string>(times).fill(element).join(',')}]`;

/** `SECRET` stands for the member's session, which is known only when the server runs. */
const LIST = '{"UserID":"vector","Session":"SECRET"}';
const listCall = (members: string) => `{"jsonrpc":"2.0","method":"ChatServer.ListUsers",${members}}`;

/** Section 7 of the specification, in its order. */
const SPECIFICATION: readonly Vector[] = [
  answered('positional parameters', listCall(`"params":[${LIST}],"id":1`), ok(1)),
  answered('positional parameters, other order of members', listCall(`"id":2,"params":[{"Session":"SECRET","UserID":"vector"}]`), ok(2)),
  answered('named parameters', listCall(`"params":${LIST},"id":3`), ok(3)),
  answered('named parameters, other order', listCall('"params":{"Session":"SECRET","UserID":"vector"},"id":4'), ok(4)),
  answered('a notification', listCall(`"params":[${LIST}]`)),
  answered('a notification of an unknown method', '{"jsonrpc":"2.0","method":"foobar"}'),
  answered('a notification with five parameters', '{"jsonrpc":"2.0","method":"update","params":[1,2,3,4,5]}'),
  answered('a method that does not exist', '{"jsonrpc":"2.0","method":"foobar","id":"1"}', refused(METHOD, '1')),
  answered('invalid JSON', '{"jsonrpc":"2.0","method":"foobar, "params":"bar", "baz]', refused(PARSE)),
  answered('an invalid request object', '{"jsonrpc":"2.0","method":1,"params":"bar"}', refused(REQUEST)),
  answered(
    'a batch of invalid JSON',
    '[{"jsonrpc":"2.0","method":"sum","params":[1,2,4],"id":"1"},{"jsonrpc":"2.0","method"]',
    refused(PARSE),
  ),
  answered('an empty array', '[]', refused(REQUEST)),
  answered('an invalid batch, not empty', '[1]', [refused(REQUEST)]),
  answered('an invalid batch of three', '[1,2,3]', [refused(REQUEST), refused(REQUEST), refused(REQUEST)]),
  answered(
    'a mixed batch',
    `[${listCall(`"params":[${LIST}],"id":"1"`)},{"jsonrpc":"2.0","method":"notify_hello","params":[7]},` +
      `${listCall(`"params":${LIST},"id":"2"`)},{"foo":"boo"},` +
      `{"jsonrpc":"2.0","method":"foo.get","params":{"name":"myself"},"id":"5"},${infoCall('"9"')}]`,
    [ok('1'), ok('2'), refused(REQUEST), refused(METHOD, '5'), ok('9')],
  ),
  answered(
    'a batch of notifications only',
    '[{"jsonrpc":"2.0","method":"notify_sum","params":[1,2,4]},{"jsonrpc":"2.0","method":"notify_hello","params":[7]}]',
  ),
];

/** An id that is echoed to the letter, or refused; never one that was rounded. */
const exactId = (raw: string): Vector => {
  const echoed: Expected = [ok(JSON.parse(raw))];
  const letter = new RegExp(`"id":(${raw.replaceAll(/[.+]/g, '\\$&')}|null)[,}]`);
  return { name: `the id ${raw.slice(0, 40)}`, frame: infoCall(raw), outcomes: [echoed, [refused(REQUEST)]], text: letter };
};
const sameId = (raw: string): Vector => answered(`the id ${raw.slice(0, 40)}`, infoCall(raw), ok(JSON.parse(raw)));
const noId = (raw: string): Vector => answered(`the id ${raw}`, infoCall(raw), refused(REQUEST));

const IDS: readonly Vector[] = [
  sameId('null'),
  sameId('0'),
  sameId('-1'),
  sameId('1.5'),
  sameId('9007199254740991'),
  sameId('""'),
  sameId('"1"'),
  sameId('"ü 😀 \\" \\\\ \\n \\u0000 \\u00fc"'),
  sameId('"},{[\\"id\\":1"'),
  sameId('"__proto__"'),
  sameId(`"${'x'.repeat(2000)}"`),
  ...['9007199254740993', '-9223372036854775808', '18446744073709551615', '123456789012345678901234567890'].map(exactId),
  ...['1e400', '-1e400', '1e-400', '0.1000000000000000055511151231257827', '10.50'].map(exactId),
  exactId(`1${'0'.repeat(600)}7`),
  sameId('1.0'),
  sameId('1e2'),
  ...['true', 'false', '{}', '[]', '[1]', '{"id":1}'].map(noId),
  {
    name: 'an id with a lone surrogate',
    frame: infoCall('"\\ud800"'),
    outcomes: [[ok('\ud800')], [refused(PARSE)], [refused(REQUEST)]],
  },
  {
    name: 'the id of a call is its own, not one inside its parameters',
    frame: '{"jsonrpc":"2.0","params":{"id":7,"deep":{"id":8}},"method":"ChatServer.Info","id":9}',
    outcomes: [[ok(9)]],
  },
  {
    name: 'exact ids in a batch',
    frame: `[${infoCall('9007199254740993')},${infoCall('-9223372036854775808')}]`,
    outcomes: [[[ok(9007199254740992), ok(-9223372036854775808)]], [[refused(REQUEST), refused(REQUEST)]]],
    text: /("id":9007199254740993.*"id":-9223372036854775808|"id":null)/,
  },
];

const call = (members: string) => `{"jsonrpc":"2.0",${members}}`;
const SHAPES: readonly Vector[] = [
  answered('[[1]]', '[[1]]', [refused(REQUEST)]),
  answered('a batch inside a batch', `[${infoCall('1')},[${infoCall('2')}]]`, [ok(1), refused(REQUEST)]),
  answered('a batch of an empty batch and null', '[[],null]', [refused(REQUEST), refused(REQUEST)]),
  answered('a string that holds a call', JSON.stringify(infoCall('1')), refused(REQUEST)),
  answered('a batch with a string that holds a call', `[${JSON.stringify(infoCall('1'))}]`, [refused(REQUEST)]),
  ...['42', 'null', 'true', '""', '1e400'].map((raw) => answered(`the bare value ${raw}`, raw, refused(REQUEST))),
  invalid('no method', call('"id":1'), 1),
  invalid('a method that is null', call('"method":null,"id":1'), 1),
  answered('the empty method', call('"method":"","id":1'), refused(METHOD, 1)),
  answered('a reserved method', call('"method":"rpc.foo","id":1'), refused(METHOD, 1)),
  answered('rpc.discover', call('"method":"rpc.discover","id":1'), ok(1)),
  answered('a method in other case', call('"method":"chatserver.info","id":1'), refused(METHOD, 1)),
  answered('a callback method asked of the server', call('"method":"ClientCallback.Ping","id":1'), refused(METHOD, 1)),
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__', 'ChatServer', 'ChatServer.__proto__'].map(
    (method) => answered(`the method ${method}`, call(`"method":"${method}","id":1`), refused(METHOD, 1)),
  ),
  invalid('jsonrpc "1.0"', '{"jsonrpc":"1.0","method":"ChatServer.Info","id":1}', 1),
  invalid('jsonrpc as a number', '{"jsonrpc":2.0,"method":"ChatServer.Info","id":1}', 1),
  invalid('jsonrpc null', '{"jsonrpc":null,"method":"ChatServer.Info","id":1}', 1),
  answered('an unknown method with two parameters', call('"method":"foobar","params":[1,2],"id":1'), refused(METHOD, 1)),
  answered('unknown members', call('"method":"ChatServer.Info","id":1,"extra":{"a":[1]}'), ok(1)),
  answered('escaped member names', '{"jsonrpc":"2.0","\\u006dethod":"ChatServer.Info","\\u0069d":5}', ok(5)),
  {
    name: 'duplicate members: the last one counts, or the call is refused',
    frame: '{"jsonrpc":"2.0","method":"nope","id":1,"method":"ChatServer.Info","id":2}',
    outcomes: [[ok(2)], [refused(REQUEST)], [refused(REQUEST, 2)]],
  },
];

const PARAMETERS: readonly Vector[] = [
  ...['null', '7', '"text"', 'true'].map((raw) => invalid(`params ${raw}`, call(`"method":"ChatServer.Info","params":${raw},"id":1`), 1)),
  answered('params left out', infoCall('1'), ok(1)),
  answered('params []', call('"method":"ChatServer.Info","params":[],"id":1'), ok(1)),
  answered('params {}', call('"method":"ChatServer.Info","params":{},"id":1'), ok(1)),
  answered('params [{}]', call('"method":"ChatServer.Info","params":[{}],"id":1'), ok(1)),
  answered('two positional parameters', listCall(`"params":[${LIST},${LIST}],"id":1`), refused(PARAMS, 1)),
  answered('parameters left out that are needed', listCall('"id":1'), refused(PARAMS, 1)),
  answered('a parameter of the wrong kind', listCall('"params":{"UserID":7},"id":1'), refused(PARAMS, 1)),
  answered('__proto__ as a key', listCall('"params":{"UserID":"vector","Session":"SECRET","__proto__":{"UserID":7}},"id":1'), ok(1)),
  answered('parameters through __proto__', listCall(`"params":{"__proto__":${LIST}},"id":1`), refused(PARAMS, 1)),
  answered('a call through __proto__', '{"jsonrpc":"2.0","__proto__":{"method":"ChatServer.Info","id":1}}', refused(REQUEST)),
  answered(
    'keys of Object.prototype',
    listCall('"params":{"constructor":1,"toString":2,"hasOwnProperty":3,"UserID":"vector","Session":"SECRET"},"id":1'),
    ok(1),
  ),
  answered(
    'brackets in a string are no nesting',
    listCall(`"params":{"UserID":"vector","Session":"SECRET","Room":"lobby","x":"${'[{'.repeat(50)}"},"id":1`),
    ok(1),
  ),
];

const NOTIFICATIONS: readonly Vector[] = [
  answered('a notification with bad parameters', listCall('"params":{"UserID":7}')),
  answered('a notification with too many parameters', listCall(`"params":[${LIST},${LIST}]`)),
  answered('a notification without right', '{"jsonrpc":"2.0","method":"ChatServer.SendMessage","params":{"UserID":"vector","Text":"x"}}'),
  answered('an answer nobody asked for', '{"jsonrpc":"2.0","result":true,"id":99}'),
  answered('an error nobody asked for', '{"jsonrpc":"2.0","error":{"code":-32000,"message":"no"},"id":99}'),
  answered('an error without an id', '{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"},"id":null}'),
  answered('an answer in dialect 1.0', '{"id":99,"result":{"Success":true},"error":null}'),
];

const ENCODING: readonly Vector[] = [
  ...[[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]].map((bytes) =>
    answered(
      `invalid UTF-8: ${Buffer.from(bytes).toString('hex')}`,
      Buffer.concat([Buffer.from('{"jsonrpc":"2.0","method":"ChatServer.Info","id":"'), Buffer.from(bytes), Buffer.from('"}')]),
      refused(PARSE),
    ),
  ),
  answered('valid UTF-8 of two, three and four bytes', infoCall('"é€😀"'), ok('é€😀')),
  answered('NUL between tokens', infoCall('1').replace(',', '\0,'), refused(PARSE)),
  answered('NUL inside a string', infoCall('"a\0b"'), refused(PARSE)),
  answered('a raw TAB inside a string', infoCall('"a\tb"'), refused(PARSE)),
  { name: 'a byte order mark', frame: `\ufeff${infoCall('1')}`, outcomes: [[ok(1)], [refused(PARSE)]] },
  answered('a carriage return at the end', `${infoCall('1')}\r`, ok(1)),
  answered('blank lines before and between', `\n\r\n \n\t\r\n${infoCall('1')}\n\n\r\n`, ok(1)),
  answered('blanks around every token', '  { "jsonrpc" : "2.0" ,\t"method" : "ChatServer.Info" , "id" : 1 }  ', ok(1)),
  answered('two values in one line', `${infoCall('1')}${infoCall('2')}`, refused(PARSE)),
  answered('a value with a tail', `${infoCall('1')}]`, refused(PARSE)),
  answered('a frame cut by a newline', '{"jsonrpc":"2.0",\n"method":"ChatServer.Info","id":1}', refused(PARSE), refused(PARSE)),
  ...["{'a':1}", '{"a":1,}', '[1,]', 'NaN', '// hello', 'GET / HTTP/1.1', '01', '{"a"}'].map((raw) =>
    answered(`no JSON: ${raw}`, raw, refused(PARSE)),
  ),
];

const BOUNDS: readonly Vector[] = [
  answered('nesting of 16', nested(16), [refused(REQUEST)]),
  closed('nesting of 17', nested(17)),
  closed(
    'nesting of 17, mixed, inside a call',
    call(`"method":"ChatServer.Info","id":1,"params":[${'{"a":['.repeat(8)}1${']}'.repeat(8)}]`),
  ),
  closed('nesting of 2,500', nested(2500)),
  closed('nesting of 5,000', nested(5000)),
  closed('nesting that never closes', '['.repeat(5000)),
  answered('a batch of 20', repeat(infoCall('1'), 20), Array<Outline>(20).fill(ok(1))),
  closed('a batch of 21', repeat(infoCall('1'), 21)),
  closed('a batch of 21 notifications', repeat('{"jsonrpc":"2.0","method":"x"}', 21)),
  closed('a batch of 21 numbers', repeat('1', 21)),
];

/** The three ways in which the same bytes can arrive. `next` is the frame that follows. */
const DELIVERIES: Readonly<Record<string, (client: LineClient, frame: Buffer, next: Buffer) => Promise<void>>> = {
  whole: async (client, frame, next) => {
    client.write(frame);
    await new Promise(setImmediate);
    client.write(next);
  },
  'byte by byte': async (client, frame, next) => {
    await client.writeBytewise(frame);
    client.write(next);
  },
  'with the next frame': (client, frame, next) => {
    client.write(Buffer.concat([frame, next]));
    return Promise.resolve();
  },
};

const GROUPS = { SPECIFICATION, IDS, SHAPES, PARAMETERS, NOTIFICATIONS, ENCODING, BOUNDS };
for (const [group, vectors] of Object.entries(GROUPS)) {
  for (const vector of vectors) {
    for (const [way, deliver] of Object.entries(DELIVERIES)) {
      test(`${group.toLowerCase()}, ${way}: ${vector.name}`, () => check(vector, deliver));
    }
  }
}

test('no frame of all these reached an object’s prototype', () => {
  assert.deepEqual(Object.keys(Object.prototype), []);
  assert.equal(at({}, 'polluted'), undefined);
});

async function check(vector: Vector, deliver: (client: LineClient, frame: Buffer, next: Buffer) => Promise<void>): Promise<void> {
  const client = await server.connect();
  const bytes = typeof vector.frame === 'string' ? Buffer.from(vector.frame.replaceAll('SECRET', member.session)) : vector.frame;
  await deliver(client, Buffer.concat([bytes, Buffer.from('\n')]), Buffer.from(`${infoCall('"the next frame"')}\n`));
  const answers = vector.closes === true ? await untilClosed(client) : await untilNext(client);
  const outlines = answers.map((raw) => outline(JSON.parse(raw)));
  assert.ok(
    vector.outcomes.some((outcome) => isDeepStrictEqual(outlines, sorted(outcome))),
    `${JSON.stringify(vector.outcomes)} expected, was answered ${answers.join('\n').slice(0, 2000)}`,
  );
  if (vector.text !== undefined) assert.match(answers.join('\n'), vector.text);
}

/** All answers before the one to the frame after the vector; then none may be left. */
async function untilNext(client: LineClient): Promise<string[]> {
  const answers: string[] = [];
  for (;;) {
    const raw = await client.nextRaw();
    if (at(JSON.parse(raw), 'id') === 'the next frame') break;
    answers.push(raw);
  }
  client.end();
  await client.gone();
  assert.deepEqual(client.leftOver(), [], 'no answer may come after that to a later frame');
  return answers;
}

async function untilClosed(client: LineClient): Promise<string[]> {
  await client.gone();
  return client.leftOver();
}

/** Checks an answer's form to the letter, and keeps what the vectors speak of. */
function outline(answer: unknown): unknown {
  if (Array.isArray(answer)) return sorted([answer.map(one)])[0];
  return one(answer);
}

function one(answer: unknown): Outline {
  const members = keysOf(answer);
  const [id, code] = [at(answer, 'id'), at(answer, 'error', 'code')];
  assert.equal(at(answer, 'jsonrpc'), '2.0');
  if (typeof code !== 'number') {
    assert.deepEqual(members, ['id', 'jsonrpc', 'result']);
    assert.equal(at(answer, 'result', 'Success') ?? typeof at(answer, 'result', 'openrpc') === 'string', true);
    return { id, ok: true };
  }
  assert.deepEqual(members, ['error', 'id', 'jsonrpc']);
  assert.ok(Number.isInteger(code));
  assert.match(String(at(answer, 'error', 'message')), /^[A-Z].{3,200}[.!]$/s, 'an error is a sentence for people');
  assert.equal(typeof at(answer, 'error', 'data', 'Reason'), 'string');
  return { id, error: code };
}

/** The answers of a batch may come in any order. */
function sorted(expected: Expected): Expected {
  const key = (entry: Outline) => JSON.stringify([entry.id, entry.error]);
  return expected.map((entry) => (isBatch(entry) ? [...entry].sort((a, b) => key(a).localeCompare(key(b))) : entry));
}

function isBatch(entry: Outline | readonly Outline[]): entry is readonly Outline[] {
  return Array.isArray(entry);
}
