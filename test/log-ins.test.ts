/**
 * Log-ins end when they are not used, and at last in any case; what is said of one is said of all who use it at the same
 * time; and what is kept opens nothing. On a real store and a clock that the test turns.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { RpcError } from '../commons/errors.ts';
import { DEFAULT_LIMITS } from '../commons/limits.ts';
import type { Account } from '../server/accounts/account.ts';
import { Accounts } from '../server/accounts/accounts.ts';
import { LogIns, type LogInLimits } from '../server/accounts/log-ins.ts';
import { Broadcaster } from '../server/broadcaster.ts';
import { MemoryStore } from '../server/store/memory.ts';
import type { StoredRecord } from '../server/store/store.ts';

const DAY = 86_400_000;
const LIMITS: LogInLimits = { tokenIdleMs: 30 * DAY, tokenMs: 365 * DAY, tokensPerAccount: 5 };

interface Life {
  readonly store: MemoryStore;
  readonly accounts: Accounts;
  readonly logIns: LogIns;
  readonly broadcaster: Broadcaster;
  readonly clock: { now: number };
  /** The same store, as another process finds it. */
  restarted(): Life;
}

function life(limits: Partial<LogInLimits> = {}, store = new MemoryStore(), clock = { now: 1_700_000_000_000 }): Life {
  const broadcaster = new Broadcaster(DEFAULT_LIMITS, store, { published: () => undefined, failed: () => undefined });
  const archive = { records: (prefix: string) => store.records(prefix), keep: (kept: readonly StoredRecord[]) => broadcaster.keep(kept) };
  const accounts = new Accounts(archive);
  const logIns = new LogIns(accounts, archive, { ...LIMITS, ...limits }, () => clock.now);
  return { store, accounts, logIns, broadcaster, clock, restarted: () => life(limits, store, clock) };
}

const open = ({ accounts }: Life, name = 'Ann'): Promise<Account> => accounts.open(name, 'the hash', () => undefined);
const issue = async ({ logIns }: Life, account: Account): Promise<string> =>
  (await logIns.issue(account, account.record.hash, '127.0.0.1')).token;

/** Whether the token acts; that is a use of it. */
async function acts({ logIns, broadcaster }: Life, token: string): Promise<boolean> {
  try {
    await logIns.acting(token);
    // What is noted of the use is on disk then.
    await broadcaster.drained();
    return true;
  } catch (error) {
    assert.ok(error instanceof RpcError && error.reason === 'Unauthorized', String(error));
    return false;
  }
}

test('a token that is not used for its idle time is void, and each use begins it anew', async () => {
  const here = life();
  const account = await open(here);
  const [used, idle] = [await issue(here, account), await issue(here, account)];
  for (let day = 0; day < 60; day += 20) {
    here.clock.now += 20 * DAY;
    assert.equal(await acts(here, used), true, `after ${day + 20} days`);
    assert.equal(await acts(here.restarted(), used), true, `after ${day + 20} days and a restart`);
  }
  assert.equal(await acts(here, idle), false);
  here.clock.now += 30 * DAY;
  assert.equal(await acts(here, used), false);
});

test('however often it is used, a token ends at last', async () => {
  const here = life();
  const token = await issue(here, await open(here));
  for (let day = 0; day < 364; day += 1) {
    here.clock.now += DAY;
    assert.equal(await acts(here, token), true, `day ${day}`);
  }
  here.clock.now += DAY;
  assert.equal(await acts(here, token), false);
  assert.equal(await acts(here.restarted(), token), false);
});

test('a living registration keeps its log-in from idling, not from its end', async () => {
  const here = life();
  const token = await issue(here, await open(here));
  const logIn = await here.logIns.acting(token);
  for (let day = 0; day < 364; day += 1) {
    here.clock.now += DAY;
    assert.equal(here.logIns.stands(logIn), true);
    here.logIns.use(logIn);
    await here.broadcaster.drained();
  }
  assert.equal(await acts(here.restarted(), token), true);
  here.clock.now += DAY;
  assert.equal(here.logIns.stands(logIn), false);
});

test('uses that follow each other closely cost no write', async () => {
  const here = life();
  const token = await issue(here, await open(here));
  const before = here.store.lastSeq;
  for (let often = 0; often < 100; often += 1) assert.equal(await acts(here, token), true);
  assert.equal(here.store.lastSeq, before);
  here.clock.now += DAY;
  for (let often = 0; often < 100; often += 1) assert.equal(await acts(here, token), true);
  assert.equal(here.store.lastSeq, before + 1);
});

test('when the clock goes back no token is lost', async () => {
  const here = life();
  const token = await issue(here, await open(here));
  here.clock.now -= DAY / 8;
  assert.equal(await acts(here, token), true);
});

test('what is kept holds no token, and all of it goes with the account', async () => {
  const here = life();
  const account = await open(here);
  const tokens = [await issue(here, account), await issue(here, account)];
  const kept = JSON.stringify([...(await here.store.records(''))]);
  for (const token of tokens) assert.ok(!kept.includes(token.slice(-43)) && !kept.includes(token));
  const other = await open(here, 'Bob');
  const others = await issue(here, other);
  await here.broadcaster.keep([
    { key: `member/${account.id}/lobby`, value: '1' },
    { key: `member/${other.id}/lobby`, value: '2' },
  ]);
  here.accounts.belongs(async ({ id }) => [{ key: `member/${id}/lobby`, value: null }]);
  await here.logIns.deleteAccount(await here.logIns.acting(tokens[0] ?? ''), account.record.hash);
  const left = [...(await here.store.records('')).keys()];
  assert.deepEqual(
    left.filter((key) => key.includes(account.id)),
    [],
  );
  assert.equal(left.filter((key) => key.startsWith('name/')).length, 1);
  for (const token of tokens) assert.equal(await acts(here, token), false);
  assert.equal(await acts(here, others), true);
});

test('expired log-ins go with the next one, so an account keeps no more than its share', async () => {
  const here = life();
  const account = await open(here);
  for (let often = 0; often < 20; often += 1) await issue(here, account);
  assert.equal((await here.store.records('token/')).size, 5);
  here.clock.now += 31 * DAY;
  await issue(here, account);
  assert.equal((await here.store.records('token/')).size, 1);
});

test('who proved a password that is changed meanwhile gets no token, and changes nothing', async () => {
  const here = life();
  const account = await open(here);
  const proven = account.record.hash;
  const current = await here.logIns.acting(await issue(here, account));
  await here.logIns.changePassword(current, proven, 'another hash');
  const late = [
    () => here.logIns.issue(account, proven, '127.0.0.1'),
    () => here.logIns.changePassword(current, proven, 'a third hash'),
    () => here.logIns.deleteAccount(current, proven),
  ];
  for (const call of late) await assert.rejects(call, { reason: 'Unauthorized' });
  assert.equal(account.record.hash, 'another hash');
  assert.equal((await here.restarted().accounts.byName('ann'))?.record.hash, 'another hash');
});

test('of a log-in that is looked for while it is revoked nothing is left', async () => {
  const here = life();
  const account = await open(here);
  for (const order of ['looked for first', 'revoked first']) {
    const token = await issue(here, account);
    const { handle } = await here.logIns.acting(token);
    // As after a restart, so that it has to be read.
    const fresh = here.restarted();
    const same = (await fresh.accounts.byName('Ann')) ?? assert.fail('no account');
    const calls = [() => fresh.logIns.acting(token), () => fresh.logIns.revoke(same, handle)] as const;
    const started = order === 'looked for first' ? [calls[0](), calls[1]()] : [calls[1](), calls[0]()].toReversed();
    const [looked, revoked] = await Promise.allSettled(started);
    assert.equal(revoked?.status, 'fulfilled', order);
    if (looked?.status === 'fulfilled') assert.equal(looked.value?.isRevoked, true, order);
    assert.equal(await acts(fresh, token), false, order);
  }
});

test('changes of one account at the same time are all kept, and shared by all who hold it', async () => {
  const here = life();
  const account = await open(here);
  const patches = Array.from({ length: 50 }, (_, index) =>
    here.accounts.change(account, ({ block }) => ({ block: [...block, `user ${index}`] })),
  );
  await Promise.all([...patches, here.accounts.change(account, { policy: 'allowed', notify: false })]);
  const same = await here.accounts.byId(account.id);
  assert.equal(same, account);
  const read = await here.restarted().accounts.byId(account.id);
  for (const one of [account, read]) {
    assert.deepEqual([one?.record.block.length, one?.record.policy, one?.record.notify], [50, 'allowed', false]);
  }
});

test('a change that cannot be kept changes nothing', async () => {
  const here = life();
  const account = await open(here);
  await here.store.close();
  await assert.rejects(here.accounts.change(account, { policy: 'allowed' }), { reason: 'StorageFailed' });
  assert.equal(account.record.policy, 'everyone');
  await assert.rejects(open(here, 'Bob'), { reason: 'StorageFailed' });
});

test('a deleted account is found and changed no more, whoever still holds it', async () => {
  const here = life();
  const account = await open(here);
  const current = await here.logIns.acting(await issue(here, account));
  await here.logIns.deleteAccount(current, account.record.hash);
  assert.equal(account.isDeleted, true);
  assert.equal(await here.accounts.byId(account.id), undefined);
  assert.equal(await here.accounts.byName('Ann'), undefined);
  await assert.rejects(here.accounts.change(account, { notify: false }), { reason: 'Unauthorized' });
  assert.notEqual((await open(here)).id, account.id);
});

test('an account that nobody holds is not in memory, however many there are; one that is held is', async () => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  assert.ok(typeof collect === 'function');
  const here = life();
  const held = await open(here, 'held');
  for (let index = 0; index < 2_000; index += 1) await here.accounts.open(`account ${index}`, 'hash', () => undefined);
  assert.ok(here.accounts.inMemory > 1);
  for (let rounds = 0; rounds < 200 && here.accounts.inMemory > 1; rounds += 1) {
    Reflect.apply(collect, undefined, []);
    await turn();
  }
  assert.equal(here.accounts.inMemory, 1);
  assert.equal(await here.accounts.byName('held'), held);
  assert.equal((await here.accounts.byName('account 7'))?.name, 'account 7');
});
