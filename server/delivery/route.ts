/**
 * How the server reaches one client: by dialling its callback address, or on the connection that registered it. A route
 * opens connections and proves who is there; what is said on them afterwards is the delivery's business.
 */
import { randomBytes } from 'node:crypto';
import { RpcError } from '../../commons/errors.ts';
import { Caller, NoAnswer } from '../../commons/rpc/caller.ts';
import { isRecord } from '../../commons/rpc/frame.ts';
import type { Peer } from '../../commons/rpc/peer.ts';
import type { Connection } from '../../commons/wire/connection.ts';
import type { Dialer } from '../../commons/wire/dial.ts';
import type { CallContext } from '../call-context.ts';
import type { Spoken } from '../segment.ts';
import type { AddressPolicy, DialTarget } from './address-policy.ts';

export interface Route {
  /** Whether a lost connection can be replaced by a new one. */
  readonly redials: boolean;
  /** A connection that is ready for messages. @throws Error when there is none within `deadlineMs`. */
  open(deadlineMs: number): Promise<Peer<CallContext>>;
  /** The client is given up: what it may still wait on is ended, so that it notices. */
  abandon(): void;
}

/** What all dialled routes of a server share. */
export interface RouteMeans {
  readonly dialer: Dialer;
  readonly policy: AddressPolicy;
  /** Makes a peer of a connection that we dialled. */
  readonly greet: (connection: Connection) => Peer<CallContext>;
}

/** Dials the client's own callback server. */
export class DialledRoute implements Route {
  readonly redials = true;
  readonly #means: RouteMeans;
  readonly #target: DialTarget;
  readonly #spoken: Spoken;
  readonly #secret: string | undefined;
  /** The address has proved once that it wants our calls. */
  #verified: boolean;

  constructor(means: RouteMeans, target: DialTarget, spoken: Spoken, secret: string | undefined) {
    this.#means = means;
    this.#target = target;
    this.#spoken = spoken;
    this.#secret = secret;
    this.#verified = !target.verify;
  }

  async open(deadlineMs: number): Promise<Peer<CallContext>> {
    const end = performance.now() + deadlineMs;
    const connection = await this.#means.dialer.dial({ host: this.#target.host, port: this.#target.port }, deadlineMs);
    if (!this.#means.policy.confirms(this.#target, connection.remoteAddress, connection.remotePort)) {
      connection.destroy();
      throw new Error('connected to another address than the one asked for');
    }
    const peer = this.#means.greet(connection);
    try {
      await this.#prove(peer, end);
    } catch (error) {
      connection.destroy();
      throw error;
    }
    peer.sink = undefined;
    return peer;
  }

  abandon(): void {
    // The connection that is being called back on is the delivery's, and closed with it.
  }

  async #prove(peer: Peer<CallContext>, end: number): Promise<void> {
    const caller = new Caller(peer.connection, this.#spoken);
    peer.sink = caller;
    if (this.#secret !== undefined) await authenticate(caller, this.#secret, end - performance.now());
    if (!this.#verified) await verify(caller, end - performance.now());
    this.#verified = true;
  }
}

/** Shows the peer the secret that its Register gave: our first words on every connection, so that it need not listen to others. */
async function authenticate(caller: Caller, secret: string, deadlineMs: number): Promise<void> {
  const answer = await caller.call('ClientCallback.Authenticate', { Secret: secret }, deadlineMs);
  if (isRecord(answer) && answer['Success'] === false) throw new RpcError('CallbackFailed');
}

/** Asks the peer to echo a random challenge: only a program that expects us does. */
async function verify(caller: Caller, deadlineMs: number): Promise<void> {
  const challenge = randomBytes(16).toString('base64url');
  const answer = await caller.call('ClientCallback.Verify', { Challenge: challenge }, deadlineMs);
  if (!isRecord(answer) || answer['Challenge'] !== challenge) throw new NoAnswer('the challenge was not echoed');
}

/** Calls back on the connection that registered the client; when that is gone, so is the route. */
export class InlineRoute implements Route {
  readonly redials = false;
  readonly #peer: Peer<CallContext>;

  constructor(peer: Peer<CallContext>) {
    this.#peer = peer;
  }

  open(): Promise<Peer<CallContext>> {
    // Between two tries another registration may have taken the connection for its callbacks.
    if (this.#peer.connection.closed || this.#peer.sink !== undefined) return Promise.reject(new Error('the connection is gone'));
    return Promise.resolve(this.#peer);
  }

  abandon(): void {
    if (this.#peer.sink === undefined) this.#peer.connection.end();
  }
}
