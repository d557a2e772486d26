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
  matches(password: string, hash: string | undefined): Promise<boolean>;
}

/** Slows down wrong guesses, by what is guessed and from where. Bounded. */
export interface Guessing {
  /** Begins a guess, which counts as wrong until it is settled otherwise. @throws RpcError `RateLimited` with the pause that is left */
  begin(key: string): Guess;
}

export interface Guess {
  /** It was right. */
  readonly right: () => void;
  /** It was not looked at: as if it had not been. */
  readonly void: () => void;
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
    const key = `room ${room.code} from ${address}`;
    const guess = this.#guessing.begin(key);
    if (!(await this.#isRight(password, hash, guess))) throw new RpcError('Forbidden', 'The password of this room is another one.');
    guess.right();
  }

  async #isRight(password: string, hash: string, guess: Guess): Promise<boolean> {
    try {
      return await this.#passwords.matches(password, hash);
    } catch (error) {
      guess.void();
      throw error;
    }
  }
}
