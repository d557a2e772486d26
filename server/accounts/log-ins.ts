/**
 * The log-ins: tokens given out, found again, listed and revoked. Tokens are opaque, 256 random bits behind the account's
 * ID, and only their SHA-256 is kept, so what is on the disk opens nothing. It knows no passwords and no connections.
 */
import { createHash, randomBytes } from 'node:crypto';
import { RpcError } from '../../commons/errors.ts';
import type { Account } from './account.ts';
import { allGone, type Accounts, type Archive } from './accounts.ts';
import { LogIn, logInKeys } from './log-in.ts';

export interface LogInLimits {
  readonly tokenIdleMs: number;
  readonly tokenMs: number;
  readonly tokensPerAccount: number;
}

/** A token says whose it is, so that it is found with one read, and nobody can list what others have. */
const TOKEN = /^(user-[0-9a-f]{24})\.[\w-]{43}$/;
/** A use is written down when the last one that was is older than this part of the idle time: most uses cost no write. */
const USES_KEPT_APART = 100;

export class LogIns {
  readonly #accounts: Accounts;
  readonly #archive: Archive;
  readonly #limits: LogInLimits;
  readonly #now: () => number;
  /** The log-ins in use, by hash: one object for all who use it, as long as the account is in use. */
  readonly #living = new WeakMap<Account, Map<string, LogIn>>();

  /** Those whose use is being written down. */
  readonly #noting = new Set<LogIn>();

  /** @param now milliseconds since 1970 */
  constructor(accounts: Accounts, archive: Archive, limits: LogInLimits, now: () => number = Date.now) {
    this.#accounts = accounts;
    this.#archive = archive;
    this.#limits = limits;
    this.#now = now;
    accounts.belongs(({ id }) => allGone(archive.records, logInKeys(id)));
  }

  /**
   * A new token for who proved the account by the password whose hash was `proven`; on disk when this resolves. Log-ins that
   * have expired go, and when there are too many the one that was used longest ago.
   * @throws RpcError `Unauthorized` when the password was changed or the account deleted meanwhile
   */
  issue(account: Account, proven: string, from: string): Promise<{ readonly token: string; readonly logIn: LogIn }> {
    return account.alone(async () => {
      assertProven(account, proven);
      const now = this.#now();
      const token = `${account.id}.${randomBytes(32).toString('base64url')}`;
      const logIn = new LogIn(account, hashOf(token), { createdAt: now, usedAt: now, endsAt: now + this.#limits.tokenMs, from });
      const gone = this.#outlived(await this.#all(account));
      await this.#archive.keep([logIn.toStore(now), ...gone.map((one) => one.toVoid())]);
      this.#revoked(gone);
      this.#livingOf(account).set(logIn.hash, logIn);
      return { token, logIn };
    });
  }

  /** The log-in that `token` stands for. This is a use of it. @throws RpcError `Unauthorized` for a token that is none, or void */
  async acting(token: string): Promise<LogIn> {
    const id = TOKEN.exec(token)?.[1];
    const account = id === undefined ? undefined : await this.#accounts.byId(id);
    if (account === undefined) throw invalid();
    const logIn = await this.#find(account, hashOf(token));
    if (logIn === undefined || logIn.isRevoked || this.#isOver(logIn)) throw invalid();
    this.use(logIn);
    return logIn;
  }

  /** Whether it may still act: neither revoked nor past its end. Its idle time does not run while a registration of it lives. */
  stands(logIn: LogIn): boolean {
    return !logIn.isRevoked && this.#now() < logIn.endsAt;
  }

  /** A registration made with it lives: its idle time begins anew. Written down now and then; what fails, at a later use. */
  use(logIn: LogIn): void {
    const now = this.#now();
    if (now - logIn.usedAt < this.#limits.tokenIdleMs / USES_KEPT_APART || this.#noting.has(logIn)) return;
    this.#noting.add(logIn);
    const noted = logIn.account.alone(async () => {
      if (logIn.isRevoked) return;
      await this.#archive.keep([logIn.toStore(now)]);
      logIn.usedAt = now;
    });
    void Promise.allSettled([noted]).then(() => this.#noting.delete(logIn));
  }

  /** When the token is void, unless it is used before; ms since 1970. */
  expiresAt(logIn: LogIn): number {
    return logIn.expiresAt(this.#limits.tokenIdleMs);
  }

  /** The log-ins of an account that have not expired, the newest first. */
  list(account: Account): Promise<readonly LogIn[]> {
    return account.alone(async () => {
      const all = await this.#all(account);
      return all.filter((one) => !this.#isOver(one)).sort((a, b) => b.createdAt - a.createdAt);
    });
  }

  /** Voids the log-in of `account` that `handle` names; on disk when this resolves. @throws RpcError `NotFound` */
  revoke(account: Account, handle: string): Promise<void> {
    return account.alone(async () => {
      const named = (await this.#all(account)).filter((one) => one.handle === handle);
      if (named.length === 0) throw new RpcError('NotFound', 'There is no such log-in.');
      await this.#archive.keep(named.map((one) => one.toVoid()));
      this.#revoked(named);
    });
  }

  /**
   * A new password; every log-in but `current` is void with it.
   * @throws RpcError `Unauthorized` when `proven` is not the hash of the password any more, or `current` is void
   */
  changePassword(current: LogIn, proven: string, hash: string): Promise<void> {
    const { account } = current;
    return account.alone(async () => {
      assertProven(account, proven);
      if (current.isRevoked) throw invalid();
      const others = (await this.#all(account)).filter((one) => one !== current);
      await this.#accounts.write(
        account,
        { hash },
        others.map((one) => one.toVoid()),
      );
      this.#revoked(others);
    });
  }

  /** Deletes the account of `current`, every log-in with it. @throws RpcError as `changePassword` */
  deleteAccount(current: LogIn, proven: string): Promise<void> {
    const { account } = current;
    return account.alone(async () => {
      assertProven(account, proven);
      if (current.isRevoked) throw invalid();
      await this.#accounts.delete(account);
      this.#revoked([...this.#livingOf(account).values()]);
    });
  }

  /** One that is read while it is revoked would be found again: so reading is alone too. */
  #find(account: Account, hash: string): Promise<LogIn | undefined> | LogIn | undefined {
    const living = this.#livingOf(account).get(hash);
    if (living !== undefined) return living;
    return account.alone(async () => {
      const key = logInKeys(account.id) + hash;
      const text = (await this.#archive.records(key)).get(key);
      return text === undefined ? undefined : this.#share(LogIn.parse(account, key, text));
    });
  }

  /** All that are kept, the one that was used longest ago first. Only inside `account.alone`. */
  async #all(account: Account): Promise<LogIn[]> {
    const records = await this.#archive.records(logInKeys(account.id));
    const living = this.#livingOf(account);
    const all = [...records].map(([key, text]) => {
      const read = LogIn.parse(account, key, text);
      return living.get(read.hash) ?? read;
    });
    return all.sort((a, b) => a.usedAt - b.usedAt);
  }

  /** Those that make room for a new one: the expired, and the ones used longest ago when there are too many. */
  #outlived(all: readonly LogIn[]): readonly LogIn[] {
    const valid = all.filter((one) => !this.#isOver(one));
    const surplus = valid.slice(0, Math.max(0, valid.length + 1 - this.#limits.tokensPerAccount));
    return [...all.filter((one) => this.#isOver(one)), ...surplus];
  }

  #share(read: LogIn): LogIn {
    const living = this.#livingOf(read.account);
    const logIn = living.get(read.hash) ?? read;
    living.set(read.hash, logIn);
    return logIn;
  }

  #livingOf(account: Account): Map<string, LogIn> {
    const living = this.#living.get(account) ?? new Map<string, LogIn>();
    this.#living.set(account, living);
    return living;
  }

  #isOver(logIn: LogIn): boolean {
    return this.#now() >= this.expiresAt(logIn);
  }

  #revoked(logIns: readonly LogIn[]): void {
    for (const logIn of logIns) {
      logIn.isRevoked = true;
      this.#livingOf(logIn.account).delete(logIn.hash);
    }
  }
}

function assertProven(account: Account, proven: string): void {
  if (account.record.hash !== proven) throw new RpcError('Unauthorized', 'The password was changed meanwhile.');
}

function invalid(): RpcError {
  return new RpcError('Unauthorized', 'The Token is not valid, or not any more. LogIn gives a new one.');
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
