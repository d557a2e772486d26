/** Log-ins on real disks: for their owner only, whole or not at all, and of one server and account each. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { LogIns, TokenUnusable } from '../client/terminal/log-ins.ts';

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'partyline-log-ins-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return join(made, 'state');
}

/** The one file in a folder. */
function onlyFile(path: string): string {
  const [name, ...others] = readdirSync(path);
  assert.deepEqual(others, []);
  return join(path, name ?? '');
}

function unusable(why: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof TokenUnusable && why.test(error.message);
}

test('a log-in is kept in a file of mode 0600, in a folder of 0700, whatever the umask', (t) => {
  const state = folder(t);
  const before = process.umask(0);
  t.after(() => process.umask(before));
  new LogIns(state, 'chat.example.org:9999').keep('Alice', 'secret');
  assert.equal(statSync(onlyFile(state)).mode & 0o777, 0o600);
  assert.equal(statSync(state).mode & 0o777, 0o700);
  assert.match(onlyFile(state), /chat\.example\.org_9999-[0-9a-f]{16}\.token$/);
});

test('each server and account has its own, in any spelling of the name', (t) => {
  const state = folder(t);
  const [here, there] = [new LogIns(state, 'a:1'), new LogIns(state, 'b:1')];
  here.keep('Alice', 'one');
  here.keep('Bob', 'two');
  there.keep('Alice', 'three');
  here.keep('Bob', 'four');
  assert.deepEqual([here.token('alice'), here.token('AL1CE'), here.token('Bob'), there.token('Alice')], ['one', 'one', 'four', 'three']);
  assert.equal(there.token('Bob'), undefined);
  here.remove('ALICE');
  here.remove('Carol');
  assert.deepEqual([here.token('Alice'), there.token('Alice')], [undefined, 'three']);
});

test('a log-in that others may read is refused, with what to do, whoever of them it is', (t) => {
  const state = folder(t);
  const logIns = new LogIns(state, 'a:1');
  logIns.keep('Alice', 'one');
  for (const mode of [0o640, 0o604, 0o620, 0o601]) {
    chmodSync(onlyFile(state), mode);
    assert.throws(() => logIns.token('Alice'), unusable(/others may read it.*chmod 600/));
  }
  logIns.keep('Alice', 'two');
  assert.equal(logIns.token('Alice'), 'two', 'a new log-in is as private as ever');
});

test('a damaged, foreign or endless file is refused, with what to do, and its content not repeated', (t) => {
  const state = folder(t);
  const logIns = new LogIns(state, 'a:1');
  logIns.keep('Alice', 'one');
  const file = onlyFile(state);
  const foreign = readFileSync(file, 'utf8').replace('Alice', 'Mallory');
  for (const [content, why] of [
    ['hunter2', /damaged/],
    ['', /damaged/],
    ['{"Server":"a:1","User":"Alice"}', /damaged/],
    [foreign, /somebody else/],
    ['x'.repeat(5_000), /too long/],
  ] as const) {
    writeFileSync(file, content);
    assert.throws(() => logIns.token('Alice'), unusable(why));
    assert.throws(
      () => logIns.token('Alice'),
      (error) => error instanceof Error && !error.message.includes('hunter2'),
    );
  }
});

test('a log-in that cannot be kept is told, what was there is still there, and nothing half is left', (t) => {
  const state = folder(t);
  const logIns = new LogIns(state, 'a:1');
  logIns.keep('Alice', 'one');
  const file = onlyFile(state);
  // What a killed process left, and that cannot be replaced.
  mkdirSync(`${file}.${process.pid}.tmp`);
  assert.throws(() => logIns.keep('Alice', 'two'), unusable(/cannot be kept.*asked for again/));
  assert.equal(logIns.token('Alice'), 'one');
  assert.throws(() => new LogIns(file, 'a:1').keep('Bob', 'x'), unusable(/cannot be kept/));
});

test('what a killed process left half written is replaced, not kept with its permissions', (t) => {
  const state = folder(t);
  const logIns = new LogIns(state, 'a:1');
  logIns.keep('Alice', 'one');
  const file = onlyFile(state);
  writeFileSync(`${file}.${process.pid}.tmp`, 'half', { mode: 0o666 });
  logIns.keep('Alice', 'two');
  assert.equal(statSync(onlyFile(state)).mode & 0o777, 0o600);
  assert.equal(logIns.token('Alice'), 'two');
});
