/**
 * A member of the room as a library, for the terminal, for bots and for everybody: joins, hands out messages once and in
 * order, says things in order, and comes back by itself after a loss. It is a door: what happens behind it is in the parts.
 */
import type { ListedRoom, Message, ResultOf, User } from '../commons/protocol.ts';
import { RpcError } from '../commons/errors.ts';
import { openAccount } from './account.ts';
import type { DirectPolicy } from './direct.ts';
import { ClientClosed } from './errors.ts';
import { LOBBY, type Cursor } from './inbox.ts';
import { Listeners } from './listeners.ts';
import type { ChatClientOptions, ConnectionState, HistoryPage, JoinOptions, Replay, RoomOptions } from './options.ts';
import { makeParts, type Parts } from './parts.ts';
import { RememberedPlace, type Visit } from './place.ts';
import { spell, type ServerAddress } from './server-link.ts';
import type { DirectOptions, SendOptions, Sent, SentDirect } from './speech.ts';

export type { DirectPolicy } from './direct.ts';
export { CallbackUnusable, ClientClosed, OutcomeUnknown, QueueFull, ServerUnreachable } from './errors.ts';
export type { Cursor } from './inbox.ts';
export type { ChatClientEvents, ChatClientOptions, ConnectionState, HistoryPage, JoinOptions, Replay, RoomOptions } from './options.ts';
export { PlaceUnkept } from './place.ts';
export type { DirectOptions, SendOptions, Sent, SentDirect } from './speech.ts';

const DISCONNECT_MS = 500;

export class ChatClient extends Listeners {
  readonly name: string;
  /** `host:port` of the server. */
  readonly server: string;
  /** After which message it was asked to begin; `undefined` when it began with what came next. */
  readonly resumedFrom: Cursor | undefined;
  readonly #parts: Parts;
  readonly #place: RememberedPlace | undefined;
  #ended: Promise<void> | undefined;

  private constructor(options: ChatClientOptions, place: RememberedPlace | undefined) {
    super();
    this.name = options.name;
    this.server = spell(options);
    this.#place = place;
    this.#parts = makeParts(options, place, {
      shown: (message) => this.#shown(message),
      done: () => this.#place?.changed(),
      overwhelmed: (reason) => void this.#end(DISCONNECT_MS, reason),
      became: (state) => this.#became(state),
      failed: (where, error) => this.failed(where, error),
    });
    this.resumedFrom = this.#parts.inbox.resumption(LOBBY);
    place?.follow(
      () => this.#whatToKeep(),
      (error) => this.failed('place', error),
    );
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
    const { stateFolder, replay, name, id } = options;
    if (replay === 'missed' && stateFolder === undefined) throw new TypeError('replay "missed" needs a stateFolder.');
    if (stateFolder === undefined) return new ChatClient(options, undefined).#start();
    const place = new RememberedPlace(stateFolder, { server: spell(options), name, id });
    const remembered = id === undefined && place.identity !== undefined;
    try {
      return await new ChatClient(options, place).#start();
    } catch (error) {
      // The remembered ID is somebody else's by now: a new one will do. One that was asked for will not.
      if (!remembered || !(error instanceof RpcError) || error.reason !== 'AlreadyRegistered') throw error;
      return new ChatClient(options, place).#start();
    }
  }

  /** Opens an account without joining, as is needed where there are members only. @throws RpcError, ServerUnreachable */
  static createAccount(server: ServerAddress, userName: string, password: string): Promise<ResultOf<'ChatServer.SignUp'>> {
    return openAccount(server, userName, password);
  }

  async #start(): Promise<this> {
    await this.#parts.connection.start();
    return this;
  }

  /** The public ID. */
  get id(): string {
    return this.#parts.id;
  }

  get state(): ConnectionState {
    return this.#parts.connection.state;
  }

  /** The last message of the lobby that was handed out, or the place from which the server serves this client. */
  get cursor(): Cursor {
    return this.#parts.inbox.resumption(LOBBY) ?? { after: 0 };
  }

  /** The name of the account that it is here as; `undefined` for a guest. */
  get account(): string | undefined {
    return this.#parts.logIn.name;
  }

  /** The rooms that it is in beside the lobby: what people call them, by code. */
  get rooms(): ReadonlyMap<string, string> {
    return this.#parts.joined.names();
  }

  /**
   * The messages that come from now on, for a `for await` loop; a listener of `message` hears the same. A message is answered, and
   * so counts as delivered, when each loop comes back for the next one: a slow loop is a slow client, and with a `stateFolder` what was not done when
   * the process died comes again. What takes more than 4 s is answered meanwhile; a client that has 1,000 answered messages undone ends.
   *
   * The loop ends when the client disconnects. @throws ClientClosed in the loop when it ended otherwise
   */
  messages(): AsyncIterableIterator<Message, undefined> {
    return this.#parts.readers.open();
  }

  /**
   * Says something to a room. What is said, to rooms and to persons, is sent in the order of the calls and accepted once, across losses
   * too; a line that is refused stops no other, and what a busy room keeps waiting only those to the same room.
   *
   * @throws RpcError when the server refuses this line
   * @throws QueueFull when 1,000 lines wait already
   * @throws ClientClosed when the client disconnected before the line was sent
   * @throws OutcomeUnknown when it was sent, never answered, and cannot be repeated safely: for too long there was no
   *   server, or the one that is there now has another history and would not know that it was said
   */
  send(text: string, options: SendOptions = {}): Promise<Sent> {
    return this.#parts.speech.say(text, options);
  }

  /**
   * Says something to one person: the ID of who is here, or the name of an account, here or away. `Delivered` says whether it was answered
   * or waits, after 5 s at most; what is said to others is not held up by that. @throws as `send`
   */
  sendDirect(to: string, text: string, options: DirectOptions = {}): Promise<SentDirect> {
    return this.#parts.speech.sayTo(to, text, options);
  }

  // What follows asks the server now. Each @throws RpcError when it refuses, ServerUnreachable when there is no connection now
  // or no answer in 10 s (then it was perhaps done), ClientClosed when there will be no connection any more.

  /** Opens an account. It does not log in. */
  createAccount(userName: string, password: string): Promise<ResultOf<'ChatServer.SignUp'>> {
    return this.#parts.account.create(userName, password);
  }

  /** Logs in and is the account's from now on, under the same ID and name: nobody sees a leave or a join. */
  logIn(userName: string, password: string): Promise<ResultOf<'ChatServer.LogIn'>> {
    return this.#parts.account.logIn(userName, password);
  }

  /**
   * Voids the token and is a guest from now on, in the lobby only; the others see a leave and a join. Where no guest may have the name, or
   * none may be there, the client has ended: its `state` says why.
   */
  logOut(): Promise<void> {
    return this.#parts.account.logOut();
  }

  /** Makes a room, owns it, and is its first member. @returns its code */
  createRoom(name: string, options: RoomOptions = {}): Promise<string> {
    return this.#parts.rooms.create(name, options);
  }

  /** Enters a room; its messages come like those of the lobby. After a loss it is entered again, and goes on where it was. */
  async joinRoom(code: string, { replay = 'nothing', ...options }: JoinOptions = {}): Promise<ResultOf<'ChatServer.JoinRoom'>> {
    return this.#parts.rooms.join(code, options, this.#from(code, replay));
  }

  leaveRoom(code: string): Promise<void> {
    return this.#parts.rooms.leave(code);
  }

  /** Deletes a room that one owns, with all that was said in it. */
  deleteRoom(code: string): Promise<void> {
    return this.#parts.rooms.delete(code);
  }

  listRooms(): Promise<ListedRoom[]> {
    return this.#parts.rooms.list();
  }

  /** Who is in a room, the lobby when left out. */
  async listUsers(room?: string): Promise<User[]> {
    return (await this.#parts.asking.call('ChatServer.ListUsers', { UserID: this.id, Room: room })).Users;
  }

  /** What a room said, oldest first, one's own words included. It moves no cursor. */
  history({ after, before, limit, room }: HistoryPage = {}): Promise<ResultOf<'ChatServer.History'>> {
    const page = { After: after, Before: before, Limit: limit, Room: room };
    return this.#parts.asking.call('ChatServer.History', { UserID: this.id, ...page });
  }

  /** Takes direct messages of this person, whatever the policy; ends a `block`. */
  allow(user: string): Promise<void> {
    return this.#parts.direct.allow(user);
  }

  /** Takes no direct messages of this person any more, whatever the policy; ends an `allow`. */
  block(user: string): Promise<void> {
    return this.#parts.direct.block(user);
  }

  /** Who may send direct messages: `everyone`, or those that are `allowed`. */
  setDirectPolicy(policy: DirectPolicy): Promise<void> {
    return this.#parts.direct.setPolicy(policy);
  }

  /** Takes what waits in the inbox, oldest first, at most 200 (50 when left out), unless it is pushed (`notify`). */
  readInbox(max?: number): Promise<ResultOf<'ChatServer.Read'>> {
    return this.#parts.direct.read(max);
  }

  /** Whether direct messages are pushed, and come like those of rooms, or wait for `readInbox`. */
  notify(enabled: boolean): Promise<void> {
    return this.#parts.direct.notify(enabled);
  }

  /** What was chosen about direct messages, and how many wait. */
  directSettings(): Promise<ResultOf<'ChatServer.DirectSettings'>> {
    return this.#parts.direct.settings();
  }

  info(): Promise<ResultOf<'ChatServer.Info'>> {
    return this.#parts.asking.call('ChatServer.Info', {});
  }

  /**
   * Leaves and closes everything, within `deadlineMs` even when the server hangs. Lines that wait are rejected;
   * a second call waits for the first. Never rejects.
   */
  disconnect(deadlineMs: number = DISCONNECT_MS): Promise<void> {
    // First: what the loops have in their hands is still answered.
    this.#parts.readers.end(undefined);
    return this.#end(deadlineMs);
  }

  #end(deadlineMs: number, why?: string): Promise<void> {
    this.#ended ??= this.#parts.connection.leave(deadlineMs, why);
    return this.#ended;
  }

  #from(room: string, replay: Replay): Cursor | undefined {
    if (typeof replay === 'object') return replay;
    if (replay === 'nothing') return undefined;
    const place = this.#place?.cursor(room);
    if (this.#place === undefined) throw new TypeError('replay "missed" needs a stateFolder.');
    return place;
  }

  #shown(message: Message): void {
    this.#parts.rooms.heard(message);
    this.told('message', message);
  }

  #became(state: ConnectionState): void {
    if (state.kind === 'closed') this.#parts.readers.end(new ClientClosed(`The client has ended: ${state.reason}`));
    this.told('state', state);
    if (state.kind === 'connected') this.#place?.joined();
    else if (state.kind === 'closed') this.#place?.close();
  }

  #whatToKeep(): Visit | undefined {
    const { inbox, readers, registration } = this.#parts;
    const { session } = registration;
    const { place } = inbox;
    if (place === undefined) return undefined;
    const proof = session === undefined ? {} : { Session: session };
    const waiting = [...(place.epoch === inbox.epoch ? readers.firstWaiting() : [])].map(([room, seq]) => [room, seq - 1] as const);
    return { ID: this.id, ...proof, Epoch: place.epoch, Cursors: Object.fromEntries([...place.cursors, ...waiting]) };
  }
}
