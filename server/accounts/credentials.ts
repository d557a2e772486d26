/**
 * Who can prove an account by its password, and how often may be tried: first the pauses, then the very same work whether
 * the account exists or not, and one answer for all that is wrong. It knows no tokens and no connections.
 */
import { RpcError } from '../../commons/errors.ts';
import { parseSocketAddress } from '../../commons/wire/address.ts';
import { holder, isLoopback } from '../../commons/wire/network.ts';
import type { Account } from './account.ts';
import type { Accounts } from './accounts.ts';
import { Guessing, type Guess } from './guessing.ts';
import { nameKey } from './names.ts';
import type { Passwords } from './passwords.ts';

export interface CredentialLimits {
  readonly guessesPerAccount: number;
  readonly guessesPerAddress: number;
  readonly signUpsPerAddress: number;
  readonly guessPauseMs: number;
  readonly guessesRemembered: number;
}

/** An account, and the hash that its password was compared with: what follows only holds while that is still its hash. */
export interface Proof {
  readonly account: Account;
  readonly proven: string;
}

export class Credentials {
  readonly #accounts: Accounts;
  readonly #passwords: Passwords;
  readonly #slowed: (name: string, address: string) => void;
  readonly #perAccount: Guessing;
  readonly #perAddress: Guessing;
  readonly #signUps: Guessing;

  /** @param slowed is told when guessing for an account that exists begins to be slowed */
  constructor(accounts: Accounts, passwords: Passwords, limits: CredentialLimits, slowed: (name: string, address: string) => void) {
    const guessing = (free: number) => new Guessing({ free, longestPauseMs: limits.guessPauseMs, keys: limits.guessesRemembered });
    this.#accounts = accounts;
    this.#passwords = passwords;
    this.#slowed = slowed;
    this.#perAccount = guessing(limits.guessesPerAccount);
    this.#perAddress = guessing(limits.guessesPerAddress);
    this.#signUps = guessing(limits.signUpsPerAddress);
  }

  /**
   * Proves the account `name` by `password`.
   * @throws RpcError `Unauthorized`, the same for an unknown name and a wrong password; `RateLimited`, `Busy`, `StorageFailed`
   */
  async prove(name: string, password: string, address: string): Promise<Proof> {
    return this.#guess(name, address, async () => {
      // Before anything is read: what is refused in masses must not keep the threads of the disk busy.
      this.#passwords.mayWait();
      const account = await this.#accounts.byName(name);
      // A change of the password while it is compared must not count for the new one.
      const proven = account?.record.hash;
      const right = await this.#passwords.matches(password, proven);
      if (right && account !== undefined && proven !== undefined) return { account, proven };
      if (account !== undefined && this.#perAccount.isSlowed(nameKey(name))) this.#slowed(account.name, address);
      return undefined;
    });
  }

  /** Hashes the password of an account that is to be opened. @throws RpcError `RateLimited`, `Busy` */
  async hashForNew(password: string, address: string): Promise<string> {
    const opening = beginFor(this.#signUps, address);
    try {
      return await this.#passwords.hash(password);
    } catch (error) {
      opening?.void();
      throw error;
    }
  }

  /** Hashes the new password of an account. @throws RpcError `Busy` */
  hash(password: string): Promise<string> {
    return this.#passwords.hash(password);
  }

  /** One guess for the account and one for the address; what was not judged does not count. */
  async #guess(name: string, address: string, judge: () => Promise<Proof | undefined>): Promise<Proof> {
    const forAddress = beginFor(this.#perAddress, address);
    let forAccount: Guess | undefined;
    try {
      forAccount = this.#perAccount.begin(nameKey(name));
      const proof = await judge();
      if (proof === undefined) throw new RpcError('Unauthorized', 'The user name or the password is wrong.');
      forAccount.right();
      forAddress?.void();
      return proof;
    } catch (error) {
      const judged = error instanceof RpcError && error.reason === 'Unauthorized';
      if (!judged) forAccount?.void();
      if (!judged) forAddress?.void();
      throw error;
    }
  }
}

/** Begins a try for the holder of an address; none for callers on this machine, who would share one. */
function beginFor(guessing: Guessing, address: string): Guess | undefined {
  const caller = parseSocketAddress(address);
  if (caller === undefined) return guessing.begin('');
  return isLoopback(caller) ? undefined : guessing.begin(holder(caller));
}
