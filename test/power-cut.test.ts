/** Power cuts under load, in their short form; `npm run torture -- power` is the long one. */
import test, { type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { powerCuts, type PowerOptions, type PowerReport } from './torture/power-cut.ts';
import { NotHere } from './torture/power-disk.ts';

/** `undefined`, said aloud, where this machine does not have or allow what it takes. */
async function cutsOrSkip(context: TestContext, options: PowerOptions): Promise<PowerReport | undefined> {
  try {
    const report = await powerCuts(options);
    context.diagnostic(JSON.stringify({ ...report, faults: report.faults.length }));
    return report;
  } catch (failure) {
    if (!(failure instanceof NotHere)) throw failure;
    context.skip(`${failure.message}: NOT PROVED HERE`);
    return undefined;
  }
}

test('20 power cuts under load: everything acknowledged before is there, once and in order, and nothing has to be repaired', async (context) => {
  const report = await cutsOrSkip(context, { rounds: 20 });
  if (report === undefined) return;
  assert.deepEqual(report.unopened, []);
  assert.deepEqual(report.faults, []);
  assert.ok(report.proven);
  assert.ok(report.owed > 1_000, `${report.owed} are too few to prove anything`);
  assert.ok(report.underWay > 0, 'no cut came while something was under way');
});

test('the same power cuts catch a store that does not sync', async (context) => {
  const report = await cutsOrSkip(context, { rounds: 3, withoutSync: true });
  if (report === undefined) return;
  assert.ok(!report.proven);
  assert.ok(report.counts.lost > 0 || report.unopened.length > 0, 'nothing was lost although nothing was synced');
});
