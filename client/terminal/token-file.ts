/**
 * Who is logged in, on disk: one small file a server and account with the token in it, mode 0600, replaced as a whole. A file
 * that others may read is refused: they could speak as its owner. Knows no connection.
 */
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { skeleton } from '../../commons/text.ts';
import { sentence } from '../errors.ts';
import { makeFolder } from '../place-file.ts';

const LogIn = v.object({
  Server: v.string(),
  /** The account, as its owner spelt it. */
  User: v.string(),
  Token: v.string(),
});

/** The token cannot be read or kept; the message says why and what to do. */
export class TokenUnusable extends Error {
  override readonly name = 'TokenUnusable';
}

/** A longer file is none of ours, bytes. */
const LONGEST_BYTES = 4_096;
/** The permissions of anybody but the owner. */
const OTHERS = 0o077;
/** Characters of a server's name in the name of the file, for people who look into the folder. */
const READABLE = 60;

export class TokenFile {
  readonly path: string;
  readonly #folder: string;
  readonly #server: string;
  readonly #user: string;

  /**
   * @param folder made when something is kept and it is missing
   * @param server as `host:port`
   * @param user any spelling that the server takes for this account
   */
  constructor(folder: string, server: string, user: string) {
    const whose = createHash('sha256')
      .update(JSON.stringify([server, skeleton(user)]))
      .digest('hex');
    const readable = server.replaceAll(/[^A-Za-z0-9.-]+/g, '_').slice(0, READABLE);
    this.path = join(folder, `${readable}-${whose.slice(0, 16)}.token`);
    this.#folder = folder;
    this.#server = server;
    this.#user = user;
  }

  /** The token that was kept; `undefined` when there is none. @throws TokenUnusable */
  read(): string | undefined {
    try {
      const { mode, size } = lstatSync(this.path);
      if (process.platform !== 'win32' && (mode & OTHERS) !== 0)
        throw new RangeError(`others may read it: chmod 600 it, or delete it and log in again`);
      if (size > LONGEST_BYTES) throw new RangeError('it is too long: delete it and log in again');
      return this.#parse(readFileSync(this.path, 'utf8'));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw new TokenUnusable(`The log-in in ${this.path} is not used: ${sentence(error)}.`);
    }
  }

  /** Replaces what was kept. @throws TokenUnusable; what was there before is still there then */
  keep(token: string): void {
    const temporary = `${this.path}.${process.pid}.tmp`;
    try {
      makeFolder(this.#folder);
      // What a killed process left would keep its permissions.
      rmSync(temporary, { force: true });
      const logIn = { Server: this.#server, User: this.#user, Token: token };
      writeFileSync(temporary, `${JSON.stringify(logIn)}\n`, { mode: 0o600, flag: 'wx' });
      renameSync(temporary, this.path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw new TokenUnusable(`The log-in cannot be kept, so next time the password is asked for again: ${sentence(error)}.`);
    }
  }

  /** Forgets it. @throws TokenUnusable when it is still there */
  remove(): void {
    try {
      rmSync(this.path, { force: true });
    } catch (error) {
      throw new TokenUnusable(`The log-in in ${this.path} cannot be removed: ${sentence(error)}.`);
    }
  }

  #parse(content: string): string {
    const logIn = v.safeParse(LogIn, parsed(content));
    if (!logIn.success) throw new RangeError('it is damaged: delete it and log in again');
    const { Server, User, Token } = logIn.output;
    if (Server !== this.#server || skeleton(User) !== skeleton(this.#user)) throw new RangeError('it is about somebody else');
    return Token;
  }
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
