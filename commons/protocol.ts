/**
 * The contract of both ends of every call: each method's name, parameters, result and who may call it. Dispatch, its
 * validation, the OpenRPC document and the client library derive from these tables; `docs/PROTOCOL.md` is checked against them.
 */
import * as v from 'valibot';
import { DEFAULT_LIMITS } from './limits.ts';
import { idProblem, nameProblem, textProblem } from './text.ts';

/** `none`: open to all. `registered`: the connection that registered the ID, or its session, must vouch for the call. */
export type Caller = 'anyone' | 'registered';

/** What JSON Schema can say of a rule, for the OpenRPC document. The rule itself is the check beside it; sentences tell the rest. */
const documented = <T>(jsonSchema: JsonRules): v.MetadataAction<T, JsonRules> => v.metadata(jsonSchema);
type JsonRules = Readonly<Record<string, string | number>>;

const text = (field: string, maxBytes: number, description: string) =>
  v.pipe(
    v.string((issue) => (issue.input === undefined ? `${field} is required.` : `${field} must be a string.`)),
    v.check((value) => value !== '', `${field} must not be empty.`),
    v.check((value) => Buffer.byteLength(value) <= maxBytes, `${field} must have at most ${maxBytes} bytes.`),
    documented({ minLength: 1, maxLength: maxBytes, description: `${description}; at most ${maxBytes} bytes` }),
  );
const ruled = (field: string, problem: (value: string) => string | undefined, jsonSchema: JsonRules) =>
  v.pipe(
    v.string((issue) => (issue.input === undefined ? `${field} is required.` : `${field} must be a string.`)),
    v.rawCheck(({ dataset, addIssue }) => {
      const message = dataset.typed ? problem(dataset.value) : undefined;
      if (message !== undefined) addIssue({ message });
    }),
    documented({ minLength: 1, ...jsonSchema }),
  );
const whole = (field: string, min: number, max: number, description: string) =>
  v.pipe(
    v.number(`${field} must be a number.`),
    v.check(
      (value) => Number.isSafeInteger(value) && value >= min && value <= max,
      `${field} must be a whole number from ${min} to ${max}.`,
    ),
    documented({ type: 'integer', minimum: min, maximum: max, description }),
  );

const { idCharacters, nameCharacters } = DEFAULT_LIMITS;
const ID = ruled('ID', (id) => idProblem(id, idCharacters), {
  maxLength: idCharacters,
  description: 'public, proves nothing; visible characters and single blanks, none of [ ] < >, no reserved word',
});
const Name = ruled('Name', (name) => nameProblem(name, nameCharacters), {
  maxLength: nameCharacters,
  description: 'as others see it, may be shared; visible characters and single blanks, none of : [ ] < >, no reserved word',
});
const UserID = text('UserID', 1024, 'the ID that the call acts for');
const Session = v.optional(text('Session', 256, 'what Register returned; needed on any connection but the one that registered'));
const RoomCode = v.optional(text('Room', 256, 'code of a room that the caller is in; lobby when left out'));
const Seq = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Success = v.literal(true);
const Room = v.string();
/** What a `MessageID`, an `Epoch` or a `Session` may be is the sender's business; only its size is ours. */
const opaque = (field: string, description: string) => text(field, 128, description);

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

/** The methods that a server answers. */
export const SERVER_METHODS = {
  'ChatServer.Register': {
    summary: 'Join: the server dials the callback and answers when it can be called.',
    caller: 'anyone',
    params: v.object({
      ID,
      Name,
      Callback: text('Callback', 128, '"host:port", ":port", "inline" or "none"'),
      Token: v.optional(opaque('Token', 'not served yet; refused')),
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
  'ChatServer.SendMessage': {
    summary: 'Say something to a room; answered when it was accepted and numbered.',
    caller: 'registered',
    params: v.object({
      UserID,
      Text: ruled('Text', (value) => (value === '' ? 'Text must not be empty.' : textProblem(value)), {
        description: 'at most Limits.textBytes bytes (see ChatServer.Info); no control characters but LF and TAB',
      }),
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

const Answer = v.object({ Success: v.boolean(), Error: v.optional(v.string()) });

/** The methods that a client's callback server answers; only `ReceiveMessage` is required of it. */
export const CLIENT_METHODS = {
  'ClientCallback.ReceiveMessage': {
    summary: 'A message of the room. Answer it: the answer is the acknowledgement.',
    params: v.object({ Message }),
    result: Answer,
  },
  'ClientCallback.Authenticate': {
    summary: 'The secret that Register gave, so that the client knows who calls. First call on each connection.',
    params: v.object({ Secret: v.string() }),
    result: Answer,
  },
  'ClientCallback.Verify': {
    summary: 'Echo the challenge: only asked of addresses that are not the caller’s own.',
    params: v.object({ Challenge: v.string() }),
    result: v.object({ Challenge: v.string() }),
  },
  'ClientCallback.Ping': {
    summary: 'Are you there? Any answer, an error included, is a sign of life.',
    params: v.object({}),
    result: Answer,
  },
} as const;

export type ServerMethod = keyof typeof SERVER_METHODS;
export type ClientMethod = keyof typeof CLIENT_METHODS;
/** The parameters of a server method after validation. */
export type ParamsOf<M extends ServerMethod> = v.InferOutput<(typeof SERVER_METHODS)[M]['params']>;
/** The result of a server method. */
export type ResultOf<M extends ServerMethod> = v.InferOutput<(typeof SERVER_METHODS)[M]['result']>;
export type CallbackParamsOf<M extends ClientMethod> = v.InferOutput<(typeof CLIENT_METHODS)[M]['params']>;
export type CallbackResultOf<M extends ClientMethod> = v.InferOutput<(typeof CLIENT_METHODS)[M]['result']>;
