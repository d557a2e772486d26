/** A port that a server can call back: what is said there is the test's business. It holds nothing of the product. */
import { once } from 'node:events';
import net from 'node:net';
import type { TestContext } from 'node:test';

/** Listens until the test ends, and hands each connection to `called`. Returns the address, `host:port`. */
export async function callbackListener(context: TestContext, called: (socket: net.Socket) => void): Promise<string> {
  const sockets = new Set<net.Socket>();
  const listener = net.createServer((socket) => {
    sockets.add(socket);
    // A server that stops resets the connection now and then.
    socket.on('error', () => undefined);
    called(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port');
  return `${address.address}:${address.port}`;
}
