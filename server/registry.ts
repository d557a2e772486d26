/**
 * Who is registered. Readers never wait. Changes of one ID happen one after the other: its mutex spans the dial of a
 * registration, so that two Registers of the same ID, or a Register and an eviction, never interleave. Other IDs go on.
 */
import { Mutex } from 'async-mutex';
import { fold } from '../commons/text.ts';
import { RpcError } from '../commons/errors.ts';
import type { Member } from './member.ts';

interface Lock {
  readonly mutex: Mutex;
  users: number;
}

export class Registry {
  /** By ID as it is written; the folded ones are the keys of `#holders`. */
  readonly #members = new Map<string, Member>();
  readonly #holders = new Map<string, Member>();
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
  }

  /** Whether the member was still registered. */
  remove(member: Member): boolean {
    if (this.#members.get(member.id) !== member) return false;
    this.#holders.delete(fold(member.id));
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
