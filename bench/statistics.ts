/** Medians of the runs of one scenario and one server. Disturbed runs count only where there is no other. */
import { whyNot, type Measured, type Run } from './result.ts';

export interface Summary {
  readonly runs: number;
  /** All runs that counted were disturbed. */
  readonly noisy: boolean;
  /** Deliveries a second: median, least, most. */
  readonly dps: number;
  readonly least: number;
  readonly most: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds from SendMessage to its answer, the 99th percentile; NaN where sends are not answered. */
  readonly replyP99: number;
  /** CPU seconds of the server per million deliveries. */
  readonly cpuPerMillion: number;
  /** Shares of a core. */
  readonly serverBusy: number;
  readonly generatorBusy: number;
  /** KiB. */
  readonly peak: number;
  readonly perClient: number;
  /** Seconds until all clients had joined. */
  readonly joining: number;
  /** Per cent of a core while nothing happens. */
  readonly idleCpu: number;
}

/** Runs of one scenario and one server: what they say, or why there is nothing to say. */
export type Outcome = { readonly summary: Summary } | { readonly failure: string };

/** The middle of the finite values; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).toSorted((a, b) => a - b);
  const low = sorted[(sorted.length - 1) >> 1] ?? NaN;
  const high = sorted[sorted.length >> 1] ?? NaN;
  return (low + high) / 2;
}

function summarize(runs: readonly Run[]): Outcome {
  const good = runs.filter((run) => run.measured.ok);
  const quiet = good.filter((run) => run.quiet);
  const bad = runs.find((run) => !run.measured.ok);
  // A server that fails once in three runs has failed: the checks have no median.
  if (bad !== undefined || good.length === 0) return { failure: bad === undefined ? 'not run' : whyNot(bad.measured) };
  const counted = (quiet.length > 0 ? quiet : good).map((run) => run.measured);
  const middle = (pick: (measured: Measured) => number | undefined) => median(counted.map((measured) => pick(measured) ?? NaN));
  const rates = counted.map((measured) => measured.dps ?? NaN);
  return {
    summary: {
      runs: counted.length,
      noisy: quiet.length === 0,
      dps: median(rates),
      least: Math.min(...rates),
      most: Math.max(...rates),
      p50: middle((measured) => measured.lat_us?.p50),
      p99: middle((measured) => measured.lat_us?.p99),
      replyP99: middle((measured) => measured.reply_us?.p99),
      cpuPerMillion: middle((measured) => measured.srv_cpu_per_M),
      serverBusy: middle((measured) => measured.srv_cpu),
      generatorBusy: middle((measured) => measured.lg_busy),
      peak: middle((measured) => measured.rss_peak_kb ?? measured.rss_kb),
      perClient: middle((measured) => measured.kb_per_client),
      joining: middle((measured) => measured.setup_s),
      idleCpu: middle((measured) => measured.idle_cpu_pct),
    },
  };
}

/** All runs, by scenario and server. */
export class Results {
  readonly #runs: Run[] = [];

  add(run: Run): void {
    this.#runs.push(run);
  }

  /** How often this server has failed in this scenario. */
  failures(scenario: string, server: string): number {
    return this.#of(scenario, server).filter((run) => !run.measured.ok).length;
  }

  /** `undefined` when it was not run. */
  outcome(scenario: string, server: string): Outcome | undefined {
    const runs = this.#of(scenario, server);
    return runs.length === 0 ? undefined : summarize(runs);
  }

  summary(scenario: string, server: string): Summary | undefined {
    const outcome = this.outcome(scenario, server);
    return outcome !== undefined && 'summary' in outcome ? outcome.summary : undefined;
  }

  #of(scenario: string, server: string): readonly Run[] {
    return this.#runs.filter((run) => run.scenario === scenario && run.server === server);
  }
}
