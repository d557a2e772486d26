/**
 * The benchmark: builds what it needs, runs everything interleaved (repetition, then scenario, then server) so that a
 * machine that changes its mood changes it for all, and reports medians and ratios.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH, buildProduct, CannotBuild, compileTools, type Tools } from './build.ts';
import { measureDisk } from './disk.ts';
import { execute, PINNED, serves } from './execute.ts';
import { readOptions, USAGE, type Options } from './options.ts';
import { LEGEND, markdown, overview, verdicts, type Benchmark } from './report.ts';
import { isQuiet, whyNot, type Measured, type Run } from './result.ts';
import { chosenScenarios, fits, isSuite, SUITE_NAMES, type Scenario } from './scenarios.ts';
import { allServers, available, PORT, type Server } from './servers.ts';
import { Results } from './statistics.ts';
import { short } from './table.ts';

/** Failures of one server in one scenario after which it is not tried there again. */
const FAILURES = 2;
/** Sockets a client costs the generator: the client, its listener, its callback connection; and some to spare. */
const FILES_PER_CLIENT = 3;
const FILES_SPARE = 200;

interface Planned {
  readonly rep: number;
  readonly scenario: Scenario;
  readonly server: Server;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function plan(options: Options, scenarios: readonly Scenario[], servers: readonly Server[]): readonly Planned[] {
  return Array.from({ length: options.reps }, (_, rep) => rep).flatMap((rep) =>
    scenarios.flatMap((scenario) => servers.filter((server) => fits(scenario, server)).map((server) => ({ rep, scenario, server }))),
  );
}

/** Leaves out, aloud, what needs more open files than this shell allows. */
function affordable(scenarios: readonly Scenario[]): readonly Scenario[] {
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' });
  const files = stdout.trim() === 'unlimited' ? Infinity : Number(stdout);
  return scenarios.filter(({ id, clients }) => {
    const needed = clients * FILES_PER_CLIENT + FILES_SPARE;
    if (needed > files) say(`${id} is skipped: it needs ${needed} open files, the limit is ${files}; ulimit -n ${needed}`);
    return needed <= files;
  });
}

/** Runs until nothing disturbed it, as often as the options allow. */
async function undisturbed(tools: Tools, { rep, scenario, server }: Planned, tries: number): Promise<Run> {
  const { suite, id } = scenario;
  for (let count = 1; ; count += 1) {
    const measured = await execute(tools, server, scenario);
    const quiet = suite === 'idle' || isQuiet(measured);
    if (quiet || !measured.ok || count >= tries) return { suite, scenario: id, server: server.name, rep, tries: count, quiet, measured };
  }
}

function figure({ ok, dps, kb_per_client: memory, lat_us: latency }: Measured, suite: string): string {
  if (!ok) return '';
  if (suite === 'idle') return `${memory} KiB a client`;
  return suite === 'latency' ? `p50 ${latency?.p50} us, p99 ${latency?.p99} us` : `${short(dps ?? NaN)}/s`;
}

function progress({ suite, scenario, server, quiet, tries, measured }: Run): string {
  const outcome = measured.ok ? figure(measured, suite) : `FAILED: ${whyNot(measured)}`;
  return `${suite} ${scenario} ${server}: ${outcome}${quiet || !measured.ok ? '' : ` (disturbed ${tries === 1 ? 'once' : `${tries} times`})`}`;
}

async function measure(options: Options, tools: Tools, scenarios: readonly Scenario[], servers: readonly Server[]): Promise<Results> {
  const results = new Results();
  const planned = plan(options, scenarios, servers);
  const raw = join(BENCH, 'raw', `${new Date().toISOString().replaceAll(':', '-')}.jsonl`);
  mkdirSync(join(BENCH, 'raw'), { recursive: true });
  const began = Date.now();
  const ending = interruption();
  for (const [index, next] of planned.entries()) {
    if (ending.asked || (Date.now() - began) / 60_000 > options.minutes) {
      say('The remaining runs are left out.');
      break;
    }
    if (results.failures(next.scenario.id, next.server.name) >= FAILURES) continue;
    const run = await undisturbed(tools, next, options.tries);
    // Ctrl+C reaches server and generator too: that run says nothing.
    if (ending.asked) continue;
    results.add(run);
    appendFileSync(raw, `${JSON.stringify(run)}\n`);
    const left = ((Date.now() - began) / 60_000 / (index + 1)) * (planned.length - index - 1);
    say(`[${index + 1}/${planned.length}, ${left.toFixed(0)} min left] ${progress(run)}`);
  }
  return results;
}

/** Whether somebody asked us to end: then what was measured is still reported. A second time ends at once. */
function interruption(): { readonly asked: boolean } {
  const state = { asked: false };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (state.asked = true));
  return state;
}

/** What is wrong with the options, beyond their form. */
function complaint(options: Options, servers: readonly Server[]): string | undefined {
  const suite = options.suites?.find((name) => !isSuite(name));
  if (suite !== undefined) return `There is no suite "${suite}"; there are ${SUITE_NAMES.join(', ')}.`;
  const server = options.only?.find((name) => servers.every((each) => each.name !== name));
  return server === undefined ? undefined : `There is no server "${server}"; there are ${servers.map(({ name }) => name).join(', ')}.`;
}

function conclude(benchmark: Benchmark, out: string | undefined): void {
  say(`\n${overview(benchmark)}\n\n${LEGEND}\n\n${verdicts(benchmark, false)}`);
  if (out === undefined) return;
  writeFileSync(out, markdown(benchmark));
  say(`\nWritten to ${out}`);
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === 'string') {
    process.stderr.write(options === '' ? USAGE : `${options}\n\n${USAGE}`);
    return options === '' ? 0 : 2;
  }
  const tools = compileTools(join(BENCH, 'build'));
  const every = allServers(tools, options.subject);
  const wrong = complaint(options, every);
  if (wrong !== undefined) throw new CannotBuild(wrong);
  if (options.subject === undefined) buildProduct();
  if (await serves()) throw new CannotBuild(`Port ${PORT} is in use: stop what listens there first.`);
  const { servers, missing } = available(every.filter(({ name }) => options.only?.includes(name) ?? true));
  missing.forEach(say);
  if (!PINNED) say('Without two cores and taskset (apt-get install util-linux) nothing is pinned: the figures will be unsteady.');
  const scenarios = affordable(chosenScenarios(options));
  const began = new Date();
  const disk = await measureDisk();
  const results = await measure(options, tools, scenarios, servers);
  const command = ['npm run bench --', ...args].join(' ');
  const out = options.out ?? (options.quick ? undefined : join(BENCH, 'RESULTS.md'));
  conclude({ results, scenarios, servers, command, missing, disk, began }, out);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CannotBuild)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
