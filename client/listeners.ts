/**
 * Telling the listeners of a client, whose mistakes are their own: one that throws or rejects breaks neither the
 * connection, on whose way in it runs, nor the other listeners. It knows no connection.
 */
import { EventEmitter } from 'node:events';
import type { Message } from '../commons/protocol.ts';
import { sentence } from './errors.ts';
import type { ChatClientEvents, ConnectionState } from './options.ts';

export class Listeners extends EventEmitter<ChatClientEvents> {
  constructor() {
    super({ captureRejections: true });
  }

  /** A listener that is an async function and rejects does as little harm as one that throws. */
  override [EventEmitter.captureRejectionSymbol](error: Error, ...[event]: readonly unknown[]): void {
    this.failed(String(event), error);
  }

  protected told(...told: ['message', Message] | ['state', ConnectionState]): void {
    try {
      if (told[0] === 'message') this.emit('message', told[1]);
      else this.emit('state', told[1]);
    } catch (error) {
      this.failed(told[0], error);
    }
  }

  /** Somebody has to hear of it: the listeners of `fault`, or the process. */
  protected failed(event: string, error: unknown): void {
    if (event === 'fault' || this.listenerCount('fault') === 0) {
      process.emitWarning(`A listener of the chat client's "${event}" failed: ${sentence(error)}`);
      return;
    }
    try {
      this.emit('fault', error);
    } catch (another) {
      this.failed('fault', another);
    }
  }
}
