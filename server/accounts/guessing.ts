/**
 * Slows down guessing: after a few wrong passwords for one key, each further try has to wait twice as long as the one
 * before. Decided before anything is hashed. It knows keys and outcomes, not what is guessed: accounts, addresses, rooms.
 */
import { RpcError } from '../../commons/errors.ts';

export interface GuessingLimits {
  /** Wrong guesses that cost nothing. */
  readonly free: number;
  /** The longest pause, milliseconds. */
  readonly longestPauseMs: number;
  /** Keys remembered at most; the one that was tried longest ago is forgotten. */
  readonly keys: number;
}

/** A try that counts as wrong until it is settled otherwise, so that many at the same time gain nothing. */
export interface Guess {
  /** It was right: the key is as good as new. */
  readonly right: () => void;
  /** It says nothing (refused for another reason, or right where others guess too): as if it had not been. */
  readonly void: () => void;
}

interface Failures {
  count: number;
  /** No try before this, as of `now`. */
  until: number;
  at: number;
}

const FIRST_PAUSE_MS = 1_000;
/** A key that nobody tried for so long starts anew. */
const FORGOTTEN_AFTER_MS = 86_400_000;

export class Guessing {
  readonly #limits: GuessingLimits;
  readonly #now: () => number;
  /** By key, the one that was tried longest ago first. */
  readonly #failures = new Map<string, Failures>();

  /** @param now milliseconds on a clock that never goes back */
  constructor(limits: GuessingLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#failures.size;
  }

  /** Whether the next try for `key` will have to wait. */
  isSlowed(key: string): boolean {
    return (this.#failures.get(key)?.count ?? 0) >= this.#limits.free;
  }

  /** Begins a try. @throws RpcError `RateLimited` with the pause that is left */
  begin(key: string): Guess {
    const now = this.#now();
    const found = this.#failures.get(key);
    const failures = found === undefined || now - found.at > FORGOTTEN_AFTER_MS ? { count: 0, until: 0, at: now } : found;
    if (now < failures.until) {
      const RetryAfterMs = Math.ceil(failures.until - now);
      throw new RpcError('RateLimited', 'Too many wrong tries; wait before the next one.', { RetryAfterMs });
    }
    failures.count += 1;
    failures.at = now;
    failures.until = failures.count < this.#limits.free ? 0 : now + this.#pause(failures.count);
    this.#failures.delete(key);
    this.#failures.set(key, failures);
    this.#forgetOldest();
    return { right: () => this.#drop(key, failures), void: () => this.#takeBack(key, failures) };
  }

  #pause(count: number): number {
    return Math.min(this.#limits.longestPauseMs, FIRST_PAUSE_MS * 2 ** (count - this.#limits.free));
  }

  #takeBack(key: string, failures: Failures): void {
    failures.count -= 1;
    failures.until = 0;
    if (failures.count === 0) this.#drop(key, failures);
  }

  #drop(key: string, failures: Failures): void {
    if (this.#failures.get(key) === failures) this.#failures.delete(key);
  }

  #forgetOldest(): void {
    for (const key of this.#failures.keys()) {
      if (this.#failures.size <= this.#limits.keys) return;
      this.#failures.delete(key);
    }
  }
}
