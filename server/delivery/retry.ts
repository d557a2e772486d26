/** When a failed callback is tried again, how long each try may take, and when to give up. It knows no connection. */

export interface RetryLimits {
  /** Time for a call in good times, milliseconds. */
  readonly callMs: number;
  /** Time to open a connection in good times, milliseconds. */
  readonly dialMs: number;
  /** Pauses between the tries, milliseconds; one more failure than there are pauses is the last. */
  readonly retryDelaysMs: readonly number[];
  /** Time for a whole try, dial and call, after a failure, milliseconds. */
  readonly retryCallMs: number;
}

/** Pauses vary by this share in both directions, so that clients that failed together do not come back together. */
const JITTER = 0.2;

export class Retry {
  readonly #limits: RetryLimits;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: RetryLimits) {
    this.#limits = limits;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  get callMs(): number {
    return this.#failures === 0 ? this.#limits.callMs : this.#limits.retryCallMs;
  }

  get dialMs(): number {
    return this.#failures === 0 ? this.#limits.dialMs : this.#limits.retryCallMs;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Milliseconds until the next try; `undefined` when that was the last. */
  failed(): number | undefined {
    const delay = this.#limits.retryDelaysMs[this.#failures];
    this.#failures += 1;
    return delay === undefined ? undefined : delay * (1 - JITTER + 2 * JITTER * Math.random());
  }

  /** Runs `next` after the pause, unless stopped before. */
  after(pauseMs: number, next: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(next, pauseMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
