/**
 * What one says to rooms and to persons: each thing once, whatever happens to the connection, because its `MessageID` makes
 * a repetition harmless. Receipts are asked for afterwards and hold up nothing. It knows no order: that is the queue's.
 */
import { randomUUID } from 'node:crypto';
import { RpcError } from '../commons/errors.ts';
import { DEFAULT_LIMITS } from '../commons/limits.ts';
import type { ParamsOf, ResultOf } from '../commons/protocol.ts';
import type { LastingConnection } from './lasting-connection.ts';
import { LOBBY } from './inbox.ts';
import { receiptOf } from './receipts.ts';
import { REPEATABLE_MS, type Line, type SendQueue } from './send-queue.ts';
import type { ServerLink } from './server-link.ts';

export type Sent = ResultOf<'ChatServer.SendMessage'>;
export type SentDirect = ResultOf<'ChatServer.SendDirect'>;

export interface DirectOptions {
  /** Makes a repetition idempotent; random when left out. */
  readonly messageId?: string;
}

export interface SendOptions extends DirectOptions {
  /** The lobby when left out. */
  readonly room?: string;
  /**
   * Settle only when every member has it, or after `timeoutMs` (default 5,000, at most 30,000): with a `Receipt`, or
   * without one when the connection was lost and it cannot be learned any more. Later lines do not wait for it.
   */
  readonly wait?: 'delivered';
  readonly timeoutMs?: number;
  /** Told when the message is accepted, which with `wait` is sooner than the promise says; must not throw. */
  readonly accepted?: (sent: Sent) => void;
}

export interface SpeechParts {
  readonly id: string;
  readonly connection: LastingConnection;
  readonly queue: SendQueue;
  /** The life of the history that messages are accepted into now. */
  readonly epoch: () => string | undefined;
}

/** How long receipts are waited for unless somebody says so, milliseconds. */
const RECEIPT_MS = 5_000;
/** Time for an answer, milliseconds; the server itself may take 5 s before it says `Busy`. */
const ANSWER_MS = 15_000;
/** Longer lines would end the connection instead of being refused on it. */
const LONGEST_BYTES = DEFAULT_LIMITS.frameBytes - 256;

export class Speech {
  readonly #parts: SpeechParts;

  constructor(parts: SpeechParts) {
    this.#parts = parts;
  }

  /** @throws RpcError, ClientClosed, QueueFull, OutcomeUnknown; each concerns this line only */
  async say(text: string, options: SendOptions): Promise<Sent> {
    const { messageId: MessageID = randomUUID(), room, accepted } = options;
    const params = { UserID: this.#parts.id, Text: text, MessageID, Room: room };
    const destination = `room ${(room ?? LOBBY).toLowerCase()}`;
    const sent = await this.#enqueue({ destination, aside: false }, params, async (link) => {
      const answer = await link.call('ChatServer.SendMessage', params, ANSWER_MS);
      accepted?.(answer);
      return answer;
    });
    return options.wait === undefined ? sent : this.#withReceipt(sent, params, options.timeoutMs ?? RECEIPT_MS);
  }

  /** @throws as `say` */
  sayTo(to: string, text: string, { messageId: MessageID = randomUUID() }: DirectOptions): Promise<SentDirect> {
    const params = { UserID: this.#parts.id, To: to, Text: text, MessageID };
    return this.#enqueue({ destination: `person ${to}`, aside: true }, params, (link) =>
      link.call('ChatServer.SendDirect', params, ANSWER_MS),
    );
  }

  async #withReceipt(sent: Sent, params: ParamsOf<'ChatServer.SendMessage'>, timeoutMs: number): Promise<Sent> {
    const { connection, epoch } = this.#parts;
    const Receipt = await receiptOf(connection, params, { timeoutMs, repeatableMs: REPEATABLE_MS, epoch });
    return Receipt === undefined ? sent : { ...sent, Receipt };
  }

  #enqueue<T>(way: Pick<Line, 'destination' | 'aside'>, params: object, call: (link: ServerLink) => Promise<T>): Promise<T> {
    if (Buffer.byteLength(JSON.stringify(params)) > LONGEST_BYTES)
      return Promise.reject(new RpcError('TooLarge', 'The message is too long.'));
    return new Promise((resolve, reject) => {
      this.#parts.queue.add({ ...way, say: async (link) => resolve(await call(link)), reject });
    });
  }
}
