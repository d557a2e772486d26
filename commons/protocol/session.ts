/** Coming and going, and what a server is: the calls that are open to anyone, and leaving. */
import * as v from 'valibot';
import { ID, Name, opaque, Room, Seq, Session, Success, text, whole } from './fields.ts';

export const SESSION_METHODS = {
  'ChatServer.Register': {
    summary: 'Join: the server dials the callback and answers when it can be called.',
    caller: 'anyone',
    params: v.object({
      ID,
      Name,
      Callback: text('Callback', 128, '"host:port", ":port", "inline" or "none"'),
      Token: v.optional(opaque('Token', 'what LogIn returned; makes this a registration of that account')),
      Secret: v.optional(opaque('Secret', 'what the server must show first on each connection to the callback')),
      Session,
      ResumeAfter: v.optional(whole('ResumeAfter', 0, Number.MAX_SAFE_INTEGER, 'the last Seq seen; everything after it is delivered')),
      Epoch: v.optional(opaque('Epoch', 'the life of the history that ResumeAfter belongs to; the present one when left out')),
    }),
    result: v.object({ Success, Message: v.string(), ID: v.string(), Session: v.string(), Room, Seq, Epoch: v.string() }),
  },
  'ChatServer.Unregister': {
    summary: 'Leave.',
    caller: 'registered',
    params: v.object({ ID: text('ID', 1024, 'the ID that leaves'), Session }),
    result: v.literal('Successfully unregistered'),
  },
} as const;

export const ABOUT_METHODS = {
  'ChatServer.Info': {
    summary: 'What this server is: its name, version, limits and features.',
    caller: 'anyone',
    params: v.object({}),
    result: v.object({
      Success,
      Name: v.string(),
      Version: v.string(),
      Epoch: v.string(),
      Limits: v.record(v.string(), v.union([v.number(), v.array(v.number())])),
      Features: v.array(v.string()),
    }),
  },
  'rpc.discover': {
    summary: 'The OpenRPC document of all of this.',
    caller: 'anyone',
    params: v.object({}),
    result: v.looseObject({ openrpc: v.string() }),
  },
} as const;
