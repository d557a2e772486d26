/** Calls to the program at the other end, each with a deadline; answers may come in any order. */
import { isRecord, encodeCall, type Answer, type Dialect, type ParamsStyle } from './frame.ts';
import { RpcError } from '../errors.ts';
import type { Connection } from '../wire/connection.ts';
import { toRpcError } from './dispatcher.ts';
import type { AnswerSink } from './peer.ts';

/** Why a call has no answer: the connection closed or the deadline passed. Whether it was carried out is unknown. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export interface CallerOptions {
  readonly dialect: Dialect;
  readonly style: ParamsStyle;
  /** Told when the connection is gone, after all pending calls were rejected. */
  readonly closed?: (reason: string) => void;
}

export class Caller implements AnswerSink {
  readonly #connection: Connection;
  readonly #options: CallerOptions;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  constructor(connection: Connection, options: CallerOptions = { dialect: '2.0', style: 'name' }) {
    this.#connection = connection;
    this.#options = options;
  }

  /**
   * @throws RpcError what the peer refused with.
   * @throws NoAnswer after `deadlineMs`, or when the connection closed.
   */
  call(method: string, params: unknown, deadlineMs: number): Promise<unknown> {
    if (this.#connection.closed) return Promise.reject(new NoAnswer('the connection is closed'));
    const id = (this.#lastId += 1);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id)?.reject(new NoAnswer(`no answer within ${deadlineMs} ms`)), deadlineMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#connection.send(`${encodeCall(this.#options.dialect, this.#options.style, method, params, id)}\n`);
    });
  }

  bytes(_chunk: Buffer, start: number): number {
    return start;
  }

  answer({ id, result, error }: Answer): void {
    const pending = typeof id === 'number' ? this.#settle(id) : undefined;
    if (pending === undefined) return;
    if (error === undefined) pending.resolve(result);
    else pending.reject(isRecord(error) ? toRpcError(error) : new RpcError('InternalError', typeof error === 'string' ? error : undefined));
  }

  closed(reason: string): void {
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(new NoAnswer(`the connection closed (${reason})`));
    this.#options.closed?.(reason);
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }
}
