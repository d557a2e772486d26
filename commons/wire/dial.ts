/** Opens connections, each within a deadline: a peer that swallows packets gives no error for minutes. */
import { connect, type Socket } from 'node:net';
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
  async dial(target: DialTarget, timeoutMs: number): Promise<Connection> {
    const { socket, reading } = this.#socketTo(target);
    await opened(socket, timeoutMs);
    reading.connection = new Connection(socket, this.#options);
    return reading.connection;
  }

  /** A function of its own, so that what reads the socket for its whole life does not keep alive what only dialled it. */
  #socketTo(target: DialTarget): { readonly socket: Socket; readonly reading: { connection: Connection | undefined } } {
    const reading: { connection: Connection | undefined } = { connection: undefined };
    const callback = (length: number, bytes: Uint8Array): boolean => {
      if (Buffer.isBuffer(bytes)) reading.connection?.received(bytes, length);
      return true;
    };
    return { socket: connect({ ...target, noDelay: true, onread: { buffer: this.#readBuffer, callback } }), reading };
  }
}

/** Resolves when the socket is connected. */
function opened(socket: Socket, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (failure?: string): void => {
      clearTimeout(timer);
      socket.off('connect', connected).off('error', refused);
      if (failure === undefined) return resolve();
      // Whoever dialled has been told; a second failure is nobody's.
      socket.on('error', () => undefined).destroy();
      reject(new Error(failure));
    };
    const timer = setTimeout(() => settle('ETIMEDOUT'), timeoutMs);
    const refused = (error: NodeJS.ErrnoException): void => settle(error.code ?? 'ECONNREFUSED');
    // Dialling a closed port of this machine may, by chance, meet itself: the kernel calls that connected.
    const connected = (): void =>
      settle(socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress ? 'ECONNREFUSED' : undefined);
    socket.on('error', refused).on('connect', connected);
  });
}
