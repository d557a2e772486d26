/**
 * Runs calls through jayson, guarded: only well-formed single calls reach it, methods are looked up in a `Map`, a
 * handler that throws or rejects becomes one fixed sentence, and a handler answers once.
 */
import jayson, { type JSONRPCErrorLike } from 'jayson';
import { ERRORS, RpcError, reasonOf } from '../errors.ts';
import { isRecord, type Call } from './frame.ts';

/** Gets the outcome of a call: an error, or a result. */
export type Reply = (error: RpcError | null, result?: unknown) => void;

/**
 * Handles one call. It replies now or later; a promise that it returns says when the connection's next call may start
 * (a Register must be through before the SendMessage behind it begins), not when the reply is there.
 */
export type Handler<C> = (params: unknown, context: C, call: Call, reply: Reply) => void | Promise<void>;

/** A call that runs, until it is answered. */
interface Running<C> {
  readonly context: C;
  readonly call: Call;
  readonly reply: Reply;
  admission: void | Promise<void>;
  answered: boolean;
}

export class Dispatcher<C> {
  readonly #rpc: InstanceType<typeof jayson.Server>;
  readonly #failed: (method: string, error: unknown) => void;
  #running: Running<C> | undefined;

  /** @param failed is told of errors that are not `RpcError`s; the peer only learns that there was one. */
  constructor(methods: ReadonlyMap<string, Handler<C>>, failed: (method: string, error: unknown) => void) {
    this.#failed = failed;
    const table = new Map<string, InstanceType<typeof jayson.Method>>();
    for (const [name, handler] of methods) table.set(name, this.#guarded(name, ofOneValue(handler)));
    const missing = this.#guarded('', (_params, _context, _call, reply) => reply(new RpcError('MethodNotFound')));
    this.#rpc = new jayson.Server({}, { router: (name: string) => table.get(name) ?? missing });
  }

  /** Runs `call`; the promise, where there is one, settles when the next call of the connection may start. */
  dispatch(call: Call, context: C, reply: Reply): void | Promise<void> {
    const running: Running<C> = { context, call, reply, admission: undefined, answered: false };
    // jayson runs the handler before `call` returns, so the handler finds here what jayson has no place for.
    this.#running = running;
    // jayson answers no call whose id is null: every call gets an id here, the real one is echoed by the peer.
    const request = { jsonrpc: '2.0', id: 1, method: call.method, params: [call.params] };
    this.#rpc.call(request, (error?: unknown, response?: unknown) => settle(running, error, response));
    return running.admission;
  }

  #guarded(name: string, handler: Handler<C>): InstanceType<typeof jayson.Method> {
    return new jayson.Method((_params: unknown, done: (error?: JSONRPCErrorLike | null, result?: unknown) => void): void => {
      const reply: Reply = (error, result) => (error === null ? done(null, result ?? null) : done(plain(error)));
      const running = this.#running;
      if (running === undefined) return;
      try {
        const admission = handler(running.call.params, running.context, running.call, reply);
        if (admission !== undefined) running.admission = admission.catch((error: unknown) => reply(this.#refusal(name, error)));
      } catch (error) {
        reply(this.#refusal(name, error));
      }
    });
  }

  #refusal(name: string, error: unknown): RpcError {
    if (error instanceof RpcError) return error;
    this.#failed(name, error);
    return new RpcError('InternalError');
  }
}

/** Refuses calls with more than one value by position; an unknown method is told first. */
function ofOneValue<C>(handler: Handler<C>): Handler<C> {
  return (params, context, call, reply) => {
    if (!call.surplus) return handler(params, context, call, reply);
    const rule = 'Params by position are one value: an array with one object.';
    reply(new RpcError('InvalidParams', rule, { Issues: [{ Path: '1', Message: rule }] }));
  };
}

function plain({ code, message, data }: RpcError): JSONRPCErrorLike {
  return { code, message, data: { ...data } };
}

/** Only the first outcome counts. */
function settle<C>(running: Running<C>, error: unknown, response: unknown): void {
  if (running.answered) return;
  running.answered = true;
  if (isRecord(response)) running.reply(null, response['result']);
  else if (isRecord(error) && isRecord(error['error'])) running.reply(toRpcError(error['error']));
}

/** An error object of the wire as an `RpcError`; what the catalogue does not know keeps its sentence as an internal error. */
export function toRpcError(error: Record<string, unknown>): RpcError {
  const reason = (typeof error['code'] === 'number' ? reasonOf(error['code']) : undefined) ?? 'InternalError';
  const data = isRecord(error['data']) ? error['data'] : {};
  const sentence = typeof error['message'] === 'string' && 'Reason' in data ? error['message'] : ERRORS[reason].sentence;
  return new RpcError(reason, sentence, details(data));
}

function details(data: Record<string, unknown>): { Issues?: readonly { Path: string; Message: string }[]; RetryAfterMs?: number } {
  const { Issues, RetryAfterMs } = data;
  const issues = Array.isArray(Issues)
    ? Issues.filter(isRecord).map((issue) => ({ Path: String(issue['Path']), Message: String(issue['Message']) }))
    : [];
  return { ...(issues.length > 0 ? { Issues: issues } : {}), ...(typeof RetryAfterMs === 'number' ? { RetryAfterMs } : {}) };
}
