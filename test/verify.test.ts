/** The verifier proves a good run, and disproves a server that is broken on purpose, naming the fault. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import * as v from 'valibot';
import { BreakingRelay, type Breakage } from './support/breaking-relay.ts';
import { PEERS } from './support/fault-peers.ts';
import { startServer } from './support/server-process.ts';
import { Caller, register } from './support/traffic.ts';
import { report } from './verify/report.ts';
import type { Outcome } from './verify/run.ts';
import { ROOT } from './support/root.ts';

const MAIN = join(ROOT, 'test/verify/main.ts');
const SHORT = ['--clients', '6', '--senders', '3', '--library', '0', '--hung', '0', '--flapping', '0', '--seconds', '1', '--rate', '100'];
const Report = v.object({
  proven: v.boolean(),
  grounds: v.array(v.string()),
  figures: v.record(v.string(), v.union([v.string(), v.number()])),
});

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function verify(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 45_000 });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (status) => resolve({ status, stdout, stderr }));
  });
}

async function verifyBroken(
  t: TestContext,
  breakage: Breakage,
  more: readonly string[] = [],
): Promise<Ended & v.InferOutput<typeof Report>> {
  const server = await startServer(['--rate', '0', '--log-level', 'warn']);
  t.after(() => server.stop());
  const relay = new BreakingRelay(breakage, server);
  const port = await relay.start();
  t.after(() => relay.stop());
  const ended = await verify(...SHORT, ...more, '--json', '--server', `127.0.0.1:${port}`);
  assert.equal(relay.broken, breakage === 'nothing' ? 0 : 1, `the relay broke something\n${ended.stderr}`);
  return { ...ended, ...v.parse(v.pipe(v.string(), v.parseJson(), Report), ended.stdout) };
}

const SPREAD = ['--rooms', '6', '--direct'];
const DISPROVED: readonly { breakage: Breakage; promise: string; fault: RegExp; kind: string; more?: readonly string[] }[] = [
  {
    breakage: 'leak',
    promise: 'a server that shows one message of a room to somebody who is not in it',
    kind: 'phantom',
    more: SPREAD,
    fault: /^phantom: "healthy-\S+" was shown to \S+, who is not there$/,
  },
  {
    breakage: 'drop direct',
    promise: 'a server that loses one direct message',
    kind: 'lost',
    more: SPREAD,
    fault: /^lost: "healthy-\S+" was acknowledged as \d+ and never shown/,
  },
  {
    breakage: 'misdirect',
    promise: 'a server that shows one direct message to somebody else',
    kind: 'phantom',
    more: SPREAD,
    fault: /^phantom: "healthy-\S+" was shown to \S+ and never sent/,
  },
  {
    breakage: 'drop',
    promise: 'a server that drops one message',
    kind: 'lost',
    fault: /^lost: "healthy-\S+-5" was acknowledged as \d+ and never shown/,
  },
  {
    breakage: 'swap',
    promise: 'a server that swaps two messages',
    kind: 'reordered',
    fault: /^reordered: "healthy-\S+-5" \(\d+\) was shown to \S+ after \d+/,
  },
  {
    breakage: 'repeat',
    promise: 'a server that sends one message twice',
    kind: 'duplicated',
    fault: /^duplicated: "healthy-\S+-5" was shown to \S+ again as \d+/,
  },
  {
    breakage: 'alter',
    promise: 'a server that alters a text',
    kind: 'phantom',
    fault: /^phantom: "healthy-\S+-5, they said" was shown to \S+ and never sent/,
  },
];

// Three at a time: most of each run is waiting, and the whole file has a minute.
describe('the verifier', { concurrency: 3 }, () => {
  test('a good run on a server of its own is proven: a table, and exit status 0', async () => {
    const { status, stdout, stderr } = await verify(...SHORT);
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /PROVEN\n$/);
    for (const kind of ['lost', 'duplicated', 'reordered', 'phantom']) assert.match(stdout, new RegExp(`^  ${kind} +0$`, 'm'));
    for (const figure of ['acknowledged', 'healthy p50 ms', 'healthy p99 ms', 'healthy max ms', 'deliveries a second']) {
      assert.match(stdout, new RegExp(`^  ${figure} +(?!0$)[\\d.]+$`, 'm'));
    }
    assert.match(stderr, /1\/1 s: \d+ acknowledged, \d+ shown/);
  });

  test('clients on the library, whose network is cut, miss nothing, hear nothing twice, and all that they say arrives', async () => {
    const { status, stdout, stderr } = await verify(...SHORT, '--library', '4', '--seconds', '3', '--rate', '60');
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /^ {2}clients +6 healthy \(3 send\), 4 on the library/m);
  });

  test('hung clients are gone in time with a reason, flapping ones miss nothing', async () => {
    const { status, stdout, stderr } = await verify(
      '--clients',
      '8',
      '--library',
      '0',
      '--hung',
      '2',
      '--flapping',
      '2',
      '--seconds',
      '4',
      '--rate',
      '100',
    );
    assert.equal(status, 0, stdout + stderr);
    assert.equal(stdout.match(/^ {2}dropped hung-\S+ +after [\d.]+ s: Dropped hung-/gm)?.length, 2, stdout);
    assert.match(stdout, /^ {2}went away and came back +[1-9]/m);
  });

  test('through the relay that breaks nothing the run is proven, with rooms and direct messages too', async (t) => {
    const { status, grounds, figures } = await verifyBroken(t, 'nothing', SPREAD);
    assert.deepEqual([status, grounds], [0, []]);
    assert.match(String(figures['rooms']), /^6,/);
    assert.ok(Number(figures['direct messages']) > 0);
  });

  for (const { breakage, promise, kind, fault, more } of DISPROVED) {
    test(`${promise} is caught: exit status 1, and the fault is named`, async (t) => {
      const { status, proven, grounds, figures } = await verifyBroken(t, breakage, more);
      assert.deepEqual([status, proven], [1, false]);
      assert.ok(
        grounds.some((ground) => fault.test(ground)),
        grounds.join('\n'),
      );
      assert.ok(Number(figures[kind]) > 0);
    });
  }

  test('the same Seq delivered twice is a legal redelivery: proven, and counted', async (t) => {
    const { status, grounds, figures } = await verifyBroken(t, 'redeliver');
    assert.deepEqual([status, grounds, figures['redelivered (legal)']], [0, [], 1]);
  });

  test('wrong usage ends with status 2 and says what is wrong', async () => {
    const cases: [string[], RegExp][] = [
      [['--clients', 'many'], /whole number/],
      [['--clients', '3', '--senders', '4'], /4 senders need at least as many clients/],
      [['--server', 'nowhere'], /HOST:PORT/],
      [['--clients', '2', '--rooms', '41'], /2 clients can make 40 rooms, not 41/],
      [['--client', '3'], /unknown option '--client'/],
    ];
    for (const [args, sentence] of cases) {
      const { status, stderr } = await verify(...args);
      assert.equal(status, 2, args.join(' '));
      assert.match(stderr, sentence);
    }
    const { status, stdout } = await verify('--help');
    assert.equal(status, 0);
    assert.match(stdout, /Exit status: 0 proven, 1 disproved, 2 wrong usage/);
  });

  test('a server that dies in the middle disproves the run, which ends', async (t) => {
    const server = await startServer(['--rate', '0', '--log-level', 'warn']);
    t.after(() => server.stop());
    const run = verify(...SHORT, '--seconds', '3', '--rate', '0', '--server', `127.0.0.1:${server.port}`);
    const caller = await Caller.dial(server.host, server.port);
    t.after(() => caller.close());
    const peer = await PEERS.healthy();
    t.after(() => peer.close());
    await register(caller, 'killer', peer.callback);
    await peer.heard(({ texts }) => texts.length > 100, 'the run to be on its way', 30_000);
    server.signal('SIGKILL');
    const { status, stdout, stderr } = await run;
    assert.equal(status, 1, stdout + stderr);
  });

  test('a server that cannot be reached disproves the run', async () => {
    const { status, stderr } = await verify(...SHORT, '--server', '127.0.0.1:1');
    assert.equal(status, 1);
    assert.match(stderr, /no connection to 127\.0\.0\.1:1/);
  });
});

/** A run in which all went well. */
const GOOD: Outcome = {
  server: '127.0.0.1:9999',
  ownServer: true,
  settings: {
    clients: 2,
    senders: 1,
    library: 0,
    hung: 1,
    flapping: 0,
    rooms: 0,
    direct: false,
    seconds: 1,
    rate: 0,
    window: 1,
    json: false,
  },
  verdict: {
    proven: true,
    counts: { lost: 0, duplicated: 0, reordered: 0, phantom: 0 },
    faults: [],
    acknowledged: 10,
    unanswered: 0,
    shown: 10,
    redelivered: 0,
  },
  sendingMs: 1000,
  deliveries: 10,
  direct: 0,
  deliveringMs: 1000,
  latencies: Float64Array.of(1, 2, 3, 4),
  refusals: new Map(),
  flaps: 0,
  drops: [{ id: 'hung-1', role: 'hung', afterMs: 12_000, reason: 'no answer', leaveLine: true }],
  stayed: [],
  exit: 'exit 0',
};

test('a run is disproved by what is no message, too', () => {
  assert.deepEqual(report(GOOD).grounds, []);
  const drop = { id: 'x', role: 'healthy', afterMs: undefined, reason: 'no answer', leaveLine: true } as const;
  const cases: [Partial<Outcome>, RegExp][] = [
    [{ verdict: { ...GOOD.verdict, acknowledged: 0 } }, /nothing was acknowledged/],
    [{ verdict: { ...GOOD.verdict, shown: 0 } }, /nothing was shown/],
    [{ verdict: { ...GOOD.verdict, unanswered: 2 } }, /2 sends were never answered/],
    [{ drops: [drop] }, /x was dropped although it answered/],
    [{ drops: [{ ...drop, role: 'flapping' }] }, /x was dropped although it answered/],
    [{ drops: [{ ...drop, role: 'hung', leaveLine: false }] }, /the room was not told/],
    [{ stayed: ['hung-1'] }, /hung-1 was still registered/],
    [{ exit: 'SIGKILL' }, /the server ended with SIGKILL/],
  ];
  for (const [change, ground] of cases) {
    const { proven, grounds } = report({ ...GOOD, ...change });
    assert.equal(proven, false);
    assert.match(grounds.join('\n'), ground);
  }
});
