/**
 * A member of the room as a library, for the terminal and for bots: joins, hands out messages once and in order, sends
 * lines in order, and comes back by itself after a loss. It knows no terminal and shows nothing.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { RpcError } from '../commons/errors.ts';
import type { Message, ResultOf, User } from '../commons/protocol.ts';
import { NoAnswer } from '../commons/rpc/caller.ts';
import { CallbackMethods } from './callback-methods.ts';
import { ClientClosed, sentence, ServerUnreachable } from './errors.ts';
import { PING_EVERY_MS } from './heartbeat.ts';
import { Inbox, LOBBY, type Cursor } from './inbox.ts';
import { LastingConnection, type ConnectionState } from './lasting-connection.ts';
import { RememberedPlace, type Visit } from './place.ts';
import { Registration } from './registration.ts';
import { SendQueue, type SendOptions, type Sent } from './send-queue.ts';
import { spell, type ServerLink } from './server-link.ts';

export { CallbackUnusable, ClientClosed, OutcomeUnknown, QueueFull, ServerUnreachable } from './errors.ts';
export type { SendOptions, Sent } from './send-queue.ts';
export type { Cursor } from './inbox.ts';
export type { ConnectionState } from './lasting-connection.ts';
export { PlaceUnkept } from './place.ts';

export interface ChatClientOptions {
  /** The server: an address, or a name that is resolved. */
  readonly host: string;
  readonly port: number;
  readonly name: string;
  /** The public ID; made from the name when left out. */
  readonly id?: string;
  /**
   * How the server calls back. `auto` (the default): a port that the system chooses, on the interface that reaches the
   * server, or `inline` where the server cannot dial that; `inline`: on the connection to the server; `none`: not at all.
   */
  readonly callback?: 'auto' | 'inline' | 'none' | (string & {});
  /**
   * What is handed out of what was said before. `nothing` (the default): only what comes next; `missed`: what was said
   * since the last visit, as `stateFolder` remembers it (nothing at the first one); a cursor: everything after it,
   * `{ after: 0 }` all that the server keeps. What the server does not keep any more is told by one message of the `Kind` `notice`.
   */
  readonly replay?: 'nothing' | 'missed' | Cursor;
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

/** Time for the answer to a question about the room, milliseconds. */
const ANSWER_MS = 10_000;
const LEAVE_MS = 500;

export class ChatClient extends EventEmitter<ChatClientEvents> {
  readonly id: string;
  readonly name: string;
  /** `host:port` of the server. */
  readonly server: string;
  /** After which message it was asked to begin; `undefined` when it began with what came next. */
  readonly resumedFrom: Cursor | undefined;
  readonly #connection: LastingConnection;
  readonly #inbox: Inbox;
  readonly #queue: SendQueue;
  readonly #place: RememberedPlace | undefined;
  /** The registration is gone: its session is worth nothing. */
  #unregistered = false;
  #left: Promise<void> | undefined;

  private constructor(options: ChatClientOptions, place: RememberedPlace | undefined) {
    super({ captureRejections: true });
    const { host, port, name, callback = 'auto', reconnect = true, pingEveryMs = PING_EVERY_MS } = options;
    const { secret = randomBytes(32).toString('base64url') } = options;
    const identity = place?.identity;
    this.id = options.id ?? identity?.id ?? `${name}-${randomInt(36 ** 8).toString(36)}`;
    this.name = name;
    this.server = spell({ host, port });
    this.resumedFrom = beginning(options, place);
    this.#place = place;
    this.#inbox = new Inbox((message) => this.#handOut(message), this.resumedFrom);
    const methods = new CallbackMethods(
      secret,
      (message, answer) => this.#inbox.receive(message, answer),
      (error) => this.#failed('callback', error),
    );
    const registration = new Registration({ id: this.id, name, secret, session: identity?.session }, callback, this.#inbox, methods);
    place?.follow(
      () => this.#whatToKeep(registration.session),
      (error) => this.#failed('place', error),
    );
    const changed = (state: ConnectionState): void => this.#became(state);
    this.#connection = new LastingConnection({ server: { host, port }, reconnect, pingEveryMs, methods, registration, changed });
    this.#queue = new SendQueue(this.id, this.#connection, () => this.#inbox.epoch);
  }

  /**
   * Joins the room. Attach listeners in the same turn: messages are handed out from the next one on.
   *
   * @throws RpcError when the server refuses
   * @throws ServerUnreachable when it cannot be reached or does not answer as one
   * @throws CallbackUnusable when the callback address that was asked for cannot be listened on
   * @throws TypeError when `replay` is `missed` and there is no `stateFolder` to know it from
   */
  static async connect(options: ChatClientOptions): Promise<ChatClient> {
    const { stateFolder, replay, host, port, name, id } = options;
    if (replay === 'missed' && stateFolder === undefined) throw new TypeError('replay "missed" needs a stateFolder.');
    if (stateFolder === undefined) return new ChatClient(options, undefined).#start();
    const place = new RememberedPlace(stateFolder, { server: spell({ host, port }), name, id });
    const remembered = id === undefined && place.identity !== undefined;
    try {
      return await new ChatClient(options, place).#start();
    } catch (error) {
      // The remembered ID is somebody else's by now: a new one will do. One that was asked for will not.
      if (!remembered || !(error instanceof RpcError) || error.reason !== 'AlreadyRegistered') throw error;
      return new ChatClient(options, place).#start();
    }
  }

  async #start(): Promise<this> {
    await this.#connection.start();
    return this;
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** The last message that was handed out, or the place from which the server serves this client. */
  get cursor(): Cursor {
    return this.#inbox.resumption(LOBBY) ?? { after: 0 };
  }

  /**
   * Says something. Lines are sent in the order of the calls, across losses too; each is accepted once.
   *
   * @throws RpcError when the server refuses this line
   * @throws QueueFull when 1,000 lines wait already
   * @throws ClientClosed when the client left before the line was sent
   * @throws OutcomeUnknown when it was sent, never answered, and cannot be repeated safely: for too long there was no
   *   server, or the one that is there now has another history and would not know that it was said
   */
  send(text: string, options: SendOptions = {}): Promise<Sent> {
    return this.#queue.send(text, options);
  }

  /** @throws RpcError, ServerUnreachable when there is no connection now or no answer in 10 s */
  async listUsers(room?: string): Promise<User[]> {
    const params = { UserID: this.id, ...(room === undefined ? {} : { Room: room }) };
    return (await this.#ask((link) => link.call('ChatServer.ListUsers', params, ANSWER_MS))).Users;
  }

  /**
   * What a room said, oldest first, one's own words included. It moves no cursor.
   *
   * @throws as `listUsers`
   */
  history({ after, before, limit, room }: HistoryPage = {}): Promise<ResultOf<'ChatServer.History'>> {
    const params = {
      UserID: this.id,
      ...(after === undefined ? {} : { After: after }),
      ...(before === undefined ? {} : { Before: before }),
      ...(limit === undefined ? {} : { Limit: limit }),
      ...(room === undefined ? {} : { Room: room }),
    };
    return this.#ask((link) => link.call('ChatServer.History', params, ANSWER_MS));
  }

  /** @throws as `listUsers` */
  info(): Promise<ResultOf<'ChatServer.Info'>> {
    return this.#ask((link) => link.call('ChatServer.Info', {}, ANSWER_MS));
  }

  /**
   * Leaves the room and closes everything, within `deadlineMs` even when the server hangs. Lines that wait are rejected;
   * a second call waits for the first. Never rejects.
   */
  leave(deadlineMs: number = LEAVE_MS): Promise<void> {
    this.#left ??= this.#leave(deadlineMs);
    return this.#left;
  }

  /** A listener that is an async function and rejects does as little harm as one that throws. */
  override [EventEmitter.captureRejectionSymbol](error: Error, ...[event]: readonly unknown[]): void {
    this.#failed(String(event), error);
  }

  async #leave(deadlineMs: number): Promise<void> {
    this.#connection.retire();
    const reason = await this.#unregister(deadlineMs);
    this.#connection.close(reason);
  }

  /** Tries to; returns how it went, as a sentence. */
  async #unregister(deadlineMs: number): Promise<string> {
    const link = this.#connection.link;
    if (link === undefined) return 'left while there was no connection';
    try {
      await link.call('ChatServer.Unregister', { ID: this.id }, deadlineMs);
      this.#unregistered = true;
      return 'left';
    } catch (error) {
      return `left without the server's consent: ${sentence(error)}`;
    }
  }

  async #ask<T>(call: (link: ServerLink) => Promise<T>): Promise<T> {
    const { link, state } = this.#connection;
    if (link === undefined)
      throw state.kind === 'closed' ? new ClientClosed(state.reason) : new ServerUnreachable('Not connected at the moment.');
    try {
      return await call(link);
    } catch (error) {
      throw error instanceof NoAnswer ? new ServerUnreachable(sentence(error)) : error;
    }
  }

  #handOut(message: Message): void {
    this.#tell('message', message);
    this.#place?.changed();
  }

  #became(state: ConnectionState): void {
    this.#tell('state', state);
    if (state.kind === 'connected') this.#place?.joined();
    else if (state.kind === 'closed') this.#place?.close();
  }

  #whatToKeep(session: string | undefined): Visit | undefined {
    const { place } = this.#inbox;
    if (place === undefined) return undefined;
    const proof = session === undefined || this.#unregistered ? {} : { Session: session };
    return { ID: this.id, ...proof, Epoch: place.epoch, Cursors: Object.fromEntries(place.cursors) };
  }

  /** A listener that throws must not break the connection, on whose way in it runs. */
  #tell(...told: ['message', Message] | ['state', ConnectionState]): void {
    try {
      if (told[0] === 'message') this.emit('message', told[1]);
      else this.emit('state', told[1]);
    } catch (error) {
      this.#failed(told[0], error);
    }
  }

  #failed(event: string, error: unknown): void {
    if (event === 'fault' || this.listenerCount('fault') === 0) {
      process.emitWarning(`A listener of the chat client's "${event}" failed: ${sentence(error)}`);
      return;
    }
    try {
      this.emit('fault', error);
    } catch (another) {
      this.#failed('fault', another);
    }
  }
}

/** Where a client begins in the lobby; `undefined` = with what comes next. */
function beginning({ replay = 'nothing' }: ChatClientOptions, place: RememberedPlace | undefined): Cursor | undefined {
  if (typeof replay === 'object') return replay;
  return replay === 'missed' ? place?.cursor(LOBBY) : undefined;
}
