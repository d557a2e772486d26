/**
 * Receipts for messages that are accepted already: the same message is sent once more, which says nothing again but is
 * answered when everybody has it. So no line has to wait for the receipt of the one before. Knows no queue.
 */
import { RpcError } from '../commons/errors.ts';
import type { ParamsOf, Receipt } from '../commons/protocol.ts';
import { NoAnswer } from '../commons/rpc/caller.ts';
import type { LastingConnection } from './lasting-connection.ts';
import { pause } from './reconnect.ts';

/** Time for an answer beyond the time that the server was given to wait, milliseconds. */
const ANSWER_MS = 10_000;
/** Pause before the question is repeated when the server names none. */
const REFUSED_MS = 250;

export interface ReceiptOptions {
  readonly timeoutMs: number;
  /** Age at which the question is given up, milliseconds: the server may have forgotten the message and say it again. */
  readonly repeatableMs: number;
  /** The life of the history that the message is in: a server with another one would say it again. */
  readonly epoch: () => string | undefined;
}

/** The receipt of `message`, which was accepted; `undefined` when it cannot be learned. Never rejects. */
export async function receiptOf(
  connection: LastingConnection,
  message: ParamsOf<'ChatServer.SendMessage'>,
  { timeoutMs, repeatableMs, epoch }: ReceiptOptions,
): Promise<Receipt | undefined> {
  const params = { ...message, Wait: 'delivered' as const, TimeoutMs: timeoutMs };
  const [began, life] = [performance.now(), epoch()];
  for (;;) {
    try {
      const link = connection.link ?? (await connection.registered());
      if (epoch() !== life || performance.now() - began > repeatableMs) return undefined;
      return (await link.call('ChatServer.SendMessage', params, timeoutMs + ANSWER_MS)).Receipt;
    } catch (error) {
      if (!(await mayAskAgain(error, connection))) return undefined;
    }
  }
}

/** After a loss on the next connection, and after the pause that a busy server asked for. */
async function mayAskAgain(error: unknown, { link, stopped }: LastingConnection): Promise<boolean> {
  if (stopped.aborted) return false;
  if (error instanceof NoAnswer) return link === undefined;
  if (!(error instanceof RpcError) || error.data.RetryAfterMs === undefined) return false;
  return pause(Math.max(error.data.RetryAfterMs, REFUSED_MS), stopped).then(
    () => true,
    () => false,
  );
}
