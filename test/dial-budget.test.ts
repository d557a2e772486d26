/** Promises of the dial budget and of the uniform time: what a caller can make the server dial, and what the clock tells him. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { DialBudget } from '../server/delivery/dial-budget.ts';
import { afterUniformTime } from '../server/delivery/uniform-time.ts';

const MINUTE_MS = 60_000;
const CALLER = '198.51.100.1';

/** A budget on a clock that the test moves. */
function budget({ perMinute = 5, perTarget = 8 } = {}) {
  const clock = { ms: 1_000 };
  const dials = new DialBudget({ perMinute, perTarget, now: () => clock.ms });
  const granted = (caller: string, host = caller) => dials.take(caller, { host }) !== undefined;
  return { dials, clock, granted };
}

/** How many of `attempts` dials, each ended at once, one caller may do. */
function burst(dials: DialBudget, caller: string, attempts = 20): number {
  let count = 0;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const ended = dials.take(caller, { host: '203.0.113.9' });
    if (ended === undefined) continue;
    ended();
    count += 1;
  }
  return count;
}

test('an address causes at most so many dials in any minute, wherever that minute starts', () => {
  const { dials, clock } = budget();
  assert.equal(burst(dials, CALLER, 2), 2);
  clock.ms += MINUTE_MS - 1;
  assert.equal(burst(dials, CALLER), 3, 'the first two still count');
  clock.ms += 1;
  assert.equal(burst(dials, CALLER), 2, 'and are over now');
  const gaps = fc.array(fc.integer({ min: 0, max: 30_000 }), { maxLength: 200 });
  const property = fc.property(gaps, (pauses) => {
    const fresh = budget();
    const times: number[] = [];
    for (const pause of pauses) {
      fresh.clock.ms += pause;
      if (burst(fresh.dials, CALLER, 1) === 1) times.push(fresh.clock.ms);
    }
    for (const [index, time] of times.entries()) {
      const sixthBefore = times[index - 5];
      if (sixthBefore !== undefined) assert.ok(time - sixthBefore >= MINUTE_MS);
    }
  });
  fc.assert(property, { numRuns: 200 });
});

test('a refused attempt costs nothing: who keeps trying is served as soon as the minute is over', () => {
  const { dials, clock } = budget();
  assert.equal(burst(dials, CALLER), 5);
  for (let second = 0; second < 59; second += 1) {
    clock.ms += 1_000;
    assert.equal(burst(dials, CALLER, 1), 0);
  }
  clock.ms += 1_000;
  assert.equal(burst(dials, CALLER), 5);
});

test('a dial that met its caller’s own client does not count towards the minute', () => {
  const { dials } = budget();
  for (let client = 0; client < 20; client += 1) {
    const ended = dials.take(CALLER, { host: CALLER });
    assert.ok(ended !== undefined, `client ${client}`);
    ended(true);
  }
  assert.equal(burst(dials, CALLER), 5);
});

test('one caller does not use up the budget of another, nor gets a second one by another spelling or by another address of its /64', () => {
  const { dials } = budget();
  assert.equal(burst(dials, CALLER), 5);
  assert.equal(burst(dials, `::ffff:${CALLER}`), 0);
  assert.equal(burst(dials, '198.51.100.2'), 5);
  assert.equal(burst(dials, '2001:db8:0:1::1'), 5);
  assert.equal(burst(dials, '2001:0DB8:0:1:ffff::1'), 0);
  assert.equal(burst(dials, '2001:db8:0:2::1'), 5);
});

test('at most so many dials to one host at the same time, whoever asks; an ended dial makes room once', () => {
  const { dials, granted } = budget({ perTarget: 2 });
  const first = dials.take('198.51.100.1', { host: '10.0.0.1' });
  assert.ok(first);
  assert.ok(granted('198.51.100.2', '10.0.0.1'));
  assert.ok(!granted('198.51.100.3', '10.0.0.1'));
  assert.ok(granted('198.51.100.3', '10.0.0.2'), 'other hosts are free');
  first();
  first();
  assert.ok(granted('198.51.100.3', '10.0.0.1'));
  assert.ok(!granted('198.51.100.4', '10.0.0.1'), 'ending the same dial twice makes room for one');
});

test('a caller who is refused because the host is busy keeps its minute', () => {
  const { dials, granted } = budget({ perTarget: 1 });
  assert.ok(granted('198.51.100.2', '10.0.0.1'));
  for (let attempt = 0; attempt < 10; attempt += 1) assert.ok(!granted(CALLER, '10.0.0.1'));
  assert.equal(burst(dials, CALLER), 5);
});

test('callers on loopback are exempt, those who cannot be told apart get nothing', () => {
  const { dials } = budget({ perMinute: 1, perTarget: 1 });
  for (const caller of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) assert.equal(burst(dials, caller, 50), 50, caller);
  for (const caller of ['', 'localhost', '127.1']) assert.equal(burst(dials, caller), 0, caller);
  assert.equal(burst(dials, '::127.0.0.1'), 1, 'an address that embeds loopback is a stranger');
});

test('a flood of callers is remembered up to 10,000 addresses: the one that dialled longest ago is forgotten first', () => {
  const { dials, clock } = budget({ perMinute: 2 });
  const nth = (index: number) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
  for (let index = 0; index < 10_000; index += 1) assert.equal(burst(dials, nth(index), 1), 1);
  assert.equal(burst(dials, nth(0)), 1, 'all 10,000 are remembered');
  assert.equal(burst(dials, nth(10_000), 1), 1, 'the next takes the place of the second, for the first has dialled since');
  assert.equal(burst(dials, nth(0)), 0);
  assert.equal(burst(dials, nth(2)), 1, 'only one made place');
  assert.equal(burst(dials, nth(1)), 2, 'and it starts anew');
  clock.ms += MINUTE_MS;
  assert.equal(burst(dials, nth(5_000)), 2);
});

test('an early failure is answered at the uniform time, a late one at once', async () => {
  const started = performance.now();
  await afterUniformTime(started, 60);
  const waited = performance.now() - started;
  assert.ok(waited >= 60 && waited < 1_000, `answered after ${waited} ms`);
  const late = performance.now();
  await afterUniformTime(late - 10_000, 5_000);
  assert.ok(performance.now() - late < 1_000);
});

test('a refusal after 1 ms and one just before the end are answered together', async () => {
  const started = performance.now();
  const answeredAt = async (failure: Promise<void>) => {
    await failure;
    await afterUniformTime(started, 120);
    return performance.now() - started;
  };
  const times = await Promise.all([
    answeredAt(Promise.resolve()),
    answeredAt(afterUniformTime(started, 40)),
    answeredAt(afterUniformTime(started, 80)),
  ]);
  assert.ok(Math.min(...times) >= 120, times.join(' '));
  assert.ok(Math.max(...times) - Math.min(...times) < 20, times.join(' '));
});

test('the wait for the uniform time ends with its signal', { timeout: 5_000 }, async () => {
  const gone = new AbortController();
  const waiting = afterUniformTime(performance.now(), 60_000, gone.signal);
  gone.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
});
