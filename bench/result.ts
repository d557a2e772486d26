/** The generator's result line, and a run as it is kept in the raw file. */
import * as v from 'valibot';

const Latency = v.object({ p50: v.number(), p90: v.number(), p99: v.number(), p999: v.number(), max: v.number() });

/** Times are seconds or, where the name says so, microseconds; memory is KiB; `dps` is deliveries a second. */
const Measured = v.object({
  ok: v.boolean(),
  err: v.string(),
  deliveries: v.optional(v.number()),
  dps: v.optional(v.number()),
  lat_us: v.optional(Latency),
  reply_us: v.optional(Latency),
  /** CPU seconds of the server a second, and per million deliveries. */
  srv_cpu: v.optional(v.number()),
  srv_cpu_per_M: v.optional(v.number()),
  core0_busy: v.optional(v.number()),
  steal: v.optional(v.number()),
  lg_cpu: v.optional(v.number()),
  lg_busy: v.optional(v.number()),
  rss_peak_kb: v.optional(v.number()),
  rss_kb: v.optional(v.number()),
  kb_per_client: v.optional(v.number()),
  setup_s: v.optional(v.number()),
  idle_cpu_pct: v.optional(v.number()),
  gap: v.optional(v.number()),
  dup: v.optional(v.number()),
  lost: v.optional(v.number()),
  altered: v.optional(v.number()),
  reject: v.optional(v.number()),
  drained: v.optional(v.boolean()),
});
export type Measured = v.InferOutput<typeof Measured>;

export interface Run {
  readonly suite: string;
  readonly scenario: string;
  readonly server: string;
  readonly rep: number;
  readonly tries: number;
  /** Nothing else disturbed it. */
  readonly quiet: boolean;
  readonly measured: Measured;
}

/** A run that did not come about. */
export function failed(err: string): Measured {
  return { ok: false, err };
}

/** What the generator printed. */
export function readResult(line: string): Measured {
  try {
    const value: unknown = JSON.parse(line);
    const parsed = v.safeParse(Measured, value);
    return parsed.success ? parsed.output : failed('the generator’s line is not what it should be');
  } catch {
    return failed(`the generator said: ${line.slice(0, 200)}`);
  }
}

/** Why a run does not count, in a few words. */
export function whyNot({ err, gap, dup, lost, altered, reject, drained }: Measured): string {
  const counts = Object.entries({ gap, dup, lost, altered, reject }).flatMap(([name, n]) =>
    n === undefined || n === 0 ? [] : [`${name} ${n}`],
  );
  if (drained === false) counts.push('not everything arrived');
  return [err, ...counts].filter((part) => part !== '').join(', ') || 'nothing was delivered';
}

/** CPU time of the server's core that was not the server's, as a share; what else ran there disturbed it. */
function foreign({ core0_busy: busy, srv_cpu: own }: Measured): number {
  return busy === undefined || own === undefined ? 0 : Math.max(0, busy - own);
}

/** Whether both cores belonged to server and generator alone: the generator polls, so it should have used all of its own. */
export function isQuiet(measured: Measured): boolean {
  return foreign(measured) <= 0.06 && (measured.lg_cpu ?? 1) >= 0.93;
}
