/**
 * Lines on their way to the server, in the order of the calls. To rooms one is unanswered at a time, because a line that has to
 * be repeated would otherwise be overtaken by the next; a direct message, whose answer may take seconds, holds up only
 * those to the same person, and a busy room only those to itself. It knows no socket and no text: a line says itself over a link.
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
/** A longer pause of a busy room or a full inbox is not waited for, milliseconds: the line is refused. */
const LONGEST_PAUSE_MS = 15_000;
/** Lines that wait aside for their answers at the same time; the server allows 256. */
const ASIDE = 64;
/** Registrations that one line may ask for before its refusal is believed. */
const REGISTRATIONS = 3;

/** A try whose outcome nobody told. */
interface Unanswered {
  /** When it began, milliseconds as of `performance.now()`. */
  readonly since: number;
  /** The life of the history that it was meant for: a server with another one does not know its `MessageID`. */
  readonly epoch: string | undefined;
}

/** One thing to say. */
export interface Line {
  /** The room or person that it is for; the order of lines to the same one is never changed. */
  readonly destination: string;
  /** Whether lines to others are sent before this one is answered. */
  readonly aside: boolean;
  /** Says it, perhaps again. @throws RpcError, NoAnswer */
  readonly say: (link: ServerLink) => Promise<void>;
  /** It was not said, as far as is known. */
  readonly reject: (error: unknown) => void;
}

interface Waiting extends Line {
  /** It is being sent. */
  isUnderWay: boolean;
  /** The first try that was never answered. */
  unanswered?: Unanswered;
  /** Registrations that were renewed for this line. */
  registrations: number;
  /** Its room is busy: not before this, milliseconds as of `performance.now()`. */
  notBefore: number;
}

export class SendQueue {
  readonly #connection: LastingConnection;
  readonly #epoch: () => string | undefined;
  readonly #lines: Waiting[] = [];
  /** A line that is not aside is being sent. */
  #isSending = false;

  /** @param epoch the life of the history that the connection last registered in */
  constructor(connection: LastingConnection, epoch: () => string | undefined) {
    this.#connection = connection;
    this.#epoch = epoch;
    connection.stopped.addEventListener('abort', () => this.#dismiss(), { once: true });
  }

  /** Takes a line, or throws. @throws ClientClosed, QueueFull; each concerns this line only */
  add(line: Line): void {
    if (this.#connection.stopped.aborted) throw new ClientClosed('Not connected any more: the message was not sent.');
    if (this.#lines.length >= LINES) throw new QueueFull(`${LINES} messages wait already: this one was not sent.`);
    this.#lines.push({ ...line, isUnderWay: false, registrations: 0, notBefore: 0 });
    void this.#sendAll();
  }

  /** What is not under way was never sent. */
  #dismiss(): void {
    const waiting = this.#lines.filter(({ isUnderWay }) => !isUnderWay);
    for (const line of waiting) this.#refuse(line, new ClientClosed('Not connected any more: the message was not sent.'));
  }

  /** Never rejects. */
  async #sendAll(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    for (let line = this.#next(); line !== undefined; line = this.#next()) {
      const settled = this.#settle(line);
      if (!line.aside) await settled;
      else void settled.then(() => this.#sendAll());
    }
    this.#isSending = false;
  }

  /** The first line that nothing holds up; when pauses hold up all, the one whose pause ends first. */
  #next(): Waiting | undefined {
    const now = performance.now();
    const heads = new Map<string, Waiting>();
    const aside = this.#lines.filter((line) => line.aside && line.isUnderWay).length;
    for (const line of this.#lines) {
      if (heads.has(line.destination)) continue;
      heads.set(line.destination, line);
      if (!line.isUnderWay && line.notBefore <= now && !(line.aside && aside >= ASIDE)) return line;
    }
    const paused = [...heads.values()].filter((line) => !line.isUnderWay && line.notBefore > now);
    return paused.sort((a, b) => a.notBefore - b.notBefore)[0];
  }

  /** Sends a line once, until its room says that it is busy. Never rejects. */
  async #settle(line: Waiting): Promise<void> {
    line.isUnderWay = true;
    try {
      if (await this.#send(line)) this.#remove(line);
    } catch (error) {
      this.#refuse(line, error);
    }
    line.isUnderWay = false;
  }

  #refuse(line: Waiting, error: unknown): void {
    this.#remove(line);
    line.reject(unsent(line, error));
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
      const present: Unanswered = { since: performance.now(), epoch: this.#epoch() };
      assertRepeatable(line.unanswered ?? present, present);
      try {
        await line.say(link);
        return true;
      } catch (error) {
        if (error instanceof NoAnswer) line.unanswered ??= present;
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
        if (pauseMs > LONGEST_PAUSE_MS) throw error;
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
function unsent({ unanswered }: Waiting, error: unknown): unknown {
  return error instanceof ClientClosed && unanswered !== undefined ? unknown(error.message) : error;
}

/** @throws OutcomeUnknown where the server may not recognise a repetition: it would say the line a second time */
function assertRepeatable(first: Unanswered, present: Unanswered): void {
  if (present.epoch !== first.epoch) throw unknown('The server has lost its history and begun a new one.');
  if (present.since - first.since > REPEATABLE_MS) throw unknown('The connection was lost for too long.');
}

function unknown(why: string): OutcomeUnknown {
  return new OutcomeUnknown(`${why} It is not known whether the message was accepted.`);
}
