/** Guessing is slowed: a few tries are free, then each waits twice as long as the one before; on a clock that the test turns. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { RpcError } from '../commons/errors.ts';
import { Guessing } from '../server/accounts/guessing.ts';

const LIMITS = { free: 5, longestPauseMs: 900_000, keys: 100 };

function guessing(limits: Partial<typeof LIMITS> = {}) {
  const clock = { now: 1_000 };
  return { clock, guesses: new Guessing({ ...LIMITS, ...limits }, () => clock.now) };
}

/** The pause that a try for `key` is told, 0 when it may go on. */
function pauseOf(guesses: Guessing, key: string): number {
  try {
    guesses.begin(key);
    return 0;
  } catch (error) {
    assert.ok(error instanceof RpcError && error.reason === 'RateLimited');
    return error.data.RetryAfterMs ?? Number.NaN;
  }
}

test('five tries are free, then the pauses double up to fifteen minutes', () => {
  const { clock, guesses } = guessing();
  for (let free = 0; free < 5; free += 1) assert.equal(pauseOf(guesses, 'ann'), 0);
  const pauses = Array.from({ length: 13 }, () => {
    const pause = pauseOf(guesses, 'ann');
    clock.now += pause - 1;
    assert.equal(pauseOf(guesses, 'ann'), 1);
    clock.now += 1;
    assert.equal(pauseOf(guesses, 'ann'), 0);
    return pause / 1_000;
  });
  assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
});

test('other keys are not slowed, and a right password after the pause makes the key as good as new', () => {
  const { clock, guesses } = guessing();
  for (let wrong = 0; wrong < 6; wrong += 1) clock.now += pauseOf(guesses, 'ann');
  assert.equal(pauseOf(guesses, 'bob'), 0);
  clock.now += 2_000;
  guesses.begin('ann').right();
  for (let free = 0; free < 5; free += 1) assert.equal(pauseOf(guesses, 'ann'), 0);
  assert.equal(pauseOf(guesses, 'ann'), 1_000);
});

test('tries at the same time count before they are judged', () => {
  const { guesses } = guessing();
  const begun = Array.from({ length: 5 }, () => guesses.begin('ann'));
  assert.equal(pauseOf(guesses, 'ann'), 1_000);
  begun[0]?.void();
  assert.equal(guesses.isSlowed('ann'), false);
  assert.equal(pauseOf(guesses, 'ann'), 0);
  assert.equal(pauseOf(guesses, 'ann'), 1_000);
});

test('a try that says nothing leaves no trace', () => {
  const { guesses } = guessing();
  for (let often = 0; often < 100; often += 1) guesses.begin('ann').void();
  assert.equal(guesses.size, 0);
  assert.equal(pauseOf(guesses, 'ann'), 0);
});

test('what is remembered is bounded, and the key that was tried longest ago goes first', () => {
  const { guesses } = guessing();
  for (let wrong = 0; wrong < 5; wrong += 1) guesses.begin('ann');
  for (let index = 0; index < 99; index += 1) guesses.begin(`other ${index}`);
  assert.equal(guesses.isSlowed('ann'), true);
  for (let index = 0; index < 10_000; index += 1) guesses.begin(`more ${index}`);
  assert.equal(guesses.size, 100);
  assert.equal(guesses.isSlowed('ann'), false);
});

test('a key that nobody tried for a day starts anew', () => {
  const { clock, guesses } = guessing();
  for (let wrong = 0; wrong < 5; wrong += 1) guesses.begin('ann');
  clock.now += 86_400_001;
  for (let free = 0; free < 5; free += 1) assert.equal(pauseOf(guesses, 'ann'), 0);
});

test('whatever is tried when, wrong guesses for one key never get more than their share of time', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2_000_000 }), { minLength: 1, maxLength: 200 }), (waits) => {
      const { clock, guesses } = guessing();
      let done = 0;
      let earliest = clock.now;
      for (const wait of waits) {
        clock.now += wait;
        if (pauseOf(guesses, 'ann') > 0) continue;
        assert.ok(clock.now >= earliest);
        done += 1;
        earliest = done < 5 ? clock.now : clock.now + Math.min(900_000, 1_000 * 2 ** (done - 5));
      }
    }),
  );
});
