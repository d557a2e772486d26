/**
 * The benchmark's load generator is a program that others believe: here it proves that it can speak to the server in every
 * way it offers, and that it notices when a server breaks its promise. Skipped aloud where there is no C compiler.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { compileTools, hasProgram, type Tools } from '../bench/build.ts';
import { readResult, type Measured } from '../bench/result.ts';
import { withServer } from './support/room.ts';

const skip = process.platform === 'linux' && hasProgram('gcc') ? false : 'NOT TESTED: the load generator needs Linux and gcc';
/** A short run with few clients; what is under way has 10 s to arrive. */
const SHORT = ['--n', '5', '--m', '2', '--window', '8', '--secs', '0.3', '--warm', '0.1', '--drain', '10'];
/** The clients that the benchmark compares, and some of their combinations. */
const CLIENTS: Readonly<Record<string, readonly string[]>> = {
  'that answers with the result first': ['--ack', '0'],
  'that answers as jayson does': ['--ack', '1'],
  'that answers with an empty Error': ['--ack', '2'],
  'that writes each answer on its own': ['--ackeach', '1'],
  'that registers by position': ['--byposition', '1'],
  'of dialect 1.0': ['--dialect', '1.0'],
  'that is called inline': ['--inline', '1'],
  'of dialect 1.0 that is called inline': ['--dialect', '1.0', '--inline', '1'],
  'that says what is not ASCII': ['--unicode', '1'],
  'that says long things that are not ASCII inline': ['--unicode', '1', '--text', '1001', '--inline', '1', '--byposition', '1'],
};

type Outcome = Measured & { readonly status: number | null };

let folder = '';
let tools: Tools = { generator: '', floor: '' };

/** Ends a program of ours and waits for it. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function generate(port: number, args: readonly string[]): Promise<Outcome> {
  const child = spawn(tools.generator, ['--port', String(port), ...SHORT, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let line = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (line += text));
  try {
    await once(child, 'close', { signal: AbortSignal.timeout(40_000) });
  } finally {
    await end(child);
  }
  return { ...readResult(line), status: child.exitCode };
}

/** Runs the generator against a server of its own: what a run leaves behind would be in the way of the next. */
async function againstServer(args: readonly string[]): Promise<Outcome> {
  return withServer({}, ({ port }) => generate(port, args));
}

/** Starts a floor and lets `use` have its port. */
async function withFloor<T>(args: readonly string[], use: (port: number) => Promise<T>): Promise<T> {
  const floor = spawn(tools.floor, ['--port', '0', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const port = await new Promise<number>((resolve, reject) => {
      floor.once('exit', () => reject(new Error('the floor ended before it served')));
      floor.stdout.setEncoding('utf8').once('data', (said: string) => resolve(Number(/:(\d+)$/m.exec(said)?.[1])));
    });
    return await use(port);
  } finally {
    await end(floor);
  }
}

const againstFloor = (floorArgs: readonly string[], args: readonly string[]): Promise<Outcome> =>
  withFloor(floorArgs, (port) => generate(port, args));

/** The first lines that went through a relay: what the generator said, and what the server did. */
interface Recorded {
  readonly generator: readonly string[];
  readonly server: readonly string[];
}

/** Two inline clients against the server at `port`, overheard. */
async function overheard(port: number, args: readonly string[]): Promise<Recorded> {
  const said = { generator: '', server: '' };
  const record = (who: keyof typeof said, socket: net.Socket): net.Socket =>
    socket.on('error', () => socket.destroy()).on('data', (bytes) => (said[who] += said[who].length < 65_536 ? bytes.toString() : ''));
  const relay = net.createServer((client) => {
    record('generator', client)
      .pipe(record('server', net.connect(port, '127.0.0.1')))
      .pipe(client);
  });
  await once(relay.listen(0, '127.0.0.1'), 'listening');
  try {
    const address = relay.address();
    assert.ok(typeof address === 'object' && address !== null);
    const { ok, err } = await generate(address.port, ['--n', '2', '--m', '1', '--window', '1', '--inline', '1', ...args]);
    assert.deepEqual({ ok, err }, { ok: true, err: '' });
  } finally {
    relay.close();
  }
  return { generator: said.generator.split('\n'), server: said.server.split('\n') };
}

/** The line with this in it. */
const lineWith = (lines: readonly string[], part: string): string => lines.find((line) => line.includes(part)) ?? '';
const FIRST_TEXT = '@@0000:0000000000:';

describe('the load generator', { skip }, () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'partyline-bench-'));
    tools = compileTools(folder);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const [client, args] of Object.entries(CLIENTS)) {
    it(`is a client ${client}, of our server and of the floor`, async () => {
      for (const result of [await againstServer(args), await againstFloor(['--frame', 'product'], args)]) {
        const { ok, err, gap, dup, lost, altered, reject, drained, status } = result;
        assert.deepEqual(
          { ok, err, gap, dup, lost, altered, reject, drained, status },
          { ok: true, err: '', gap: 0, dup: 0, lost: 0, altered: 0, reject: 0, drained: true, status: 0 },
        );
        assert.ok((result.dps ?? 0) > 0, 'something was delivered');
      }
    });
  }

  it('speaks dialect 1.0 as Go does', async () => {
    const { generator, server } = await withServer({}, ({ port }) => overheard(port, ['--dialect', '1.0']));
    assert.equal(
      lineWith(generator, 'Register'),
      '{"id":1,"method":"ChatServer.Register","params":[{"ID":"u0","Name":"user0","Callback":"inline"}]}',
    );
    assert.match(
      lineWith(generator, FIRST_TEXT),
      /^\{"id":2,"method":"ChatServer\.SendMessage","params":\[\{"UserID":"u0","Text":"[^"]+"\}\]\}$/,
    );
    const [, id = ''] = /"id":(\d+)\}$/.exec(lineWith(server, FIRST_TEXT)) ?? [];
    assert.ok(generator.includes(`{"id":${id},"result":{"Success":true,"Error":""},"error":null}`));
    assert.ok([...generator, ...server].every((line) => !line.includes('jsonrpc')));
  });

  it('says all lengths of characters, whole, when it is to say what is not ASCII', async () => {
    const { generator } = await withServer({}, ({ port }) => overheard(port, ['--unicode', '1', '--text', '64']));
    const [, text = ''] = /"Text":"([^"]+)"/.exec(lineWith(generator, FIRST_TEXT)) ?? [];
    assert.equal(Buffer.byteLength(text), 64);
    assert.match(text, /é漢😀/);
    assert.doesNotMatch(text, /\ufffd/);
  });

  for (const [name, args] of Object.entries({ named: [], positional: ['--byposition', '1'], classic: ['--dialect', '1.0'] })) {
    it(`is told the very same bytes by the server and by the floor that is compared with it: ${name}`, async () => {
      const masked = ({ server }: Recorded): string =>
        lineWith(server, FIRST_TEXT)
          .replaceAll(/"(Seq|id)":\d+/g, '"$1":0')
          .replace(/"SentAt":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/, '"SentAt":""');
      const product = masked(await withServer({}, ({ port }) => overheard(port, args)));
      const floor = masked(await withFloor(['--frame', 'product'], (port) => overheard(port, args)));
      assert.match(product, /ReceiveMessage.*"SentAt":""/);
      assert.equal(floor, product);
    });
  }

  it('finds on disk all that the floor sent that syncs', async () => {
    const { ok, err, deliveries = 0 } = await againstFloor(['--frame', 'product', '--sync', folder], []);
    assert.deepEqual({ ok, err }, { ok: true, err: '' });
    const kept = (await readFile(join(folder, 'journal'), 'utf8')).split('\n').filter((line) => line.includes('"Kind":"chat"'));
    // Each of the five clients hears all but its own.
    assert.ok(deliveries > 0 && 4 * kept.length >= deliveries, `${kept.length} messages on disk for ${deliveries} deliveries`);
  });

  it('times what it sent at a fixed rate although the server is so far behind that it comes after the end', async () => {
    const { ok, lat_us: latency, reply_us: reply } = await againstFloor([], ['--rate', '50000000', '--secs', '0.02']);
    assert.equal(ok, true);
    for (const times of [latency, reply])
      assert.ok((times?.p50 ?? 0) > 20_000, `half took longer than all of the measuring: ${times?.p50} us`);
  });

  it('leaves clients that stop reading out of the account', async () => {
    const { ok, lost } = await againstFloor([], ['--n', '6', '--m', '1', '--stall', '2']);
    assert.deepEqual({ ok, lost }, { ok: true, lost: 0 });
  });

  it('counts clients and their memory while nothing happens', async () => {
    const { ok, kb_per_client: memory } = await againstServer(['--idle', '0.1', '--pid', String(process.pid)]);
    assert.ok(ok && memory !== undefined);
  });

  /** A sender's message 60 is one of those whose whole text the fifth client compares. */
  const once61 = ['--m', '1', '--drain', '0.5'];
  const breakages = { drop: 'gap', repeat: 'dup', swap: 'gap', alter: 'altered' } as const;
  for (const [breakage, count] of Object.entries(breakages)) {
    for (const frame of ['classic', 'product']) {
      it(`notices one ${breakage} among ${frame} frames`, async () => {
        const result = await againstFloor(['--frame', frame, '--break', breakage, '--break-at', '61'], once61);
        assert.deepEqual({ ok: result.ok, [count]: result[count], status: result.status }, { ok: false, [count]: 1, status: 1 });
      });
    }
  }

  it('says what is wrong with its options', async () => {
    const child = spawn(tools.generator, ['--dialect', '3.0'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    await once(child, 'close', { signal: AbortSignal.timeout(10_000) });
    assert.equal(child.exitCode, 2);
    assert.match(said, /--dialect is 1\.0 or 2\.0/);
  });
});
