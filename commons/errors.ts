/**
 * The catalogue of errors: every refusal that a peer can see, with its code, the sentence it gets when the place that
 * refuses has no better one, and whether trying again can help. The codes are those of `docs/PROTOCOL.md` section 8.
 */
export const ERRORS = {
  ParseError: { code: -32700, sentence: 'Parse error: the frame is not valid JSON in UTF-8.', retry: false },
  InvalidRequest: { code: -32600, sentence: 'Invalid request: not a JSON-RPC call.', retry: false },
  MethodNotFound: { code: -32601, sentence: 'Method not found.', retry: false },
  InvalidParams: { code: -32602, sentence: 'Invalid params.', retry: false },
  InternalError: { code: -32603, sentence: 'Internal error: the call failed on the server; it was logged.', retry: true },
  Busy: { code: -32000, sentence: 'The room is busy; nothing was accepted. Try again in a moment.', retry: true },
  NotRegistered: { code: -32001, sentence: 'No client is registered under this ID.', retry: false },
  AlreadyRegistered: { code: -32002, sentence: 'This ID is already registered.', retry: false },
  Unauthorized: { code: -32003, sentence: 'This call needs the session that Register returned.', retry: false },
  Forbidden: { code: -32004, sentence: 'This is not allowed.', retry: false },
  NotFound: { code: -32005, sentence: 'There is no such room or user.', retry: false },
  CallbackFailed: { code: -32006, sentence: 'The callback address is not allowed or cannot be called.', retry: false },
  RateLimited: { code: -32007, sentence: 'Too many messages; try again in a moment.', retry: true },
  TooLarge: { code: -32008, sentence: 'Too large.', retry: false },
  StorageFailed: { code: -32009, sentence: 'The message could not be stored; nothing was accepted.', retry: true },
  ShuttingDown: { code: -32010, sentence: 'The server is shutting down.', retry: true },
} as const;

/** The name of a refusal, as `data.Reason` carries it. */
export type Reason = keyof typeof ERRORS;

/** One broken rule of a parameter: where, and which rule, as a sentence for people. */
export interface Issue {
  readonly Path: string;
  readonly Message: string;
}

/** What `data` holds beyond `Reason`. */
export interface ErrorDetails {
  readonly Issues?: readonly Issue[];
  readonly RetryAfterMs?: number;
}

/** A refusal that may be told to the peer as it stands: its message is a sentence for people and holds no internals. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly reason: Reason;
  readonly code: number;
  readonly data: { readonly Reason: string } & ErrorDetails;

  /** @param sentence what the peer reads; the catalogue's when left out. */
  constructor(reason: Reason, sentence?: string, details: ErrorDetails = {}) {
    super(sentence ?? ERRORS[reason].sentence);
    this.reason = reason;
    this.code = ERRORS[reason].code;
    this.data = { Reason: reason, ...details };
  }
}

/** The reason that belongs to a code on the wire; `undefined` for codes that this catalogue does not have. */
export function reasonOf(code: number): Reason | undefined {
  return REASONS.get(code);
}

function isReason(name: string): name is Reason {
  return name in ERRORS;
}

const REASONS = new Map<number, Reason>();
for (const [name, entry] of Object.entries(ERRORS)) if (isReason(name)) REASONS.set(entry.code, name);
