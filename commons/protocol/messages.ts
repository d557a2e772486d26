/** Speaking to a room, reading what it said, and who hears it. */
import * as v from 'valibot';
import { opaque, RoomCode, SaidText, Seq, Session, Success, text, UserID, whole } from './fields.ts';
import { Message } from './message.ts';

/** A client as `ListUsers` shows it. Callback addresses are never shown. */
const User = v.object({
  ID: v.string(),
  Name: v.string(),
  Since: v.string(),
  Account: v.boolean(),
  Waiting: v.pipe(v.number(), v.description('messages not yet answered by that client')),
  Lagging: v.optional(v.pipe(v.boolean(), v.description('this client is behind or being retried'))),
});
export type User = v.InferOutput<typeof User>;

/** What `Wait: "delivered"` returns: counts of members, and up to 20 names of those that had not answered in time. */
const Receipt = v.object({ Delivered: v.number(), Pending: v.array(v.string()), Failed: v.number() });
export type Receipt = v.InferOutput<typeof Receipt>;

export const MESSAGE_METHODS = {
  'ChatServer.SendMessage': {
    summary: 'Say something to a room; answered when it was accepted and numbered.',
    caller: 'registered',
    params: v.object({
      UserID,
      Text: SaidText,
      Session,
      Room: RoomCode,
      MessageID: v.optional(opaque('MessageID', 'makes a repetition harmless: it is answered with the first one’s Seq')),
      Wait: v.optional(v.literal('delivered', 'Wait must be "delivered".')),
      TimeoutMs: v.optional(whole('TimeoutMs', 0, 30_000, 'how long Wait waits, milliseconds; 5,000 when left out')),
    }),
    result: v.object({
      Success,
      Message: v.string(),
      Error: v.literal(''),
      Seq,
      Duplicate: v.optional(v.literal(true)),
      Receipt: v.optional(Receipt),
    }),
  },
  'ChatServer.History': {
    summary: 'What a room said, a page at a time, oldest first: after a Seq, before one, or the newest.',
    caller: 'registered',
    params: v.object({
      UserID,
      Session,
      Room: v.optional(text('Room', 256, 'the code of the room; the lobby when left out')),
      After: v.optional(whole('After', 0, Number.MAX_SAFE_INTEGER, 'the page that follows on this Seq')),
      Before: v.optional(whole('Before', 0, Number.MAX_SAFE_INTEGER, 'the page that ends before this Seq')),
      Limit: v.optional(whole('Limit', 1, 200, 'messages at most, 50 when left out; an answer has fewer when they would not fit a frame')),
    }),
    result: v.object({ Success, Messages: v.array(Message), Epoch: v.string() }),
  },
  'ChatServer.ListUsers': {
    summary: 'Who is in a room, and how many messages each of them has not yet answered.',
    caller: 'registered',
    params: v.object({ UserID, Session, Room: RoomCode }),
    result: v.object({ Success, Users: v.array(User) }),
  },
} as const;
