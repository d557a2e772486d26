/**
 * What the fan-out promises, as conditions on medians: each is met, not met, or not measured, with its figure. `floor` is
 * the C floor with its own small frames, `floor-same` the one that sends the very bytes that the product sends, `floor-sync`
 * the same with every turn on disk first.
 */
import type { DiskTime } from './disk.ts';
import { DURABLE_LOADS, DURABLE_ROOMS, SHAPE_LOADS, SHAPES, STALL_PHASES } from './scenarios.ts';
import { DURABLE, FLOOR_SYNC } from './servers.ts';
import type { Results, Summary } from './statistics.ts';

export interface Criterion {
  readonly claim: string;
  readonly figure: string;
  /** `undefined`: not measured. */
  readonly met: boolean | undefined;
}

const SUBJECT = 'partyline';
/** What an answer may take beside the disk, microseconds. */
const PROCESSING_US = 5_000;

/** How many times as many deliveries a second `subject` has as `server`. */
function times(results: Results, scenario: string, server: string, subject = SUBJECT): number {
  return (results.summary(scenario, subject)?.dps ?? NaN) / (results.summary(scenario, server)?.dps ?? NaN);
}

/** A condition whose figure may be missing. `decimals` of the figure as it is shown; the comparison is exact. */
function condition(claim: string, figure: number, met: (figure: number) => boolean, unit = '', decimals = 2): Criterion {
  const known = Number.isFinite(figure);
  return { claim, figure: known ? `${figure.toFixed(decimals)}${unit}` : 'not measured', met: known ? met(figure) : undefined };
}

/** A condition on microseconds, whose bound may be unknown too. */
function within(claim: string, figure: number, bound: number): Criterion {
  const { met, figure: shown } = condition(claim, figure, (x) => x <= bound, ' us', 0);
  return Number.isFinite(bound)
    ? { claim, met, figure: `${shown} of ${bound.toFixed(0)}` }
    : { claim, met: undefined, figure: 'not measured' };
}

function atLeast(results: Results, scenario: string, server: string, factor: number): Criterion {
  return condition(`${scenario}: at least ${factor} x ${server}`, times(results, scenario, server), (x) => x >= factor, ' x');
}

/** The criterion, with what the floor has in the same place: so much the machine allows a program that only writes and reads. */
function noting(criterion: Criterion, what: string, floors: number): Criterion {
  return Number.isFinite(floors) ? { ...criterion, figure: `${criterion.figure} (${what} ${floors.toFixed(2)} x)` } : criterion;
}

function besideFloor(results: Results, scenario: string, server: string, factor: number): Criterion {
  return noting(atLeast(results, scenario, server, factor), 'floor-same:', times(results, scenario, server, 'floor-same'));
}

/** 1: near the physical limit. */
function nearTheFloor(results: Results): readonly Criterion[] {
  const wanted: readonly (readonly [string, number])[] = [
    ['n=100 w=64', 0.8],
    ['n=1000 w=64', 0.8],
    ['n=100 w=1', 0.75],
    ['n=1000 w=1', 0.75],
    ['n=1000 4 senders x 16', 0.8],
  ];
  return ['floor', 'floor-same'].flatMap((floor) => wanted.map(([scenario, factor]) => atLeast(results, scenario, floor, factor)));
}

/** 2: beside servers that people use, most of which answer nothing. */
function besidePeers(results: Results): readonly Criterion[] {
  const coalescing = [10, 100, 1_000].flatMap((n) => [`n=${n} w=64`, `n=${n} 4 senders x 16`]);
  return [
    ...['n=1000 w=64', 'n=1000 4 senders x 16'].flatMap((scenario) => [
      besideFloor(results, scenario, 'redis', 1.1),
      besideFloor(results, scenario, 'nats', 2),
    ]),
    ...['n=100 w=64', 'n=100 4 senders x 16'].map((scenario) => besideFloor(results, scenario, 'redis', 0.9)),
    ...coalescing.flatMap((scenario) => ['mqtt1', 'sioack'].map((server) => besideFloor(results, scenario, server, 50))),
  ];
}

/** The floor that a scenario was measured beside: the one with small frames, or else the one with ours. */
function floorOf(results: Results, scenario: string): string {
  return results.summary(scenario, 'floor') === undefined ? 'floor-same' : 'floor';
}

/** 3: other kinds of clients lose at most 15 % of the ratio that plain ones have, each against the floor under the same option. */
function everyShape(results: Results): readonly Criterion[] {
  return Object.keys(SHAPES)
    .filter((shape) => shape !== 'plain')
    .flatMap((shape) =>
      SHAPE_LOADS.map((load) => {
        const floor = floorOf(results, `plain, ${load}`);
        const [plain, own] = [times(results, `plain, ${load}`, floor), times(results, `${shape}, ${load}`, floor)];
        const { claim, met, figure } = condition(
          `${shape}, ${load}: at least 0.85 of the plain ratio to ${floor}`,
          own / plain,
          (x) => x >= 0.85,
        );
        return { claim, met, figure: met === undefined ? figure : `${figure} (${own.toFixed(2)} of ${plain.toFixed(2)})` };
      }),
    );
}

/** 4: quick under a fixed load. */
function quick(results: Results): readonly Criterion[] {
  return [10, 100, 1_000].flatMap((clients) => {
    const scenario = `100k/s n=${clients}`;
    const of = (server: string, pick: (summary: Summary) => number) => {
      const summary = results.summary(scenario, server);
      return summary === undefined ? NaN : pick(summary);
    };
    const floor = floorOf(results, scenario);
    const p50 = of(SUBJECT, (summary) => summary.p50) / of(floor, (summary) => summary.p50);
    const [own, floors, mqtt] = [SUBJECT, floor, 'mqtt1'].map((server) => of(server, (summary) => summary.p99));
    const allowed = Math.max(3 * (floors ?? NaN), Number.isFinite(mqtt) ? (mqtt ?? 0) : 0);
    return [
      condition(`${scenario}: p50 at most 1.3 x ${floor}'s`, p50, (x) => x <= 1.3, ' x'),
      within(`${scenario}: p99 at most 3 x ${floor}'s or Mosquitto QoS 1's`, own ?? NaN, allowed),
    ];
  });
}

/** 5: many clients cost little. */
function manyClients(results: Results): readonly Criterion[] {
  const idle = results.summary('idle n=5000', SUBJECT);
  const cost = (scenario: string) => results.summary(scenario, SUBJECT)?.cpuPerMillion ?? NaN;
  const growth = (cost('n=5000 w=64') / cost('n=100 w=64') - 1) * 100;
  return [
    condition('idle n=5000: memory at most 12 KiB a client', idle?.perClient ?? NaN, (x) => x <= 12, ' KiB', 1),
    condition('idle n=5000: CPU at most 1 %', idle?.idleCpu ?? NaN, (x) => x <= 1, ' %'),
    condition('idle n=5000: joined within 5 s', idle?.joining ?? NaN, (x) => x <= 5, ' s', 1),
    condition('CPU a delivery grows by less than 25 % from 100 to 5,000 clients', growth, (x) => x < 25, ' %', 0),
  ];
}

/** What 20 clients that stopped reading may hold, KiB: the room's bounded log (64 MiB), which their cursors pin. */
const STALL_MEMORY = 64 * 1_024;

/** 6: who stops reading harms nobody. */
function stalledHarmNobody(results: Results): readonly Criterion[] {
  return Object.keys(STALL_PHASES).flatMap((phase) => {
    const before = results.summary(`80 healthy, ${phase}`, SUBJECT);
    const after = results.summary(`80 healthy + 20 stalled, ${phase}`, SUBJECT);
    const ratio = (pick: (summary: Summary) => number) => (after === undefined || before === undefined ? NaN : pick(after) / pick(before));
    const more = after === undefined || before === undefined ? NaN : (after.peak - before.peak) / 1_024;
    return [
      condition(
        `20 stalled, ${phase}: the others keep 0.9 of their throughput`,
        ratio((s) => s.dps),
        (x) => x >= 0.9,
        ' x',
      ),
      condition(
        `20 stalled, ${phase}: the others' p99 at most 1 / 0.9 of what it was`,
        ratio((s) => s.p99),
        (x) => x <= 1 / 0.9,
        ' x',
      ),
      condition(`20 stalled, ${phase}: at most 64 MiB more memory`, more, (x) => x <= STALL_MEMORY / 1_024, ' MiB', 0),
    ];
  });
}

/**
 * 7: what is kept costs little: a fifth of the throughput, and an answer waits for two syncs at most, and 5 ms. How long
 * two syncs last is said twice: on a quiet disk, and under the same load, where a message at `floor-sync` waits for the
 * sync that is under way and for its own.
 */
function keptCheaply(results: Results, disk: DiskTime): readonly Criterion[] {
  const quiet = 2 * disk.median + PROCESSING_US;
  const answers = DURABLE_ROOMS.flatMap((clients) => {
    const scenario = `durable 1000/s n=${clients}`;
    const p99 = results.summary(scenario, DURABLE)?.replyP99 ?? NaN;
    const loaded = (results.summary(scenario, FLOOR_SYNC)?.replyP99 ?? NaN) + PROCESSING_US;
    return [
      within(`${scenario}: SendMessage p99 at most 2 syncs of a quiet disk + 5 ms`, p99, quiet),
      within(`${scenario}: SendMessage p99 at most floor-sync's + 5 ms`, p99, loaded),
    ];
  });
  return [
    ...DURABLE_LOADS.map((load) => {
      const scenario = `durable ${load}`;
      const [share, floors] = [times(results, scenario, SUBJECT, DURABLE), times(results, scenario, 'floor-same', FLOOR_SYNC)];
      const kept = condition(`${scenario}: at least 0.8 x the throughput without a store`, share, (x) => x >= 0.8, ' x');
      return noting(kept, 'the floor keeps', floors);
    }),
    ...answers,
  ];
}

export interface Group {
  readonly title: string;
  readonly criteria: readonly Criterion[];
}

export function judge(results: Results, disk: DiskTime): readonly Group[] {
  return [
    { title: '1 near the physical limit', criteria: nearTheFloor(results) },
    { title: '2 beside other servers', criteria: besidePeers(results) },
    { title: '3 every kind of client', criteria: everyShape(results) },
    { title: '4 latency at 100,000 deliveries a second', criteria: quick(results) },
    { title: '5 many clients', criteria: manyClients(results) },
    { title: '6 stalled clients', criteria: stalledHarmNobody(results) },
    { title: '7 what is kept', criteria: keptCheaply(results, disk) },
  ];
}
