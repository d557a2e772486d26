/**
 * A callback server on raw TCP that does whatever its behaviour says, records what it was given, and can go away and
 * come back. Knows the wire, not the product.
 */
import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import * as v from 'valibot';
import { eachLine, until } from './traffic.ts';

const Message = v.looseObject({
  ...{ Seq: v.number(), Kind: v.string(), SenderID: v.string(), Text: v.string(), Content: v.string() },
  Room: v.optional(v.string(), 'lobby'),
});
export type Message = v.InferOutput<typeof Message>;

const Envelope = v.object({ Message });
/** By name or by position, in either dialect. */
const Call = v.object({
  jsonrpc: v.optional(v.string()),
  id: v.optional(v.union([v.number(), v.string(), v.null()])),
  method: v.string(),
  params: v.optional(v.unknown()),
});
const Params = v.union([
  Envelope,
  v.pipe(
    v.tuple([Envelope]),
    v.transform(([only]) => only),
  ),
]);

/** One call that the server made, and when (`performance.now()`). */
export interface Call {
  readonly at: number;
  readonly id: string | number | null | undefined;
  readonly dialect: '1.0' | '2.0';
  readonly method: string;
  readonly params: unknown;
  readonly message: Message | undefined;
}

/** What a peer does with its connections and calls. */
export interface Behaviour {
  /** Absent: all calls are kept. Set for long runs, whose listener keeps what it needs. */
  readonly forgets?: true;
  readonly accepted?: (socket: net.Socket, peer: Peer) => void;
  /** Absent: never answers. */
  readonly called?: (call: Call, socket: net.Socket, peer: Peer) => void;
}

export class Peer extends EventEmitter<{ call: [Call]; connection: [] }> {
  readonly calls: Call[] = [];
  /** Connections ever accepted. */
  connections = 0;
  readonly port: number;
  readonly host: string;
  private listener: net.Server;
  private readonly sockets = new Set<net.Socket>();
  private readonly behaviour: Behaviour;

  private constructor(behaviour: Behaviour, listener: net.Server, host: string, port: number) {
    super();
    this.setMaxListeners(0);
    this.behaviour = behaviour;
    this.listener = listener;
    this.host = host;
    this.port = port;
    this.serve();
  }

  static async start(behaviour: Behaviour, host = '127.0.0.1'): Promise<Peer> {
    const listener = await listen(host, 0);
    const address = listener.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port');
    return new Peer(behaviour, listener, host, address.port);
  }

  /** What Register takes. */
  get callback(): string {
    return this.host.includes(':') ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
  }

  /** Connections open now. */
  get open(): number {
    return this.sockets.size;
  }

  /** The messages it was given, redeliveries included. */
  get messages(): Message[] {
    return this.calls.flatMap(({ message }) => message ?? []);
  }

  /** The texts of what people said, each `Seq` once. */
  get texts(): string[] {
    const seen = new Set<number>();
    return this.messages.filter(({ Seq, Kind }) => Kind === 'chat' && !seen.has(Seq) && seen.add(Seq)).map(({ Text }) => Text);
  }

  /** Waits until `done` holds, asked at every call. */
  heard(done: (peer: this) => boolean, what: string, deadlineMs?: number): Promise<void> {
    return until(this, 'call', () => done(this), what, deadlineMs);
  }

  /** Closes the listener and resets every connection: a process that died. */
  async vanish(): Promise<void> {
    const closed = this.listener.listening ? once(this.listener, 'close') : undefined;
    this.listener.close();
    for (const socket of this.sockets) reset(socket);
    await closed;
  }

  /** Listens again on the same port. */
  async comeBack(): Promise<void> {
    this.listener = await listen(this.host, this.port);
    this.serve();
  }

  close(): Promise<void> {
    return this.vanish();
  }

  private serve(): void {
    this.listener.on('connection', (socket) => this.accept(socket));
  }

  private accept(socket: net.Socket): void {
    this.connections++;
    this.sockets.add(socket.setNoDelay(true));
    socket.on('close', () => this.sockets.delete(socket)).on('error', () => socket.destroy());
    this.behaviour.accepted?.(socket, this);
    if (!socket.destroyed && !socket.isPaused()) eachLine(socket, (line) => this.take(line, socket));
    this.emit('connection');
  }

  private take(line: string, socket: net.Socket): void {
    const { id, jsonrpc, method, params } = v.parse(Call, JSON.parse(line));
    const message = method === 'ClientCallback.ReceiveMessage' ? v.parse(Params, params).Message : undefined;
    const call: Call = { at: performance.now(), id, dialect: jsonrpc === undefined ? '1.0' : '2.0', method, params, message };
    if (this.behaviour.forgets === undefined) this.calls.push(call);
    this.behaviour.called?.(call, socket, this);
    this.emit('call', call);
  }
}

/** Resets a connection. One that has begun to end is only destroyed: Node 20 would leave its handle open, spinning. */
export function reset(socket: net.Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

async function listen(host: string, port: number): Promise<net.Server> {
  const listener = net.createServer();
  listener.listen(port, host);
  await once(listener, 'listening');
  return listener;
}

/** The answer that the protocol asks for. */
export function answerTo({ id, dialect }: Call, result: unknown = { Success: true }): string {
  return `${JSON.stringify(dialect === '2.0' ? { jsonrpc: '2.0', id, result } : { id, result, error: null })}\n`;
}
