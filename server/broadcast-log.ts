/**
 * The `[BROADCAST]` lines: what people say, for who watches the server. A flood of messages is not a flood of lines: in a
 * second that has more than a screenful, the rest is counted.
 */
import { RpcError } from '../commons/errors.ts';
import type { Log } from '../commons/log.ts';
import type { Broadcast } from './queue.ts';

/** Lines a second at most. */
const LINES = 100;
const SECOND_MS = 1_000;

export class BroadcastLog {
  readonly #log: Log;
  #lines = 0;
  #counted = 0;
  #second: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  published({ kind, speaker, text, room }: Broadcast, seq: number): void {
    if (kind !== 'chat' || !this.#log.messagesEnabled) return;
    this.#second ??= setTimeout(() => this.close(), SECOND_MS);
    if (this.#lines >= LINES) {
      this.#counted += 1;
      return;
    }
    this.#lines += 1;
    this.#log.broadcast({ name: speaker.name, text, room: room.code, seq });
  }

  /** The store has said itself why the disk failed; anything else is a fault of ours. */
  failed(error: unknown): void {
    if (!(error instanceof RpcError)) this.#log.error('A batch of messages could not be stored.', error);
  }

  /** Ends the second: says how many messages had no line. */
  close(): void {
    clearTimeout(this.#second);
    this.#second = undefined;
    this.#lines = 0;
    if (this.#counted > 0) this.#log.server(`${this.#counted} more messages in this second.`);
    this.#counted = 0;
  }
}
