/**
 * Who may enter a protected room: checks its password, and slows down who guesses. How passwords are hashed and how fast
 * one may guess is decided elsewhere.
 */
import { RpcError } from '../commons/errors.ts';
import { Guessing, type GuessingLimits } from './accounts/guessing.ts';
import type { Passwords } from './accounts/passwords.ts';
import type { Room } from './room.ts';

export class RoomPasswords {
  readonly #passwords: Passwords;
  readonly #guessing: Guessing;

  constructor(passwords: Passwords, limits: GuessingLimits) {
    this.#passwords = passwords;
    this.#guessing = new Guessing(limits);
  }

  /** What a room keeps of its password; `null` when it has none. @throws RpcError `Busy`, `ShuttingDown` */
  hash(password: string | undefined): Promise<string | null> {
    return password === undefined ? Promise.resolve(null) : this.#passwords.hash(password);
  }

  /**
   * Resolves when `password` opens `room`.
   * @param address where the caller is: guesses are counted for a room and an address, loopback included
   * @throws RpcError `Forbidden` when it does not, `RateLimited` after too many wrong ones, `Busy`, `ShuttingDown`
   */
  async check(room: Room, password: string | undefined, address: string): Promise<void> {
    const { password: hash } = room.about;
    if (hash === null) return;
    if (password === undefined) throw new RpcError('Forbidden', 'This room takes a password.');
    const guess = this.#guessing.begin(`${room.code}/${address}`);
    const right = await this.#passwords.matches(password, hash).catch((error: unknown) => {
      guess.void();
      throw error;
    });
    if (!right) throw new RpcError('Forbidden', 'The password of this room is another one.');
    guess.right();
  }
}
