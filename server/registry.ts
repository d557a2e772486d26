/**
 * Who is registered. Readers never wait. Changes of one ID happen one after the other: its mutex spans the dial of a
 * registration, so that two Registers of the same ID, or a Register and an eviction, never interleave. Other IDs go on.
 */
import { Mutex } from 'async-mutex';
import { fold, skeleton } from '../commons/text.ts';
import { RpcError } from '../commons/errors.ts';
import type { Account } from './accounts/account.ts';
import type { LogIn } from './accounts/log-in.ts';
import { Groups } from './groups.ts';
import type { Member } from './member.ts';

interface Lock {
  readonly mutex: Mutex;
  users: number;
}

export class Registry {
  /** By ID as it is written; the folded ones are the keys of `#holders`. */
  readonly #members = new Map<string, Member>();
  readonly #holders = new Map<string, Member>();
  /** By what an ID or a name looks like. */
  readonly #faces = new Groups<string>();
  readonly #ofAccounts = new Groups<Account>();
  /** One for each ID that is being changed; gone with its last user. */
  readonly #locks = new Map<string, Lock>();

  get size(): number {
    return this.#members.size;
  }

  /** All members; a live view. */
  members(): Iterable<Member> {
    return this.#members.values();
  }

  /** Who is registered under exactly this ID. */
  get(id: string): Member | undefined {
    return this.#members.get(id);
  }

  /** Who holds this ID or one that people would take for it. */
  holder(id: string): Member | undefined {
    return this.#holders.get(fold(id));
  }

  /** Whose ID or name people would take for `name`. */
  resembling(name: string): Iterable<Member> {
    return this.#faces.get(skeleton(name));
  }

  /** The registrations of an account, in order of arrival. */
  of(account: Account): readonly Member[] {
    return this.#ofAccounts.get(account);
  }

  /** Makes a registration one of the account that `logIn` is of. */
  bind(member: Member, logIn: LogIn): void {
    if (member.account !== undefined) this.#ofAccounts.delete(member.account, member);
    member.logIn = logIn;
    if (this.get(member.id) === member) this.#ofAccounts.add(logIn.account, member);
  }

  /** Runs `change` while nobody else changes this ID or a look-alike of it. */
  async exclusively<T>(id: string, change: () => T | Promise<T>): Promise<T> {
    const key = fold(id);
    const lock = this.#locks.get(key) ?? { mutex: new Mutex(), users: 0 };
    this.#locks.set(key, lock);
    lock.users += 1;
    try {
      return await lock.mutex.runExclusive(change);
    } finally {
      lock.users -= 1;
      if (lock.users === 0) this.#locks.delete(key);
    }
  }

  /** Only inside `exclusively`. */
  add(member: Member): void {
    this.#members.set(member.id, member);
    this.#holders.set(fold(member.id), member);
    for (const label of [member.id, member.name]) this.#faces.add(skeleton(label), member);
    if (member.account !== undefined) this.#ofAccounts.add(member.account, member);
  }

  /** Whether the member was still registered. */
  remove(member: Member): boolean {
    if (this.#members.get(member.id) !== member) return false;
    this.#holders.delete(fold(member.id));
    for (const label of [member.id, member.name]) this.#faces.delete(skeleton(label), member);
    if (member.account !== undefined) this.#ofAccounts.delete(member.account, member);
    return this.#members.delete(member.id);
  }

  /**
   * The member that a call acts for: honoured on the connection that registered it, or with its session.
   * @throws RpcError `NotRegistered` or `Unauthorized`
   */
  acting(id: string, connection: object, session: string | undefined): Member {
    const member = this.get(id);
    if (member === undefined) throw new RpcError('NotRegistered');
    const vouched = member.owner === connection || (session !== undefined && member.hasSession(session));
    if (!vouched) throw new RpcError('Unauthorized');
    member.heardAt = performance.now();
    return member;
  }
}
