/** What a connection owes its one owner, and within which bounds. It knows no socket. */

/** What a connection tells its one owner. Buffers are lent: they are valid only during the call. */
export interface ConnectionHandler {
  /**
   * Bytes at the beginning of a frame, before framing. The handler may consume a prefix and returns the offset from
   * which framing goes on (`start` when it takes nothing): the short cut for answers that are known in advance.
   */
  bytes(chunk: Buffer, start: number, end: number): number;
  /** One frame without its newline, never blank. */
  frame(chunk: Buffer, start: number, end: number): void;
  /** A frame grew beyond `maxFrameBytes`. The connection reads nothing more; the handler answers and closes. */
  overflow(): void;
  /** The peer sends nothing more, but may still read: the handler answers what is due and ends. */
  ended(): void;
  /** The connection is gone; told exactly once. */
  closed(reason: string): void;
}

export interface ConnectionOptions {
  /** Longest frame, bytes without the newline. */
  readonly maxFrameBytes: number;
  /** Unread output, bytes, beyond which the peer is not read any more until it has caught up. */
  readonly maxUnreadBytes: number;
}
