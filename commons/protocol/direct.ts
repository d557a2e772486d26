/** Direct messages: saying something to one person, who may do that, and how what was said is taken from the inbox. */
import * as v from 'valibot';
import { opaque, SaidText, Seq, Session, Success, text, UserID, whole } from './fields.ts';
import { Message } from './message.ts';

/** Whom a call is about: who is meant is decided by the server, so only its size is a rule here. */
const person = (field: string) => text(field, 1_024, 'the ID of a client that is here, or the name of an account, here or away');
const Policy = v.picklist(['everyone', 'allowed'], 'Policy must be "everyone" or "allowed".');
const Messages = v.pipe(v.array(Message), v.description('oldest first; taken, and not given again'));

export const DIRECT_METHODS = {
  'ChatServer.SendDirect': {
    summary: 'Say something to one person; it waits in the inbox of an account that is away.',
    caller: 'registered',
    params: v.object({
      UserID,
      Session,
      To: person('To'),
      Text: SaidText,
      MessageID: v.optional(opaque('MessageID', 'as of SendMessage')),
    }),
    result: v.object({
      Success,
      Delivered: v.pipe(v.boolean(), v.description('the recipient has answered it; else it waits')),
      Seq,
      Duplicate: v.optional(v.literal(true)),
    }),
  },
  'ChatServer.Read': {
    summary: 'Take what waits in the own inbox, oldest first, unless it is being pushed.',
    caller: 'registered',
    params: v.object({
      UserID,
      Session,
      Max: v.optional(whole('Max', 1, 200, 'messages at most, 50 when left out; an answer has fewer when they would not fit a frame')),
    }),
    result: v.object({ Success, Messages, Remaining: v.pipe(v.number(), v.description('messages that still wait for Read')) }),
  },
  'ChatServer.Notify': {
    summary: 'Have direct messages pushed, or have them wait for Read.',
    caller: 'registered',
    params: v.object({ UserID, Session, Enabled: v.boolean('Enabled must be true or false.') }),
    result: v.object({ Success }),
  },
  'ChatServer.Allow': {
    summary: 'Let somebody send the caller direct messages, whatever the policy; ends a Block.',
    caller: 'registered',
    params: v.object({ UserID, Session, User: person('User') }),
    result: v.object({ Success }),
  },
  'ChatServer.Block': {
    summary: 'Take no direct messages of somebody, whatever the policy; ends an Allow.',
    caller: 'registered',
    params: v.object({ UserID, Session, User: person('User') }),
    result: v.object({ Success }),
  },
  'ChatServer.SetDirectPolicy': {
    summary: 'Who may send the caller’s account direct messages: everyone, or those that it allows.',
    caller: 'registered',
    params: v.object({ UserID, Session, Policy }),
    result: v.object({ Success }),
  },
  'ChatServer.DirectSettings': {
    summary: 'What the caller has chosen about direct messages, and how many wait.',
    caller: 'registered',
    params: v.object({ UserID, Session }),
    result: v.object({
      Success,
      Policy,
      Notify: v.boolean(),
      Allow: v.array(v.string()),
      Block: v.array(v.string()),
      Waiting: v.pipe(v.number(), v.description('messages in the inbox that were neither answered nor read')),
    }),
  },
} as const;
