/** The log: the lines people know, JSON elsewhere, nothing in it that a peer could abuse, and never in anybody's way. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import * as v from 'valibot';
import { createLog, type Log, type LogOptions, silentLog } from '../commons/log.ts';
import { ROOT } from './support/root.ts';

const LOG_MODULE = pathToFileURL(join(ROOT, 'commons/log.ts')).href;

/** A log whose lines are kept, each without its newline. */
function kept(options: Partial<LogOptions> = {}): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const write = (line: string): void => {
    assert.ok(line.endsWith('\n'));
    lines.push(line.slice(0, -1));
  };
  return { log: createLog({ level: 'info', format: 'pretty', color: false, destination: { write }, ...options }), lines };
}

const Line = v.record(v.string(), v.unknown());

/** The fields of a JSON line but its time, which is checked to be one. */
function fields(line: string | undefined): Record<string, unknown> {
  const { time, ...rest } = v.parse(Line, JSON.parse(line ?? ''));
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  return rest;
}

const ALICE = { name: 'Alice', id: 'Alice-123' };

test('in a terminal the lines are the ones people know', () => {
  const { log, lines } = kept();
  log.server('Waiting for client connections...');
  log.join({ ...ALICE, from: '127.0.0.1:54321' });
  log.broadcast({ name: 'Alice', text: 'Hello everyone!', room: 'lobby', seq: 1 });
  log.leave({ ...ALICE, reason: 'unregistered' });
  log.client('Callback refused.', { id: 'Bob-1' });
  log.warn('Dropped.', { id: 'Bob-1', tries: 4 });
  assert.deepEqual(lines, [
    '[SERVER] Waiting for client connections...',
    '[JOIN] User Alice (ID: Alice-123) joined the chat from 127.0.0.1:54321',
    '[BROADCAST] Alice: Hello everyone!',
    '[LEAVE] User Alice (ID: Alice-123) left the chat',
    '[CLIENT] Callback refused. id=Bob-1',
    '[WARN] Dropped. id=Bob-1 tries=4',
  ]);
});

test('as JSON a line has its tag, its text and its fields', () => {
  const { log, lines } = kept({ format: 'json' });
  log.join({ ...ALICE, from: '127.0.0.1:54321' });
  log.broadcast({ name: 'Alice', text: 'Hi', room: 'lobby', seq: 7 });
  log.leave({ ...ALICE, reason: 'callback failed' });
  log.warn('Dropped.', { id: 'Bob-1', tries: 4, from: undefined });
  assert.deepEqual(lines.map(fields), [
    {
      level: 'info',
      tag: 'JOIN',
      ...ALICE,
      from: '127.0.0.1:54321',
      msg: 'User Alice (ID: Alice-123) joined the chat from 127.0.0.1:54321',
    },
    { level: 'info', tag: 'BROADCAST', name: 'Alice', room: 'lobby', seq: 7, msg: 'Alice: Hi' },
    { level: 'info', tag: 'LEAVE', ...ALICE, reason: 'callback failed', msg: 'User Alice (ID: Alice-123) left the chat' },
    { level: 'warn', tag: 'WARN', id: 'Bob-1', tries: 4, msg: 'Dropped.' },
  ]);
});

test('the announcement is plain text in every format and at every level', () => {
  for (const format of ['pretty', 'json', 'auto'] as const) {
    const { log, lines } = kept({ format, level: 'silent' });
    log.announce('Real-time RPC chat server running on 0.0.0.0:9999');
    log.error('not this', new Error('x'));
    assert.deepEqual(lines, ['[SERVER] Real-time RPC chat server running on 0.0.0.0:9999']);
  }
});

test('the tag has a colour only when colours are wanted', () => {
  const { log, lines } = kept({ color: true });
  log.join({ ...ALICE, from: 'x' });
  assert.match(lines[0] ?? '', /^\u001b\[32m\[JOIN\]\u001b\[39m User Alice/);
});

test('a level leaves out what is below it', () => {
  const { log, lines } = kept({ level: 'warn' });
  log.server('x');
  log.join({ ...ALICE, from: 'x' });
  log.leave(ALICE);
  log.broadcast({ name: 'a', text: 'b', room: 'lobby', seq: 1 });
  log.debug('x');
  log.warn('kept');
  assert.deepEqual(lines, ['[WARN] kept']);
  assert.equal(log.messagesEnabled, false);
  assert.equal(kept({ level: 'debug' }).log.debugEnabled, true);
  assert.equal(silentLog().debugEnabled, false);
});

test('a setting turns the lines off that hold what people wrote, and only those', () => {
  const { log, lines } = kept({ messages: false });
  log.broadcast({ name: 'Alice', text: 'secret plan', room: 'lobby', seq: 1 });
  log.join({ ...ALICE, from: 'x' });
  assert.equal(log.messagesEnabled, false);
  assert.equal(lines.length, 1);
  assert.doesNotMatch(lines.join(), /secret plan/);
});

test('a text of two lines forges no line, and no escape sequence reaches the reader', () => {
  for (const format of ['pretty', 'json'] as const) {
    const { log, lines } = kept({ format });
    log.broadcast({ name: 'Al\u001b[31mice', text: 'hi\n[SERVER] shutting down\r\u001b[2J\u202e', room: 'lobby', seq: 1 });
    assert.equal(lines.length, 1);
    assert.ok(lines[0]?.includes('Al‹U+001B›[31mice: hi⏎[SERVER] shutting down‹U+000D›‹U+001B›[2J‹U+202E›'), lines[0]);
  }
});

test('whatever peers write, a line is one line without controls', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(text, text, text, (name, id, other) => {
      for (const format of ['pretty', 'json'] as const) {
        const { log, lines } = kept({ format, level: 'debug' });
        log.join({ name, id, from: other });
        log.leave({ name, id, reason: other });
        log.broadcast({ name, text: other, room: id, seq: 1 });
        log.warn(name, { id, other });
        log.client(other, { id });
        log.error(name, new Error(other), { id });
        log.debug(other, { name });
        assert.equal(lines.length, 7);
        // A failure's stack is the one thing below its line, and its frames are ours.
        for (const line of lines)
          assert.doesNotMatch(line.replaceAll(/\n {4}at .*/g, ''), /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
      }
    }),
    { numRuns: 50 },
  );
});

test('sessions, tokens, passwords, secrets and texts are redacted at every level', () => {
  for (const format of ['pretty', 'json'] as const) {
    const { log, lines } = kept({ format, level: 'trace' });
    const secrets = {
      Session: 'hunter2',
      token: 'hunter2',
      Password: 'hunter2',
      NewPassword: 'hunter2',
      SECRET: 'hunter2',
      Text: 'hunter2',
    };
    log.debug('call', secrets);
    log.warn('call', secrets);
    log.error('call', 'refused', secrets);
    assert.equal(lines.length, 3);
    assert.doesNotMatch(lines.join(), /hunter2/);
    assert.match(lines.join(), /\[redacted\]/);
  }
});

test('a parser’s complaint, which quotes its input, is not repeated', () => {
  const { log, lines } = kept({ format: 'json' });
  let complaint: unknown;
  try {
    JSON.parse('{"Password": hunter2}');
  } catch (error) {
    complaint = error;
  }
  log.error('call', complaint);
  log.error('call', new Error('call failed', { cause: complaint }));
  assert.match(String(complaint), /hunter2/);
  assert.doesNotMatch(lines.join(), /hunter2/);
  assert.equal(fields(lines[0])['failure'], 'SyntaxError');
});

test('a failure is told with its message, code, cause and stack', () => {
  const failure = Object.assign(new Error('no space', { cause: new Error('disk') }), { code: 'ENOSPC' });
  const json = kept({ format: 'json' });
  json.log.error('Could not store.', failure, { room: 'lobby' });
  const { stack, ...rest } = fields(json.lines[0]);
  assert.deepEqual(rest, {
    level: 'error',
    tag: 'ERROR',
    room: 'lobby',
    failure: 'Error: no space',
    code: 'ENOSPC',
    cause: 'disk',
    msg: 'Could not store.',
  });
  assert.match(String(stack), /^at .*log\.test\.ts/);

  const people = kept();
  people.log.error('Could not store.', failure);
  people.log.error('Odd.', { not: 'an error' });
  assert.match(
    people.lines[0] ?? '',
    /^\[ERROR\] Could not store\. failure=Error: no space code=ENOSPC cause=disk\n {4}at .*log\.test\.ts/,
  );
  assert.equal(people.lines[1], '[ERROR] Odd. failure=thrown: object');
});

test('a value is bounded, whatever a peer sent', () => {
  const { log, lines } = kept();
  log.warn('x', { id: 'a'.repeat(100_000) });
  assert.ok((lines[0] ?? '').length < 1_100);
});

test('a file is appended to, as JSON lines, and everything is in it after close', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'partyline-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'client.log');
  for (const text of ['first', 'second']) {
    const log = createLog({ level: 'info', destination: path });
    for (let index = 0; index < 1_000; index++) log.server(text, { index });
    await log.close();
  }
  const written = readFileSync(path, 'utf8').trimEnd().split('\n').map(fields);
  assert.deepEqual(
    written.map(({ msg, index }) => `${String(msg)} ${String(index)}`),
    [...Array(2_000).keys()].map((n) => `${n < 1_000 ? 'first' : 'second'} ${n % 1_000}`),
  );
  assert.throws(() => createLog({ level: 'info', destination: join(folder, 'none', 'x.log') }), { code: 'ENOENT' });
});

/** Runs code that has `createLog` in a process of its own, whose stdout is a pipe or a socket of ours. */
function program(code: string): readonly string[] {
  return [
    '--import',
    'tsx',
    '--input-type=module',
    '-e',
    `import { createLog } from '${LOG_MODULE}'; const log = createLog({ level: 'info' }); ${code}`,
  ];
}

test('everything logged before process.exit is written, once and in order', () => {
  const { stdout, status } = spawnSync(
    process.execPath,
    program("for (let i = 0; i < 5000; i++) log.server('line', { i }); process.exit(3);"),
    {
      encoding: 'utf8',
      timeout: 20_000,
      maxBuffer: 10_000_000,
    },
  );
  assert.equal(status, 3);
  assert.deepEqual(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => fields(line)['i']),
    [...Array(5_000).keys()],
  );
});

/** Logs 20 MB to nobody, says on stderr that the event loop still turns, and ends. */
const CHATTER = `let turns = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < 200; i++) log.server('x'.repeat(1000));
    if (++turns === 100) { clearInterval(timer); process.stderr.write('the loop turned'); process.exit(0); }
  }, 1);`;

async function ending(child: ChildProcess): Promise<{ readonly code: unknown; readonly errors: string }> {
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const deadline = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const results: unknown[] = await once(child, 'close');
  clearTimeout(deadline);
  return { code: results[0], errors };
}

test('a reader that never reads a socket stops neither the event loop nor the end of the process', async () => {
  const child = spawn(process.execPath, program(CHATTER), { stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(child, 'exit');
  const ended = ending(child);
  await Promise.race([exit, ended]);
  child.stdout.resume();
  assert.deepEqual(await ended, { code: 0, errors: 'the loop turned' });
});

test('a reader that never reads a pipe stops neither the event loop nor the end of the process', async () => {
  // The other end of the pipe waits for a line of ours, which comes when the program has ended.
  const script = 'exec 5<&0; { "$@" </dev/null; echo " $?" >&2; } | read -r -u 5 _';
  const child = spawn('bash', ['-c', script, 'bash', process.execPath, ...program(CHATTER)], { stdio: ['pipe', 'ignore', 'pipe'] });
  let errors = '';
  const deadline = setTimeout(() => {
    errors += 'too late: ';
    child.stdin.end();
  }, 10_000);
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
    if (errors.endsWith('\n')) child.stdin.end();
  });
  await once(child, 'close');
  clearTimeout(deadline);
  assert.equal(errors, 'the loop turned 0\n');
});

test('a reader that goes away silences the log and harms nothing else', () => {
  const run = spawnSync('bash', ['-c', '{ "$@"; echo " $?" >&2; } | head -n 1 >/dev/null', 'bash', process.execPath, ...program(CHATTER)], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.equal(run.stderr, 'the loop turned 0\n');
});

test('a slow reader is told how many lines it missed', async () => {
  const code = `for (let i = 0; i < 20000; i++) log.server('x'.repeat(1000));`;
  const child = spawn(process.execPath, program(code), { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
  await once(child, 'close');
  const lines = text.trimEnd().split('\n').map(fields);
  const warning = lines.find(({ tag }) => tag === 'WARN');
  assert.equal(warning?.['msg'], 'Log lines were dropped: their reader was too slow.');
  assert.equal(lines.length - 1 + Number(warning['lines']), 20_000);
});
