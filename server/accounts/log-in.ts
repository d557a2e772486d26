/** One log-in of an account: what its token stands for, as all registrations made with it share it. It never holds the token. */
import * as v from 'valibot';
import type { StoredRecord } from '../store/store.ts';
import type { Account } from './account.ts';

/** What is kept of a log-in; times are milliseconds since 1970. */
const LogInRecord = v.object({
  createdAt: v.number(),
  usedAt: v.number(),
  /** The end, however often it is used. */
  endsAt: v.number(),
  /** The address that logged in. */
  from: v.string(),
});
export type LogInRecord = v.InferOutput<typeof LogInRecord>;

/** Characters of the hash that name a log-in to its owner. */
const HANDLE_LENGTH = 12;

/** All log-ins of an account begin so. */
export function logInKeys(accountId: string): string {
  return `token/${accountId}/`;
}

export class LogIn {
  readonly account: Account;
  /** SHA-256 of the token, base64url. */
  readonly hash: string;
  readonly createdAt: number;
  readonly endsAt: number;
  readonly from: string;
  /** When it was used last, as it is kept: not to the minute. */
  usedAt: number;
  /** Whether the token is void; for good. */
  isRevoked = false;

  constructor(account: Account, hash: string, record: LogInRecord) {
    this.account = account;
    this.hash = hash;
    this.createdAt = record.createdAt;
    this.usedAt = record.usedAt;
    this.endsAt = record.endsAt;
    this.from = record.from;
  }

  static parse(account: Account, key: string, text: string): LogIn {
    return new LogIn(account, key.slice(logInKeys(account.id).length), v.parse(LogInRecord, JSON.parse(text)));
  }

  /** Names it to its owner; public, proves nothing. */
  get handle(): string {
    return this.hash.slice(0, HANDLE_LENGTH);
  }

  get key(): string {
    return logInKeys(this.account.id) + this.hash;
  }

  /** When the token is void, unless it is used before. */
  expiresAt(idleMs: number): number {
    return Math.min(this.endsAt, this.usedAt + idleMs);
  }

  /** As it is kept after a use at `usedAt`. */
  toStore(usedAt: number): StoredRecord {
    const { createdAt, endsAt, from } = this;
    return { key: this.key, value: JSON.stringify({ createdAt, usedAt, endsAt, from } satisfies LogInRecord) };
  }

  /** As nothing of it is kept. */
  toVoid(): StoredRecord {
    return { key: this.key, value: null };
  }
}
