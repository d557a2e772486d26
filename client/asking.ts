/**
 * Calls that want an answer now: made on the connection that is there, and not repeated, because what one asks for may
 * be done twice or be old. What has to get through is the send queue's business.
 */
import type { ParamsOf, ResultOf, ServerMethod } from '../commons/protocol.ts';
import { NoAnswer } from '../commons/rpc/caller.ts';
import { ClientClosed, sentence, ServerUnreachable } from './errors.ts';
import type { LastingConnection } from './lasting-connection.ts';
import { ANSWER_MS } from './server-link.ts';

export class Asking {
  readonly #connection: LastingConnection;

  constructor(connection: LastingConnection) {
    this.#connection = connection;
  }

  /**
   * @throws RpcError when the server refuses
   * @throws ServerUnreachable when there is no connection now or no answer in 10 s: then it was perhaps carried out
   * @throws ClientClosed when there will be no connection any more
   */
  async call<M extends ServerMethod>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>> {
    const { link, state } = this.#connection;
    if (link === undefined)
      throw state.kind === 'closed' ? new ClientClosed(state.reason) : new ServerUnreachable('Not connected at the moment.');
    try {
      return await link.call(method, params, ANSWER_MS);
    } catch (error) {
      throw error instanceof NoAnswer ? new ServerUnreachable(sentence(error)) : error;
    }
  }
}
