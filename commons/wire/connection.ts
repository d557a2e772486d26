/**
 * One TCP connection as lines: bounded, linear framing on the way in, one write per turn of the event loop on the way
 * out. It knows no JSON: a frame is the bytes between two newlines.
 */
import type { Socket } from 'node:net';
import { CARRIAGE_RETURN, isBlank, LINE_FEED } from './bytes.ts';
import type { ConnectionHandler, ConnectionOptions } from './connection-handler.ts';

export type { ConnectionHandler, ConnectionOptions } from './connection-handler.ts';

const NOTHING = Buffer.alloc(0);
/** Shared by all connections that have no half a frame; never written to. */
const NONE: Buffer[] = [];

export class Connection {
  /** Listeners are shared by all sockets and find their connection here: closures for each would cost an idle one more memory than all else. */
  static readonly #of = new WeakMap<Socket, Connection>();
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Longest frame from now on, bytes. */
  maxFrameBytes: number;
  readonly #socket: Socket;
  readonly #maxUnreadBytes: number;
  #handler: ConnectionHandler | undefined;
  #partial: Buffer[] = NONE;
  #partialBytes = 0;
  #partialSince = 0;
  #rest: Buffer | undefined;
  #text = '';
  #flushing = false;
  #holds = 0;
  /** What comes in is left to the kernel for now. */
  #unread = false;
  /** The peer's end waits behind what it said before. */
  #endHeld = false;
  #choked = false;
  #deaf = false;
  #closed = false;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.remotePort = socket.remotePort ?? 0;
    this.maxFrameBytes = options.maxFrameBytes;
    this.#maxUnreadBytes = options.maxUnreadBytes;
    socket.setKeepAlive(true, 30_000);
    Connection.#of.set(socket, this);
    socket.on('error', Connection.#error).on('end', Connection.#end).on('close', Connection.#close);
  }

  /** Names the owner; bytes that came before are delivered to it first. */
  attach(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#replay();
  }

  /** The address of the interface that the peer is reached through. */
  get localAddress(): string {
    return this.#socket.localAddress ?? '';
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Output that the operating system has not taken yet, bytes. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** When the frame that is still incomplete began, milliseconds as of `performance.now()`; 0 when there is none. */
  get partialSince(): number {
    return this.#partialBytes === 0 ? 0 : this.#partialSince;
  }

  /** Input from the socket. The buffer may be reused after the call: what must be kept is copied. */
  received(chunk: Buffer, length: number): void {
    if (this.#closed || this.#deaf) return;
    if (this.#handler === undefined || this.#holds > 0) this.#keep(chunk, 0, length);
    else this.#split(chunk, 0, length);
  }

  /** Text to the peer; all texts of one turn of the event loop go out in one write, in order. */
  send(text: string): void {
    this.#text += text;
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(flush, this);
  }

  /** Writes what `send` collected. */
  flush(): void {
    this.#flushing = false;
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    if (this.#closed) return;
    this.#socket.write(text);
    this.#chokeWhenUnread();
  }

  /** Bytes to the peer at once, after what `send` collected. The buffer is shared, never copied: it must not change. */
  write(bytes: Buffer): void {
    if (this.#text !== '') this.flush();
    if (!this.#closed) this.#socket.write(bytes);
  }

  /** Between `cork` and `uncork` writes become one. */
  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  /** Calls back when all output so far was taken by the operating system, or the connection is gone. */
  whenSent(callback: () => void): void {
    this.#socket.write(NOTHING, callback);
  }

  /** Whether we are not listening to the peer at present. */
  get held(): boolean {
    return this.#holds > 0;
  }

  /** Delivers no further frame until as many `release`s; what comes in meanwhile waits, mostly in the kernel. */
  hold(): void {
    this.#holds += 1;
    if (this.#holds === 1) this.#socket.pause();
  }

  release(): void {
    this.#holds -= 1;
    if (this.#holds > 0 || this.#closed) return;
    this.#replay();
    if (this.#holds > 0 || this.#closed) return;
    if (this.#endHeld) this.#handler?.ended();
    else if (!this.#unread) this.#socket.resume();
  }

  /** Leaves what comes in, its end included, to the kernel until `readOn`, for one read of it all. Returns whether it was read until now. */
  leaveUnread(): boolean {
    if (this.#unread || this.#closed || this.#deaf) return false;
    this.#unread = true;
    if (this.#holds === 0) this.#socket.pause();
    return true;
  }

  /** Reads what has gathered and what comes. */
  readOn(): void {
    if (!this.#unread) return;
    this.#unread = false;
    if (this.#holds === 0 && !this.#closed) this.#socket.resume();
  }

  /**
   * Sends what was written, then closes as soon as the peer has closed too. Until then, at most `deadlineMs`, its input
   * is read and thrown away: closing over unread input would reset the connection and could take the last words with it.
   */
  end(deadlineMs = 1_000): void {
    this.flush();
    if (this.#closed || this.#deaf) return;
    this.#deaf = true;
    const timer = setTimeout(() => this.#socket.destroy(), deadlineMs);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.resume();
    this.#socket.end();
  }

  /** Resolves when the connection is gone. */
  whenClosed(): Promise<void> {
    if (this.#socket.closed) return Promise.resolve();
    return new Promise((resolve) => this.#socket.once('close', () => resolve()));
  }

  /** Closes at once; output that is still waiting is lost. */
  destroy(): void {
    this.#deaf = true;
    this.#socket.destroy();
  }

  #split(chunk: Buffer, from: number, end: number): void {
    const handler = this.#handler;
    let start = from;
    while (start < end && handler !== undefined && !this.#closed && !this.#deaf) {
      if (this.#holds > 0) return this.#keep(chunk, start, end);
      if (this.#partialBytes === 0) {
        start = handler.bytes(chunk, start, end);
        if (start >= end) return;
      }
      const found = chunk.indexOf(LINE_FEED, start);
      if (found < 0 || found >= end) return this.#incomplete(chunk, start, end);
      if (this.#partialBytes + found - start > this.maxFrameBytes + 1) return this.#tooLong();
      if (this.#partialBytes === 0) this.#frame(handler, chunk, start, found);
      else this.#joined(handler, chunk, start, found);
      start = found + 1;
    }
  }

  #frame(handler: ConnectionHandler, chunk: Buffer, start: number, newline: number): void {
    const end = newline > start && chunk[newline - 1] === CARRIAGE_RETURN ? newline - 1 : newline;
    if (end - start > this.maxFrameBytes) return this.#tooLong();
    if (!isBlank(chunk, start, end)) handler.frame(chunk, start, end);
  }

  #joined(handler: ConnectionHandler, chunk: Buffer, start: number, newline: number): void {
    this.#partial.push(chunk.subarray(start, newline));
    const whole = Buffer.concat(this.#partial);
    this.#partial = NONE;
    this.#partialBytes = 0;
    this.#frame(handler, whole, 0, whole.length);
  }

  #incomplete(chunk: Buffer, start: number, end: number): void {
    // A carriage return may still turn out to be part of the line's end.
    const spare = chunk[end - 1] === CARRIAGE_RETURN ? 1 : 0;
    if (this.#partialBytes + end - start > this.maxFrameBytes + spare) return this.#tooLong();
    if (this.#partialBytes === 0) this.#partialSince = performance.now();
    if (this.#partial === NONE) this.#partial = [];
    this.#partial.push(Buffer.from(chunk.subarray(start, end)));
    this.#partialBytes += end - start;
    if (this.#partial.length >= 256) this.#partial = [Buffer.concat(this.#partial)];
  }

  #tooLong(): void {
    this.hold();
    this.#partial = NONE;
    this.#partialBytes = 0;
    this.#handler?.overflow();
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const piece = Buffer.from(chunk.subarray(start, end));
    this.#rest = this.#rest === undefined ? piece : Buffer.concat([this.#rest, piece]);
  }

  #replay(): void {
    const rest = this.#rest;
    if (rest === undefined || this.#holds > 0) return;
    this.#rest = undefined;
    this.#split(rest, 0, rest.length);
  }

  #chokeWhenUnread(): void {
    if (this.#choked || this.#socket.writableLength <= this.#maxUnreadBytes) return;
    this.#choked = true;
    this.#socket.once('drain', () => this.#unchoke());
    this.hold();
  }

  #unchoke(): void {
    if (!this.#choked) return;
    this.#choked = false;
    this.release();
  }

  /** Reads a socket by events, where it has no buffer of its own. */
  readByEvents(): void {
    this.#socket.on('data', Connection.#data);
  }

  static #data(this: Socket, chunk: Buffer): void {
    Connection.#of.get(this)?.received(chunk, chunk.length);
  }

  static #error(this: Socket, error: NodeJS.ErrnoException): void {
    const connection = Connection.#of.get(this);
    if (connection !== undefined) connection.#gone(error.code ?? 'error');
  }

  static #end(this: Socket): void {
    const connection = Connection.#of.get(this);
    if (connection === undefined) return;
    if (connection.#handler === undefined) connection.end();
    else if (connection.#holds > 0) connection.#endHeld = true;
    else connection.#handler.ended();
  }

  static #close(this: Socket): void {
    const connection = Connection.#of.get(this);
    if (connection !== undefined) connection.#gone('closed');
  }

  #gone(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#text = '';
    this.#partial = NONE;
    this.#rest = undefined;
    this.#socket.destroy();
    this.#handler?.closed(reason);
  }
}

const flush = (connection: Connection): void => connection.flush();
