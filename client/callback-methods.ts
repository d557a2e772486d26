/**
 * What the room may ask of a client: the methods of `ClientCallback`, behind a gate that only the secret opens. It knows
 * neither how the call came in (own listener or the control connection) nor what is done with a message.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import * as v from 'valibot';
import { RpcError } from '../commons/errors.ts';
import { DEFAULT_LIMITS } from '../commons/limits.ts';
import { CLIENT_METHODS, Message } from '../commons/protocol.ts';
import { Dispatcher, type Handler, type Reply } from '../commons/rpc/dispatcher.ts';
import { Encoded, type Call } from '../commons/rpc/frame.ts';
import type { Connection } from '../commons/wire/connection.ts';

/** Who calls: a connection, and whether it has proved to be the server. */
export interface CallbackCaller {
  readonly connection: Connection;
  trusted: boolean;
}

/** Takes a message and calls `answer` when it has it: now or later, and in the order of the calls. */
export type Receive = (message: Message, answer: () => void) => void;

const AUTHENTICATE = 'ClientCallback.Authenticate';
const RECEIVED = new Encoded('{"Success":true}');
/** A kind that this version does not know yet is shown like a notice: refusing it would end the membership. */
const Delivery = v.object({ Message: v.object({ ...Message.entries, Kind: v.fallback(Message.entries.Kind, 'notice') }) });

export class CallbackMethods extends Dispatcher<CallbackCaller> {
  /** @param failed is told of errors in our own code; the caller only learns that there was one. */
  constructor(secret: string, receive: Receive, failed: (error: unknown) => void) {
    super(methods(secret, receive), (_method, error) => failed(error));
  }

  /** Before the secret was shown every other call, known or not, gets one and the same error, and the connection ends. */
  override dispatch(call: Call, caller: CallbackCaller, reply: Reply): void | Promise<void> {
    if (caller.trusted || call.method === AUTHENTICATE) return super.dispatch(call, caller, reply);
    turnAway(caller, reply);
  }
}

function methods(secret: string, receive: Receive): ReadonlyMap<string, Handler<CallbackCaller>> {
  const expected = digest(secret);
  return new Map<string, Handler<CallbackCaller>>([
    [AUTHENTICATE, (params, caller, _call, reply) => authenticate(expected, params, caller, reply)],
    ['ClientCallback.ReceiveMessage', (params, _caller, _call, reply) => receiveMessage(receive, params, reply)],
    ['ClientCallback.Verify', (params, _caller, _call, reply) => verify(params, reply)],
    ['ClientCallback.Ping', (_params, _caller, _call, reply) => reply(null, RECEIVED)],
  ]);
}

function authenticate(expected: Buffer, params: unknown, caller: CallbackCaller, reply: Reply): void {
  const given = v.safeParse(CLIENT_METHODS[AUTHENTICATE].params, params);
  if (!given.success || !timingSafeEqual(digest(given.output.Secret), expected)) return turnAway(caller, reply);
  caller.trusted = true;
  caller.connection.maxFrameBytes = Math.max(caller.connection.maxFrameBytes, DEFAULT_LIMITS.frameBytes);
  reply(null, RECEIVED);
}

/** What is no message is answered `Success: false`, which the server logs; a JSON-RPC error would end the membership. */
function receiveMessage(receive: Receive, params: unknown, reply: Reply): void {
  const given = v.safeParse(Delivery, params);
  if (given.success) return receive(given.output.Message, () => reply(null, RECEIVED));
  reply(null, { Success: false, Error: 'This is not a message as the protocol describes it.' });
}

function verify(params: unknown, reply: Reply): void {
  const given = v.safeParse(CLIENT_METHODS['ClientCallback.Verify'].params, params);
  if (given.success) reply(null, { Challenge: given.output.Challenge });
  else reply(new RpcError('InvalidParams'));
}

function turnAway(caller: CallbackCaller, reply: Reply): void {
  caller.trusted = false;
  reply(new RpcError('Unauthorized', 'This callback needs the secret that Register gave.'));
  caller.connection.end();
}

/** Equal lengths, so that the comparison's time tells nothing about the secret. */
function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
