/**
 * A network that breaks: a relay in front of a server that can lose what is under way, refuse everybody, and come back on
 * the same port, before the same server or another. It passes bytes and knows nothing of what they mean.
 */
import { once } from 'node:events';
import net from 'node:net';

export class CuttableRelay {
  readonly host = '127.0.0.1';
  port = 0;
  /** Told of what a client sent, before it is passed on; return false to pass it and lose all that comes back. */
  passes: (text: string) => boolean = () => true;
  /** Where new connections lead. */
  server: { readonly host: string; readonly port: number };
  private readonly sockets = new Set<net.Socket>();
  private listener: net.Server | undefined;

  private constructor(server: { readonly host: string; readonly port: number }) {
    this.server = server;
  }

  static async start(server: { readonly host: string; readonly port: number }): Promise<CuttableRelay> {
    const relay = new CuttableRelay(server);
    await relay.mend();
    return relay;
  }

  /** Everything under way is lost, and nobody gets through. */
  async cut(): Promise<void> {
    const closed = this.listener?.listening === true ? once(this.listener, 'close') : undefined;
    this.listener?.close();
    for (const socket of this.sockets) socket.resetAndDestroy();
    await closed;
  }

  async mend(): Promise<void> {
    const listener = net.createServer((client) => this.relay(client)).listen(this.port, this.host);
    await once(listener, 'listening');
    const address = listener.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port');
    this.port = address.port;
    this.listener = listener;
  }

  private relay(client: net.Socket): void {
    const { host, port } = this.server;
    const server = net.connect({ host, port });
    let deaf = false;
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(one);
      one.on('error', () => one.destroy());
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (!this.passes(chunk.toString('utf8'))) deaf = true;
      server.write(chunk);
    });
    server.on('data', (chunk) => (deaf ? undefined : client.write(chunk)));
  }
}
