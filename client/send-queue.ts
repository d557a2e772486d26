/**
 * Lines on their way to the server, in the order of the calls: one unanswered at a time, because a line that has to be
 * repeated would otherwise be overtaken by the next. Only what is said to another room or person passes one that a busy
 * room keeps waiting. It knows no socket and no line: the lasting connection hands it a link, and a line sends itself over it.
 */
import { RpcError } from '../commons/errors.ts';
import { DEFAULT_LIMITS } from '../commons/limits.ts';
import { NoAnswer } from '../commons/rpc/caller.ts';
import { ClientClosed, OutcomeUnknown, QueueFull } from './errors.ts';
import type { LastingConnection } from './lasting-connection.ts';
import { pause } from './reconnect.ts';
import type { ServerLink } from './server-link.ts';

/** Lines that may wait; one more is refused with `QueueFull`. */
export const LINES = 1_000;
/** Age at which an unanswered line is not repeated any more: the server may soon forget its `MessageID`. */
export const REPEATABLE_MS = DEFAULT_LIMITS.messageIdMs - 20_000;
/** Pause before a refused line is repeated when the server names none. */
const REFUSED_MS = 250;
/** Registrations that one line may ask for before its refusal is believed. */
const REGISTRATIONS = 3;

/** One thing to say. */
export interface Line {
  /** The room or person that it is for; the order of lines to the same one is never changed. */
  readonly destination: string;
  /** Says it, perhaps again. @throws RpcError, NoAnswer */
  readonly say: (link: ServerLink) => Promise<void>;
  /** It was not said, as far as is known. */
  readonly reject: (error: unknown) => void;
}

interface Waiting extends Line {
  /** When a try began that was never answered, milliseconds as of `performance.now()`. */
  unansweredSince?: number;
  /** Registrations that were renewed for this line. */
  registrations: number;
  /** Its room is busy: not before this, milliseconds as of `performance.now()`. */
  notBefore: number;
}

export class SendQueue {
  readonly #connection: LastingConnection;
  readonly #lines: Waiting[] = [];
  /** The one that is being sent; it is among the lines. */
  #current: Waiting | undefined;

  constructor(connection: LastingConnection) {
    this.#connection = connection;
    connection.stopped.addEventListener('abort', () => this.#dismiss(), { once: true });
  }

  /** Takes a line, or throws. @throws ClientClosed, QueueFull; each concerns this line only */
  add(line: Line): void {
    if (this.#connection.stopped.aborted) throw new ClientClosed('Not connected any more: the message was not sent.');
    if (this.#lines.length >= LINES) throw new QueueFull(`${LINES} messages wait already: this one was not sent.`);
    this.#lines.push({ ...line, registrations: 0, notBefore: 0 });
    void this.#sendAll();
  }

  /** What waits behind the line that is being sent was never sent. */
  #dismiss(): void {
    const waiting = this.#lines.filter((line) => line !== this.#current);
    this.#lines.splice(0, this.#lines.length, ...(this.#current === undefined ? [] : [this.#current]));
    for (const line of waiting) line.reject(unsent(line, new ClientClosed('Not connected any more: the message was not sent.')));
  }

  /** Never rejects. */
  async #sendAll(): Promise<void> {
    if (this.#current !== undefined) return;
    for (let line = this.#next(); line !== undefined; line = this.#next()) {
      this.#current = line;
      try {
        if (await this.#send(line)) this.#remove(line);
      } catch (error) {
        this.#remove(line);
        line.reject(unsent(line, error));
      }
      this.#current = undefined;
    }
  }

  /** The first line that no busy room holds up; when all are held up, the one whose turn comes first. */
  #next(): Waiting | undefined {
    const now = performance.now();
    const heads = new Map<string, Waiting>();
    for (const line of this.#lines) {
      if (heads.has(line.destination)) continue;
      if (line.notBefore <= now) return line;
      heads.set(line.destination, line);
    }
    return [...heads.values()].sort((a, b) => a.notBefore - b.notBefore)[0];
  }

  #remove(line: Waiting): void {
    const place = this.#lines.indexOf(line);
    if (place >= 0) this.#lines.splice(place, 1);
  }

  /** Tries until the server has accepted the line, or says that its room is busy: then `false`. @throws when it is refused for good */
  async #send(line: Waiting): Promise<boolean> {
    for (;;) {
      if (line.notBefore > performance.now()) await pause(line.notBefore - performance.now(), this.#connection.stopped);
      // Without a pause where there is a link: a line that was sent before `disconnect` goes out before its Unregister.
      const link = this.#connection.link ?? (await this.#connection.registered());
      const began = performance.now();
      if (began - (line.unansweredSince ?? began) > REPEATABLE_MS) throw unknown('The connection was lost for too long.');
      try {
        await line.say(link);
        return true;
      } catch (error) {
        if (error instanceof NoAnswer) line.unansweredSince ??= began;
        if (await this.#isBusy(error, line, link)) return false;
      }
    }
  }

  /** Overcomes what kept the line from being accepted, or tells that its room is busy. @throws what it cannot overcome */
  async #isBusy(error: unknown, line: Waiting, link: ServerLink): Promise<boolean> {
    if (error instanceof NoAnswer) return this.#renew(link, 'the server did not answer');
    if (!(error instanceof RpcError)) throw error;
    const pauseMs = error.data.RetryAfterMs ?? REFUSED_MS;
    switch (error.reason) {
      case 'Busy':
        line.notBefore = performance.now() + pauseMs;
        return true;
      case 'RateLimited':
      case 'ShuttingDown':
        await pause(pauseMs, this.#connection.stopped);
        return false;
      case 'NotRegistered':
      case 'Unauthorized':
        line.registrations += 1;
        if (line.registrations > REGISTRATIONS) throw error;
        return this.#renew(link, 'the server does not know this client any more');
      default:
        throw error;
    }
  }

  #renew(link: ServerLink, why: string): false {
    this.#connection.renew(link, why);
    return false;
  }
}

/** What is told of a line that was not accepted: that is not known of one that was sent. */
function unsent({ unansweredSince }: Waiting, error: unknown): unknown {
  return error instanceof ClientClosed && unansweredSince !== undefined ? unknown(error.message) : error;
}

function unknown(why: string): OutcomeUnknown {
  return new OutcomeUnknown(`${why} It is not known whether the message was accepted.`);
}
