/** What a client is told when it is made, and what it tells: the words of the library's door. It does nothing. */
import type { Message } from '../commons/protocol.ts';
import type { Cursor } from './inbox.ts';

export interface ChatClientOptions {
  /** The server: an address, or a name that is resolved. */
  readonly host: string;
  readonly port: number;
  readonly name: string;
  /** The public ID; made from the name when left out. */
  readonly id?: string;
  /** Logs in before it joins: for a name that is an account's, and for servers that are for members only. Kept no longer than needed. */
  readonly logIn?: { readonly userName: string; readonly password: string };
  /** The same with what `logIn` returned at another time. `logIn` wins. */
  readonly token?: string;
  /** Whose `token` it is, for `client.account`, because the server does not tell; `name` when left out. */
  readonly account?: string;
  /**
   * How the server calls back. `auto` (the default): a port that the system chooses, on the interface that reaches the
   * server, or `inline` where the server cannot dial that; `inline`: on the connection to the server; `none`: not at all.
   */
  readonly callback?: 'auto' | 'inline' | 'none' | (string & {});
  /**
   * What is handed out of what was said in the lobby before. `nothing` (the default): only what comes next; `missed`: what was said
   * since the last visit, as `stateFolder` remembers it (nothing at the first one); a cursor: everything after it,
   * `{ after: 0 }` all that the server keeps. What the server does not keep any more is told by one message of the `Kind` `notice`.
   * The other rooms of an account always go on after what the account was brought last.
   */
  readonly replay?: Replay;
  /**
   * A folder that remembers this client's ID and place from one run to the next, by server and name; made when missing.
   * With it a client that was killed takes its own registration over, and nobody sees it leave or join.
   */
  readonly stateFolder?: string;
  /** What the server must show first on each callback connection; random when left out. */
  readonly secret?: string;
  /** Whether to come back after a loss; true when left out. */
  readonly reconnect?: boolean;
  /** Pause between two questions whether the server lives and still knows us, milliseconds; 30,000 when left out. */
  readonly pingEveryMs?: number;
}

export type Replay = 'nothing' | 'missed' | Cursor;

export type ConnectionState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected' }
  /** The server is gone; the next try, the `attempt`th, comes in `retryInMs`. */
  | { readonly kind: 'lost'; readonly reason: string; readonly retryInMs: number; readonly attempt: number }
  /** For good: by our own wish, or because no try can help. */
  | { readonly kind: 'closed'; readonly reason: string };

export interface ChatClientEvents {
  /** Something was said; each message once, in the order of its room. Attach at once: what came before is not repeated. */
  message: [Message];
  state: [ConnectionState];
  /** A listener of this client threw or rejected, or a `PlaceUnkept`; without a listener here it becomes a process warning. */
  fault: [unknown];
}

/** A page of what a room said: what follows on `after`, what ends before `before`, or the newest; not both. */
export interface HistoryPage {
  readonly after?: number;
  readonly before?: number;
  /** Messages at most, 1 to 200; 50 when left out. An answer has fewer when they would not fit a frame. */
  readonly limit?: number;
  /** The lobby when left out. */
  readonly room?: string;
}

export interface RoomOptions {
  /** What others have to know to enter, 1 to 1,024 bytes; kept in memory only, to come back after a loss. */
  readonly password?: string;
}

export interface JoinOptions extends RoomOptions {
  /** What is handed out of what the room said before, as in `ChatClientOptions`; of a room that one is in already, nothing. */
  readonly replay?: Replay;
}
