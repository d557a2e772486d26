/** How a measured time is spread: what the proofs report of figures that a loaded machine may stretch. */

/** Milliseconds, rounded. */
export interface Spread {
  readonly median: number;
  readonly p99: number;
  readonly slowest: number;
}

/** @param times milliseconds, in any order; all is 0 of none */
export function spread(times: readonly number[]): Spread {
  const sorted = times.toSorted((a, b) => a - b);
  const of = (share: number): number => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return { median: of(0.5), p99: of(0.99), slowest: of(1) };
}
