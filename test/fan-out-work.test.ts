/**
 * What a delivery may cost, as counts of work and not as time: system calls of a server under load, and uses of JSON. A
 * change that makes each delivery do something of its own fails here, on any machine.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { mock, type TestContext } from 'node:test';
import { compileTools, hasProgram } from '../bench/build.ts';
import { readResult } from '../bench/result.ts';
import { callbackListener } from './support/callback-listener.ts';
import { join as joinRoom, withServer } from './support/room.ts';
import { startServer } from './support/server-process.ts';

const missing = ['gcc', 'strace'].filter((program) => !hasProgram(program));
const skip = missing.length === 0 ? false : `NOT TESTED: needs ${missing.join(' and ')}`;

/** How often the process made each system call while `work` ran. */
async function callsDuring(pid: number, folder: string, work: () => Promise<void>): Promise<ReadonlyMap<string, number>> {
  const file = join(folder, 'calls');
  const tracer = spawn('strace', ['-f', '-c', '-o', file, '-e', 'trace=read,write,writev', '-p', String(pid)]);
  tracer.stderr.setEncoding('utf8');
  const ended = once(tracer, 'close');
  for (let said = ''; !said.includes('attached');) said += String(await once(tracer.stderr, 'data'));
  await work();
  tracer.kill('SIGINT');
  await ended;
  const rows = (await readFile(file, 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
  return new Map(rows.filter(([share]) => /^\d/.test(share ?? '')).map((row) => [row.at(-1) ?? '', Number(row[3])]));
}

async function temporary(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'partyline-work-'));
  context.after(() => rm(folder, { recursive: true }));
  return folder;
}

test('what is said together goes to each client in one write, and many answers are read at once', { skip }, async (context) => {
  const folder = await temporary(context);
  const { generator } = compileTools(folder);
  const server = await startServer(['--rate', '0', '--log-level', 'warn']);
  context.after(() => server.stop());
  let deliveries = 0;
  const calls = await callsDuring(server.pid, folder, async () => {
    const load = ['--n', '40', '--m', '1', '--window', '64', '--secs', '1.5', '--warm', '0', '--drain', '20'];
    const child = spawn(generator, ['--port', String(server.port), ...load], { stdio: ['ignore', 'pipe', 'inherit'] });
    let line = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (line += text));
    await once(child, 'close');
    const result = readResult(line);
    assert.equal(result.ok, true, line);
    deliveries = result.deliveries ?? 0;
  });
  const [reads = 0, writes = 0, gathered = 0] = ['read', 'write', 'writev'].map((name) => calls.get(name) ?? 0);
  context.diagnostic(`${deliveries} deliveries: ${writes + gathered} writes, ${reads} reads`);
  assert.ok(deliveries > 5_000, `too few to judge: ${deliveries}`);
  assert.ok((writes + gathered) / deliveries < 0.1, `${writes + gathered} writes for ${deliveries} deliveries`);
  assert.ok(reads / (writes + gathered) < 0.7, `${reads} reads for ${writes + gathered} writes`);
});

/** A callback server that answers without JSON, so that all JSON of this process is the room's. */
async function receiver(context: TestContext, wanted: number): Promise<{ readonly callback: string; readonly all: Promise<void> }> {
  let seen = 0;
  let finish: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (finish = resolve));
  const callback = await callbackListener(context, (socket) => {
    let rest = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      socket.write(
        lines.map((line) => `{"jsonrpc":"2.0","result":{"Success":true},"id":${/"id":(\d+)\}$/.exec(line)?.[1] ?? 0}}\n`).join(''),
      );
      seen += lines.filter((line) => line.includes('"Kind":"chat"')).length;
      if (seen >= wanted) finish();
    });
  });
  return { callback, all };
}

test('a message is parsed once and encoded without JSON.stringify, however many hear it, and known answers are not parsed', (context) =>
  withServer({}, async (server) => {
    const [messages, listeners] = [300, 20];
    const receivers = await Promise.all(Array.from({ length: listeners }, () => receiver(context, messages)));
    for (const [index, { callback }] of receivers.entries()) await joinRoom(server, { id: `ear-${index}`, callback });
    const speaker = await joinRoom(server, { id: 'speaker', callback: 'none' });
    const say = `{"jsonrpc":"2.0","method":"ChatServer.SendMessage","params":{"UserID":"speaker","Text":"hello"}}\n`;
    const [parse, stringify] = [mock.method(JSON, 'parse'), mock.method(JSON, 'stringify')];
    context.after(() => mock.restoreAll());
    speaker.client.write(say.repeat(messages));
    await Promise.all(receivers.map(({ all }) => all));
    const [parsed, stringified] = [parse.mock.callCount(), stringify.mock.callCount()];
    context.diagnostic(`${messages * listeners} deliveries: ${parsed} parsed, ${stringified} stringified`);
    // One for each message, and a few for the first answers of each client.
    assert.ok(parsed <= messages + 4 * listeners, `${parsed} uses of JSON.parse`);
    assert.ok(stringified <= listeners, `${stringified} uses of JSON.stringify`);
  }));

test('a sender is answered before its message is handed out, which takes long in a large room', (context) =>
  withServer({}, async (server) => {
    const { callback, all } = await receiver(context, 1);
    await joinRoom(server, { id: 'ear', callback });
    const speaker = await joinRoom(server, { id: 'speaker', callback: 'none' });
    const written = mock.method(net.Socket.prototype, 'write');
    context.after(() => mock.restoreAll());
    const answer = speaker.client.call('ChatServer.SendMessage', { UserID: 'speaker', Text: 'hello' });
    await Promise.all([all, answer]);
    const said = written.mock.calls.map(({ arguments: [bytes] }) => String(bytes));
    const [answered, handedOut] = ['sent successfully', '"Kind":"chat"'].map((words) => said.findIndex((each) => each.includes(words)));
    assert.ok(answered !== undefined && handedOut !== undefined && answered >= 0 && answered < handedOut, said.join(''));
  }));
