/** The client in scripts: lines in, messages out, and an exit status that tells how it went. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import net from 'node:net';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import * as v from 'valibot';
import { Message } from '../commons/protocol.ts';
import { onTerminal, pipedClient } from './support/client-terminal.ts';
import { falseServer, registered } from './support/false-server.ts';
import { join, startRoom, type Member } from './support/room.ts';
import { ScriptedServer } from './support/scripted-server.ts';
import { startServer } from './support/server-process.ts';

let room: Awaited<ReturnType<typeof startRoom>>;
let bob: Member;
let people = 0;

before(async () => {
  room = await startRoom();
  bob = await join(room, { id: 'Bob-1', name: 'Bob' });
});
after(() => room.stop());

/** Arguments of a client with an ID of its own. */
function someone(...more: string[]): [args: string[], id: string] {
  const id = `Script-${++people}`;
  return [['--server', `127.0.0.1:${room.port}`, '--name', 'Script', '--id', id, ...more], id];
}

function saidBy(id: string): string[] {
  return bob.heard.filter(({ SenderID, Kind }) => SenderID === id && Kind === 'chat').map(({ Text }) => Text);
}

test('piped lines are sent in order, each acknowledged, then the client leaves with status 0', async () => {
  const [args, id] = someone();
  const lines = Array.from({ length: 200 }, (_, i) => `line ${i}`);
  const { status, stdout } = await pipedClient(args, lines.join('\n')).done;
  assert.equal(status, 0);
  assert.equal(stdout, '');
  await bob.hear(({ Kind, SenderID }) => Kind === 'leave' && SenderID === id);
  assert.deepEqual(saidBy(id), lines);
});

test('an interruption counts that comes with the end of stdin, or while the client leaves because of it', async () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const [args] = someone();
    const client = pipedClient(args);
    await client.prints('Connected to chat server at');
    // It finds both at once.
    client.signal('SIGSTOP');
    client.signal(signal);
    await new Promise<void>((resolve) => client.stdin.end(resolve));
    client.signal('SIGCONT');
    assert.equal((await client.done).status, 130, signal);
  }
  const server = await ScriptedServer.start(({ method }) => method === 'ChatServer.Unregister');
  try {
    const client = pipedClient(['--server', `${server.host}:${server.port}`, '--name', 'Script'], 'one\n');
    await server.asked('Unregister', 1);
    client.signal('SIGINT');
    assert.equal((await client.done).status, 130);
  } finally {
    await server.die();
  }
});

test('what comes through a pipe was not typed: commands are said, blank lines are not', async () => {
  const [args, id] = someone();
  assert.equal((await pipedClient(args, 'exit\r\n\n  \n/who\n//x\n').done).status, 0);
  await bob.hear(({ Kind, SenderID }) => Kind === 'leave' && SenderID === id);
  assert.deepEqual(saidBy(id), ['exit', '/who', '//x']);
});

test('stdout has messages only, in the classic form; everything else is on stderr', async () => {
  const [args, id] = someone();
  const client = pipedClient(args);
  await client.prints('Connected to chat server at');
  await bob.say('Hello everyone!');
  await bob.say('two\nlines');
  await client.prints('lines');
  client.stdin.end();
  const { status, stdout, stderr } = await client.done;
  assert.equal(status, 0);
  assert.equal(stdout, 'Bob: Hello everyone!\nBob: two\n  lines\n');
  assert.equal(stderr, `Welcome, Script! (ID: ${id})\nConnected to chat server at 127.0.0.1:${room.port}\n`);
});

test('--json prints one JSON object a message, as it was received', async () => {
  const [args] = someone('--json');
  const client = pipedClient(args);
  await client.prints('Connected');
  await bob.say('two\nlines');
  const carol = await join(room, { id: 'Carol-1', name: 'Carol' });
  await client.prints('Carol-1');
  client.stdin.end();
  const { stdout } = await client.done;
  const [said, joined, ...more] = stdout
    .trim()
    .split('\n')
    .map((line) => v.parse(v.strictObject(Message.entries), JSON.parse(line)));
  const { Seq = 0, SentAt = '', ...rest } = said ?? {};
  assert.deepEqual(rest, {
    SenderID: 'Bob-1',
    Content: 'Bob: two\nlines',
    IsSystem: false,
    Room: 'lobby',
    Name: 'Bob',
    Text: 'two\nlines',
    Kind: 'chat',
  });
  assert.ok(Seq > 0 && Date.now() - Date.parse(SentAt) < 60_000);
  assert.deepEqual([joined?.Kind, joined?.IsSystem, joined?.Content], ['join', true, 'User Carol-1 joined the chat']);
  assert.deepEqual(more, []);
  await carol.client.close();
});

test('a line that is refused is reported with its number, the others are sent, and the status is 6', async () => {
  const [args, id] = someone();
  const { status, stderr } = await pipedClient(args, `one\n${'x'.repeat(5_000)}\nthree\n`).done;
  assert.equal(status, 6);
  assert.match(stderr, /^\* Line 2 was not accepted: .*4,?096/m);
  await bob.hear(({ Kind, SenderID }) => Kind === 'leave' && SenderID === id);
  assert.deepEqual(saidBy(id), ['one', 'three']);
});

test('more than the rate allows is slowed down, not lost', async () => {
  const server = await startServer(['--rate', '20']);
  try {
    const lines = Array.from({ length: 60 }, (_, i) => `${i}`).join('\n');
    const { status, stderr } = await pipedClient(['--server', `127.0.0.1:${server.port}`, '--name', 'Script'], lines).done;
    assert.equal(status, 0, stderr);
    assert.equal(server.stdout().match(/\[BROADCAST\]|Script: /g)?.length, 60);
  } finally {
    await server.stop();
  }
});

test('a server that restarts in the middle is noticed once and costs no line', async () => {
  let server = await startServer();
  const { port } = server;
  try {
    const client = pipedClient(['--server', `127.0.0.1:${port}`, '--name', 'Script']);
    await client.prints('Connected');
    server.signal('SIGKILL');
    await client.prints('The server is lost');
    client.stdin.end('after the loss\n');
    server = await startServer(['--listen', `127.0.0.1:${port}`]);
    const { status, stderr } = await client.done;
    assert.equal(status, 0, stderr);
    assert.equal(stderr.match(/lost/g)?.length, 1);
    assert.match(server.stdout(), /after the loss/);
  } finally {
    await server.stop();
  }
});

test('a reader of stdout that goes away ends the client quietly', async () => {
  const [args, id] = someone('--json');
  const client = pipedClient(args);
  await client.prints('Connected');
  client.hangUp();
  await bob.say('nobody reads this');
  const { status, stderr } = await client.done;
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /EPIPE|Error/);
  await bob.hear(({ Kind, SenderID }) => Kind === 'leave' && SenderID === id);
});

test('wrong usage is status 2 and says what was wrong: a flag, a name, no name', async () => {
  for (const [args, why] of [
    [['--no-such-flag'], /no-such-flag/],
    [['--name', 'system'], /reserved/],
    [['--server', 'nowhere'], /--server/],
    [[], /name is needed/],
  ] as const) {
    const { status, stdout, stderr } = await pipedClient(args, 'x\n').done;
    assert.equal(status, 2, stderr);
    assert.match(stderr, why);
    assert.equal(stdout, '');
  }
});

test('the name may come from the environment', async () => {
  const { status, stderr } = await pipedClient(['--server', `127.0.0.1:${room.port}`], '', { PARTYLINE_NAME: 'Env' }).done;
  assert.equal(status, 0);
  assert.match(stderr, /^Welcome, Env! \(ID: Env-/);
});

test('what became of the connection is in the log file, if there is to be one', async () => {
  const folder = await mkdtemp(path(tmpdir(), 'client-'));
  try {
    const file = path(folder, 'log');
    const [args, id] = someone('--log-level', 'info', '--log-file');
    const { status, stderr } = await pipedClient([...args, file], 'not for the log\n').done;
    assert.equal(status, 0, stderr);
    const log = await readFile(file, 'utf8');
    assert.ok(log.includes(id));
    assert.match(log, /Joined the room/);
    assert.match(log, /The connection has ended/);
    assert.doesNotMatch(log, /not for the log/);
    assert.equal((await pipedClient([...args, folder], 'x\n').done).status, 1);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a refusal is status 4, in the words of the server', async () => {
  const { status, stderr } = await pipedClient(['--server', `127.0.0.1:${room.port}`, '--name', 'Bob', '--id', 'Bob-1'], 'x\n').done;
  assert.equal(status, 4);
  assert.match(stderr, /^\* .*registered/);
});

test('a server that cannot be reached is status 5: a closed port, a service that speaks something else', async () => {
  const listener = net
    .createServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end('SSH-2.0-OpenSSH_9.2\r\n'),
    )
    .listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const args = ['--server', `127.0.0.1:${port}`, '--name', 'Script'];
  assert.equal((await pipedClient(args, 'x\n').done).status, 5);
  listener.close();
  await once(listener, 'close');
  const { status, stderr } = await pipedClient(args, 'x\n').done;
  assert.equal(status, 5);
  assert.match(stderr, new RegExp(`127\\.0\\.0\\.1:${port}`));
});

test('SIGINT and SIGTERM make it leave with status 130, even when the server hangs', async () => {
  const hung = await falseServer((method) => (method === 'ChatServer.Register' ? registered : 'silence'));
  try {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const client = pipedClient(['--server', `${hung.host}:${hung.port}`, '--name', 'Script', '--callback', 'inline'], 'never answered\n');
      await client.prints('Connected');
      const began = performance.now();
      client.signal(signal);
      assert.equal((await client.done).status, 130);
      assert.ok(performance.now() - began < 1_000, `${performance.now() - began} ms`);
    }
  } finally {
    await hung.close();
  }
});

test('--json on a terminal keeps the prompt and prints harmless JSON', () =>
  onTerminal(room, ['--name', 'Alice', '--json'], { columns: 200 }, async (terminal) => {
    await terminal.shows('You:');
    terminal.type('half');
    await terminal.shows('You: half');
    await bob.say('to the script');
    await terminal.shows('"Text":"to the script"');
    await terminal.until(({ lines }) => lines.at(-1) === 'You: half', 'the half-typed line');
  }));
