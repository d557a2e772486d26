/**
 * As whose account a client is here, if as anybody's: the token in memory, and the password only until it has bought
 * one. It knows no registration; who registers asks it for the token.
 */
import type { ChatClientOptions } from './options.ts';
import type { ServerLink } from './server-link.ts';

/** Hashing may wait its turn; the server says `Busy` when that would be long. Milliseconds. */
export const PASSWORD_MS = 15_000;

export class LogIn {
  #name: string | undefined;
  #token: string | undefined;
  #password: string | undefined;

  constructor({ logIn, token, account, name }: ChatClientOptions) {
    this.#name = logIn?.userName ?? (token === undefined ? undefined : (account ?? name));
    this.#password = logIn?.password;
    this.#token = logIn === undefined ? token : undefined;
  }

  /** The name of the account; `undefined` for a guest. */
  get name(): string | undefined {
    return this.#token === undefined ? undefined : this.#name;
  }

  /** The token to register with, bought with the password where there is none yet. @throws RpcError, NoAnswer */
  async over(link: ServerLink): Promise<string | undefined> {
    if (this.#token !== undefined || this.#name === undefined || this.#password === undefined) return this.#token;
    const params = { UserName: this.#name, Password: this.#password };
    this.take(this.#name, (await link.call('ChatServer.LogIn', params, PASSWORD_MS)).Token);
    return this.#token;
  }

  get token(): string | undefined {
    return this.#token;
  }

  take(name: string | undefined, token: string | undefined): void {
    this.#name = name;
    this.#token = token;
    this.#password = undefined;
  }
}
