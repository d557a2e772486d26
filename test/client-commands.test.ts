/** `partyline send` and `partyline tail`, as scripts use them: what they say and print, and what their exit status means. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join as path } from 'node:path';
import { after, before, test } from 'node:test';
import * as v from 'valibot';
import { Message } from '../commons/protocol.ts';
import { nameProblem } from '../commons/text.ts';
import { pipedClient, type PipedClient } from './support/client-terminal.ts';
import { falseServer, registered } from './support/false-server.ts';
import { at, LineClient } from './support/line-client.ts';
import { join, startRoom, type Member } from './support/room.ts';
import { startServer } from './support/server-process.ts';

let room: Awaited<ReturnType<typeof startRoom>>;
let bob: Member;
let people = 0;

before(async () => {
  room = await startRoom();
  bob = await join(room, { id: 'Bob-1', name: 'Bob' });
});
after(() => room.stop());

function someone(command: string, ...more: string[]): [args: string[], id: string] {
  const id = `Script-${++people}`;
  return [[command, '--server', `127.0.0.1:${room.port}`, '--name', 'Script', '--id', id, ...more], id];
}

/** What Bob heard of `id` once it had left. */
async function heardOf(id: string): Promise<string[]> {
  await bob.hear(({ Kind, SenderID }) => Kind === 'leave' && SenderID === id);
  return bob.heard.filter(({ SenderID }) => SenderID === id).map(({ Kind, Text }) => (Kind === 'chat' ? Text : Kind));
}

/** A tail that is in the room. */
async function tail(...more: string[]): Promise<[client: PipedClient, id: string]> {
  const [args, id] = someone('tail', ...more);
  const client = pipedClient(args);
  await bob.hear(({ Kind, SenderID }) => Kind === 'join' && SenderID === id);
  return [client, id];
}

// send

test('send says its words as one message and leaves; status 0 means that it was accepted', async () => {
  const [args, id] = someone('send', 'two', 'words  here', '--', '--no-flag');
  const { status, stdout, stderr } = await pipedClient(args).done;
  assert.deepEqual([status, stdout, stderr], [0, '', '']);
  assert.deepEqual(await heardOf(id), ['join', 'two words  here --no-flag', 'leave']);
});

test('send without words says each line of stdin, in order, but for blank ones', async () => {
  const [args, id] = someone('send');
  const lines = Array.from({ length: 50 }, (_, i) => `line ${i}`);
  assert.equal((await pipedClient(args, `exit\n\n  \n/who\r\n${lines.join('\n')}`).done).status, 0);
  assert.deepEqual(await heardOf(id), ['join', 'exit', '/who', ...lines, 'leave']);
});

test('send tells which line was not accepted, says the others, and ends with 6', async () => {
  const [args, id] = someone('send');
  const { status, stdout, stderr } = await pipedClient(args, `one\n${'x'.repeat(5_000)}\nthree\n`).done;
  assert.deepEqual([status, stdout], [6, '']);
  assert.match(stderr, /^\* Line 2 was not accepted: .*4,?096.*\n$/);
  assert.deepEqual(await heardOf(id), ['join', 'one', 'three', 'leave']);
  const [empty] = someone('send', '');
  const refused = await pipedClient(empty).done;
  assert.equal(refused.status, 6);
  assert.match(refused.stderr, /^\* The message was not accepted: .*empty/);
});

test('send --wait-delivered ends with 0 when everybody has each message', async () => {
  const [args, id] = someone('send', '--wait-delivered');
  const { status, stderr } = await pipedClient(args, 'one\ntwo\nthree').done;
  assert.deepEqual([status, stderr], [0, '']);
  assert.deepEqual(await heardOf(id), ['join', 'one', 'two', 'three', 'leave']);
});

test('send --wait-delivered ends with 7 when somebody does not answer in time, and says who', async () => {
  const deaf = await room.connect();
  await deaf.call('ChatServer.Register', { ID: 'Deaf-1', Name: 'Deaf', Callback: 'inline' });
  try {
    const [args, id] = someone('send', '--wait-delivered', '--timeout', '50');
    const lines = Array.from({ length: 100 }, (_, i) => `${i}`);
    const { status, stdout, stderr } = await pipedClient(args, lines.join('\n')).done;
    assert.deepEqual([status, stdout], [7, '']);
    const told = stderr.trim().split('\n');
    assert.deepEqual(
      told.map((line) => line.replace(/\d+ was/, 'N was')),
      lines.map(() => '* Line N was accepted: delivered to 1, waiting for Deaf.'),
    );
    assert.deepEqual(await heardOf(id), ['join', ...lines, 'leave']);
    const [both] = someone('send', '--wait-delivered', '--timeout', '0');
    assert.equal((await pipedClient(both, `${'x'.repeat(5_000)}\nfine\n`).done).status, 6, 'not accepted is worse than not delivered');
  } finally {
    await deaf.call('ChatServer.Unregister', { ID: 'Deaf-1' });
    await deaf.close();
  }
});

test('send to a server that is not there is 5, that refuses it 4, wrong usage 2, interrupted 130', async () => {
  assert.equal((await pipedClient(['send', '--server', '127.0.0.1:1', '--name', 'x', 'y']).done).status, 5);
  assert.equal((await pipedClient(['send', '--server', `127.0.0.1:${room.port}`, '--name', 'x', '--id', 'Bob-1', 'y']).done).status, 4);
  assert.equal((await pipedClient(['send', '--since', '1', 'y']).done).status, 2);
  for (const command of [['send'], ['tail', '--history', '1']]) {
    const hung = new EventEmitter();
    const server = await falseServer((method) => {
      if (method === 'ChatServer.Register') return registered;
      hung.emit('asked');
      return 'silence';
    });
    try {
      const asked = once(hung, 'asked');
      const args = [...command, '--server', `${server.host}:${server.port}`, '--name', 'x', '--callback', 'inline'];
      const client = pipedClient(args, 'never answered\n');
      await asked;
      client.signal('SIGINT');
      assert.equal((await client.done).status, 130);
    } finally {
      await server.close();
    }
  }
});

test('send and tail need no name: they have the login name, or are guests', async () => {
  const expected = nameProblem(userInfo().username, 32) === undefined ? userInfo().username : 'guest';
  assert.equal((await pipedClient(['send', '--server', `127.0.0.1:${room.port}`, 'from nobody']).done).status, 0);
  const { Content } = await bob.hear(({ Text }) => Text === 'from nobody');
  assert.equal(Content, `${expected}: from nobody`);
});

test('no command touches the place of the terminal', async () => {
  const state = path(mkdtempSync(path(tmpdir(), 'partyline-commands-')), 'none');
  const [args] = someone('send', 'x');
  assert.equal((await pipedClient(args, undefined, { PARTYLINE_STATE: state }).done).status, 0);
  assert.throws(() => rmSync(state), /ENOENT/);
});

// tail

test('tail prints what is said from now on, and ends with 130 when it is interrupted', async () => {
  const [client, id] = await tail();
  await bob.say('to the tail');
  await bob.say('two\nlines');
  await client.prints('  lines');
  client.signal('SIGINT');
  const { status, stdout, stderr } = await client.done;
  assert.deepEqual([status, stdout, stderr], [130, 'Bob: to the tail\nBob: two\n  lines\n', '']);
  assert.deepEqual(await heardOf(id), ['join', 'leave']);
});

test('tail --history begins with the last lines, tail --since with all after a Seq, and then comes what is said', async () => {
  for (const more of [
    () => ['--history', '2'],
    (seq: number) => ['--since', `${seq}`],
    (seq: number) => ['--since', `${seq}`, '--history', '1'],
  ]) {
    const one = Number(at(await bob.say('one'), 'result', 'Seq'));
    await bob.say('two');
    await bob.say('three');
    const [client] = await tail(...more(one));
    await client.prints('three');
    await bob.say('live');
    await client.prints('live');
    client.signal('SIGTERM');
    const { status, stdout } = await client.done;
    assert.equal(status, 130);
    assert.equal(stdout, 'Bob: two\nBob: three\nBob: live\n', more(one).join(' '));
  }
});

test('tail ends quietly, with 0, when nobody reads it any more', async () => {
  const [client, id] = await tail('--json');
  client.hangUp();
  await bob.say('nobody reads this');
  const { status, stderr } = await client.done;
  assert.deepEqual([status, stderr], [0, '']);
  assert.deepEqual(await heardOf(id), ['join', 'leave']);
});

test('tail --since 0 --json prints every message once, over a kill of the server too', async () => {
  const data = mkdtempSync(path(tmpdir(), 'partyline-tail-'));
  let server = await startServer(['--data', data]);
  const { host, port } = server;
  const speak = async (id: string, ...texts: string[]): Promise<void> => {
    const speaker = await join({ host, port, connect: () => LineClient.connect(host, port) }, { id, name: id });
    for (const text of texts) await speaker.say(text);
    await speaker.client.close();
  };
  try {
    await speak('Eve', 'before 1', 'before 2');
    const client = pipedClient(['tail', '--server', `${host}:${port}`, '--name', 'Tail', '--since', '0', '--json']);
    await client.prints('before 2');
    server.signal('SIGKILL');
    await client.prints('The server is lost');
    server = await startServer(['--data', data, '--listen', `${host}:${port}`]);
    await speak('Fay', 'after 1', 'after 2');
    await client.prints('after 2');
    client.signal('SIGINT');
    const { status, stdout } = await client.done;
    const shown = stdout
      .trim()
      .split('\n')
      .map((line) => v.parse(v.strictObject(Message.entries), JSON.parse(line)));
    assert.equal(status, 130);
    assert.deepEqual(
      shown.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text),
      ['before 1', 'before 2', 'after 1', 'after 2'],
    );
    assert.equal(new Set(shown.map(({ Seq }) => Seq)).size, shown.length);
  } finally {
    await server.stop();
    rmSync(data, { recursive: true, force: true });
  }
});

test('a tail that the server will not have any more says why, and ends with 1', async () => {
  let welcome = true;
  const server = await falseServer((method) =>
    method === 'ChatServer.Register' && welcome ? registered : { error: { code: -32004, message: 'Out.', data: { Reason: 'Forbidden' } } },
  );
  try {
    const args = ['tail', '--server', `${server.host}:${server.port}`, '--name', 'x', '--callback', 'inline', '--history', '1'];
    const client = pipedClient(args);
    await client.prints('What was said before cannot be shown');
    welcome = false;
    server.drop();
    const { status, stderr } = await client.done;
    assert.equal(status, 1);
    assert.match(stderr, /^\* The connection has ended: Out\.$/m);
  } finally {
    await server.close();
  }
});
