/**
 * Lines on their way to the room, in the order in which they were typed: one unanswered at a time, because a line that
 * has to be repeated would otherwise be overtaken by the next. Receipts are asked for afterwards and hold up no line. It
 * knows no socket: the lasting connection hands it a link.
 */
import { randomUUID } from 'node:crypto';
import { RpcError } from '../commons/errors.ts';
import { DEFAULT_LIMITS } from '../commons/limits.ts';
import type { ParamsOf, ResultOf } from '../commons/protocol.ts';
import { NoAnswer } from '../commons/rpc/caller.ts';
import { ClientClosed, OutcomeUnknown, QueueFull } from './errors.ts';
import type { LastingConnection } from './lasting-connection.ts';
import { receiptOf } from './receipts.ts';
import { pause } from './reconnect.ts';
import type { ServerLink } from './server-link.ts';

export type Sent = ResultOf<'ChatServer.SendMessage'>;

export interface SendOptions {
  /** Makes a repetition idempotent; random when left out. */
  readonly messageId?: string;
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

/** Lines that may wait; one more is refused with `QueueFull`. */
export const LINES = 1_000;
/** How long receipts are waited for unless somebody says so, milliseconds. */
const RECEIPT_MS = 5_000;
/** Time for an answer, milliseconds; the server itself may take 5 s before it says `Busy`. */
const ANSWER_MS = 15_000;
/** Pause before a refused line is repeated when the server names none. */
const REFUSED_MS = 250;
/** Registrations that one line may ask for before its refusal is believed. */
const REGISTRATIONS = 3;
/** Age at which an unanswered line is not repeated any more: the server may soon forget its `MessageID`. */
const REPEATABLE_MS = DEFAULT_LIMITS.messageIdMs - 20_000;
/** Longer lines would end the connection instead of being refused on it. */
const LONGEST_BYTES = DEFAULT_LIMITS.frameBytes - 256;

/** A try whose outcome nobody told. */
interface Unanswered {
  /** When it began, milliseconds as of `performance.now()`. */
  readonly since: number;
  /** The life of the history that it was meant for: a server with another one does not know its `MessageID`. */
  readonly epoch: string | undefined;
}

interface Line {
  readonly params: ParamsOf<'ChatServer.SendMessage'>;
  readonly options: SendOptions;
  readonly resolve: (sent: Sent) => void;
  readonly reject: (error: unknown) => void;
  /** The first try that was never answered. */
  unanswered?: Unanswered;
  /** Registrations that were renewed for this line. */
  registrations: number;
}

export class SendQueue {
  readonly #userId: string;
  readonly #connection: LastingConnection;
  readonly #epoch: () => string | undefined;
  /** The first one is being sent. */
  readonly #lines: Line[] = [];
  #sending = false;

  /** @param epoch the life of the history that messages are accepted into now */
  constructor(userId: string, connection: LastingConnection, epoch: () => string | undefined) {
    this.#userId = userId;
    this.#connection = connection;
    this.#epoch = epoch;
    connection.stopped.addEventListener('abort', () => this.#dismiss(), { once: true });
  }

  /** @throws RpcError, ClientClosed, QueueFull, OutcomeUnknown; each concerns this line only */
  send(text: string, options: SendOptions): Promise<Sent> {
    const { messageId: MessageID = randomUUID(), room } = options;
    const params = { UserID: this.#userId, Text: text, MessageID, ...(room === undefined ? {} : { Room: room }) };
    if (this.#connection.stopped.aborted) return Promise.reject(new ClientClosed('Not connected any more: the message was not sent.'));
    if (this.#lines.length >= LINES) return Promise.reject(new QueueFull(`${LINES} messages wait already: this one was not sent.`));
    if (Buffer.byteLength(JSON.stringify(params)) > LONGEST_BYTES)
      return Promise.reject(new RpcError('TooLarge', 'The message is too long.'));
    return new Promise((resolve, reject) => {
      this.#lines.push({ params, options, resolve, reject, registrations: 0 });
      void this.#sendAll();
    });
  }

  /** What waits behind the line that is being sent was never sent. */
  #dismiss(): void {
    for (const line of this.#lines.splice(1)) line.reject(new ClientClosed('Not connected any more: the message was not sent.'));
  }

  /** Never rejects. */
  async #sendAll(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    for (let line = this.#lines[0]; line !== undefined; line = this.#lines[0]) {
      try {
        this.#accepted(line, await this.#send(line));
      } catch (error) {
        line.reject(error instanceof ClientClosed && line.unanswered !== undefined ? unknown(error.message) : error);
      }
      this.#lines.shift();
    }
    this.#sending = false;
  }

  #accepted({ params, options, resolve }: Line, sent: Sent): void {
    options.accepted?.(sent);
    if (options.wait === undefined) return resolve(sent);
    const { timeoutMs = RECEIPT_MS } = options;
    void receiptOf(this.#connection, params, { timeoutMs, repeatableMs: REPEATABLE_MS, epoch: this.#epoch }).then((Receipt) =>
      resolve(Receipt === undefined ? sent : { ...sent, Receipt }),
    );
  }

  /** Tries until the server has accepted the line or refused it for good. */
  async #send(line: Line): Promise<Sent> {
    for (;;) {
      // Without a pause where there is a link: a line that was sent before `leave` goes out before its Unregister.
      const link = this.#connection.link ?? (await this.#connection.registered());
      const present: Unanswered = { since: performance.now(), epoch: this.#epoch() };
      assertRepeatable(line.unanswered ?? present, present);
      try {
        return await link.call('ChatServer.SendMessage', line.params, ANSWER_MS);
      } catch (error) {
        if (error instanceof NoAnswer) line.unanswered ??= present;
        await this.#overcome(error, line, link);
      }
    }
  }

  /** Returns when the line may be tried again. @throws what it cannot overcome */
  async #overcome(error: unknown, line: Line, link: ServerLink): Promise<void> {
    if (error instanceof NoAnswer) return this.#connection.renew(link, 'the server did not answer');
    if (!(error instanceof RpcError)) throw error;
    switch (error.reason) {
      case 'RateLimited':
      case 'Busy':
      case 'ShuttingDown':
        return pause(error.data.RetryAfterMs ?? REFUSED_MS, this.#connection.stopped);
      case 'NotRegistered':
      case 'Unauthorized':
        line.registrations += 1;
        if (line.registrations > REGISTRATIONS) throw error;
        return this.#connection.renew(link, 'the server does not know this client any more');
      default:
        throw error;
    }
  }
}

/** @throws OutcomeUnknown where the server may not recognise a repetition: it would say the line a second time */
function assertRepeatable(first: Unanswered, present: Unanswered): void {
  if (present.epoch !== first.epoch) throw unknown('The server has lost its history and begun a new one.');
  if (present.since - first.since > REPEATABLE_MS) throw unknown('The connection was lost for too long.');
}

function unknown(why: string): OutcomeUnknown {
  return new OutcomeUnknown(`${why} It is not known whether the message was accepted.`);
}
