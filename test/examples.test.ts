/** The examples do what the comment at their top says, started as it says. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { PEERS } from './support/fault-peers.ts';
import { compileGo, ForeignProgram, missing } from './support/foreign-program.ts';
import type { Peer } from './support/peer.ts';
import { startServer } from './support/server-process.ts';
import { Caller, register } from './support/traffic.ts';
import { ROOT } from './support/root.ts';

const source = (name: string) => path.join(ROOT, 'examples', name);

/** Somebody who listens and can speak. */
interface Person {
  readonly peer: Peer;
  say(text: string): Promise<unknown>;
  hears(content: string): Promise<void>;
}

async function room(t: TestContext): Promise<{ port: number; join: (id: string) => Promise<Person> }> {
  const server = await startServer(['--rate', '0']);
  t.after(() => server.stop());
  const join = async (id: string): Promise<Person> => {
    const peer = await PEERS.healthy();
    t.after(() => peer.close());
    const caller = await Caller.dial(server.host, server.port);
    t.after(() => caller.close());
    await register(caller, id, peer.callback);
    return {
      peer,
      say: (text) => caller.call('ChatServer.SendMessage', { UserID: id, Text: text }),
      hears: (content) => peer.heard(({ messages }) => messages.some((message) => message.Content === content), content, 15_000),
    };
  };
  return { port: server.port, join };
}

function run(t: TestContext, command: string, ...args: string[]): ForeignProgram {
  const program = new ForeignProgram(command, args, ROOT);
  t.after(() => program.stop());
  return program;
}

/** Whether the file says at its top how to run it: `Run: <command>`. */
function documents(name: string, command: string): void {
  const top = readFileSync(source(name), 'utf8').split('\n').slice(0, 5).join('\n');
  assert.ok(top.includes(`Run: ${command}`), top);
}

/** Lines that do something: no comments, no blank ones, no imports, no lone brackets. */
function linesThatDo(name: string): string[] {
  const code = readFileSync(source(name), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|"""[\s\S]*?"""/g, '');
  return code.split('\n').filter((line) => /\w/.test(line) && !/^(import|from|type|\/\/)/.test(line));
}

test('the TypeScript bot echoes, in at most ten lines', async (t) => {
  documents('bot.ts', 'node --import tsx examples/bot.ts [HOST PORT]');
  assert.ok(linesThatDo('bot.ts').length <= 10, linesThatDo('bot.ts').join('\n'));
  const { port, join } = await room(t);
  const ann = await join('Ann');
  run(t, process.execPath, '--import', 'tsx', source('bot.ts'), '127.0.0.1', String(port));
  await ann.hears('User echo-bot joined the chat');
  await ann.say('not for the bot');
  await ann.say('!echo Grüße, "Welt" ☃');
  await ann.hears('Echo: Grüße, "Welt" ☃');
  assert.deepEqual(ann.peer.texts, ['Grüße, "Welt" ☃']);
});

test('the TypeScript bot says why it could not join', async (t) => {
  const { port, join } = await room(t);
  await join('echo-bot');
  const bot = run(t, process.execPath, '--import', 'tsx', source('bot.ts'), '127.0.0.1', String(port));
  assert.notEqual(await bot.ended, 0);
  assert.match(bot.printed, /already registered/i);
});

test('the Python bot greets whoever joins, in at most ten lines', { skip: missing('python3', '--version') ?? false }, async (t) => {
  documents('bot.py', 'python3 examples/bot.py [HOST PORT]');
  assert.ok(linesThatDo('bot.py').length <= 10, linesThatDo('bot.py').join('\n'));
  const { port, join } = await room(t);
  const ann = await join('Ann');
  run(t, 'python3', source('bot.py'), '127.0.0.1', String(port));
  await ann.hears('User greeter-bot joined the chat');
  const ben = await join('Ben');
  await ann.hears('Greeter: Welcome, Ben!');
  await ben.hears('Greeter: Welcome, Ben!');
});

/** One packet with the answer to Register and all `messages`; returns what the bot sent until it had answered each of them. */
async function repliesToOnePacket(t: TestContext, command: string, args: string[], messages: readonly object[]): Promise<string> {
  const server = net.createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  run(t, command, ...args, '127.0.0.1', String(typeof address === 'object' ? address?.port : ''));
  const socket = await accepted(server);
  t.after(() => socket.destroy());
  await once(socket, 'data');
  const frames = messages.map((Message, id) => ({ jsonrpc: '2.0', id, method: 'ClientCallback.ReceiveMessage', params: { Message } }));
  socket.write([{ jsonrpc: '2.0', id: 1, result: {} }, ...frames].map((frame) => `${JSON.stringify(frame)}\n`).join(''));
  let said = '';
  while (said.split('"result"').length <= messages.length)
    said += String(await once(socket, 'data', { signal: AbortSignal.timeout(10_000) }));
  return said;
}

function accepted(server: net.Server): Promise<net.Socket> {
  return new Promise((resolve) => server.once('connection', resolve));
}

test('the Python bot answers every message of a packet', { skip: missing('python3', '--version') ?? false }, async (t) => {
  const joins = Array.from({ length: 10 }, (_, index) => ({ Kind: 'join', Name: `P${index}` }));
  const said = await repliesToOnePacket(t, 'python3', [source('bot.py')], joins);
  for (const { Name } of joins.slice(0, -1)) assert.ok(said.includes(`Welcome, ${Name}!`), Name);
});

test('the Go bot shouts', { skip: missing('go', 'version') ?? false }, async (t) => {
  documents('bot.go', 'go run examples/bot.go [HOST:PORT]');
  const folder = mkdtempSync(path.join(tmpdir(), 'partyline-bot-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { port, join } = await room(t);
  const ann = await join('Ann');
  run(t, compileGo(source('bot.go'), folder), `127.0.0.1:${port}`);
  await ann.hears('User shout-bot joined the chat');
  await ann.say('!shout hello');
  await ann.hears('Shout: HELLO');
  await ann.say('!shout once more');
  await ann.hears('Shout: ONCE MORE');
});

test('the demonstration shows three screens, ends by itself and leaves nothing behind', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'partyline-demo-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const demo = new ForeignProgram(process.execPath, ['--import', import.meta.resolve('tsx'), source('demo.ts')], folder);
  t.after(() => demo.stop());
  assert.equal(await demo.ended, 0, demo.printed);
  assert.deepEqual(readdirSync(folder), []);
  for (const line of [
    /^Alice's screen +│ Welcome, Alice! \(ID: Alice-\w+\)$/m,
    /^Bob's screen +│ Alice: Hello everyone!$/m,
    /^Carol's screen +│ Bob: Hi Alice, hi Carol\.$/m,
    /^Alice's screen +│ Bob: Hi Alice, hi Carol\.$/m,
    /^Alice's screen +│ \[SYSTEM\] User Carol-\w+ left the chat$/m,
  ]) {
    assert.match(demo.printed, line);
  }
});
