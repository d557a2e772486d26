/**
 * Who may enter a protected room: checks its password, and slows down who guesses. How passwords are hashed and how fast
 * one may guess is decided elsewhere.
 */
import { RpcError } from '../commons/errors.ts';
import type { Room } from './room.ts';

export interface Passwords {
  /** What is kept in place of the password. @throws RpcError `Busy` when too many wait to be hashed */
  hash(password: string): Promise<string>;
  /** Whether `hash` was made of `password`. @throws RpcError `Busy` */
  verify(hash: string, password: string): Promise<boolean>;
}

/** Wrong guesses, by what is guessed and from where. Bounded. */
export interface Guessing {
  /** Milliseconds until the next guess may be made; 0 = at once. */
  waitMs(key: string): number;
  failed(key: string): void;
  succeeded(key: string): void;
}

export class RoomPasswords {
  readonly #passwords: Passwords;
  readonly #guessing: Guessing;

  constructor(passwords: Passwords, guessing: Guessing) {
    this.#passwords = passwords;
    this.#guessing = guessing;
  }

  /** What a room keeps of its password; `null` when it has none. @throws RpcError `Busy` */
  hash(password: string | undefined): Promise<string | null> {
    return password === undefined ? Promise.resolve(null) : this.#passwords.hash(password);
  }

  /**
   * Resolves when `password` opens `room`.
   * @param address where the caller is: guesses are counted for a room and an address, loopback included
   * @throws RpcError `Forbidden` when it does not, `RateLimited` after too many wrong ones, `Busy`
   */
  async check(room: Room, password: string | undefined, address: string): Promise<void> {
    const hash = room.about.password;
    if (hash === null) return;
    if (password === undefined) throw new RpcError('Forbidden', 'This room takes a password.');
    const key = `room/${room.code}/${address}`;
    const waitMs = this.#guessing.waitMs(key);
    if (waitMs > 0) throw new RpcError('RateLimited', 'Too many wrong passwords for this room; try again later.', { RetryAfterMs: waitMs });
    // Counted before it is known, so that many guesses at the same time are not one.
    this.#guessing.failed(key);
    if (!(await this.#passwords.verify(hash, password))) throw new RpcError('Forbidden', 'The password of this room is another one.');
    this.#guessing.succeeded(key);
  }
}
