/** What a benchmark says in the end: one table with ratios, the criteria, and all figures by suite. */
import { judge } from './criteria.ts';
import { describeDisk, type DiskTime } from './disk.ts';
import { machine } from './machine.ts';
import type { Scenario } from './scenarios.ts';
import type { Server } from './servers.ts';
import type { Outcome, Results, Summary } from './statistics.ts';
import { fixed, ratio, short, table } from './table.ts';

export interface Benchmark {
  readonly results: Results;
  readonly scenarios: readonly Scenario[];
  readonly servers: readonly Server[];
  /** As it was given, for people to repeat it. */
  readonly command: string;
  readonly missing: readonly string[];
  readonly disk: DiskTime;
  readonly began: Date;
}

const SUBJECT = 'partyline';
/** Share of its core from which on the generator may be what limits a run. */
const SATURATED = 0.97;

/** The figure that a scenario is about, and how the product compares: above 1 is better for us, whatever is measured. */
function headline(scenario: Scenario, own: Summary | undefined, of: Summary): readonly [figure: string, ratio: number] {
  if (scenario.suite === 'idle') return [`${fixed(of.perClient, 1)} KiB`, of.perClient / (own?.perClient ?? NaN)];
  if (scenario.rate !== undefined) return [`${fixed(of.p50, 0)}/${fixed(of.p99, 0)} us`, of.p50 / (own?.p50 ?? NaN)];
  return [short(of.dps), (own?.dps ?? NaN) / of.dps];
}

function cell(scenario: Scenario, server: Server, results: Results): string {
  const outcome = results.outcome(scenario.id, server.name);
  if (outcome === undefined) return '';
  if ('failure' in outcome) return 'failed';
  const [value, compared] = headline(scenario, results.summary(scenario.id, SUBJECT), outcome.summary);
  const figure = `${outcome.summary.noisy ? '~' : ''}${value}${outcome.summary.generatorBusy > SATURATED ? ' ^' : ''}`;
  return server.name === SUBJECT || !Number.isFinite(compared) ? figure : `${figure} (${ratio(compared)})`;
}

/** The servers that were run at all. */
function present({ results, scenarios, servers }: Pick<Benchmark, 'results' | 'scenarios' | 'servers'>): readonly Server[] {
  return servers.filter(({ name }) => scenarios.some(({ id }) => results.outcome(id, name) !== undefined));
}

/** One row a scenario, one column a server; only what was run. */
export function overview({ results, scenarios, servers }: Benchmark): string {
  const rows = scenarios.filter(({ id }) => servers.some(({ name }) => results.outcome(id, name) !== undefined));
  const columns = present({ results, scenarios, servers });
  const head = ['scenario', ...columns.map(({ name, answered }) => (answered ? name : `${name} *`))];
  return table([head, ...rows.map((scenario) => [scenario.id, ...columns.map((server) => cell(scenario, server, results))])]);
}

export const LEGEND = `Deliveries a second; at a fixed rate p50/p99; idle: memory a client. In brackets: how many times better ${SUBJECT} is (by
throughput, by p50, by memory). floor: the C floor with small frames of its own; floor-same: with the very bytes that we send;
floor-sync: the same, on disk before it goes out.
\\* deliveries are not answered. ~ something else used the cores in every run. ^ the generator had no time left: the server
may be faster than this.`;

/** The criteria, those not met first in the eye. */
export function verdicts({ results, disk }: Benchmark, all: boolean): string {
  return judge(results, disk)
    .map(({ title, criteria }) => {
      const shown = criteria.filter(({ met }) => all || met !== undefined);
      const lines = shown.map(({ claim, figure, met }) =>
        met === undefined ? `- not measured: ${claim}` : `- ${met ? 'met' : 'NOT MET'}: ${claim}: ${figure}`,
      );
      return [`**${title}**`, '', ...(lines.length > 0 ? lines : ['- not measured'])].join('\n');
    })
    .join('\n\n');
}

const COLUMNS = [
  'server',
  'deliveries/s',
  'min–max',
  'runs',
  'CPU s per M',
  'server busy',
  'generator busy',
  'p50 us',
  'p99 us',
  'answered p99 us',
  'peak MiB',
];

function detail(server: string, outcome: Outcome): readonly string[] {
  if ('failure' in outcome)
    return [server, `failed: ${outcome.failure.replaceAll('|', '/').slice(0, 80)}`, ...COLUMNS.slice(2).map(() => '')];
  const { summary: s } = outcome;
  return [
    s.noisy ? `${server} (disturbed)` : server,
    short(s.dps),
    `${short(s.least)}–${short(s.most)}`,
    String(s.runs),
    fixed(s.cpuPerMillion, 3),
    fixed(s.serverBusy, 2),
    fixed(s.generatorBusy, 2),
    fixed(s.p50, 0),
    fixed(s.p99, 0),
    fixed(s.replyP99, 0),
    fixed(s.peak / 1_024, 0),
  ];
}

const IDLE_COLUMNS = ['server', 'KiB a client', 'joined in s', 'idle CPU %', 'MiB'];

function idleDetail(server: string, outcome: Outcome): readonly string[] {
  if ('failure' in outcome) return [server, `failed: ${outcome.failure.slice(0, 80)}`, '', '', ''];
  const { summary: s } = outcome;
  return [server, fixed(s.perClient, 1), fixed(s.joining, 2), fixed(s.idleCpu, 2), fixed(s.peak / 1_024, 0)];
}

function details({ results, scenarios, servers }: Benchmark): string {
  return scenarios
    .flatMap(({ suite, id }) => {
      const idle = suite === 'idle';
      const rows = servers.flatMap(({ name }) => {
        const outcome = results.outcome(id, name);
        return outcome === undefined ? [] : [idle ? idleDetail(name, outcome) : detail(name, outcome)];
      });
      return rows.length === 0 ? [] : [`### ${suite}: ${id}\n\n${table([idle ? IDLE_COLUMNS : COLUMNS, ...rows])}`];
    })
    .join('\n\n');
}

/** The report as it is kept: everything that is needed to repeat it. */
export function markdown(benchmark: Benchmark): string {
  const { command, missing, began, disk } = benchmark;
  const versions = present(benchmark).map(({ name, version }) => `- ${name}: ${version()}`);
  return `# Results of the fan-out benchmark

Written by \`${command}\` on ${began.toISOString()}. How to read it: [README](README.md).

${machine()}
${describeDisk(disk)}

${versions.join('\n')}
${missing.map((sentence) => `- ${sentence}\n`).join('')}
## Ratios

${LEGEND}

${overview(benchmark)}

## Criteria

${verdicts(benchmark, true)}

## All figures

${details(benchmark)}
`;
}
