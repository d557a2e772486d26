/** The durability proofs in their short form; `npm run torture` has the long ones. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { killNine } from './torture/kill-nine.ts';

test(
  '50 times kill -9 under load: nothing acknowledged is lost, nothing is shown twice or out of order',
  { timeout: 300_000 },
  async () => {
    const { verdict } = await killNine({ rounds: 50 });
    assert.deepEqual(verdict.faults, []);
    assert.ok(verdict.proven);
    assert.ok(verdict.acknowledged > 1_000, `${verdict.acknowledged} acknowledged are too few to prove anything`);
    assert.ok(verdict.unanswered > 0, 'no kill came while something was under way');
  },
);
