/**
 * The contract of both ends of every call: each method's name, parameters, result and who may call it. Dispatch, its
 * validation, the OpenRPC document and the client library derive from these tables; `docs/PROTOCOL.md` is checked against
 * them. The rows are in `protocol/`, a file for each family; this is the door.
 */
import type * as v from 'valibot';
import { ACCOUNT_METHODS } from './protocol/accounts.ts';
import type { CLIENT_METHODS } from './protocol/callbacks.ts';
import { DIRECT_METHODS } from './protocol/direct.ts';
import { MESSAGE_METHODS } from './protocol/messages.ts';
import { ROOM_METHODS } from './protocol/rooms.ts';
import { ABOUT_METHODS, SESSION_METHODS } from './protocol/session.ts';

export type { LogInShown } from './protocol/accounts.ts';
export { CLIENT_METHODS } from './protocol/callbacks.ts';
export { Message, type MessageKind } from './protocol/message.ts';
export type { Receipt, User } from './protocol/messages.ts';
export { roomDeleted, type ListedRoom } from './protocol/rooms.ts';

/**
 * Who may make a call. `anyone`: it is open to all. `registered`: the connection that registered the ID, or its session,
 * must vouch for it. `account`: it carries a `Token`.
 */
export type Caller = 'anyone' | 'registered' | 'account';

/** The methods that a server answers. */
export const SERVER_METHODS = {
  ...SESSION_METHODS,
  ...MESSAGE_METHODS,
  ...DIRECT_METHODS,
  ...ROOM_METHODS,
  ...ACCOUNT_METHODS,
  ...ABOUT_METHODS,
} as const;

export type ServerMethod = keyof typeof SERVER_METHODS;
export type ClientMethod = keyof typeof CLIENT_METHODS;
/** The parameters of a server method after validation. */
export type ParamsOf<M extends ServerMethod> = v.InferOutput<(typeof SERVER_METHODS)[M]['params']>;
/** The result of a server method. */
export type ResultOf<M extends ServerMethod> = v.InferOutput<(typeof SERVER_METHODS)[M]['result']>;
export type CallbackParamsOf<M extends ClientMethod> = v.InferOutput<(typeof CLIENT_METHODS)[M]['params']>;
export type CallbackResultOf<M extends ClientMethod> = v.InferOutput<(typeof CLIENT_METHODS)[M]['result']>;
