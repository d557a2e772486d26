/**
 * The end of a server, as the system's service manager brings it about: what was acknowledged arrives, everybody is
 * told, and it is over within five seconds with status 0. Each server here is a process of its own.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { at, LineClient } from './support/line-client.ts';
import { join, type Heard, type Member, type RunningServer } from './support/room.ts';
import { SERVER } from './support/program.ts';
import { startServer, type Ending, type ServerProcess } from './support/server-process.ts';

type Running = ServerProcess & RunningServer;

async function withProcess(use: (server: Running) => Promise<void>): Promise<void> {
  const server = await startServer(['--rate', '0', '--log-level', 'warn']);
  try {
    await use({ ...server, connect: () => LineClient.connect(server.host, server.port) });
  } finally {
    await server.stop();
  }
}

/** Sends the signal; fails when the process is not gone within `deadlineMs`. */
async function endsWithin(server: Running, signal: NodeJS.Signals, deadlineMs: number): Promise<Ending> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still there ${deadlineMs} ms after ${signal}: ${server.stderr()}`)), deadlineMs);
  });
  server.signal(signal);
  return Promise.race([server.exited, late]).finally(() => clearTimeout(timer));
}

/** A sender that is up to 64 messages ahead of its answers, until the first refusal; what was acknowledged is kept. */
class Flood {
  readonly acknowledged: { readonly text: string; readonly seq: number }[] = [];
  readonly refused = new Set<unknown>();
  /** Fulfilled when the server closed the connection. */
  readonly over: Promise<void>;
  private readonly enough: { count: number; reached: () => void }[] = [];
  private sent = 0;

  readonly member: Member;

  constructor(member: Member) {
    this.member = member;
    for (let ahead = 0; ahead < 64; ahead++) this.send();
    this.over = this.collect();
  }

  /** Fulfilled when this many were acknowledged. */
  untilAcknowledged(count: number): Promise<void> {
    return new Promise((reached) => this.enough.push({ count, reached }));
  }

  private send(): void {
    if (!this.member.client.socket.writable) return;
    this.sent += 1;
    const params = { UserID: this.member.id, Text: `${this.member.id}-${this.sent}` };
    this.member.client.writeFrame({ jsonrpc: '2.0', id: this.sent, method: 'ChatServer.SendMessage', params });
  }

  private async collect(): Promise<void> {
    for (;;) {
      const answer = await this.member.client.next(10_000).catch(() => undefined);
      if (answer === undefined) return;
      const seq = at(answer, 'result', 'Seq');
      if (typeof seq === 'number') this.acknowledged.push({ text: `${this.member.id}-${String(at(answer, 'id'))}`, seq });
      else this.refused.add(at(answer, 'error', 'data', 'Reason'));
      if (this.refused.size > 0) continue;
      for (const { count, reached } of this.enough) if (this.acknowledged.length >= count) reached();
      this.send();
    }
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} under load: every acknowledged message arrives, everybody is told, exit status 0 within 5 s`, () =>
    withProcess(async (server) => {
      // The second one takes one call at a time: when the signal comes, much still waits for it.
      const listeners = [await join(server, { id: 'ear-1' }), await join(server, { id: 'ear-2', classic: true })];
      const mouths = [await join(server, { id: 'mouth-1' }), await join(server, { id: 'mouth-2' })];
      const floods = mouths.map((member) => new Flood(member));
      await Promise.all(floods.map((flood) => flood.untilAcknowledged(500)));
      assert.deepEqual(await endsWithin(server, signal, 5_000), { code: 0, signal: null });
      const members = [...listeners, ...mouths];
      await Promise.all([...members.map((member) => member.client.gone()), ...floods.map((flood) => flood.over)]);
      for (const flood of floods) {
        for (const member of members) if (member !== flood.member) heardAll(member, flood);
        assert.deepEqual(
          [...flood.refused].filter((reason) => reason !== 'ShuttingDown'),
          [],
        );
      }
      for (const member of members) isTold(member.heard, member.id);
    }));
}

/** Every acknowledged message was heard under its number, once, and in order. */
function heardAll(member: Member, flood: Flood): void {
  const theirs = member.heard.filter((message) => message.SenderID === flood.member.id && message.Kind === 'chat');
  const numbers = new Map(theirs.map((message) => [message.Text, message.Seq]));
  assert.equal(numbers.size, theirs.length, `${member.id} heard something twice`);
  const lost = flood.acknowledged.filter(({ text, seq }) => numbers.get(text) !== seq);
  assert.deepEqual(lost, [], `${member.id} did not hear what ${flood.member.id} was told is accepted`);
  assert.ok(flood.acknowledged.length >= 500);
  const seqs = member.heard.map((message) => message.Seq);
  assert.deepEqual(
    seqs,
    seqs.toSorted((a, b) => a - b),
  );
}

function isTold(heard: readonly Heard[], id: string): void {
  assert.match(heard.find((message) => message.Kind === 'notice')?.Content ?? '', /shut|stop/i, `${id} was not told`);
}

test('an idle server with members says so and is gone', () =>
  withProcess(async (server) => {
    const members = [await join(server, { id: 'one' }), await join(server, { id: 'two' })];
    const silent = await server.connect();
    assert.deepEqual(await endsWithin(server, 'SIGTERM', 3_000), { code: 0, signal: null });
    await Promise.all([silent.gone(), ...members.map((member) => member.client.gone())]);
    for (const member of members) isTold(member.heard, member.id);
    await assert.rejects(LineClient.connect(server.host, server.port), /ECONNREFUSED/);
  }));

test('an empty server is gone at once', () =>
  withProcess(async (server) => {
    assert.deepEqual(await endsWithin(server, 'SIGINT', 2_000), { code: 0, signal: null });
  }));

/** A member that takes its callbacks and answers none, so that a drain has something to wait for. */
async function hungMember(server: Running): Promise<LineClient> {
  const client = await server.connect();
  await client.call('ChatServer.Register', { ID: 'hung', Name: 'hung', Callback: 'inline' });
  return client;
}

test('a hung client does not keep the server from its end, and costs nobody a message', () =>
  withProcess(async (server) => {
    const hung = await hungMember(server);
    const [reader, writer] = [await join(server, { id: 'reader' }), await join(server, { id: 'writer' })];
    assert.equal(at(await writer.say('the last words'), 'result', 'Success'), true);
    assert.deepEqual(await endsWithin(server, 'SIGTERM', 5_000), { code: 0, signal: null });
    await Promise.all([hung.gone(), reader.client.gone()]);
    assert.equal(reader.heard.filter((message) => message.Text === 'the last words').length, 1);
    isTold(reader.heard, 'reader');
  }));

test('a stopping server takes no new message and no new connection', () =>
  withProcess(async (server) => {
    await hungMember(server);
    const [reader, writer] = [await join(server, { id: 'reader' }), await join(server, { id: 'writer' })];
    assert.equal(at(await writer.say('hello'), 'result', 'Success'), true);
    server.signal('SIGTERM');
    await reader.hear((message) => message.Kind === 'notice');
    await assert.rejects(LineClient.connect(server.host, server.port), /ECONNREFUSED/);
    const late = await writer.say('too late').catch(() => undefined);
    assert.ok(late === undefined || at(late, 'error', 'data', 'Reason') === 'ShuttingDown', JSON.stringify(late));
    assert.deepEqual(await server.exited, { code: 0, signal: null });
  }));

test('a second signal ends it at once; one that comes with the first, as under npm, is the same one', () =>
  withProcess(async (server) => {
    await hungMember(server);
    const [reader, writer] = [await join(server, { id: 'reader' }), await join(server, { id: 'writer' })];
    await writer.say('hello');
    const began = performance.now();
    server.signal('SIGINT');
    server.signal('SIGINT');
    await reader.hear((message) => message.Kind === 'notice');
    const impatient = setInterval(() => server.signal('SIGINT'), 100);
    const { code } = await server.exited.finally(() => clearInterval(impatient));
    const took = performance.now() - began;
    assert.equal(code, 1);
    assert.ok(took > 500 && took < 3_000, `${took} ms: the hung member alone would have kept it for 4 s`);
  }));

test('a hail of signals is one: at no moment does the program forget to listen', () =>
  withProcess(async (server) => {
    for (const end = performance.now() + 150; performance.now() < end;) server.signal('SIGINT');
    assert.deepEqual(await server.exited, { code: 0, signal: null });
  }));

test('a port that is taken is said in one sentence, and the exit status is 1', async () => {
  const first = await startServer([]);
  try {
    const second = spawnSync(process.execPath, [...SERVER, '--memory', '--listen', `127.0.0.1:${first.port}`], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.equal(second.status, 1);
    assert.equal(
      second.stderr,
      `partyline-server: cannot listen on 127.0.0.1:${first.port}: another program does. Try --listen with another port.\n`,
    );
  } finally {
    await first.stop();
  }
});
