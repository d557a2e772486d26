/**
 * A real client as the model needs it: it calls, is called back inline, on a port of its own or not at all, can hang, and
 * can be cut off. It keeps what it got in the order in which it came, and judges nothing.
 */
import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { at } from '../line-client.ts';
import { Peer, reset } from '../peer.ts';
import { eachLine, until } from '../traffic.ts';
import type { Shown } from './stream.ts';

/** How a client is called back; `classic`: inline, in dialect 1.0. */
export type Way = 'inline' | 'classic' | 'dialled' | 'pull';

/** A message as it came, and its room. */
export interface Got extends Shown {
  readonly room: string;
}

/** A call of the server that was not answered. */
interface Call {
  readonly id: number | string | null | undefined;
  readonly dialect: '1.0' | '2.0';
  readonly write: (line: string) => void;
}

/** How long anything may take before the run has failed, milliseconds. */
const PATIENCE_MS = 10_000;

export class Device {
  readonly id: string;
  readonly way: Way;
  /** Life of the history, as the last Register told. */
  epoch = '';
  hangs = false;
  readonly #got: Got[] = [];
  readonly #unanswered: Call[] = [];
  readonly #answers = new Map<number, (answer: unknown) => void>();
  readonly #events = new EventEmitter().setMaxListeners(0);
  #socket: net.Socket | undefined;
  #peer: Peer | undefined;
  #lastCall = 0;

  constructor(id: string, way: Way) {
    this.id = id;
    this.way = way;
  }

  /** What Register takes. */
  get callback(): string {
    if (this.way === 'dialled') return this.#peer?.callback ?? '';
    return this.way === 'pull' ? 'none' : 'inline';
  }

  get isConnected(): boolean {
    return this.#socket?.writable === true;
  }

  async connect({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
    if (this.way === 'dialled')
      this.#peer = await Peer.start({
        forgets: true,
        called: (call, socket) => this.#take({ ...call, write: (line) => void socket.write(line) }, call.params),
      });
    const socket = net.connect({ host, port }).setNoDelay(true);
    await once(socket, 'connect');
    this.#socket = socket.on('error', () => socket.destroy());
    eachLine(socket, (line) => this.#sort(line, socket));
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      for (const settle of this.#answers.values()) settle(undefined);
      this.#answers.clear();
    });
  }

  /** Ends as a process that is killed does: what it had in hand was never shown. */
  cut(): void {
    const [socket, peer] = [this.#socket, this.#peer];
    this.#socket = this.#peer = undefined;
    this.hangs = false;
    this.#got.length = this.#unanswered.length = 0;
    for (const settle of this.#answers.values()) settle(undefined);
    this.#answers.clear();
    if (socket !== undefined) reset(socket);
    void peer?.close();
  }

  /** Calls; the answer, `undefined` when the connection ended before it came. @throws Error when nothing came in time */
  call(method: string, params: object, dialect: '1.0' | '2.0' = '2.0'): Promise<unknown> {
    const id = (this.#lastCall += 1);
    const said = dialect === '2.0' ? { jsonrpc: '2.0', id, method, params } : { id, method, params: [params] };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.id} got no answer to ${method}`)), PATIENCE_MS);
      this.#answers.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#socket?.write(`${JSON.stringify(said)}\n`);
      if (!this.isConnected) this.#settle(id, undefined);
    });
  }

  /** The next message. @param what the caller waits for, for the failure */
  async next(what: string): Promise<Got> {
    await until(this.#events, 'got', () => this.#got.length > 0, `${what} to reach ${this.id}`, PATIENCE_MS);
    const [first] = this.#got.splice(0, 1);
    if (first === undefined) throw new Error('there is a message');
    return first;
  }

  /** What came beyond what was waited for. */
  rest(): Got[] {
    return this.#got.splice(0);
  }

  /** Answers from now on, and what it has in hand first. */
  comeBack(): void {
    this.hangs = false;
    for (const call of this.#unanswered.splice(0)) answer(call);
  }

  /** Answers nothing of what it has in hand: it has left. */
  forget(): void {
    this.hangs = false;
    this.#unanswered.length = 0;
  }

  #sort(line: string, socket: net.Socket): void {
    const frame: unknown = JSON.parse(line);
    const [method, id, params] = [at(frame, 'method'), at(frame, 'id'), at(frame, 'params')];
    if (typeof method !== 'string') return this.#settle(Number(id), frame);
    const dialect = at(frame, 'jsonrpc') === undefined ? '1.0' : '2.0';
    if (typeof id === 'number') this.#take({ id, dialect, write: (said) => void socket.write(said) }, params);
  }

  #settle(id: number, frame: unknown): void {
    const settle = this.#answers.get(id);
    this.#answers.delete(id);
    settle?.(frame);
  }

  #take(call: Call, params: unknown): void {
    if (this.hangs) this.#unanswered.push(call);
    else answer(call);
    const message = at(params, 'Message') ?? at(params, 0, 'Message');
    if (message === undefined) return;
    const [kind, sender, text, room] = ['Kind', 'SenderID', 'Text', 'Room'].map((field) => String(at(message, field)));
    const got = { kind: kind ?? '', sender: sender ?? '', text: text ?? '', room: room ?? '', seq: Number(at(message, 'Seq')) };
    this.#got.push(got);
    this.#events.emit('got');
  }
}

function answer({ id, dialect, write }: Call): void {
  const result = { Success: true };
  write(`${JSON.stringify(dialect === '2.0' ? { jsonrpc: '2.0', id, result } : { id, result, error: null })}\n`);
}
