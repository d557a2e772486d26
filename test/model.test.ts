/**
 * Random runs of everything that people do, against a small model of what was promised to them: after each step every
 * client was brought what it should have been, once, in order, and nothing else, and every answer is the model's. In
 * this process, where a crash is a copy of the folder between two turns of the event loop, and with processes that are killed.
 *
 * PARTYLINE_MODEL_RUNS=2000 makes it longer, PARTYLINE_MODEL_SEED=1 another one; a failure tells its seed and its shortest run.
 */
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { makeBeginning, play, type Beginning } from './support/model/play.ts';
import { inOwnProcess, inProcess } from './support/model/stage.ts';

const RUNS = Number(process.env['PARTYLINE_MODEL_RUNS'] ?? 6);
const SEED = Number(process.env['PARTYLINE_MODEL_SEED'] ?? 20_260_101);
const STEPS = 40;
/** A long form takes as long as it takes. */
const PATIENCE_MS = Math.max(100_000, RUNS * 10_000);

let beginning: Beginning;
before(async () => void (beginning = await makeBeginning()));
after(() => beginning.remove());

test(
  'whatever people do, and wherever the server crashes, the model of what was promised holds',
  { timeout: PATIENCE_MS },
  async (context) => {
    const taken = await play(beginning, { seed: SEED, runs: RUNS, steps: STEPS, open: inProcess, shrinkMs: PATIENCE_MS * 0.6 });
    context.diagnostic(JSON.stringify(Object.fromEntries(taken)));
    assert.ok(taken.size > 20, 'nearly every step was taken');
  },
);

test('with processes that are killed too', { timeout: PATIENCE_MS }, async () => {
  await play(beginning, { seed: SEED, runs: Math.ceil(RUNS / 10), steps: STEPS, open: inOwnProcess, shrinkMs: PATIENCE_MS * 0.6 });
});
