/**
 * One control connection to the server: typed calls, each with a deadline, whose answers are checked against the
 * contract. It does not know who is registered on it, nor what comes after its end.
 */
import * as v from 'valibot';
import { DEFAULT_LIMITS } from '../commons/limits.ts';
import { SERVER_METHODS, type ParamsOf, type ResultOf, type ServerMethod } from '../commons/protocol.ts';
import { Caller, NoAnswer } from '../commons/rpc/caller.ts';
import { Peer } from '../commons/rpc/peer.ts';
import type { Connection } from '../commons/wire/connection.ts';
import { Dialer } from '../commons/wire/dial.ts';
import type { CallbackCaller, CallbackMethods } from './callback-methods.ts';
import { sentence, ServerUnreachable } from './errors.ts';

export interface ServerAddress {
  /** An address, or a name, which is resolved. */
  readonly host: string;
  readonly port: number;
}

/** Time for the answer to a question that the server need not think about, milliseconds. */
export const ANSWER_MS = 10_000;
const DIAL_MS = 5_000;
/** The longest list of users: some 50,000 of them. Only the server that we chose to call may send this much. */
const FRAME_BYTES = 16_777_216;
const FRAME_TOKENS = 2_000_000;
/** Messages that loops have not taken are calls that are not answered; the server's window bounds them, and nothing else may wait for them. */
export const UNANSWERED_CALLS = 16_384;
const LIMITS = { ...DEFAULT_LIMITS, frameTokens: FRAME_TOKENS, requestsInFlight: UNANSWERED_CALLS };

export class ServerLink {
  /** The address of the interface that reaches the server. */
  readonly localAddress: string;
  readonly #connection: Connection;
  readonly #caller: Caller;
  #reason: string | undefined;

  private constructor(connection: Connection, methods: CallbackMethods, lost: (link: ServerLink, reason: string) => void) {
    this.localAddress = connection.localAddress;
    this.#connection = connection;
    this.#caller = new Caller(connection, {
      dialect: '2.0',
      style: 'name',
      closed: (reason) => lost(this, this.#reason ?? `the connection to the server closed (${reason})`),
    });
    const context = (): CallbackCaller => ({ connection, trusted: true });
    const peer = new Peer<CallbackCaller>(connection, { dispatcher: methods, limits: LIMITS, context, answersGarbage: false });
    peer.sink = this.#caller;
  }

  /**
   * @param methods what the server may call on this connection, as it does when the callback is `inline`
   * @param lost told once, when the connection is gone
   * @throws ServerUnreachable
   */
  static async open(
    server: ServerAddress,
    methods: CallbackMethods,
    lost: (link: ServerLink, reason: string) => void,
  ): Promise<ServerLink> {
    const dialer = new Dialer({ maxFrameBytes: FRAME_BYTES, maxUnreadBytes: DEFAULT_LIMITS.unreadAnswerBytes });
    try {
      return new ServerLink(await dialer.dial(server, DIAL_MS), methods, lost);
    } catch (error) {
      throw new ServerUnreachable(`The server at ${spell(server)} cannot be reached (${sentence(error)}).`);
    }
  }

  get closed(): boolean {
    return this.#connection.closed;
  }

  /**
   * @throws RpcError when the server refuses
   * @throws NoAnswer after `deadlineMs`, when the connection ended, or when the answer was none; it was perhaps carried out
   */
  async call<M extends ServerMethod>(method: M, params: ParamsOf<M>, deadlineMs: number): Promise<ResultOf<M>> {
    const schema: (typeof SERVER_METHODS)[M]['result'] = SERVER_METHODS[method].result;
    const answer = v.safeParse(schema, await this.#caller.call(method, params, deadlineMs));
    if (answer.success) return answer.output;
    throw new NoAnswer(`the answer to ${method} is not what the protocol says`);
  }

  /** Closes at once. @param reason what those who wait are told, where it is not our own wish */
  close(reason?: string): void {
    this.#reason ??= reason;
    this.#connection.destroy();
  }
}

/** `host:port`, an IPv6 address in brackets. */
export function spell({ host, port }: ServerAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
