/**
 * Passwords: the same work and the same answer whether the account exists or not, guessing slowed, a bounded queue, and a
 * server that goes on talking and storing while it is guessed at.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import test from 'node:test';
import { RpcError } from '../commons/errors.ts';
import { DEFAULT_LIMITS } from '../commons/limits.ts';
import { silentLog } from '../commons/log.ts';
import { accountParts } from '../server/accounts/parts.ts';
import { Passwords } from '../server/accounts/passwords.ts';
import { Broadcaster } from '../server/broadcaster.ts';
import { MemoryStore } from '../server/store/memory.ts';
import { at, LineClient } from './support/line-client.ts';
import { callOnce, member, PASSWORD, reasonOf, signUp } from './support/people.ts';
import { join, withServer } from './support/room.ts';
import { startServer } from './support/server-process.ts';

const refusal = async (call: Promise<unknown>): Promise<readonly [unknown, string]> => {
  const error: unknown = await call.then(
    () => assert.fail('it was not refused'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RpcError);
  return [error.data, error.message];
};

/** The parts on a store that counts what is read of it. */
function parts(limits: Partial<typeof DEFAULT_LIMITS> = {}, store = new MemoryStore()) {
  const broadcaster = new Broadcaster(DEFAULT_LIMITS, store, { published: () => undefined, failed: () => undefined });
  const reads = { count: 0 };
  const records = (prefix: string) => {
    reads.count += 1;
    return store.records(prefix);
  };
  const archive = { records, keep: (kept: Parameters<typeof broadcaster.keep>[0]) => broadcaster.keep(kept) };
  return { ...accountParts(archive, { ...DEFAULT_LIMITS, ...limits }, silentLog()), reads };
}

test('a hash is argon2id at the agreed cost, with a salt of its own, and tells right from wrong', async () => {
  const passwords = new Passwords(8);
  const [one, two] = await Promise.all([passwords.hash(PASSWORD), passwords.hash(PASSWORD)]);
  assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.notEqual(one, two);
  assert.equal(await passwords.matches(PASSWORD, one), true);
  assert.equal(await passwords.matches(`${PASSWORD} `, one), false);
  assert.equal(await passwords.matches(PASSWORD, undefined), false);
  await passwords.close();
});

test('while the queue is full a log-in is refused before anything is read, whether the name is known or not', async () => {
  const { credentials, passwords, reads } = parts({ passwordQueue: 2 });
  const waiting = [credentials.hash(PASSWORD), credentials.hash(PASSWORD)];
  reads.count = 0;
  assert.deepEqual((await refusal(credentials.prove('Ann', PASSWORD, '127.0.0.1')))[0], { Reason: 'Busy', RetryAfterMs: 1_000 });
  assert.equal(reads.count, 0);
  await Promise.all(waiting);
  assert.equal(reasonOf({ error: { data: (await refusal(credentials.prove('Ann', PASSWORD, '127.0.0.1')))[0] } }), 'Unauthorized');
  assert.ok(reads.count > 0);
  await passwords.close();
});

test('the queue is bounded: one more is Busy, with a pause, and all that were let in are answered', async () => {
  const passwords = new Passwords(4);
  const waiting = Array.from({ length: 4 }, () => passwords.hash(PASSWORD));
  const [data] = await refusal(passwords.hash(PASSWORD));
  assert.deepEqual(data, { Reason: 'Busy', RetryAfterMs: 1_000 });
  assert.equal((await Promise.all(waiting)).length, 4);
  await passwords.hash(PASSWORD);
  const late = refusal(passwords.hash(PASSWORD));
  await passwords.close();
  assert.deepEqual((await late)[0], { Reason: 'ShuttingDown' });
  assert.deepEqual((await refusal(passwords.hash(PASSWORD)))[0], { Reason: 'ShuttingDown' });
});

test('a hash that is none fails that one call, and the next thread goes on', async () => {
  const passwords = new Passwords(4);
  await assert.rejects(passwords.matches(PASSWORD, 'damaged'));
  assert.equal(await passwords.matches(PASSWORD, await passwords.hash(PASSWORD)), true);
  await passwords.close();
});

test('an unknown name costs as many hashes and reads as a wrong password, and gets the very same answer', async () => {
  const { accounts, credentials, passwords, reads } = parts({ guessesPerAccount: 1_000 });
  const hash = await credentials.hashForNew(PASSWORD, '127.0.0.1');
  await accounts.open('Ann', hash, () => undefined);
  const costs: (readonly [number, number, unknown, string])[] = [];
  for (const name of ['Ann', 'Nobody', 'ANN', '', '__proto__', 'x'.repeat(1_024), 'Ann']) {
    const before = [passwords.jobs, reads.count] as const;
    const answer = await refusal(credentials.prove(name, 'not the password', '127.0.0.1'));
    costs.push([passwords.jobs - before[0], reads.count - before[1], ...answer]);
  }
  const [first] = costs;
  assert.deepEqual(first, [1, 2, { Reason: 'Unauthorized' }, 'The user name or the password is wrong.']);
  for (const cost of costs) assert.deepEqual(cost, first);
  await passwords.close();
});

test('an account that is not in memory costs as many reads, too', async () => {
  const store = new MemoryStore();
  const first = parts({}, store);
  await first.accounts.open('Ann', await first.credentials.hashForNew(PASSWORD, '127.0.0.1'), () => undefined);
  await first.passwords.close();
  const { credentials, passwords, reads } = parts({}, store);
  for (const name of ['Nobody', 'Ann']) {
    const before = reads.count;
    await refusal(credentials.prove(name, 'not the password', '127.0.0.1'));
    assert.equal(reads.count - before, 2, name);
  }
  assert.equal((await credentials.prove('Ann', PASSWORD, '127.0.0.1')).account.name, 'Ann');
  await passwords.close();
});

test('known and unknown names are slowed alike, before anything is hashed, and loopback is not exempt', async () => {
  const { accounts, credentials, passwords } = parts();
  await accounts.open('Ann', await credentials.hashForNew(PASSWORD, '127.0.0.1'), () => undefined);
  const jobs = passwords.jobs;
  const reasons = (...names: readonly string[]) =>
    Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const [data] = await refusal(credentials.prove(names[index % names.length] ?? '', 'not the password', '127.0.0.1'));
        return at(data, 'Reason');
      }),
    );
  const expected = [...Array<string>(15).fill('RateLimited'), ...Array<string>(5).fill('Unauthorized')];
  // A look-alike is the same account, so it is no way around.
  assert.deepEqual((await reasons('Ann', 'A.N.N')).toSorted(), expected);
  assert.deepEqual((await reasons('Nobody')).toSorted(), expected);
  assert.equal(passwords.jobs - jobs, 10);
  await passwords.close();
});

test('an address that guesses at many accounts is slowed, its neighbours in the same /64 with it, and no others', async () => {
  const { accounts, credentials, passwords } = parts({ guessesPerAddress: 3 });
  await accounts.open('Ann', await credentials.hashForNew(PASSWORD, '2001:db8::1'), () => undefined);
  const tryFrom = async (address: string, name: string): Promise<unknown> =>
    at((await refusal(credentials.prove(name, 'not the password', address)))[0], 'Reason');
  for (const name of ['a', 'b', 'c']) assert.equal(await tryFrom('2001:db8::1', name), 'Unauthorized');
  assert.equal(await tryFrom('2001:db8::1', 'd'), 'RateLimited');
  assert.equal(await tryFrom('2001:db8::ffff', 'd'), 'RateLimited');
  assert.equal(await tryFrom('2001:db8:0:1::1', 'd'), 'Unauthorized');
  for (const name of ['e', 'f', 'g', 'h']) assert.equal(await tryFrom('127.0.0.1', name), 'Unauthorized');
  // Who knows a password uses up nothing.
  for (let often = 0; often < 5; often += 1) await credentials.prove('Ann', PASSWORD, '198.51.100.7');
  await passwords.close();
});

test('one address opens so many accounts before it has to wait; what was refused does not count', async () => {
  const { credentials, passwords } = parts({ signUpsPerAddress: 2, passwordQueue: 1 });
  const busy = credentials.hash(PASSWORD);
  for (let full = 0; full < 5; full += 1)
    assert.equal(at((await refusal(credentials.hashForNew(PASSWORD, '198.51.100.7')))[0], 'Reason'), 'Busy');
  await busy;
  for (let free = 0; free < 2; free += 1) await credentials.hashForNew(PASSWORD, '198.51.100.7');
  assert.equal(at((await refusal(credentials.hashForNew(PASSWORD, '198.51.100.7')))[0], 'Reason'), 'RateLimited');
  await credentials.hashForNew(PASSWORD, '198.51.100.8');
  await passwords.close();
});

test('over the wire: five wrong passwords, then RateLimited even for the right one, and tokens go on', () =>
  withServer({}, async (server) => {
    const Token = await member(server, 'Ann');
    const client = await server.connect();
    const tryWith = (Password: string) => client.call('ChatServer.LogIn', { UserName: 'Ann', Password });
    const wrong = [];
    for (let often = 0; often < 5; often += 1) wrong.push(reasonOf(await tryWith('not the password')));
    assert.deepEqual(wrong, Array<string>(5).fill('Unauthorized'));
    const slowed = await tryWith(PASSWORD);
    assert.equal(reasonOf(slowed), 'RateLimited');
    assert.ok(Number(at(slowed, 'error', 'data', 'RetryAfterMs')) <= 1_000);
    for (const [method, more] of [
      ['ChangePassword', { NewPassword: 'another password' }],
      ['DeleteAccount', {}],
    ] as const)
      assert.equal(reasonOf(await callOnce(server, method, { Token, Password: PASSWORD, ...more })), 'RateLimited');
    assert.equal(reasonOf(await callOnce(server, 'ListLogIns', { Token })), 'ok');
    assert.equal(server.warnings.filter((line) => line.includes('Log-ins of Ann are slowed')).length, 1);
    assert.ok(!server.warnings.some((line) => line.includes(PASSWORD) || line.includes('not the password')));
  }));

const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN;

/** Guesses that are answered while the others talk. */
const GUESSES = 4_000;

test('during thousands of wrong log-ins others talk and are stored, and every guess is answered', async (t) => {
  const folder = await mkdtemp(path(tmpdir(), 'partyline-'));
  const server = await startServer(['--data', folder, '--rate', '0', '--log-level', 'error']);
  t.after(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const running = { ...server, connect: () => LineClient.connect(server.host, server.port) };
  await signUp(running, 'Ann');
  const [speaker, listener] = [await join(running, { id: 'speaker' }), await join(running, { id: 'listener' })];
  const talk = async (): Promise<number> => {
    const began = performance.now();
    assert.equal(reasonOf(await speaker.say('hello')), 'ok');
    return performance.now() - began;
  };
  const quiet: number[] = [];
  for (let index = 0; index < 200; index += 1) quiet.push(await talk());

  const clients = await Promise.all(Array.from({ length: 200 }, () => running.connect()));
  const reasons: unknown[] = [];
  const began = performance.now();
  let over = false;
  const guessers = clients.map(async (client, guesser) => {
    for (let guess = 0; reasons.length < GUESSES; guess += 1) {
      const UserName = guess % 2 === 0 ? `nobody ${guesser} ${guess}` : 'Ann';
      client.writeFrame({ jsonrpc: '2.0', id: guess, method: 'ChatServer.LogIn', params: { UserName, Password: 'not the password' } });
      const answer = await client.next(60_000);
      assert.equal(at(answer, 'id'), guess);
      reasons.push(reasonOf(answer));
    }
  });
  const attack = Promise.all(guessers).finally(() => (over = true));
  const meanwhile: number[] = [];
  while (!over) meanwhile.push(await talk());
  await attack;
  const seconds = (performance.now() - began) / 1_000;
  const counts = Object.fromEntries(
    ['Unauthorized', 'RateLimited', 'Busy', 'ok'].map((reason) => [reason, reasons.filter((one) => one === reason).length]),
  );
  await Promise.all(clients.map((client) => client.close()));
  assert.ok(reasons.length >= GUESSES);
  assert.equal((counts['Unauthorized'] ?? 0) + (counts['RateLimited'] ?? 0) + (counts['Busy'] ?? 0), reasons.length);
  const last = await speaker.say('the end');
  await listener.hear(({ Text }) => Text === 'the end');
  assert.equal(listener.heard.filter(({ Kind }) => Kind === 'chat').length, quiet.length + meanwhile.length + 1);
  assert.equal(reasonOf(last), 'ok');
  const figures = (values: readonly number[]) => [0.5, 0.99, 1].map((part) => quantile(values, part).toFixed(1)).join(' / ');
  t.diagnostic(`${reasons.length} wrong log-ins in ${seconds.toFixed(1)} s: ${JSON.stringify(counts)}`);
  t.diagnostic(
    `acknowledged in p50 / p99 / max ms: before ${figures(quiet)}, meanwhile ${figures(meanwhile)} (${meanwhile.length} messages)`,
  );
  // Generous: the machine may be busy. A server whose loop or disk waited for the hashes would take as long as all of them.
  assert.ok(meanwhile.length > 20, `${meanwhile.length} messages`);
  assert.ok(quantile(meanwhile, 1) < 3_000, figures(meanwhile));
});
