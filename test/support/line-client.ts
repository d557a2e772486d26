/**
 * A peer made of nothing but `node:net`: it writes what it is told, byte for byte, and hands out the lines that come
 * back, answers apart from calls (a peer calls back on the same connection when the callback is `inline`).
 * It holds nothing of the product, so that it cannot share its mistakes.
 */
import net from 'node:net';

/** What arrives in order and is taken in order; whoever waits longer than its deadline, or for a closed peer, is told. */
export class Inbox<T> {
  private readonly waiting: T[] = [];
  private readonly takers: { resolve: (item: T) => void; reject: (error: Error) => void; timer: NodeJS.Timeout }[] = [];
  private ended: string | undefined;

  put(item: T): void {
    const taker = this.takers.shift();
    if (taker === undefined) this.waiting.push(item);
    else {
      clearTimeout(taker.timer);
      taker.resolve(item);
    }
  }

  /** @param deadlineMs how long to wait at most. */
  take(deadlineMs = 5000): Promise<T> {
    const item = this.waiting.shift();
    if (item !== undefined) return Promise.resolve(item);
    if (this.ended !== undefined) return Promise.reject(new Error(this.ended));
    return new Promise((resolve, reject) => {
      const taker = { resolve, reject, timer: setTimeout(() => this.giveUp(taker, deadlineMs), deadlineMs) };
      this.takers.push(taker);
    });
  }

  /** Nothing comes any more: those who wait are told, what already came can still be taken. */
  end(why: string): void {
    this.ended = why;
    for (const taker of this.takers.splice(0)) {
      clearTimeout(taker.timer);
      taker.reject(new Error(why));
    }
  }

  /** What came and was not taken. */
  drain(): T[] {
    return this.waiting.splice(0);
  }

  private giveUp(taker: { reject: (error: Error) => void }, deadlineMs: number): void {
    const at = this.takers.findIndex((other) => other === taker);
    if (at >= 0) this.takers.splice(at, 1);
    taker.reject(new Error(`nothing came within ${deadlineMs} ms`));
  }
}

/** A call that the other side made. `id` is undefined for a notification. */
export interface IncomingCall {
  readonly raw: string;
  readonly jsonrpc: unknown;
  readonly id: unknown;
  readonly method: string;
  readonly params: unknown;
}

/** The member of a parsed JSON value at a path, `undefined` where there is none: `at(frame, 'error', 'code')`. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here = value;
  for (const key of path) {
    if (typeof here !== 'object' || here === null) return undefined;
    here = Object.getOwnPropertyDescriptor(here, key)?.value;
  }
  return here;
}

/** The names of a parsed value's members, sorted. */
export function keysOf(value: unknown): string[] {
  return Object.keys(typeof value === 'object' && value !== null ? value : {}).sort();
}

export class LineClient {
  readonly socket: net.Socket;
  /** Fulfilled when the connection is gone, however it went. */
  readonly closed: Promise<void>;
  private readonly answers = new Inbox<string>();
  private readonly calls = new Inbox<IncomingCall>();
  private handler: ((call: IncomingCall) => void) | undefined;
  private rest: Buffer = Buffer.alloc(0);
  private lastId = 0;

  constructor(socket: net.Socket) {
    this.socket = socket.setNoDelay(true);
    socket.on('data', (chunk) => this.receive(chunk));
    let why = 'the peer closed the connection';
    socket.on('error', (error) => (why = `the connection broke: ${error.message}`));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.answers.end(why);
        this.calls.end(why);
        resolve();
      });
    });
  }

  static connect(host: string, port: number, deadlineMs = 5000): Promise<LineClient> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host, port });
      const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${deadlineMs} ms`)), deadlineMs);
      socket.once('error', reject);
      socket.once('close', () => clearTimeout(timer));
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.off('error', reject);
        resolve(new LineClient(socket));
      });
    });
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  /** One write per byte, each in a turn of its own; stops quietly when the peer has closed. */
  async writeBytewise(bytes: Uint8Array): Promise<void> {
    for (let i = 0; i < bytes.length && this.socket.writable; i++) {
      this.socket.write(bytes.subarray(i, i + 1));
      await new Promise(setImmediate);
    }
  }

  writeFrame(frame: unknown): void {
    this.write(`${JSON.stringify(frame)}\n`);
  }

  /** The next answer, as it stood on the line. */
  nextRaw(deadlineMs?: number): Promise<string> {
    return this.answers.take(deadlineMs);
  }

  /** The next answer, parsed. */
  async next(deadlineMs?: number): Promise<unknown> {
    return JSON.parse(await this.nextRaw(deadlineMs));
  }

  /** The next call that the peer makes on this connection. */
  nextCall(deadlineMs?: number): Promise<IncomingCall> {
    return this.calls.take(deadlineMs);
  }

  /** From now on every call of the peer, those that wait included, goes to `handler`. */
  onCall(handler: (call: IncomingCall) => void): void {
    this.handler = handler;
    for (const call of this.calls.drain()) handler(call);
  }

  /** Calls in dialect 2.0 and takes the next answer, which must be this call's. */
  async call(method: string, params?: unknown, id: unknown = ++this.lastId): Promise<unknown> {
    this.writeFrame({ jsonrpc: '2.0', id, method, params });
    const answer = await this.next();
    if (JSON.stringify(at(answer, 'id')) !== JSON.stringify(id)) {
      throw new Error(`${method} with id ${JSON.stringify(id)} was answered by ${JSON.stringify(answer)}`);
    }
    return answer;
  }

  /** Answers a call in the dialect it was made in. */
  answer(call: IncomingCall, result: unknown): void {
    const head = /"id":(-?[0-9.eE+-]+|"[^"]*"|null)/.exec(call.raw)?.[1] ?? 'null';
    if (call.jsonrpc === '2.0') this.write(`{"jsonrpc":"2.0","id":${head},"result":${JSON.stringify(result)}}\n`);
    else this.write(`{"id":${head},"result":${JSON.stringify(result)},"error":null}\n`);
  }

  /** Answers that came and nobody took. */
  leftOver(): string[] {
    return this.answers.drain();
  }

  /** Calls that came and nobody took. */
  leftOverCalls(): IncomingCall[] {
    return this.calls.drain();
  }

  /** Says that nothing more will be written, and reads on. */
  end(): void {
    this.socket.end();
  }

  /** Waits until the other side has closed the connection; fails when it does not. */
  async gone(deadlineMs = 5000): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the peer did not close the connection within ${deadlineMs} ms`)), deadlineMs);
    });
    await Promise.race([this.closed, late]).finally(() => clearTimeout(timer));
  }

  async close(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  private receive(chunk: Buffer): void {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      this.sort(bytes.toString('utf8', start, end));
      start = end + 1;
    }
    this.rest = bytes.subarray(start);
  }

  private sort(raw: string): void {
    const frame = parsed(raw);
    const method = at(frame, 'method');
    if (typeof method !== 'string') return this.answers.put(raw);
    const call = { raw, jsonrpc: at(frame, 'jsonrpc'), id: at(frame, 'id'), method, params: at(frame, 'params') };
    if (this.handler === undefined) this.calls.put(call);
    else this.handler(call);
  }
}

/** The value of a line, `undefined` when it is no JSON: then the test that takes the line sees it as it is. */
function parsed(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}
