/**
 * How a client registers: where it is called back, and as whom. It does one registration when it is told to; when, how often
 * and from where is not its business.
 */
import { isIPv6 } from 'node:net';
import { RpcError } from '../commons/errors.ts';
import type { ParamsOf, ResultOf } from '../commons/protocol.ts';
import { CallbackServer } from './callback-server.ts';
import type { CallbackMethods } from './callback-methods.ts';
import { CallbackUnusable, sentence } from './errors.ts';
import type { Cursor } from './inbox.ts';
import type { LogIn } from './log-in.ts';
import { spell, type ServerLink } from './server-link.ts';

export interface Identity {
  readonly id: string;
  readonly name: string;
  /** What the server has to show before our callback listener listens to it. */
  readonly secret: string;
  /** Of a registration of this ID that perhaps still lives: it is taken over. */
  readonly session?: string | undefined;
}

/** As whom and from where one Register is made. */
interface Beginning {
  readonly token: string | undefined;
  readonly resume: Cursor | undefined;
}

/** The server dials our callback before it answers (3 s), and may take a uniform time to refuse. */
const REGISTER_MS = 10_000;

export class Registration {
  readonly #identity: Identity;
  readonly #logIn: LogIn;
  readonly #methods: CallbackMethods;
  /** `auto`, `inline`, `none`, `HOST:PORT` or `:PORT`; becomes `inline` where `auto` cannot work. */
  #callback: string;
  #server: CallbackServer | undefined;
  #session: string | undefined;
  #closed = false;

  constructor(identity: Identity, callback: string, logIn: LogIn, methods: CallbackMethods) {
    this.#identity = identity;
    this.#session = identity.session;
    this.#callback = callback;
    this.#logIn = logIn;
    this.#methods = methods;
  }

  /** The proof that the registration is ours, while there is one. */
  get session(): string | undefined {
    return this.#session;
  }

  /**
   * Registers over `link`, anew or again: who still has a registration here takes it over.
   *
   * @param resume where the lobby begins; with what comes next when left out
   * @throws RpcError, NoAnswer, CallbackUnusable
   */
  async over(link: ServerLink, resume: Cursor | undefined): Promise<ResultOf<'ChatServer.Register'>> {
    const token = await this.#logIn.over(link);
    try {
      const answer = await this.#register(link, { token, resume });
      this.#session = answer.Session;
      return answer;
    } catch (error) {
      throw error instanceof RpcError ? this.#refused(error) : error;
    }
  }

  /** The registration is gone: its session is worth nothing, and the next one is a new one. */
  forget(): void {
    this.#session = undefined;
  }

  /** Nobody can call back any more. */
  close(): void {
    this.#closed = true;
    this.#hangUp();
  }

  async #register(link: ServerLink, beginning: Beginning): Promise<ResultOf<'ChatServer.Register'>> {
    const callback = await this.#whereToCall(link);
    try {
      return await link.call('ChatServer.Register', this.#params(callback, beginning), REGISTER_MS);
    } catch (error) {
      if (this.#callback !== 'auto' || callback === 'inline' || !(error instanceof RpcError) || error.reason !== 'CallbackFailed')
        throw error;
      // Something translates addresses between us and the server: only the connection that we opened works.
      this.#hangUp();
      this.#callback = 'inline';
      return link.call('ChatServer.Register', this.#params('inline', beginning), REGISTER_MS);
    }
  }

  #params(callback: string, { token, resume }: Beginning): ParamsOf<'ChatServer.Register'> {
    const { id, name, secret } = this.#identity;
    return {
      ID: id,
      Name: name,
      Callback: callback,
      Token: token,
      Secret: this.#server === undefined ? undefined : secret,
      Session: this.#session,
      ResumeAfter: resume?.after,
      Epoch: resume?.epoch,
    };
  }

  /** What a refusal means: its error, in words that say whose fault it is. */
  #refused(error: RpcError): RpcError {
    // A ghost of ours (a Register whose answer was lost) lives as long as its callback answers: so it must not find us.
    if (error.reason === 'AlreadyRegistered') this.#hangUp();
    if (error.reason !== 'Unauthorized' || this.#logIn.name === undefined) return error;
    return new RpcError('Unauthorized', `The log-in of ${this.#logIn.name} is not valid any more: log in again.`);
  }

  /** What Register says as `Callback`; the listener behind it is there when this returns. */
  async #whereToCall(link: ServerLink): Promise<string> {
    if (this.#callback === 'inline' || this.#callback === 'none') return this.#callback;
    if (this.#callback === 'auto') return this.#anyPort(link.localAddress);
    const { host, port } = parse(this.#callback);
    const server = await this.#listen(host === '' ? link.localAddress : host, port);
    return spell({ host, port: server.port });
  }

  /** The interface that reaches the server is one that the server reaches; where it cannot be listened on, inline. */
  async #anyPort(host: string): Promise<string> {
    try {
      return spell(await this.#listen(host, 0));
    } catch (error) {
      if (error instanceof CallbackUnusable && !this.#closed) return 'inline';
      throw error;
    }
  }

  /** Keeps the listener that is there unless the interface to the server changed. */
  async #listen(host: string, port: number): Promise<CallbackServer> {
    if (this.#server?.host === host) return this.#server;
    this.#hangUp();
    try {
      this.#server = await CallbackServer.listen(host, port, this.#methods);
    } catch (error) {
      throw new CallbackUnusable(`The callback address ${spell({ host, port })} cannot be used (${sentence(error)}).`);
    }
    if (!this.#closed) return this.#server;
    this.#hangUp();
    throw new CallbackUnusable('The client has left the room.');
  }

  #hangUp(): void {
    this.#server?.close();
    this.#server = undefined;
  }
}

/** `HOST:PORT`, `[IPv6]:PORT` or `:PORT`, whose host is ''. */
function parse(callback: string): { readonly host: string; readonly port: number } {
  const found = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(callback);
  const host = found?.[1] ?? found?.[2] ?? '';
  const port = Number(found?.[3] ?? NaN);
  if (!(port <= 65_535) || (found?.[1] !== undefined && !isIPv6(host))) {
    throw new CallbackUnusable(`"${callback}" is no callback address: use HOST:PORT, :PORT, inline or auto.`);
  }
  return { host, port };
}
