/** Opens connections, each within a deadline: a peer that swallows packets gives no error for minutes. */
import { connect } from 'node:net';
import { Connection, type ConnectionOptions } from './connection.ts';

export interface DialTarget {
  /** An IP literal, or a name where the caller accepts that it is resolved. */
  readonly host: string;
  readonly port: number;
  /** The local address to dial from; the operating system chooses when left out. */
  readonly localAddress?: string;
}

/** Dials out; all its connections read through one shared buffer, which costs an idle connection no memory. */
export class Dialer {
  readonly #readBuffer = Buffer.allocUnsafeSlow(65_536);
  readonly #options: ConnectionOptions;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** @throws Error when the connection is not open after `timeoutMs`, with the operating system's code as its message. */
  dial(target: DialTarget, timeoutMs: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      let connection: Connection | undefined;
      const socket = connect({
        ...target,
        noDelay: true,
        onread: {
          buffer: this.#readBuffer,
          callback: (length, bytes) => {
            if (Buffer.isBuffer(bytes)) connection?.received(bytes, length);
            return true;
          },
        },
      });
      const fail = (reason: string): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(new Error(reason));
      };
      const timer = setTimeout(() => fail('ETIMEDOUT'), timeoutMs);
      const refused = (error: NodeJS.ErrnoException): void => fail(error.code ?? 'ECONNREFUSED');
      socket.once('error', refused);
      socket.once('connect', () => {
        // Dialling a closed port of this machine may, by chance, meet itself: the kernel calls that connected.
        if (socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress) return fail('ECONNREFUSED');
        clearTimeout(timer);
        socket.off('error', refused);
        connection = new Connection(socket, this.#options);
        resolve(connection);
      });
    });
  }
}
