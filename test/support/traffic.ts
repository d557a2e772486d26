/**
 * Traffic: lines over raw TCP, a caller with deadlines, and a sender that writes `sender-counter` and keeps the books
 * that the checker reads. Holds nothing of the product, so that no mistake of its transport can hide itself here.
 */
import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import * as v from 'valibot';
import type { Send, SenderRecord } from './checker.ts';

/** Hands over every line that a socket brings; what is written meanwhile leaves in one piece. */
export function eachLine(socket: net.Socket, take: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    socket.cork();
    for (const line of lines) if (line.trim() !== '') take(line);
    socket.uncork();
  });
}

/** Waits for `event` until `done` says so; fails, saying what for, after `deadlineMs`. */
export async function until(emitter: EventEmitter, event: string, done: () => boolean, what: string, deadlineMs = 10_000): Promise<void> {
  const signal = AbortSignal.timeout(deadlineMs);
  while (!done()) {
    await once(emitter, event, { signal }).catch((error: unknown) => {
      throw signal.aborted ? new Error(`waited ${deadlineMs} ms for ${what}`) : error;
    });
  }
}

const Answer = v.object({
  id: v.number(),
  result: v.optional(v.unknown()),
  error: v.optional(
    v.object({
      code: v.number(),
      message: v.string(),
      data: v.optional(v.object({ Reason: v.optional(v.string()), RetryAfterMs: v.optional(v.number()) })),
    }),
  ),
});

/** A call that the server answered with an error. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: number;
  readonly reason: string;
  /** Milliseconds to wait before trying again, 0 when not told. */
  readonly retryAfterMs: number;

  constructor(error: NonNullable<v.InferOutput<typeof Answer>['error']>) {
    super(error.message);
    this.code = error.code;
    this.reason = error.data?.Reason ?? String(error.code);
    this.retryAfterMs = error.data?.RetryAfterMs ?? 0;
  }
}

interface Waiting {
  readonly settle: (outcome: { result: unknown } | { error: Error }) => void;
}

/** A connection of dialect 2.0 that calls, pipelined, and matches the answers by id. */
export class Caller implements Voice {
  readonly socket: net.Socket;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  constructor(socket: net.Socket) {
    this.socket = socket.setNoDelay(true);
    eachLine(socket, (line) => this.take(line));
    let why = 'the server closed the connection';
    socket.on('error', (error) => (why = error.message));
    socket.on('close', () => {
      for (const { settle } of this.waiting.values()) settle({ error: new Error(why) });
      this.waiting.clear();
    });
  }

  static async dial(host: string, port: number, deadlineMs = 5000): Promise<Caller> {
    const socket = net.connect({ host, port });
    try {
      await once(socket, 'connect', { signal: AbortSignal.timeout(deadlineMs) });
    } catch (error) {
      socket.destroy();
      throw new Error(`no connection to ${host}:${port}`, { cause: error });
    }
    return new Caller(socket);
  }

  /** The result; a `Refusal` when the server says no, another error when it says nothing within `deadlineMs`. */
  call(method: string, params: object, deadlineMs = 10_000): Promise<unknown> {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      if (!this.socket.writable) return reject(new Error('the connection is closed'));
      const timer = setTimeout(() => this.settle(id, { error: new Error(`no answer to ${method} within ${deadlineMs} ms`) }), deadlineMs);
      this.waiting.set(id, {
        settle: (outcome) => {
          clearTimeout(timer);
          if ('error' in outcome) reject(outcome.error);
          else resolve(outcome.result);
        },
      });
      this.socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    });
  }

  get isOpen(): boolean {
    return this.socket.writable;
  }

  async say(id: string, text: string, to = 'lobby'): Promise<number> {
    const isDirect = to.startsWith('@');
    const where = isDirect ? { To: to.slice(1) } : to === 'lobby' ? {} : { Room: to };
    const params = { UserID: id, Text: text, ...where };
    return v.parse(Accepted, await this.call(`ChatServer.${isDirect ? 'SendDirect' : 'SendMessage'}`, params)).Seq;
  }

  close(): void {
    this.socket.destroy();
  }

  private take(line: string): void {
    if (line.includes('"method"')) return; // the server's own calls: nobody here asked for any
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Answer), line);
    if (!parsed.success) return void this.socket.destroy(new Error(`not an answer: ${line.slice(0, 200)}`));
    const { id, result, error } = parsed.output;
    this.settle(id, error === undefined ? { result } : { error: new Refusal(error) });
  }

  private settle(id: number, outcome: { result: unknown } | { error: Error }): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    waiting?.settle(outcome);
  }
}

const Registered = v.object({ Session: v.string(), Seq: v.number(), Epoch: v.string() });
export type Registered = v.InferOutput<typeof Registered>;

/** Registers a callback that something else serves; what Register answered. */
export async function register(caller: Caller, id: string, callback: string, more: object = {}): Promise<Registered> {
  return v.parse(Registered, await caller.call('ChatServer.Register', { ID: id, Name: id, Callback: callback, ...more }));
}

const Accepted = v.object({ Success: v.literal(true), Seq: v.number() });

/** By whom a sender speaks. */
export interface Voice {
  /** Whether anything that is said may still arrive. */
  readonly isOpen: boolean;
  /**
   * The `Seq`; a `Refusal` when the server says no, another error when it says nothing. `to` is the code of a room, or
   * `@` and the ID of the one person that it is for.
   */
  say(id: string, text: string, to: string): Promise<number>;
}

export interface Pace {
  /** Sends that may be unanswered at a time. */
  readonly window: number;
  /** Messages a second; 0 sends as fast as the window allows. */
  readonly perSecond: number;
}

/** A message, and where it goes: see `Voice`. */
interface Sent {
  readonly text: string;
  readonly to: string;
  seq?: number;
  refused?: boolean;
}

/** Writes `id-0`, `id-1`, … and records what became of each. */
export class Sender {
  readonly id: string;
  readonly sends: Sent[] = [];
  /** Rooms and people that it writes to, one after the other. */
  readonly targets: string[] = ['lobby'];
  /** When each text was written, `performance.now()`. */
  readonly sentAt = new Map<string, number>();
  /** How often the server said no, by reason. */
  readonly refusals = new Map<string, number>();
  acknowledged = 0;
  private readonly voice: Voice;
  private readonly turn = new EventEmitter();
  private inFlight = 0;
  private heldUntil = 0;

  constructor(id: string, voice: Voice) {
    this.id = id;
    this.voice = voice;
  }

  /** The checker's view of what it sent there. */
  record(target: string): SenderRecord {
    return { id: this.id, sends: this.sends.filter(({ to }) => to === target) satisfies readonly Send[] };
  }

  /** Sends until `signal` aborts or the connection is gone, then waits until everything was answered or given up on. */
  async run({ window, perSecond }: Pace, signal: AbortSignal): Promise<void> {
    let due = performance.now();
    while (!signal.aborted && this.voice.isOpen) {
      const wait = Math.max(due, this.heldUntil) - performance.now();
      if (wait > 0) await pause(wait, undefined, { signal }).catch(() => undefined);
      else if (this.inFlight >= window) await once(this.turn, 'answered');
      else {
        void this.send();
        if (perSecond > 0) due = Math.max(due + 1000 / perSecond, performance.now() - 1000);
      }
    }
    while (this.inFlight > 0) await once(this.turn, 'answered');
  }

  /** Sends one text; fulfilled, whatever became of it. */
  async send(): Promise<void> {
    const to = this.targets[this.sends.length % this.targets.length] ?? 'lobby';
    const sent: Sent = { text: `${this.id}-${this.sends.length}`, to };
    this.sends.push(sent);
    this.sentAt.set(sent.text, performance.now());
    this.inFlight++;
    try {
      sent.seq = await this.voice.say(this.id, sent.text, to);
      this.acknowledged++;
    } catch (error) {
      if (error instanceof Refusal) this.refuse(sent, error);
    } finally {
      this.inFlight--;
      this.turn.emit('answered');
    }
  }

  private refuse(sent: { refused?: boolean }, refusal: Refusal): void {
    sent.refused = true;
    this.refusals.set(refusal.reason, (this.refusals.get(refusal.reason) ?? 0) + 1);
    this.heldUntil = performance.now() + refusal.retryAfterMs;
  }
}
