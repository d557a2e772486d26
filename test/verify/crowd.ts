/**
 * The crowd of a run: clients on raw TCP with callback servers of their own, on the interface that reaches the server, and clients
 * on the library. Each keeps what it was shown and how late; none of them judges.
 */
import { EventEmitter } from 'node:events';
import * as v from 'valibot';
import { ChatClient, RpcError } from '../../client/library.ts';
import type { Delivery, ReceiverRecord } from '../support/checker.ts';
import { CuttableRelay } from '../support/cuttable-relay.ts';
import { answerTo, Peer, type Behaviour, type Message } from '../support/peer.ts';
import { Caller, Refusal, register, Sender, type Registered, type Voice } from '../support/traffic.ts';
import type { Settings } from './settings.ts';

export type Role = 'healthy' | 'hung' | 'flapping' | 'library';

/** One client of a run, however it is made. */
export interface Client {
  readonly id: string;
  readonly role: Role;
  readonly hearing: Hearing;
  readonly sender: Sender;
  /** Codes of the rooms that it is in, the lobby aside. */
  readonly rooms: Set<string>;
  /** Whether what is said there is for it. */
  isIn(target: string): boolean;
  /** What the checker needs of a room, or of one inbox; nothing is owed to one that was dropped or never answered. */
  record(target: string, owed: boolean): ReceiverRecord;
  /** Makes a room; its code. */
  makeRoom(name: string): Promise<string>;
  enter(room: string): Promise<void>;
  /** Leaves; one that was dropped before has nothing to leave. */
  leave(): Promise<void>;
}

const Users = v.object({ Users: v.array(v.object({ ID: v.string() })) });

const Created = v.object({ Code: v.string() });
/** Rooms that a client enters beside those that it made. */
const ROOMS_ENTERED = 3;

/** A client on raw TCP: its callback server, the connection it calls on, and what it heard. Nothing of the product can hide in it. */
export class RawClient implements Client {
  readonly id: string;
  readonly role: Role;
  readonly hearing: Hearing;
  readonly sender: Sender;
  readonly peer: Peer;
  private readonly caller: Caller;
  /** Codes of the rooms that it is in, the lobby aside. */
  readonly rooms = new Set<string>();
  private registered: Registered | undefined;

  private constructor(id: string, role: Role, hearing: Hearing, caller: Caller, peer: Peer) {
    this.id = id;
    this.role = role;
    this.hearing = hearing;
    this.caller = caller;
    this.peer = peer;
    this.sender = new Sender(id, caller);
  }

  static async join(server: { host: string; port: number }, id: string, role: Role, crowd: Crowd): Promise<RawClient> {
    const caller = await Caller.dial(server.host, server.port);
    const hearing = new Hearing(crowd);
    const peer = await Peer.start(role === 'hung' ? mute(hearing) : attentive(hearing), caller.socket.localAddress);
    const client = new RawClient(id, role, hearing, caller, peer);
    try {
      client.registered = await register(caller, id, peer.callback);
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  isIn(target: string): boolean {
    return target === 'lobby' || target === `@${this.id}` || this.rooms.has(target);
  }

  record(target: string, owed: boolean): ReceiverRecord {
    const since = target === 'lobby' ? (this.registered?.Seq ?? 0) : 0;
    const isIn = this.isIn(target);
    return { id: this.id, since, owed: owed && isIn, outsider: !isIn, deliveries: this.hearing.of(target, this.id) };
  }

  async makeRoom(name: string): Promise<string> {
    const { Code: code } = v.parse(Created, await this.caller.call('ChatServer.CreateRoom', { UserID: this.id, Name: name }));
    this.rooms.add(code);
    return code;
  }

  async enter(room: string): Promise<void> {
    if (this.rooms.has(room)) return;
    await this.caller.call('ChatServer.JoinRoom', { UserID: this.id, Room: room });
    this.rooms.add(room);
  }

  /** The IDs that are registered. */
  async whoIsThere(): Promise<Set<string>> {
    const { Users: users } = v.parse(Users, await this.caller.call('ChatServer.ListUsers', { UserID: this.id }));
    return new Set(users.map(({ ID }) => ID));
  }

  async leave(): Promise<void> {
    await this.caller.call('ChatServer.Unregister', { ID: this.id, Session: this.registered?.Session }).catch(() => undefined);
    await this.close();
  }

  private async close(): Promise<void> {
    this.caller.close();
    await this.peer.close();
  }
}

/** What all clients of a run share. */
export class Crowd extends EventEmitter<{ heard: [] }> {
  readonly clients: Client[] = [];
  /** Codes of the rooms that the run made. */
  readonly rooms: string[] = [];
  /** Whether messages of strangers are to be expected: on a server that is not ours alone. */
  readonly strangers: boolean;
  /** Lines that said that somebody left, as they stood. */
  readonly leaveLines = new Set<string>();
  private readonly byId = new Map<string, Client>();

  constructor(strangers: boolean) {
    super();
    this.strangers = strangers;
  }

  /** Everybody joins, at most 16 at a time; all who joined are in `clients`, also when one could not. */
  async join(server: { host: string; port: number }, settings: Settings): Promise<void> {
    const run = Math.random().toString(36).slice(2, 6).padEnd(4, '0');
    const roles: Role[] = [];
    for (let i = 0; i < settings.clients; i++) roles.push('healthy');
    for (let i = 0; i < settings.flapping; i++) roles.push('flapping');
    for (let i = 0; i < settings.library; i++) roles.push('library');
    for (let i = 0; i < settings.hung; i++) roles.push('hung');
    const places = roles.map((role, i) => ({ id: `${role}-${run}-${i + 1}`, role }));
    const joinNext = async (): Promise<void> => {
      for (let place = places.shift(); place !== undefined; place = places.shift()) {
        const kind = place.role === 'library' ? LibraryClient : RawClient;
        this.add(await kind.join(server, place.id, place.role, this));
      }
    };
    for (const outcome of await Promise.allSettled(Array.from({ length: 16 }, joinNext))) {
      if (outcome.status === 'rejected') throw outcome.reason;
    }
  }

  /** Every room is made, and entered by some; senders write to each room that they are in, and to other people. */
  async spread({ rooms, direct, senders }: Settings): Promise<void> {
    const codes: string[] = [];
    for (let index = 0; index < rooms; index += 1) {
      const maker = this.of('healthy')[index % this.of('healthy').length];
      if (maker !== undefined) codes.push(await maker.makeRoom(`Room ${index + 1}`));
    }
    this.rooms.push(...codes);
    for (const [index, client] of this.clients.entries()) {
      for (let next = 0; next < Math.min(ROOMS_ENTERED, codes.length); next += 1)
        await client.enter(codes[(index + next) % codes.length] ?? 'lobby');
    }
    const people = this.clients.filter(({ role }) => role !== 'hung');
    for (const [index, { sender, rooms: own, id }] of [...this.of('healthy').slice(0, senders), ...this.library()].entries()) {
      sender.targets.push(...own);
      const other = people[(index + 1) % people.length];
      if (direct && other !== undefined && other.id !== id) sender.targets.push(`@${other.id}`);
    }
  }

  /** Everything that is checked for itself: rooms, and inboxes by whose they are. */
  targets(): readonly string[] {
    return ['lobby', ...this.rooms, ...this.clients.map(({ id }) => `@${id}`)];
  }

  /** Whether a line said that the client left. */
  toldThatLeft(id: string): boolean {
    return this.leaveLines.has(`User ${id} left the chat`);
  }

  of(role: Role): Client[] {
    return this.clients.filter((client) => client.role === role);
  }

  /** Those on raw TCP of a role. */
  raw(role: Role): RawClient[] {
    return this.clients.flatMap((client) => (client instanceof RawClient && client.role === role ? [client] : []));
  }

  library(): LibraryClient[] {
    return this.clients.flatMap((client) => (client instanceof LibraryClient ? [client] : []));
  }

  get(id: string): Client | undefined {
    return this.byId.get(id);
  }

  async leave(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.leave()));
  }

  private add(client: Client): void {
    this.clients.push(client);
    this.byId.set(client.id, client);
  }
}

/**
 * A client as programs make them, through a network that can be cut; half of them are called back on it. It hears what the
 * library lets pass: each message once.
 */
export class LibraryClient implements Client, Voice {
  readonly role = 'library';
  readonly hearing: Hearing;
  readonly sender: Sender;
  readonly network: CuttableRelay;
  readonly rooms = new Set<string>();
  private readonly client: ChatClient;
  private readonly since: number;

  private constructor(client: ChatClient, hearing: Hearing, network: CuttableRelay) {
    this.client = client;
    this.since = client.cursor.after;
    this.hearing = hearing;
    this.network = network;
    this.sender = new Sender(client.id, this);
    client.on('message', (message) => hearing.take(message, performance.now()));
  }

  static async join(server: { host: string; port: number }, id: string, _role: Role, crowd: Crowd): Promise<LibraryClient> {
    const network = await CuttableRelay.start(server);
    const callback = crowd.clients.length % 2 === 0 ? 'inline' : 'auto';
    try {
      const client = await ChatClient.connect({ host: network.host, port: network.port, id, name: id, callback });
      return new LibraryClient(client, new Hearing(crowd), network);
    } catch (error) {
      network.close();
      throw error;
    }
  }

  get id(): string {
    return this.client.id;
  }

  get isOpen(): boolean {
    return this.client.state.kind !== 'closed';
  }

  async say(_id: string, text: string, to: string): Promise<number> {
    try {
      if (to.startsWith('@')) return (await this.client.sendDirect(to.slice(1), text)).Seq;
      return (await this.client.send(text, to === 'lobby' ? {} : { room: to })).Seq;
    } catch (error) {
      throw error instanceof RpcError ? new Refusal(error) : error;
    }
  }

  isIn(target: string): boolean {
    return target === 'lobby' || target === `@${this.id}` || this.rooms.has(target);
  }

  record(target: string, owed: boolean): ReceiverRecord {
    const since = target === 'lobby' ? this.since : 0;
    const isIn = this.isIn(target);
    return { id: this.id, since, owed: owed && isIn, outsider: !isIn, deliveries: this.hearing.of(target, this.id) };
  }

  async makeRoom(name: string): Promise<string> {
    const code = await this.client.createRoom(name);
    this.rooms.add(code);
    return code;
  }

  async enter(room: string): Promise<void> {
    if (this.rooms.has(room)) return;
    await this.client.joinRoom(room);
    this.rooms.add(room);
  }

  async leave(): Promise<void> {
    await this.client.disconnect();
    this.network.close();
  }
}

/** What one client was given, and how long after it was written (milliseconds). */
export class Hearing {
  readonly latencies: number[] = [];
  /** Messages of this run's senders, each `Seq` once. */
  shown = 0;
  /** When the first call came, `performance.now()`. */
  firstCallAt: number | undefined;
  private readonly crowd: Crowd;
  /** By room; all direct messages under `@`. */
  private readonly deliveries = new Map<string, Delivery[]>();
  private readonly newest = new Map<string, number>();

  constructor(crowd: Crowd) {
    this.crowd = crowd;
  }

  /** What was shown of a room, or of the inbox of `owner` when it is the own one: of another's nothing can be told apart. */
  of(target: string, owner: string): readonly Delivery[] {
    return this.deliveries.get(target === `@${owner}` ? '@' : target) ?? [];
  }

  /** The newest `Seq` shown of a room, or of the own inbox. */
  newestOf(target: string): number {
    return this.newest.get(target.startsWith('@') ? '@' : target) ?? 0;
  }

  take(message: Message, at: number): void {
    const isSaid = message.Kind === 'chat' || message.Kind === 'direct';
    const client = isSaid ? this.crowd.get(message.SenderID) : undefined;
    const sender = client?.sender;
    const strange = sender === undefined && (this.crowd.strangers || !isSaid);
    const room = message.Room.startsWith('@') ? '@' : message.Room;
    const deliveries = this.deliveries.get(room) ?? [];
    this.deliveries.set(room, deliveries);
    deliveries.push({ seq: message.Seq, text: strange ? undefined : message.Text });
    if (message.Kind === 'leave') this.crowd.leaveLines.add(message.Content);
    if (message.Seq <= this.newestOf(room)) return;
    this.newest.set(room, message.Seq);
    const sentAt = sender?.sentAt.get(message.Text);
    if (sentAt === undefined) return;
    this.shown++;
    // What the library says may have waited for a network.
    if (client instanceof RawClient) this.latencies.push(at - sentAt);
    this.crowd.emit('heard');
  }
}

function attentive(hearing: Hearing): Behaviour {
  return {
    forgets: true,
    called: (call, socket) => {
      socket.write(answerTo(call));
      if (call.message !== undefined) hearing.take(call.message, call.at);
    },
  };
}

/** Reads, and says nothing. What it was given it never showed, so nothing of it is kept. */
function mute(hearing: Hearing): Behaviour {
  return { forgets: true, called: ({ at }) => (hearing.firstCallAt ??= at) };
}
