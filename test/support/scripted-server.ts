/**
 * A server that does what its script says, call by call: for what a real one never does, or not on demand. It listens on
 * a real port and can die and come back on it. Knows the wire and the shape of Register's answer, nothing of the product.
 */
import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { LineClient, type IncomingCall } from './line-client.ts';
import { until } from './traffic.ts';

/** One call that a client made, and the means to answer it. */
export interface Asked extends IncomingCall {
  readonly client: LineClient;
  /** The how manyth call of this method it is, from 1. */
  readonly nth: number;
  ok(result: unknown): void;
  refuse(code: number, Reason: string, data?: Readonly<Record<string, unknown>>): void;
}

/** Returns true when it has dealt with the call, or deliberately leaves it unanswered; else it is answered as a server would. */
export type Script = (call: Asked) => boolean;

export class ScriptedServer extends EventEmitter<{ call: [Asked] }> {
  readonly calls: Asked[] = [];
  readonly host: string;
  port = 0;
  /** What Register is answered, and the `Seq` of the last message that was accepted. */
  epoch = 'epoch-1';
  seq = 0;
  private readonly script: Script;
  private readonly clients = new Set<LineClient>();
  private listener: net.Server | undefined;

  private constructor(script: Script, host: string) {
    super();
    this.script = script;
    this.host = host;
  }

  static async start(script: Script = () => false, host = '127.0.0.1'): Promise<ScriptedServer> {
    const server = new ScriptedServer(script, host);
    await server.listen();
    return server;
  }

  /** On the port it had before, if it had one. */
  async listen(): Promise<void> {
    const listener = net.createServer((socket) => this.accept(socket)).listen(this.port, this.host);
    await once(listener, 'listening');
    const address = listener.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port');
    this.port = address.port;
    this.listener = listener;
  }

  /** A process that died: nothing listens, every connection is gone. */
  async die(): Promise<void> {
    const closed = this.listener?.listening === true ? once(this.listener, 'close') : undefined;
    this.listener?.close();
    await Promise.all([...this.clients].map((client) => client.close()));
    await closed;
  }

  /** The calls of one method so far. */
  of(method: string): Asked[] {
    return this.calls.filter((call) => call.method === `ChatServer.${method}`);
  }

  /** The `nth` call of a method, once it is made. */
  async asked(method: string, nth: number, deadlineMs = 10_000): Promise<Asked> {
    await until(this, 'call', () => this.of(method).length >= nth, `call ${nth} of ${method}`, deadlineMs);
    const call = this.of(method)[nth - 1];
    if (call === undefined) throw new Error('unreachable');
    return call;
  }

  private accept(socket: net.Socket): void {
    const client = new LineClient(socket);
    this.clients.add(client);
    void client.closed.then(() => this.clients.delete(client));
    client.onCall((call) => this.take(call, client));
  }

  private take(call: IncomingCall, client: LineClient): void {
    const nth = this.calls.filter(({ method }) => method === call.method).length + 1;
    const refuse = (code: number, Reason: string, data = {}) =>
      client.writeFrame({ jsonrpc: '2.0', id: call.id, error: { code, message: `Refused: ${Reason}.`, data: { Reason, ...data } } });
    const asked: Asked = { ...call, client, nth, ok: (result) => client.answer(call, result), refuse };
    this.calls.push(asked);
    if (!this.script(asked)) this.behave(asked);
    this.emit('call', asked);
  }

  private behave(call: Asked): void {
    if (call.method === 'ChatServer.Register') this.register(call);
    else if (call.method === 'ChatServer.SendMessage') this.accepted(call);
    else if (call.method === 'ChatServer.Unregister') call.ok('Successfully unregistered');
    else if (call.method === 'ChatServer.ListUsers') call.ok({ Success: true, Users: [] });
    else call.refuse(-32601, 'MethodNotFound');
  }

  register(call: Asked): void {
    const { epoch: Epoch, seq: Seq } = this;
    call.ok({ Success: true, Message: 'Welcome', ID: 'x', Session: `session-${call.nth}`, Room: 'lobby', Seq, Epoch });
  }

  accepted(call: Asked): void {
    this.seq += 1;
    call.ok({ Success: true, Message: 'Message sent successfully', Error: '', Seq: this.seq });
  }
}

/** The frame's params of a message as a room says it. */
export function said(Seq: number, Text = `text ${Seq}`, more: Readonly<Record<string, unknown>> = {}): { readonly Message: object } {
  const SentAt = '2026-01-01T00:00:00.000Z';
  return {
    Message: {
      SenderID: 'Eve-1',
      Content: `Eve: ${Text}`,
      IsSystem: false,
      Seq,
      Room: 'lobby',
      Name: 'Eve',
      Text,
      Kind: 'chat',
      SentAt,
      ...more,
    },
  };
}
