/**
 * A membership that outlives its connections: connects, registers, and after a loss does both again until it is told to
 * stop. It knows no message and no terminal; what has to be said on a new connection is the membership's business.
 */
import { RpcError } from '../commons/errors.ts';
import { NoAnswer } from '../commons/rpc/caller.ts';
import type { CallbackMethods } from './callback-methods.ts';
import { ClientClosed, sentence, ServerUnreachable } from './errors.ts';
import { watch } from './heartbeat.ts';
import type { ConnectionState } from './options.ts';
import { Backoff, pause, worthRetrying } from './reconnect.ts';
import type { Membership } from './membership.ts';
import { ServerLink, spell, type ServerAddress } from './server-link.ts';

export interface LastingConnectionOptions {
  readonly server: ServerAddress;
  readonly reconnect: boolean;
  /** Pause between two questions whether the server lives and knows us, milliseconds. */
  readonly pingEveryMs: number;
  readonly methods: CallbackMethods;
  readonly membership: Membership;
  /** Told of every change of state; must not throw. */
  readonly changed: (state: ConnectionState) => void;
}

/** A connection that held this long was a success: the pauses start small again. */
const STABLE_MS = 10_000;

interface Waiter {
  readonly resolve: (link: ServerLink) => void;
  readonly reject: (error: Error) => void;
}

export class LastingConnection {
  readonly #options: LastingConnectionOptions;
  readonly #backoff = new Backoff();
  readonly #stop = new AbortController();
  #state: ConnectionState = { kind: 'connecting' };
  /** The connection on which we are registered. */
  #link: ServerLink | undefined;
  #registeredAt = 0;
  /** Ends the questions about `#link`. */
  #unwatch: (() => void) | undefined;
  /** Bounded by who waits: lines that are being sent, receipts, and who logs in. */
  readonly #waiters: Waiter[] = [];

  constructor(options: LastingConnectionOptions) {
    this.#options = options;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The connection on which we are registered, if there is one now. */
  get link(): ServerLink | undefined {
    return this.#link;
  }

  /** Aborted when the membership has ended, or is about to. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /**
   * The first try, the only one whose failure is final.
   *
   * @throws RpcError, ServerUnreachable, CallbackUnusable
   */
  async start(): Promise<void> {
    try {
      await this.#attempt();
    } catch (error) {
      this.close(sentence(error));
      throw error instanceof NoAnswer ? new ServerUnreachable(`The server at ${spell(this.#options.server)}: ${sentence(error)}.`) : error;
    }
  }

  /** Waits through losses. @throws ClientClosed when the membership ends meanwhile */
  registered(): Promise<ServerLink> {
    if (this.#link !== undefined) return Promise.resolve(this.#link);
    if (this.#stop.signal.aborted) return Promise.reject(new ClientClosed(`Not connected: ${this.#reason}`));
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Gives up a connection that hangs, or on which we are not registered any more; a new one will do. */
  renew(link: ServerLink, reason: string): void {
    link.close(reason);
    this.#lost(link, reason);
  }

  /**
   * Registers once more on the connection that is there; when there is none, or it is lost over this, the next one does.
   *
   * @throws RpcError when that is refused, ClientClosed when the membership ends meanwhile
   */
  async again(): Promise<void> {
    const link = this.#link;
    if (link !== undefined) {
      try {
        return await this.#options.membership.again(link);
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        this.renew(link, 'the server did not answer');
      }
    }
    await this.registered();
  }

  /** Leaves: no further try, and a goodbye that takes at most `deadlineMs`. @param why the reason, where it is not that we left */
  async leave(deadlineMs: number, why?: string): Promise<void> {
    this.#stop.abort();
    const link = this.#link;
    const how = link === undefined ? 'left while there was no connection' : await this.#options.membership.leave(link, deadlineMs);
    this.close(why ?? how);
  }

  /** The end: nothing is open any more, and who waits is told. */
  close(reason: string): void {
    if (this.#state.kind === 'closed') return;
    this.#stop.abort();
    this.#letGo()?.close(reason);
    this.#options.membership.close();
    this.#become({ kind: 'closed', reason });
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new ClientClosed(`Not connected: ${reason}`));
  }

  async #attempt(): Promise<void> {
    const { server, methods, membership } = this.#options;
    const link = await ServerLink.open(server, methods, (lost, reason) => this.#lost(lost, reason));
    try {
      this.#stop.signal.throwIfAborted();
      const abandon = (): void => link.close('the client has left');
      this.#stop.signal.addEventListener('abort', abandon);
      await membership.over(link, this.#stop.signal).finally(() => this.#stop.signal.removeEventListener('abort', abandon));
      if (link.closed) throw new ServerUnreachable('The server closed the connection.');
      this.#stop.signal.throwIfAborted();
    } catch (error) {
      link.close();
      throw error;
    }
    this.#link = link;
    this.#registeredAt = performance.now();
    this.#unwatch = watch(link, membership.id, this.#options.pingEveryMs, (reason) => this.renew(link, reason));
    this.#become({ kind: 'connected' });
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(link);
  }

  #lost(link: ServerLink, reason: string): void {
    if (this.#link !== link) return;
    this.#letGo();
    if (this.#stop.signal.aborted || !this.#options.reconnect) return this.close(reason);
    if (performance.now() - this.#registeredAt >= STABLE_MS) this.#backoff.reset();
    void this.#comeBack(reason);
  }

  /** Tries until it is registered again, told to stop, or refused for good. Never rejects. */
  async #comeBack(why: string): Promise<void> {
    let reason = why;
    let askedMs = 0;
    while (!this.#stop.signal.aborted) {
      const retryInMs = this.#backoff.next(askedMs);
      this.#become({ kind: 'lost', reason, retryInMs, attempt: this.#backoff.attempt });
      try {
        await pause(retryInMs, this.#stop.signal);
        this.#become({ kind: 'connecting' });
        return await this.#attempt();
      } catch (error) {
        reason = sentence(error);
        if (!worthRetrying(error)) this.close(reason);
        askedMs = error instanceof RpcError ? (error.data.RetryAfterMs ?? 0) : 0;
      }
    }
  }

  #letGo(): ServerLink | undefined {
    const link = this.#link;
    this.#link = undefined;
    this.#unwatch?.();
    return link;
  }

  get #reason(): string {
    return this.#state.kind === 'closed' ? this.#state.reason : 'the client has left the room';
  }

  #become(state: ConnectionState): void {
    this.#state = state;
    this.#options.changed(state);
  }
}
