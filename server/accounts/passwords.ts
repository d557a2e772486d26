/**
 * Hashes and compares passwords, in one thread of its own with a bounded queue. It knows no accounts: for one that does
 * not exist the same work is done. The thread begins with the first password and keeps nothing alive.
 */
import * as v from 'valibot';
import { Worker } from 'node:worker_threads';
import { RpcError } from '../../commons/errors.ts';

/** Of a random password that nobody knows, at the cost of all others: what is compared where there is nothing to compare. */
const NOBODYS_HASH = '$argon2id$v=19$m=19456,t=2,p=1$tz1eSQUkoJ6HSHXq0XmJkQ$Kkyp+f381BnIP/SWyV5oLlSdfBRVeXsQPrywuwm+QPY';
/** What a full queue needs at most before it has room, milliseconds. */
const RETRY_MS = 1_000;

/** A hash, or whether it is one of the password; or why there is neither. */
const Answer = v.object({ id: v.number(), answer: v.optional(v.union([v.string(), v.boolean()])), failure: v.optional(v.string()) });
type Answer = v.InferOutput<typeof Answer>;
type Given = string | boolean;

interface Waiting {
  readonly done: (answer: Given) => void;
  readonly failed: (error: Error) => void;
}

export class Passwords {
  readonly #most: number;
  #thread: Worker | undefined;
  /** By number of the job, in the order in which they are done; at most `most`, one more is `Busy`. */
  readonly #waiting = new Map<number, Waiting>();
  #jobs = 0;
  #closed = false;

  /** @param most passwords that may wait at the same time */
  constructor(most: number) {
    this.#most = most;
  }

  /** Passwords that were hashed or compared so far, those that wait included. */
  get jobs(): number {
    return this.#jobs;
  }

  /** Asserts that one more may wait. @throws RpcError `Busy`, `ShuttingDown` */
  mayWait(): void {
    if (this.#closed) throw new RpcError('ShuttingDown');
    if (this.#waiting.size < this.#most) return;
    throw new RpcError('Busy', 'Too many passwords are being checked at the moment. Try again soon.', { RetryAfterMs: RETRY_MS });
  }

  /** The hash to keep, with a salt of its own. @throws RpcError `Busy`, `ShuttingDown` */
  async hash(password: string): Promise<string> {
    return v.parse(v.string(), await this.#run(password, null));
  }

  /** Whether `hash` is of `password`; without a hash it takes as long and is never so. @throws RpcError `Busy`, `ShuttingDown` */
  async matches(password: string, hash: string | undefined): Promise<boolean> {
    const same = v.parse(v.boolean(), await this.#run(password, hash ?? NOBODYS_HASH));
    return same && hash !== undefined;
  }

  /** Ends the thread; who waits is refused. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#refuseAll(new RpcError('ShuttingDown'));
    await this.#thread?.terminate();
  }

  async #run(password: string, hash: string | null): Promise<Given> {
    this.mayWait();
    return new Promise((done, failed) => {
      const thread = (this.#thread ??= this.#start());
      const id = (this.#jobs += 1);
      this.#waiting.set(id, { done, failed });
      // Only while somebody waits does the thread keep the process alive.
      thread.ref();
      thread.postMessage({ id, password, hash });
    });
  }

  #start(): Worker {
    const thread = new Worker(new URL('./password-worker.js', import.meta.url), { execArgv: [] });
    thread.on('message', (message: unknown) => this.#answered(thread, v.parse(Answer, message)));
    thread.on('error', (error) => this.#lost(thread, error));
    thread.on('exit', () => this.#lost(thread, new Error('the thread that hashes passwords ended')));
    return thread;
  }

  #answered(thread: Worker, { id, answer, failure }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) thread.unref();
    if (answer === undefined) waiting?.failed(new Error(`A password cannot be hashed: ${failure}`));
    else waiting?.done(answer);
  }

  /** The next password starts another thread. */
  #lost(thread: Worker, error: Error): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    this.#refuseAll(error);
  }

  #refuseAll(error: Error): void {
    for (const { failed } of this.#waiting.values()) failed(error);
    this.#waiting.clear();
  }
}
