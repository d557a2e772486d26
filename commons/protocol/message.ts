/** What a room says, as it travels: one schema for callbacks, History and the inbox. */
import * as v from 'valibot';

/** What a room says, as every member's callback gets it. */
export const Message = v.object({
  SenderID: v.string(),
  Content: v.pipe(v.string(), v.description('as the classic client shows it: "Alice: Hello", or the system line')),
  IsSystem: v.boolean(),
  Seq: v.pipe(v.number(), v.description('strictly increases within a room; a cursor, not a count')),
  Room: v.string(),
  Name: v.string(),
  Text: v.string(),
  Kind: v.picklist(['chat', 'join', 'leave', 'direct', 'notice']),
  SentAt: v.pipe(v.string(), v.description('ISO 8601')),
});
export type Message = v.InferOutput<typeof Message>;
export type MessageKind = Message['Kind'];
