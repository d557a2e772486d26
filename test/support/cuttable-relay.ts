/**
 * A network that breaks: a relay in front of a server that can lose what is under way, turn everybody away, and pass again. It
 * keeps its port meanwhile, which somebody else might take. It passes bytes and knows nothing of what they mean.
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
  private readonly listener: net.Server;
  private isCut = false;

  private constructor(server: { readonly host: string; readonly port: number }) {
    this.server = server;
    this.listener = net.createServer((client) => (this.isCut ? client.resetAndDestroy() : this.relay(client)));
  }

  static async start(server: { readonly host: string; readonly port: number }): Promise<CuttableRelay> {
    const relay = new CuttableRelay(server);
    await once(relay.listener.listen(0, relay.host), 'listening');
    const address = relay.listener.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port');
    relay.port = address.port;
    return relay;
  }

  /** Everything under way is lost, and nobody gets through. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  mend(): void {
    this.isCut = false;
  }

  /** For good. */
  close(): void {
    this.cut();
    this.listener.close();
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
