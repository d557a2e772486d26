/**
 * One account, as all its registrations share it while any of them lives, and how it is written down. It knows its
 * password's hash and no password, and neither tokens nor connections.
 */
import { Mutex } from 'async-mutex';
import * as v from 'valibot';
import { RpcError } from '../../commons/errors.ts';

/** What is kept of an account. Direct messages are governed by `policy`, `allow`, `block` (account IDs, or IDs of guests) and `notify`. */
const AccountRecord = v.object({
  id: v.string(),
  name: v.string(),
  /** Of the password: argon2id in the PHC form, which holds its own salt and parameters. */
  hash: v.string(),
  /** Milliseconds since 1970. */
  createdAt: v.number(),
  policy: v.picklist(['everyone', 'allowed']),
  allow: v.array(v.string()),
  block: v.array(v.string()),
  notify: v.boolean(),
});
export type AccountRecord = Readonly<v.InferOutput<typeof AccountRecord>>;
/** What somebody has chosen about direct messages; `allow` and `block` hold marks, see `direct/consent.ts`. */
export type DirectSettings = Pick<AccountRecord, 'policy' | 'allow' | 'block' | 'notify'>;
/** What of an account may change. */
export type AccountPatch = Partial<Omit<AccountRecord, 'id' | 'name' | 'createdAt'>>;

export function parseAccount(text: string): AccountRecord {
  return v.parse(AccountRecord, JSON.parse(text));
}

export class Account {
  readonly id: string;
  /**
   * Changes of one account, its tokens included, happen one after the other: the mutex spans reading what is, the commit
   * of what is to be, and telling this object. So no change is lost, and what is told here is on disk.
   */
  readonly #changing = new Mutex();
  #record: AccountRecord;
  #deleted = false;

  constructor(record: AccountRecord) {
    this.id = record.id;
    this.#record = record;
  }

  get name(): string {
    return this.#record.name;
  }

  /** All that is kept, as of the last commit; a new object after each change. */
  get record(): AccountRecord {
    return this.#record;
  }

  get isDeleted(): boolean {
    return this.#deleted;
  }

  /** Runs `change` alone. @throws RpcError `Unauthorized` when the account is gone */
  alone<T>(change: () => Promise<T>): Promise<T> {
    return this.#changing.runExclusive(() => {
      if (this.#deleted) throw new RpcError('Unauthorized', 'This account is deleted.');
      return change();
    });
  }

  /** Only for `accounts.ts`, when it is on disk. */
  committed(record: AccountRecord | undefined): void {
    if (record === undefined) this.#deleted = true;
    else this.#record = record;
  }
}
