/**
 * Every bound of the product, in one place. Each number is a setting; the defaults come from `docs/PROTOCOL.md`
 * section 1 and from the threat table of `docs/DESIGN.md`. Bytes are bytes, times are milliseconds.
 */
export interface Limits {
  /** Longest frame a registered or logged-in peer may send, bytes without the newline. */
  readonly frameBytes: number;
  /** Longest frame before Register or LogIn succeeded on the connection, bytes. */
  readonly strangerFrameBytes: number;
  /** Longest message text, bytes of UTF-8. */
  readonly textBytes: number;
  /** Deepest nesting of arrays and objects in a frame. */
  readonly nestingDepth: number;
  /** Most JSON tokens (strings, brackets and commas) in a frame. */
  readonly frameTokens: number;
  /** Most elements of a JSON-RPC batch. */
  readonly batchElements: number;
  /** Longest display name, characters. */
  readonly nameCharacters: number;
  /** Longest ID, characters. */
  readonly idCharacters: number;
  /** Requests of one connection that may be unanswered before the server stops reading it. */
  readonly requestsInFlight: number;
  /** Answers a peer has not read, bytes, before the server stops reading it. */
  readonly unreadAnswerBytes: number;
  /** Time a new connection has for its first valid call. */
  readonly firstCallMs: number;
  /** Time a started frame has to end. */
  readonly frameMs: number;
  /** Time to open a callback connection. */
  readonly dialMs: number;
  /** Time a callback has to be answered. */
  readonly callMs: number;
  /** Pauses between the tries of a failed callback; its length is the number of tries minus one. */
  readonly retryDelaysMs: readonly number[];
  /** Time that each try after a hung call waits. */
  readonly retryCallMs: number;
  /** Silence on a callback connection after which it is pinged. */
  readonly pingIdleMs: number;
  /** Silence of a pull-only (`none`) client without an open connection, after which it is dropped. */
  readonly pullIdleMs: number;
  /** Unanswered callbacks a 2.0 client may have, calls. A 1.0 client has at most one. */
  readonly windowCalls: number;
  /** Unanswered callbacks a 2.0 client may have, bytes. */
  readonly windowBytes: number;
  /** Messages that may wait in the broadcast queue. */
  readonly queueMessages: number;
  /** Bytes of text that may wait in the broadcast queue. */
  readonly queueBytes: number;
  /** Time a message waits for room in the broadcast queue before `Busy`. */
  readonly queueOfferMs: number;
  /** Encoded messages a room keeps in memory, bytes. */
  readonly roomBytes: number;
  /** Encoded messages that all rooms together keep in memory, bytes; the room that spoke longest ago forgets first. */
  readonly roomsBytes: number;
  /** Rooms at most, the lobby aside, whether anybody is in them or not. */
  readonly rooms: number;
  /** Rooms that one member may be in, the lobby aside. */
  readonly roomsPerMember: number;
  /** Rooms that one account, or one registration of a guest, may own. */
  readonly roomsPerOwner: number;
  /** Characters of the code of a new room. */
  readonly roomCodeLength: number;
  /** How long a room that no account owns or is in is kept while it is empty. */
  readonly emptyRoomMs: number;
  /** Direct messages that may wait for one person. */
  readonly inboxMessages: number;
  /** Messages of a room that are kept on disk at most. */
  readonly keepMessages: number;
  /** Bytes of a room that are kept on disk at most, before compression. */
  readonly keepBytes: number;
  /** Days that messages are kept on disk at most. */
  readonly keepDays: number;
  /** How long stored messages that cannot be read are tried, before who resumes is told and goes on behind them. */
  readonly unreadableMs: number;
  /** Members of a room from which on joins and leaves are told in one notice a second. */
  readonly presenceLinesUpTo: number;
  /** How long a `MessageID` makes a retry idempotent. */
  readonly messageIdMs: number;
  /** How many message IDs are remembered at most. */
  readonly messageIds: number;
  /** Verification dials one remote address may cause in a minute (loopback is exempt). */
  readonly dialsPerMinute: number;
  /** Dials to one target at the same time (loopback is exempt). */
  readonly dialsPerTarget: number;
  /** Connections from one remote address, of IPv6 one /64 (loopback is exempt). */
  readonly connectionsPerAddress: number;
  /** Connections in total; the file descriptors of the process bound it too. */
  readonly connections: number;
  /** Time a stopping server has to drain what it acknowledged. */
  readonly drainMs: number;
  /** Life of a token that is not used. */
  readonly tokenIdleMs: number;
  /** Life of a token, however often it is used. */
  readonly tokenMs: number;
  /** Tokens of one account; the one that was used longest ago makes room. */
  readonly tokensPerAccount: number;
  /** Passwords that wait to be hashed, one at a time. */
  readonly passwordQueue: number;
  /** Wrong passwords for one account before the pauses begin. */
  readonly guessesPerAccount: number;
  /** Wrong passwords from one remote address before the pauses begin (loopback is exempt). */
  readonly guessesPerAddress: number;
  /** Accounts that one remote address may open before the pauses begin (loopback is exempt). */
  readonly signUpsPerAddress: number;
  /** The longest pause between two guesses; the first is 1 s, each further one twice the one before. */
  readonly guessPauseMs: number;
  /** Accounts, and addresses, whose wrong guesses are remembered. */
  readonly guessesRemembered: number;
}

export const DEFAULT_LIMITS: Limits = {
  frameBytes: 65_536,
  strangerFrameBytes: 8_192,
  textBytes: 4_096,
  nestingDepth: 16,
  frameTokens: 4_096,
  batchElements: 20,
  nameCharacters: 32,
  idCharacters: 128,
  requestsInFlight: 1_024,
  unreadAnswerBytes: 1_048_576,
  firstCallMs: 10_000,
  frameMs: 10_000,
  dialMs: 3_000,
  callMs: 5_000,
  retryDelaysMs: [500, 1_000, 2_000],
  retryCallMs: 1_000,
  pingIdleMs: 30_000,
  pullIdleMs: 300_000,
  windowCalls: 4_096,
  windowBytes: 262_144,
  queueMessages: 4_096,
  queueBytes: 8_388_608,
  queueOfferMs: 5_000,
  roomBytes: 67_108_864,
  roomsBytes: 268_435_456,
  rooms: 100_000,
  roomsPerMember: 100,
  roomsPerOwner: 20,
  roomCodeLength: 6,
  emptyRoomMs: 86_400_000,
  inboxMessages: 1_000,
  keepMessages: 10_000_000,
  keepBytes: 10_737_418_240,
  keepDays: 365,
  unreadableMs: 10_000,
  presenceLinesUpTo: 200,
  messageIdMs: 120_000,
  messageIds: 100_000,
  dialsPerMinute: 5,
  dialsPerTarget: 8,
  connectionsPerAddress: 256,
  connections: 20_000,
  drainMs: 4_000,
  tokenIdleMs: 2_592_000_000,
  tokenMs: 31_536_000_000,
  tokensPerAccount: 50,
  passwordQueue: 64,
  guessesPerAccount: 5,
  guessesPerAddress: 50,
  signUpsPerAddress: 20,
  guessPauseMs: 900_000,
  guessesRemembered: 100_000,
};
