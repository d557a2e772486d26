/** A steady rate with a burst of twice that: a token bucket for all that registers on one connection. */
export class RateLimit {
  readonly #perSecond: number;
  #tokens: number;
  #at = performance.now();

  /** @param perSecond messages a second; 0 means no limit. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#tokens = 2 * perSecond;
  }

  /** Takes one message's share. Returns 0 when there was one, else the milliseconds until there is. */
  take(): number {
    if (this.#perSecond === 0) return 0;
    const now = performance.now();
    this.#tokens = Math.min(2 * this.#perSecond, this.#tokens + ((now - this.#at) * this.#perSecond) / 1_000);
    this.#at = now;
    if (this.#tokens < 1) return Math.ceil(((1 - this.#tokens) * 1_000) / this.#perSecond);
    this.#tokens -= 1;
    return 0;
  }
}
