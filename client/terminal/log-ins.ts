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
/** Characters of a server's name in the name of a file, for people who look into the folder. */
const READABLE = 60;

/** The log-ins of one server. */
export class LogIns {
  readonly #folder: string;
  readonly #server: string;

  /**
   * @param folder made when something is kept and it is missing
   * @param server as `host:port`
   */
  constructor(folder: string, server: string) {
    this.#folder = folder;
    this.#server = server;
  }

  /** The token of `user`, in any spelling that the server takes for this account; `undefined` when there is none. @throws TokenUnusable */
  token(user: string): string | undefined {
    const path = this.#pathOf(user);
    try {
      const { mode, size } = lstatSync(path);
      if ((mode & OTHERS) !== 0) throw new RangeError('others may read it. Make it yours alone (chmod 600), or delete it and log in again');
      if (size > LONGEST_BYTES) throw new RangeError('it is too long. Delete it and log in again');
      return this.#tokenIn(readFileSync(path, 'utf8'), user);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw new TokenUnusable(`The log-in in ${path} is not used: ${sentence(error)}.`);
    }
  }

  /** Replaces what was kept. @throws TokenUnusable; what was there before is still there then */
  keep(user: string, token: string): void {
    const path = this.#pathOf(user);
    const temporary = `${path}.${process.pid}.tmp`;
    try {
      makeFolder(this.#folder);
      // What a killed process left would keep its permissions.
      rmSync(temporary, { force: true });
      const logIn = { Server: this.#server, User: user, Token: token };
      writeFileSync(temporary, `${JSON.stringify(logIn)}\n`, { mode: 0o600, flag: 'wx' });
      renameSync(temporary, path);
    } catch (error) {
      takeAway(temporary);
      throw new TokenUnusable(`The log-in cannot be kept, so the password is asked for again next time: ${sentence(error)}.`);
    }
  }

  /** Forgets it. @throws TokenUnusable when it is still there */
  remove(user: string): void {
    const path = this.#pathOf(user);
    try {
      rmSync(path, { force: true });
    } catch (error) {
      throw new TokenUnusable(`The log-in in ${path} cannot be removed: ${sentence(error)}.`);
    }
  }

  #pathOf(user: string): string {
    const whose = createHash('sha256')
      .update(JSON.stringify([this.#server, skeleton(user)]))
      .digest('hex');
    const readable = this.#server.replaceAll(/[^A-Za-z0-9.-]+/g, '_').slice(0, READABLE);
    return join(this.#folder, `${readable}-${whose.slice(0, 16)}.token`);
  }

  #tokenIn(content: string, user: string): string {
    const logIn = v.safeParse(LogIn, parsed(content));
    if (!logIn.success) throw new RangeError('it is damaged. Delete it and log in again');
    const { Server, User, Token } = logIn.output;
    if (Server !== this.#server || skeleton(User) !== skeleton(user)) throw new RangeError('it is about somebody else');
    return Token;
  }
}

function takeAway(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // What could not even be written need not be taken away.
    return;
  }
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
