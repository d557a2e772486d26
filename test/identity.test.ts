/**
 * Who may act for whom: an ID is public and proves nothing, the connection that registered it or its session does.
 * And what may be an ID, a name, a text.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { at, keysOf, LineClient } from './support/line-client.ts';
import { join, listenOn, withServer, type Heard, type RunningServer } from './support/room.ts';

const REGISTER = 'ChatServer.Register';
const SEND = 'ChatServer.SendMessage';
const UNREGISTER = 'ChatServer.Unregister';
const isChat = (message: Heard): boolean => message.Kind === 'chat';

/** Asserts that an answer is a refusal for this reason; its sentence is returned. */
function refusedFor(reason: string, code: number, answer: unknown): string {
  assert.deepEqual([at(answer, 'error', 'code'), at(answer, 'error', 'data', 'Reason')], [code, reason], JSON.stringify(answer));
  return String(at(answer, 'error', 'message'));
}
const isUnauthorized = (answer: unknown) => refusedFor('Unauthorized', -32003, answer);
const isNotRegistered = (answer: unknown) => refusedFor('NotRegistered', -32001, answer);
const isAlreadyRegistered = (answer: unknown) => refusedFor('AlreadyRegistered', -32002, answer);
const isTooLarge = (answer: unknown) => refusedFor('TooLarge', -32008, answer);
function isAccepted(answer: unknown): void {
  assert.equal(at(answer, 'result', 'Success'), true, JSON.stringify(answer));
}
/** Asserts that an answer names this field as the broken one. */
function isInvalid(field: string, answer: unknown): void {
  refusedFor('InvalidParams', -32602, answer);
  assert.equal(at(answer, 'error', 'data', 'Issues', 0, 'Path'), field, JSON.stringify(answer));
  assert.match(String(at(answer, 'error', 'data', 'Issues', 0, 'Message')), /^[A-Z].*\.$|^[A-Z].*[<>\]]$/);
}

test('Register answers with what a client needs, and with a secret of its own each time', () =>
  withServer({}, async (server) => {
    const client = await server.connect();
    const sessions = new Set<unknown>();
    for (const id of ['ann-1', 'ann-2', 'ann-3']) {
      const result = at(await client.call(REGISTER, { ID: id, Name: 'Ann', Callback: 'none' }), 'result');
      assert.deepEqual(keysOf(result), ['Epoch', 'ID', 'Message', 'Room', 'Seq', 'Session', 'Success']);
      assert.equal(at(result, 'Success'), true);
      assert.equal(at(result, 'Message'), `Successfully registered as ${id}`);
      assert.deepEqual([at(result, 'ID'), at(result, 'Room')], [id, 'lobby']);
      assert.ok(Number.isSafeInteger(at(result, 'Seq')) && typeof at(result, 'Epoch') === 'string');
      assert.match(String(at(result, 'Session')), /^[\w+/=-]{43,}$/, '256 bits take 43 characters of base64');
      sessions.add(at(result, 'Session'));
    }
    assert.equal(sessions.size, 3);
  }));

test('nobody speaks, leaves or looks as somebody else', () =>
  withServer({}, async (server) => {
    const [victim, thief] = [await join(server, { id: 'victim' }), await join(server, { id: 'thief' })];
    const stranger = await server.connect();
    for (const client of [thief.client, stranger]) {
      for (const proof of [{}, { Session: thief.session }, { Session: 'guessed' }, { Session: 'x'.repeat(43) }]) {
        isUnauthorized(await client.call(SEND, { UserID: 'victim', Text: 'forged', ...proof }));
        isUnauthorized(await client.call(UNREGISTER, { ID: 'victim', ...proof }));
        isUnauthorized(await client.call('ChatServer.ListUsers', { UserID: 'victim', ...proof }));
      }
      isUnauthorized(await client.call(UNREGISTER, ['victim']));
      isUnauthorized(await client.call(UNREGISTER, [{ ID: 'victim' }]));
    }
    isAccepted(await victim.say('still here'));
    assert.equal((await thief.hear((message) => message.Kind !== 'join')).Content, 'victim: still here');
  }));

test('the session proves the ID on any connection, in either dialect', () =>
  withServer({}, async (server) => {
    const [owner, witness] = [await join(server, { id: 'owner' }), await join(server, { id: 'witness' })];
    const elsewhere = await server.connect();
    const proof = { UserID: 'owner', Session: owner.session };
    isAccepted(await elsewhere.call(SEND, { ...proof, Text: 'from elsewhere' }));
    elsewhere.writeFrame({ method: SEND, params: [{ ...proof, Text: 'in 1.0' }], id: 1 });
    isAccepted(await elsewhere.next());
    isAccepted(await elsewhere.call('ChatServer.ListUsers', proof));
    assert.equal((await witness.hear((message) => message.Text === 'in 1.0')).Content, 'owner: in 1.0');
    // Having used it once gives the connection no right of its own.
    isUnauthorized(await elsewhere.call(SEND, { UserID: 'owner', Text: 'without' }));
    const left = await elsewhere.call(UNREGISTER, { ID: 'owner', Session: owner.session });
    assert.equal(at(left, 'result'), 'Successfully unregistered');
    assert.equal((await witness.hear((message) => message.Kind === 'leave')).Content, 'User owner left the chat');
  }));

test('a connection acts for every ID that it registered, and for no longer than that', () =>
  withServer({}, async (server) => {
    const client = await server.connect();
    for (const id of ['left', 'right']) isAccepted(await client.call(REGISTER, { ID: id, Name: id, Callback: 'none' }));
    for (const id of ['left', 'right']) isAccepted(await client.call(SEND, { UserID: id, Text: 'hello' }));
    await client.call(UNREGISTER, ['left']);
    isNotRegistered(await client.call(SEND, { UserID: 'left', Text: 'gone' }));
    const other = await server.connect();
    isAccepted(await other.call(REGISTER, { ID: 'left', Name: 'left', Callback: 'none' }));
    isUnauthorized(await client.call(SEND, { UserID: 'left', Text: 'no longer mine' }));
  }));

test('an ID that is not registered is told so, whatever it looks like', () =>
  withServer({}, async (server) => {
    const { client } = await join(server, { id: 'somebody' });
    for (const id of ['nobody', 'SomeBody', '__proto__', 'constructor', 'toString', 'x'.repeat(1_000), '[SYSTEM]']) {
      isNotRegistered(await client.call(SEND, { UserID: id, Text: 'hello' }));
      isNotRegistered(await client.call(SEND, { UserID: id, Text: 'hello', Session: 'any' }));
      isNotRegistered(await client.call('ChatServer.ListUsers', { UserID: id }));
      isNotRegistered(await client.call(UNREGISTER, [id]));
    }
  }));

test('on the connection that registered the ID no session is needed, and none can spoil it', () =>
  withServer({}, async (server) => {
    const owner = await join(server, { id: 'owner' });
    isAccepted(await owner.client.call(SEND, { UserID: 'owner', Text: 'hello', Session: 'outdated' }));
    const elsewhere = await server.connect();
    isUnauthorized(await elsewhere.call(SEND, { UserID: 'owner', Text: 'hello', Session: 'outdated' }));
  }));

test('optional fields that are empty or null count as left out, as records of Go and others write them', () =>
  withServer({}, async (server) => {
    const client = await server.connect();
    const unset = { Token: '', Secret: null, Session: '', Epoch: '' };
    isAccepted(await client.call(REGISTER, { ID: 'gopher', Name: 'Gopher', Callback: 'none', ...unset }));
    const send = { UserID: 'gopher', Text: 'hello', Session: '', Room: '', MessageID: null, Wait: '', TimeoutMs: 0 };
    isAccepted(await client.call(SEND, send));
    isAccepted(await client.call(SEND, [send]));
    isInvalid('Text', await client.call(SEND, { ...send, Text: '' }));
    isInvalid('Wait', await client.call(SEND, { ...send, Wait: 'stored' }));
  }));

test('who left has no session any more', () =>
  withServer({}, async (server) => {
    const { client, session } = await join(server, { id: 'leaver' });
    await client.call(UNREGISTER, ['leaver']);
    isNotRegistered(await client.call(SEND, { UserID: 'leaver', Text: 'hello', Session: session }));
    const again = await join(server, { id: 'leaver' });
    assert.notEqual(again.session, session);
    isUnauthorized(await client.call(SEND, { UserID: 'leaver', Text: 'hello', Session: session }));
  }));

test('with its session a client takes over: nobody sees it go or come, and only the new callback is called', () =>
  withServer({}, async (server) => {
    const [old, witness] = [await join(server, { id: 'mover' }), await join(server, { id: 'witness' })];
    await old.hear((message) => message.Kind === 'join');
    const fresh = await join(server, { id: 'mover', more: { Session: old.session } });
    isAccepted(await witness.say('hello, mover'));
    assert.equal((await fresh.hear(isChat)).Text, 'hello, mover');
    isAccepted(await fresh.say('hello, witness'));
    isAccepted(await (await server.connect()).call(SEND, { UserID: 'mover', Session: fresh.session, Text: 'by session' }));
    isUnauthorized(await old.client.call(SEND, { UserID: 'mover', Text: 'the old connection is let go' }));
    await witness.hear((message) => message.Text === 'by session');
    assert.deepEqual(
      witness.heard.map((message) => message.Content),
      ['mover: hello, witness', 'mover: by session'],
    );
    assert.deepEqual(old.heard.filter(isChat), []);
  }));

test('after a takeover the end of the old connection takes nobody away', () =>
  withServer({}, async (server) => {
    const [old, witness] = [await join(server, { id: 'mover' }), await join(server, { id: 'witness' })];
    const fresh = await join(server, { id: 'mover', more: { Session: old.session } });
    await old.client.close();
    isAccepted(await fresh.say('still here'));
    assert.equal((await witness.hear(() => true)).Text, 'still here');
  }));

test('a takeover hangs up on the old callback server and dials the new one', () =>
  withServer({}, async (server) => {
    const [before, after] = [await callbackServer(), await callbackServer()];
    try {
      const old = await join(server, { id: 'mover', callback: before.address });
      const first = await before.accepted;
      const fresh = await join(server, { id: 'mover', callback: after.address, more: { Session: old.session } });
      const ears = listenOn(await after.accepted);
      await first.gone();
      const witness = await join(server, { id: 'witness' });
      isAccepted(await witness.say('hello'));
      assert.equal((await ears.hear(isChat)).Text, 'hello');
      isAccepted(await fresh.say('hello yourself'));
    } finally {
      await Promise.all([before.close(), after.close()]);
    }
  }));

/** Listens as a client does for its callbacks; `accepted` is the first connection that the server makes. */
async function callbackServer(): Promise<{ address: string; accepted: Promise<LineClient>; close(): Promise<void> }> {
  const clients: LineClient[] = [];
  const listener = net.createServer();
  const accepted = new Promise<LineClient>((resolve) => {
    listener.on('connection', (socket) => {
      clients.push(new LineClient(socket));
      if (clients[0] !== undefined) resolve(clients[0]);
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    listener.close();
    await Promise.all(clients.map((client) => client.close()));
  };
  return { address: `127.0.0.1:${String(at(listener.address(), 'port'))}`, accepted, close };
}

test('a stale session registers anew, seen by all; it does not open an ID that somebody else has', () =>
  withServer({}, async (server) => {
    const [first, witness] = [await join(server, { id: 'returner' }), await join(server, { id: 'witness' })];
    await first.client.call(UNREGISTER, ['returner']);
    await witness.hear((message) => message.Kind === 'leave');
    const second = await join(server, { id: 'returner', more: { Session: first.session } });
    assert.notEqual(second.session, first.session);
    await witness.hear((message) => message.Kind === 'join');
    const thief = await server.connect();
    isAlreadyRegistered(await thief.call(REGISTER, { ID: 'returner', Name: 'R', Callback: 'none', Session: first.session }));
    isAlreadyRegistered(await thief.call(REGISTER, { ID: 'returner', Name: 'R', Callback: 'none', Session: witness.session }));
    isAccepted(await second.say('still me'));
  }));

test('an ID is had by one client at a time, however it is written', () =>
  withServer({}, async (server) => {
    const owner = await join(server, { id: 'Zoë Alpha-1' });
    const other = await server.connect();
    const spellings = ['Zoë Alpha-1', 'ZOË ALPHA-1', 'zoe\u0308 alpha-1', 'Ｚoë Alpha-1', 'Zoë Alpha-①', 'ẐOË ALPHA-1'.replace('Ẑ', 'Z')];
    for (const id of spellings) isAlreadyRegistered(await other.call(REGISTER, { ID: id, Name: 'Other', Callback: 'none' }));
    isAccepted(await owner.say('still me'));
    isAccepted(await other.call(REGISTER, { ID: 'Zoë Alpha-2', Name: 'Other', Callback: 'none' }));
  }));

test('of many who want the same ID at once exactly one gets it', () =>
  withServer({}, async (server) => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => server.connect()));
    const answers = await Promise.all(clients.map((client) => client.call(REGISTER, { ID: 'wanted', Name: 'W', Callback: 'inline' })));
    const refused = answers.filter((answer) => at(answer, 'error') !== undefined);
    assert.equal(refused.length, 19);
    refused.forEach(isAlreadyRegistered);
  }));

const GOOD = { ID: 'good', Name: 'Good', Callback: 'none' };

test('a field that Register needs is named when it is missing, empty or no text', () =>
  withServer({}, async (server) => {
    const client = await server.connect();
    for (const field of ['ID', 'Name', 'Callback']) {
      const missing = Object.fromEntries(Object.entries(GOOD).filter(([key]) => key !== field));
      for (const params of [missing, ...['', null, 7, {}, ['x']].map((value) => ({ ...GOOD, [field]: value }))]) {
        isInvalid(field, await client.call(REGISTER, params));
      }
      const empty = await client.call(REGISTER, { ...GOOD, [field]: '' });
      assert.ok(String(at(empty, 'error', 'message')).includes(field), 'the sentence names it too: in 1.0 it is all there is');
    }
    isInvalid('ID', await client.call(REGISTER));
    isAccepted(await client.call(REGISTER, GOOD));
  }));

const REFUSED_LABELS: Readonly<Record<string, string>> = {
  ESC: 'a\u001b[31m',
  'a bare CSI': 'a\u009b31m',
  'a newline': 'a\nb',
  'a carriage return': 'a\rb',
  TAB: 'a\tb',
  NUL: 'a\0',
  'a backspace': 'a\b',
  BEL: 'a\u0007',
  'a right-to-left override': 'a\u202eb',
  'an isolate': 'a\u2066b',
  'a zero-width space': 'a\u200bb',
  'a zero-width joiner': 'a\u200db',
  'a byte order mark': '\ufeffab',
  'a no-break space': 'a\u00a0b',
  'a line separator': 'a\u2028b',
  'a tag character': 'a\u{e0041}',
  'a lone surrogate': 'a\ud800',
  'a private use character': 'a\ue000',
  'a leading blank': ' a',
  'a trailing blank': 'a ',
  'two blanks': 'a  b',
  'blanks only': '   ',
  brackets: '[SYSTEM]',
  'angle brackets': '<a>',
  'punctuation only': '...',
  'piled up marks': `a${'\u0301'.repeat(20)}`,
  'a reserved word': 'system',
  'a reserved word in capitals': 'SERVER',
  'a reserved word in full width': 'Ａｄｍｉｎ',
};

test('an ID or a name that could deceive is refused, and the field is named', () =>
  withServer({}, async (server) => {
    const client = await server.connect();
    for (const [rule, label] of Object.entries(REFUSED_LABELS)) {
      for (const field of ['ID', 'Name']) {
        const answer = await client.call(REGISTER, { ...GOOD, [field]: label });
        assert.equal(at(answer, 'error', 'code'), -32602, `${rule} in ${field}`);
        isInvalid(field, answer);
        assert.doesNotMatch(JSON.stringify(answer), /\\u001b|\\u009b|\u009b|\u202e/, 'a refusal does not repeat what it refuses');
      }
    }
    isInvalid('Name', await client.call(REGISTER, { ...GOOD, Name: 'Bob: hello' }));
    isInvalid('Name', await client.call(REGISTER, { ...GOOD, Name: 'n'.repeat(33) }));
    isInvalid('ID', await client.call(REGISTER, { ...GOOD, ID: 'i'.repeat(129) }));
    assert.deepEqual(await names(server), ['watcher']);
  }));

test('names of all the world are welcome, and length is counted in characters', () =>
  withServer({}, async (server) => {
    const welcome = ['Zoë', 'Алиса', '山田 太郎', 'مريم', 'नीलिमा', "O'Neil", 'x_1.y-2', '👩', '7', '😀'.repeat(32), '山'.repeat(32)];
    for (const name of welcome) await join(server, { id: `id of ${name}`.slice(0, 20), name, callback: 'none' });
    await join(server, { id: 'i'.repeat(128), name: 'longest', callback: 'none' });
    assert.deepEqual((await names(server)).sort(), [...welcome, 'longest', 'watcher'].sort());
  }));

/** Who is in the lobby, as a watcher sees it. */
async function names(server: RunningServer): Promise<string[]> {
  const watcher = await join(server, { id: 'watcher', callback: 'none' });
  const users = at(await watcher.client.call('ChatServer.ListUsers', { UserID: 'watcher' }), 'result', 'Users');
  return Array.isArray(users) ? users.map((user) => String(at(user, 'Name'))) : [];
}

test('what others get to see holds neither a session nor a callback address', () =>
  withServer({}, async (server) => {
    const callback = await callbackServer();
    try {
      const [alice, bob] = [await join(server, { id: 'alice', callback: callback.address }), await server.connect()];
      listenOn(await callback.accepted);
      const lines: string[] = [];
      bob.onCall((call) => {
        lines.push(call.raw);
        bob.answer(call, { Success: true });
      });
      await bob.call(REGISTER, { ID: 'bob', Name: 'bob', Callback: 'inline' });
      isAccepted(await alice.say('hello'));
      lines.push(JSON.stringify(await bob.call('ChatServer.ListUsers', { UserID: 'bob' })));
      lines.push(JSON.stringify(await bob.call('ChatServer.Info')));
      for (const line of lines) assert.ok(!line.includes(alice.session) && !line.includes(callback.address), line);
      assert.ok(lines.some((line) => line.includes('alice: hello')));
    } finally {
      await callback.close();
    }
  }));

test('a text is refused when it is empty, missing or no text; the connection goes on', () =>
  withServer({}, async (server) => {
    const { client, say } = await join(server, { id: 'writer', callback: 'none' });
    isInvalid('Text', await client.call(SEND, { UserID: 'writer' }));
    for (const text of ['', null, 7, true, ['x'], { a: 1 }]) isInvalid('Text', await client.call(SEND, { UserID: 'writer', Text: text }));
    isAccepted(await say('a text'));
  }));

test('a text has at most 4,096 bytes; one more is TooLarge, and the connection goes on', () =>
  withServer({}, async (server) => {
    const [writer, reader] = [await join(server, { id: 'writer' }), await join(server, { id: 'reader' })];
    const longest = ['x'.repeat(4_096), 'é'.repeat(2_048), '山'.repeat(1_365), '😀'.repeat(1_024), '"'.repeat(4_096)];
    for (const text of longest) {
      isTooLarge(await writer.say(`${text}xx`));
      isAccepted(await writer.say(text));
      assert.equal((await reader.hear((message) => message.Text === text)).Content, `writer: ${text}`);
    }
    isTooLarge(await writer.say('x'.repeat(50_000)));
    assert.equal(reader.heard.filter(isChat).length, longest.length);
  }));

test('a text that moves a cursor, forges a line or turns one around is refused, by the name of its character', () =>
  withServer({}, async (server) => {
    const [writer, reader] = [await join(server, { id: 'writer' }), await join(server, { id: 'reader' })];
    const bad = [
      '\u001b',
      '\u009b',
      '\r',
      '\0',
      '\b',
      '\u0007',
      '\v',
      '\f',
      '\u007f',
      '\u0085',
      '\u2028',
      '\u2029',
      '\u202e',
      '\u2066',
      '\u200b',
      '\ud800',
    ];
    for (const character of bad) {
      const answer = await writer.say(`before${character}after`);
      isInvalid('Text', answer);
      const point = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      assert.ok(String(at(answer, 'error', 'message')).includes(`U+${point}`), `U+${point}`);
    }
    isAccepted(await writer.say('the end'));
    assert.equal((await reader.hear(isChat)).Text, 'the end');
  }));

test('line feeds, tabs and every script arrive as they were sent', () =>
  withServer({}, async (server) => {
    const [writer, reader] = [await join(server, { id: 'writer', name: 'Writer' }), await join(server, { id: 'reader' })];
    const texts = [
      'two\nlines\n[SYSTEM] not me',
      '\tindented',
      ' ',
      'שלום',
      'مرحبا',
      '👩‍👩‍👧',
      'e\u0301',
      '\\u001b \\n "quoted" {}',
      '__proto__',
    ];
    for (const text of texts) isAccepted(await writer.say(text));
    await reader.hear((message) => message.Text === '__proto__');
    const heard = reader.heard.filter(isChat);
    assert.deepEqual(
      heard.map((message) => message.Text),
      texts,
    );
    assert.deepEqual(
      heard.map((message) => message.Content),
      texts.map((text) => `Writer: ${text}`),
    );
  }));
