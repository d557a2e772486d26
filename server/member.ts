/** One registration: who it is, who may act for it, and how it is called back. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Account, DirectSettings } from './accounts/account.ts';
import type { LogIn } from './accounts/log-in.ts';
import type { Delivery } from './delivery/delivery.ts';
import type { RateLimit } from './rate-limit.ts';
import { Speaker } from './speaker.ts';

export interface MemberIdentity {
  readonly id: string;
  readonly name: string;
  /** Where its Register came from, `address:port`. */
  readonly from: string;
  /** Its connection's: who leaves and registers again has no new one. */
  readonly rate: RateLimit;
}

export class Member {
  readonly speaker: Speaker;
  readonly from: string;
  readonly rate: RateLimit;
  /** When the registration began, milliseconds since 1970. */
  readonly since = Date.now();
  /** When the client was last heard of, milliseconds as of `performance.now()`. */
  heardAt = performance.now();
  /** What calls the client; `undefined` for a client that pulls. */
  delivery: Delivery | undefined;
  /** What a guest has chosen about direct messages; `undefined` until it does. Set by `consent.ts` only. */
  direct: DirectSettings | undefined;
  /** Receipts, and answers to direct messages, that it waits for. */
  openReceipts = 0;
  /** The connection whose calls act for this registration without a session; compared by identity only. */
  owner: object | undefined;
  /** The log-in that it was registered with; `undefined` for a guest. Set by the registry only. */
  logIn: LogIn | undefined;
  #owned: Set<string> | undefined;
  /** Hashes as text: 32 bytes of a buffer would take 250. */
  #sessionHash: string | undefined;
  /** The session before, until the new one is used: the answer that carried it may have been lost. */
  #formerHash: string | undefined;

  constructor(identity: MemberIdentity) {
    this.speaker = new Speaker(identity.id, identity.name);
    this.from = identity.from;
    this.rate = identity.rate;
  }

  /** Codes of the rooms that it owns; all registrations of an account share them. */
  get owned(): Set<string> {
    return (this.#owned ??= new Set());
  }

  /** For `account-rooms.ts` only. */
  set owned(codes: Set<string>) {
    this.#owned = codes;
  }

  get accountId(): string | undefined {
    return this.account?.id;
  }

  get id(): string {
    return this.speaker.id;
  }

  get name(): string {
    return this.speaker.name;
  }

  /** The account that it belongs to, shared with all its other registrations; `undefined` for a guest. */
  get account(): Account | undefined {
    return this.logIn?.account;
  }

  /**
   * A new secret of 256 bits that proves this registration. The former one is void as soon as the new one is used. Only
   * hashes are kept.
   */
  issueSession(): string {
    const session = randomBytes(32).toString('base64url');
    this.#formerHash = this.#sessionHash;
    this.#sessionHash = hash(session);
    return session;
  }

  /** Compares in constant time. */
  hasSession(session: string): boolean {
    const given = hash(session);
    if (!isSame(given, this.#sessionHash)) return isSame(given, this.#formerHash);
    this.#formerHash = undefined;
    return true;
  }
}

function isSame(given: string, expected: string | undefined): boolean {
  return expected !== undefined && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
}

function hash(secret: string): string {
  return createHash('sha256').update(secret).digest('base64');
}
