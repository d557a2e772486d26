/**
 * Loops that take messages at their own pace. A message is answered when every loop has come back for the next one: so a slow
 * loop is a slow client, which the server serves at that pace, and what is not done when the process dies comes again. It
 * knows no connection and no room.
 */
import type { Message } from '../commons/protocol.ts';
import { ClientClosed } from './errors.ts';

export interface ReadersOptions {
  /** Told of each message that is done with; must not throw. */
  readonly done: (message: Message) => void;
  /** Told once, when the loops take so little that the client cannot stay; must not throw. */
  readonly overwhelmed: (reason: string) => void;
  /**
   * When no loop came back for so long, the oldest message is answered before it is done, milliseconds: the server drops who does
   * not answer for 5 s, and one thing may take longer to do.
   */
  readonly patienceMs?: number;
  /** Messages that may be answered before they are done; more, and the client ends. */
  readonly inAdvance?: number;
}

/** Messages in memory that no loop has taken. The server's window bounds them before that; more, and the client ends. */
const WAITING = 10_000;

/** A message that is not done with. */
interface Waiting {
  readonly message: Message;
  /** Loops that have not come back from it. */
  left: number;
  /** Of each time that it came; empty when it is answered. */
  answers: (() => void)[];
  /** It was answered only because it took too long. */
  isInAdvance: boolean;
}

export class Readers {
  readonly #options: Required<ReadersOptions>;
  readonly #readers = new Set<Reader>();
  /** By room and Seq, in the order in which they came. */
  readonly #waiting = new Map<string, Waiting>();
  #inAdvance = 0;
  /** Who waits for the answers to direct messages. */
  #impatient = 0;
  /** When a message was answered last, or began to wait, milliseconds as of `performance.now()`. */
  #answeredAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #over = false;
  #error: ClientClosed | undefined;

  constructor(options: ReadersOptions) {
    this.#options = { patienceMs: 4_000, inAdvance: 1_000, ...options };
  }

  /** A loop, which hears what comes from now on. */
  open(): AsyncIterableIterator<Message, undefined> {
    const reader = new Reader(
      (waiting) => this.#release(waiting),
      () => this.#readers.delete(reader),
    );
    this.#readers.add(reader);
    if (this.#over) reader.end(this.#error);
    return reader;
  }

  /** A new message; without a loop it is done with at once. */
  hear(message: Message, answer: () => void): void {
    if (this.#readers.size === 0) {
      answer();
      return this.#options.done(message);
    }
    const waiting: Waiting = { message, left: this.#readers.size, answers: [answer], isInAdvance: false };
    if (this.#waiting.size === 0) this.#answeredAt = performance.now();
    this.#waiting.set(keyOf(message), waiting);
    if (this.#impatient > 0 && message.Kind === 'direct') this.#answer(waiting);
    for (const reader of [...this.#readers]) reader.hear(waiting);
    if (this.#waiting.size > WAITING) this.#options.overwhelmed(`${WAITING} messages were not taken.`);
    this.#watch();
  }

  /** A message that was shown before came again. */
  hearAgain(message: Message, answer: () => void): void {
    const waiting = this.#waiting.get(keyOf(message));
    if (waiting === undefined || waiting.answers.length === 0) answer();
    else waiting.answers.push(answer);
  }

  /**
   * Direct messages are answered before they are done while `call` is under way: the server answers some calls only when nothing of the
   * inbox is in flight, and who makes them may be the loop that has one in its hands.
   */
  async hurried<T>(call: () => Promise<T>): Promise<T> {
    this.#impatient += 1;
    for (const waiting of this.#waiting.values()) if (waiting.message.Kind === 'direct') this.#answer(waiting);
    try {
      return await call();
    } finally {
      this.#impatient -= 1;
    }
  }

  /** The first message of each room that is not done with. */
  firstWaiting(): ReadonlyMap<string, number> {
    const first = new Map<string, number>();
    for (const { message } of this.#waiting.values()) if (!first.has(message.Room)) first.set(message.Room, message.Seq);
    return first;
  }

  /**
   * Nothing comes any more. By their own wish the loops end at once, and what they have in their hands is done with; else they
   * take what is left, and `error` ends them.
   */
  end(error: ClientClosed | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    clearTimeout(this.#timer);
    for (const reader of [...this.#readers]) reader.end(error);
  }

  #release(waiting: Waiting): void {
    waiting.left -= 1;
    if (waiting.left > 0) return;
    this.#waiting.delete(keyOf(waiting.message));
    if (waiting.isInAdvance) this.#inAdvance -= 1;
    this.#answer(waiting);
    this.#options.done(waiting.message);
  }

  #answer(waiting: Waiting): void {
    if (waiting.answers.length === 0) return;
    this.#answeredAt = performance.now();
    for (const answer of waiting.answers) answer();
    waiting.answers = [];
  }

  #watch(): void {
    if (this.#timer !== undefined || this.#over) return;
    const silence = performance.now() - this.#answeredAt;
    this.#timer = setTimeout(() => this.#keepAlive(), Math.max(0, this.#options.patienceMs - silence)).unref();
  }

  #keepAlive(): void {
    this.#timer = undefined;
    const oldest = [...this.#waiting.values()].find(({ answers }) => answers.length > 0);
    if (oldest === undefined) return;
    if (performance.now() - this.#answeredAt >= this.#options.patienceMs) {
      this.#answer(oldest);
      oldest.isInAdvance = true;
      this.#inAdvance += 1;
      if (this.#inAdvance > this.#options.inAdvance)
        return this.#options.overwhelmed(`${this.#options.inAdvance} messages were answered before they were taken.`);
    }
    this.#watch();
  }
}

function keyOf({ Room, Seq }: Message): string {
  return `${Room} ${Seq}`;
}

interface Asker {
  readonly resolve: (result: IteratorResult<Message, undefined>) => void;
  readonly reject: (error: Error) => void;
}

/** One loop. */
class Reader implements AsyncIterableIterator<Message, undefined> {
  readonly #release: (waiting: Waiting) => void;
  readonly #closed: () => void;
  readonly #queue: Waiting[] = [];
  /** Those who ask while there is nothing. */
  readonly #asking: Asker[] = [];
  /** What was handed out; done with when the loop comes back. */
  readonly #out: Waiting[] = [];
  #over = false;
  #error: Error | undefined;

  constructor(release: (waiting: Waiting) => void, closed: () => void) {
    this.#release = release;
    this.#closed = closed;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  hear(waiting: Waiting): void {
    const asking = this.#asking.shift();
    if (asking === undefined) this.#queue.push(waiting);
    else asking.resolve(this.#handOut(waiting));
  }

  async next(): Promise<IteratorResult<Message, undefined>> {
    this.#finish();
    const waiting = this.#queue.shift();
    if (waiting !== undefined) return this.#handOut(waiting);
    if (this.#over) return this.#last();
    return new Promise((resolve, reject) => this.#asking.push({ resolve, reject }));
  }

  /** The loop was left: what it has not taken is not its business any more. */
  async return(): Promise<IteratorResult<Message, undefined>> {
    this.#leave();
    return { done: true, value: undefined };
  }

  end(error: Error | undefined): void {
    this.#over = true;
    this.#error = error;
    if (error === undefined) {
      this.#finish();
      this.#queue.length = 0;
    }
    for (const { resolve, reject } of this.#asking.splice(0)) {
      if (this.#error === undefined) resolve({ done: true, value: undefined });
      else reject(this.#error);
      this.#error = undefined;
    }
  }

  #handOut(waiting: Waiting): IteratorResult<Message, undefined> {
    this.#out.push(waiting);
    return { done: false, value: waiting.message };
  }

  #finish(): void {
    for (const waiting of this.#out.splice(0)) this.#release(waiting);
  }

  #leave(): void {
    this.#over = true;
    this.#finish();
    this.#closed();
    for (const waiting of this.#queue.splice(0)) this.#release(waiting);
    for (const { resolve } of this.#asking.splice(0)) resolve({ done: true, value: undefined });
  }

  /** The error is told once. */
  #last(): IteratorResult<Message, undefined> {
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  }
}
