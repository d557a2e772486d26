/** Accepts connections within bounds; what they say is not its business. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Connection, type ConnectionOptions } from './connection.ts';
import { OpenConnections } from './open-connections.ts';

export interface ListenerOptions extends ConnectionOptions {
  readonly host: string;
  /** 0 lets the operating system choose. */
  readonly port: number;
  /** Connections at the same time; one more is closed at once, before any work. */
  readonly maxConnections: number;
  /** Connections from one remote address (of IPv6: one /64); loopback addresses are exempt. */
  readonly maxPerAddress: number;
}

/** Connections that the kernel may hold before they are accepted; a reconnect storm waits there. */
const BACKLOG = 4_096;

export class Listener {
  readonly #server: Server;
  readonly #options: ListenerOptions;
  readonly #open: OpenConnections;
  /** One listener for all sockets. */
  readonly #closed: (this: Socket) => void;

  constructor(options: ListenerOptions, accepted: (connection: Connection) => void) {
    this.#options = options;
    const open = (this.#open = new OpenConnections(options.maxPerAddress));
    this.#closed = function closed(this: Socket) {
      open.leave(this.remoteAddress ?? '');
    };
    // A paused socket is still read until it holds this many bytes: one, so that what comes then is left to the kernel.
    this.#server = createServer({ noDelay: true, allowHalfOpen: true, highWaterMark: 1 }, (socket) => {
      const connection = this.#admit(socket);
      if (connection !== undefined) accepted(connection);
    });
    this.#server.maxConnections = options.maxConnections;
  }

  /** @throws the operating system's error when the address cannot be bound. */
  listen(): Promise<AddressInfo> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.off('error', reject);
        // Running out of descriptors must not end the process: the kernel keeps the connection until one is free.
        this.#server.on('error', () => undefined);
        resolve(this.address);
      });
    });
  }

  get address(): AddressInfo {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address;
  }

  /** Accepts nothing more; connections that are open stay. */
  close(): void {
    this.#server.close();
  }

  #admit(socket: Socket): Connection | undefined {
    if (!this.#open.enter(socket.remoteAddress ?? '')) {
      socket.destroy();
      return undefined;
    }
    socket.on('close', this.#closed);
    const connection = new Connection(socket, this.#options);
    connection.readByEvents();
    return connection;
  }
}
