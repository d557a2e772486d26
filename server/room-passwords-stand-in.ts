/** Hashes passwords with scrypt on the thread pool and slows guesses down, both within bounds. It knows neither rooms nor accounts. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { RpcError } from '../commons/errors.ts';
import { busy } from './queue.ts';
import type { Guess, Guessing, Passwords } from './room-passwords.ts';

const KEY_BYTES = 32;
/** Passwords that may wait; for one more the caller is told `Busy`. */
const WAITING = 64;

export class ScryptPasswords implements Passwords {
  #waiting = 0;

  async hash(password: string): Promise<string> {
    const salt = randomBytes(16);
    return `${salt.toString('base64url')}.${(await this.#derive(password, salt)).toString('base64url')}`;
  }

  async matches(password: string, hash: string | undefined): Promise<boolean> {
    const [salt = '', key = ''] = (hash ?? '').split('.');
    const expected = Buffer.from(key, 'base64url');
    const given = await this.#derive(password, Buffer.from(salt, 'base64url'));
    return expected.length === given.length && timingSafeEqual(expected, given);
  }

  #derive(password: string, salt: Buffer): Promise<Buffer> {
    if (this.#waiting >= WAITING) throw busy();
    this.#waiting += 1;
    return new Promise((resolve, reject) => {
      scrypt(password, salt, KEY_BYTES, (error, key) => {
        this.#waiting -= 1;
        if (error === null) resolve(key);
        else reject(error);
      });
    });
  }
}

const FREE_FAILURES = 5;
const LONGEST_MS = 900_000;
/** Keys that are remembered at most; the one that failed longest ago is forgotten. */
const REMEMBERED = 10_000;

interface Guesses {
  readonly failures: number;
  readonly until: number;
}

export class SlowGuessing implements Guessing {
  readonly #guesses = new Map<string, Guesses>();

  begin(key: string): Guess {
    const before = this.#guesses.get(key);
    const now = performance.now();
    const RetryAfterMs = Math.ceil((before?.until ?? 0) - now);
    if (RetryAfterMs > 0) throw new RpcError('RateLimited', 'Too many wrong tries; wait before the next one.', { RetryAfterMs });
    const failures = (before?.failures ?? 0) + 1;
    const pause = failures < FREE_FAILURES ? 0 : Math.min(LONGEST_MS, 1_000 * 2 ** (failures - FREE_FAILURES));
    this.#guesses.delete(key);
    this.#guesses.set(key, { failures, until: now + pause });
    for (const oldest of this.#guesses.keys()) {
      if (this.#guesses.size <= REMEMBERED) break;
      this.#guesses.delete(oldest);
    }
    const back = (): void => void (before === undefined ? this.#guesses.delete(key) : this.#guesses.set(key, before));
    return { right: () => void this.#guesses.delete(key), void: back };
  }
}
