/**
 * A server that is not ours and means no good: it registers whoever comes (inline callbacks only) and then does what the
 * test says. Knows the wire, not the product.
 */
import { once } from 'node:events';
import net from 'node:net';
import * as v from 'valibot';
import { eachLine } from './traffic.ts';

const Call = v.object({ id: v.optional(v.union([v.number(), v.string()])), method: v.optional(v.string()) });

export type Answer = { readonly result: unknown } | { readonly error: unknown } | 'silence';

export interface FalseServer {
  readonly host: string;
  readonly port: number;
  /** Calls `ReceiveMessage` on every connection, whatever the fields hold. */
  push(message: Readonly<Record<string, unknown>>): void;
  /** Ends every connection; clients may come back. */
  drop(): void;
  close(): Promise<void>;
}

export const registered = {
  result: { Success: true, Message: 'ok', ID: 'x', Session: 's', Room: 'lobby', Seq: 1, Epoch: 'e' },
} as const;

/** @param answer what each call is answered; Register should be answered with `registered` when it is to succeed */
export async function falseServer(answer: (method: string) => Answer): Promise<FalseServer> {
  const sockets = new Set<net.Socket>();
  let seq = 1;
  const drop = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const listener = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A client that leaves resets the connection now and then.
    socket.on('error', () => undefined);
    eachLine(socket, (line) => {
      const { id, method } = v.parse(Call, JSON.parse(line));
      if (method === undefined) return;
      const said = answer(method);
      if (said !== 'silence') socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...said })}\n`);
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port');
  return {
    host: '127.0.0.1',
    port: address.port,
    push: (message) => {
      seq++;
      const Message = {
        SenderID: 'm',
        IsSystem: false,
        Room: 'lobby',
        Kind: 'chat',
        SentAt: new Date().toISOString(),
        Seq: seq,
        ...message,
      };
      const call = { jsonrpc: '2.0', id: seq, method: 'ClientCallback.ReceiveMessage', params: { Message } };
      for (const socket of sockets) socket.write(`${JSON.stringify(call)}\n`);
    },
    drop,
    close: async () => {
      drop();
      listener.close();
      await once(listener, 'close');
    },
  };
}
