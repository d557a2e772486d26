/**
 * The accounts: opened, found, changed and deleted. Read from the store on demand, and kept in memory only as long as
 * somebody holds them, so a million accounts cost nothing. It knows neither passwords nor tokens nor connections.
 */
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { RpcError } from '../../commons/errors.ts';
import type { StoredRecord } from '../store/store.ts';
import { Account, parseAccount, type AccountPatch, type AccountRecord } from './account.ts';
import { nameKey, Names, type ReadRecords } from './names.ts';

/** Where accounts are kept. */
export interface Archive {
  readonly records: ReadRecords;
  /** On disk when it resolves; of one call all or nothing. @throws RpcError `StorageFailed`, `ShuttingDown` */
  readonly keep: (records: readonly StoredRecord[]) => Promise<void>;
}

/** What else is kept of an account and goes with it. */
export type Belongings = (account: Account) => Promise<readonly StoredRecord[]>;

/** All IDs of accounts look like this, and no name and no ID of a guest does (`commons/text.ts`). */
const ID = /^user-[0-9a-f]{24}$/;
/** No account has this ID: what is read in place of one that is unknown, so that it takes as long. */
const NOBODY = `user-${'0'.repeat(24)}`;

export class Accounts {
  readonly names: Names;
  readonly #archive: Archive;
  /** By ID; each goes when nobody holds it any more. */
  readonly #living = new Map<string, WeakRef<Account>>();
  readonly #dead = new FinalizationRegistry((id: string) => this.#forget(id));
  readonly #loading = new Map<string, Promise<Account | undefined>>();
  readonly #belongings: Belongings[] = [];

  constructor(archive: Archive) {
    this.#archive = archive;
    this.names = new Names(archive.records);
  }

  /** Accounts that are in memory at the moment. */
  get inMemory(): number {
    return this.#living.size;
  }

  /** Asserts that an account of this name could be opened now. @param mayTake, @throws as `open` */
  async mayOpen(name: string, mayTake: () => void): Promise<void> {
    if ((await this.names.owner(name)) !== undefined)
      throw new RpcError('AlreadyRegistered', 'There is an account of this name, or of one that looks like it.');
    mayTake();
  }

  /**
   * Opens an account; it is on disk when this resolves.
   * @param mayTake throws when a living registration stands in the way; called when nobody can begin to use the name
   * @throws RpcError `AlreadyRegistered` when the name, or a look-alike of it, is an account's
   */
  open(name: string, hash: string, mayTake: () => void): Promise<Account> {
    return this.names.claim(name, async () => {
      await this.mayOpen(name, mayTake);
      const id = `user-${randomBytes(12).toString('hex')}`;
      const record: AccountRecord = { id, name, hash, createdAt: Date.now(), policy: 'everyone', allow: [], block: [], notify: true };
      await this.#archive.keep([toStore(record), { key: nameKey(name), value: id }]);
      return this.#share(record);
    });
  }

  /** The account of exactly this ID; the same object for all who hold it. @throws RpcError `StorageFailed` */
  async byId(id: string): Promise<Account | undefined> {
    if (!ID.test(id)) return undefined;
    const living = this.#living.get(id)?.deref();
    if (living !== undefined) return living.isDeleted ? undefined : living;
    const loading = this.#loading.get(id) ?? this.#load(id).finally(() => this.#loading.delete(id));
    this.#loading.set(id, loading);
    return loading;
  }

  /**
   * The account of this name, however it is spelt. For one that is not there, and for one that is in memory, as much is read
   * as for any other.
   * @throws RpcError `StorageFailed`
   */
  async byName(name: string): Promise<Account | undefined> {
    const id = (await this.names.owner(name)) ?? NOBODY;
    const living = this.#living.get(id)?.deref();
    if (living === undefined) return this.byId(id);
    await this.#archive.records(`account/${id}`);
    return living.isDeleted ? undefined : living;
  }

  /**
   * Changes what is kept of an account: on disk when it resolves, and in the shared object then. A function gets what is
   * before the change, and nothing comes between.
   * @throws RpcError `Unauthorized` when the account is gone, `StorageFailed` when nothing was changed
   */
  change(account: Account, patch: AccountPatch | ((record: AccountRecord) => AccountPatch)): Promise<void> {
    return account.alone(() => this.write(account, typeof patch === 'function' ? patch(account.record) : patch, []));
  }

  /** As `change`, together with other records; what changes nothing is not written. Only inside `account.alone`. */
  async write(account: Account, patch: AccountPatch, more: readonly StoredRecord[]): Promise<void> {
    const record = { ...account.record, ...patch };
    if (more.length === 0 && isDeepStrictEqual(record, account.record)) return;
    await this.#archive.keep([toStore(record), ...more]);
    account.committed(record);
  }

  /** Deletes an account and all that belongs to it. Only inside `account.alone`. @throws RpcError `StorageFailed` */
  async delete(account: Account): Promise<void> {
    const belongings = await Promise.all(this.#belongings.map((of) => of(account)));
    const own = [`account/${account.id}`, nameKey(account.name)].map((key) => ({ key, value: null }));
    await this.#archive.keep([...own, ...belongings.flat()]);
    account.committed(undefined);
  }

  /** Registers what goes with an account when it is deleted: `of` says which records that are, and they go in the same batch. */
  belongs(of: Belongings): void {
    this.#belongings.push(of);
  }

  async #load(id: string): Promise<Account | undefined> {
    const key = `account/${id}`;
    const text = (await this.#archive.records(key)).get(key);
    return text === undefined ? undefined : this.#share(parseAccount(text));
  }

  #share(record: AccountRecord): Account {
    const account = new Account(record);
    this.#living.set(record.id, new WeakRef(account));
    this.#dead.register(account, record.id);
    return account;
  }

  /** An account of this ID is gone from memory; another one may have been read since. */
  #forget(id: string): void {
    if (this.#living.get(id)?.deref() === undefined) this.#living.delete(id);
  }
}

/** All records whose keys begin with `prefix`, as records that are to go. */
export async function allGone(records: ReadRecords, prefix: string): Promise<readonly StoredRecord[]> {
  return [...(await records(prefix)).keys()].map((key) => ({ key, value: null }));
}

function toStore(record: AccountRecord): StoredRecord {
  return { key: `account/${record.id}`, value: JSON.stringify(record) };
}
