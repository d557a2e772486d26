/**
 * What there is, as the model has it: accounts, registrations, rooms, inboxes, and what each of them was promised. It is
 * small enough to be believed, and knows no server and no socket.
 */
import { Cursor, entry, Stream, type Entry } from './stream.ts';

/** Who a direct message is for, and what they have chosen: an account, or a guest as long as its registration lives. */
export interface Person {
  /** The name of the account, or the ID of the guest. */
  readonly name: string;
  readonly isAccount: boolean;
  policy: 'everyone' | 'allowed';
  notify: boolean;
  readonly allow: Set<string>;
  readonly block: Set<string>;
  readonly inbox: Inbox;
}

export interface Account extends Person {
  readonly tokens: { readonly value: string; isVoid: boolean }[];
  /** The rooms that it is in, and how far it has read there. */
  readonly rooms: Map<Room, Cursor>;
}

export interface Inbox {
  readonly log: Entry[];
  /** The reading that all of it belongs to: what is behind it waits. */
  readonly cursor: Cursor;
  reader: { readonly registration: Registration; readonly life: number; readonly stream: Stream } | undefined;
}

export interface Room {
  readonly code: string;
  readonly name: string;
  readonly password: string | undefined;
  /** An account, or a guest's registration; nobody when the guest is gone. */
  owner: Account | Registration | undefined;
  readonly log: Entry[];
  /** In order of arrival. */
  readonly members: Set<Registration>;
  isGone: boolean;
}

export interface Registration {
  readonly id: string;
  /** Whether it is called back; else it pulls. */
  readonly isCalled: boolean;
  /** Whether the server has surely heard what this client answered before its next call. */
  readonly isPrompt: boolean;
  readonly account: Account | undefined;
  readonly token: string | undefined;
  readonly person: Person;
  session: string;
  /** Grows with each takeover: another way to be called. */
  life: number;
  hangs: boolean;
  /** What it is brought, by room; notices of deleted rooms stand in `farewells`. */
  readonly streams: Map<Room, Stream>;
  readonly farewells: Map<string, Entry>;
  /** What it was brought of rooms that it has left: of what may come or not, some may be on its way. */
  readonly former: Map<Room, Stream>;
}

const nobodyYet = (name: string, isAccount: boolean): Person => ({
  ...{ name, isAccount, policy: 'everyone', notify: true },
  ...{ allow: new Set<string>(), block: new Set<string>(), inbox: { log: [], cursor: new Cursor(0), reader: undefined } },
});

export class World {
  readonly accounts = new Map<string, Account>();
  /** By ID, in order of arrival. */
  readonly registrations = new Map<string, Registration>();
  readonly rooms: Room[] = [];
  /** Index behind the last line of a room that each client was shown, by ID. */
  readonly seen = new Map<string, Map<Room, number>>();
  /** What was sent under a MessageID, by sender and MessageID. */
  readonly sent = new Map<string, Entry>();
  /** The highest number that was given so far. */
  lastSeq = 1;
  /** How many texts were made. */
  texts = 0;

  constructor() {
    this.rooms.push(roomOf('lobby', 'Lobby'));
  }

  get lobby(): Room {
    const [lobby] = this.rooms;
    if (lobby === undefined) throw new Error('there is a lobby');
    return lobby;
  }

  /** A text that nobody said before. */
  text(): string {
    return `text ${(this.texts += 1)}`;
  }

  /** Something was said, and numbered or to be numbered above all that was numbered before. */
  say(log: Entry[], said: Entry): void {
    said.above = this.lastSeq;
    if (said.seq !== undefined) this.lastSeq = said.seq;
    log.push(said);
  }

  /** Whether a crash left open whether something was said. */
  get isUncertain(): boolean {
    return this.rooms.some(({ log }) => log.some(({ fate, below }) => fate === 'unknown' && below === Infinity));
  }

  /** What may have been said before a crash was, if at all, before number `seq`. */
  saidBefore(seq: number): void {
    for (const { log } of [...this.rooms, ...[...this.accounts.values()].map(({ inbox }) => inbox)])
      for (const each of log) if (each.fate === 'unknown') each.below = Math.min(each.below, seq);
  }

  signedUp(name: string): Account {
    const account = { ...nobodyYet(name, true), tokens: [], rooms: new Map<Room, Cursor>() };
    this.accounts.set(name, account);
    return account;
  }

  /** The client of this ID, else the account of this name. */
  person(named: string): Person | undefined {
    return this.registrations.get(named)?.person ?? this.accounts.get(named);
  }

  registrationsOf(person: Person): Registration[] {
    return [...this.registrations.values()].filter((each) => each.person === person);
  }

  inboxes(): Person[] {
    return [...new Set([...this.accounts.values(), ...[...this.registrations.values()].map(({ person }) => person)])];
  }

  /** @param from where it begins in the lobby: behind what was said, unless it resumes */
  registered(
    who: Pick<Registration, 'id' | 'isCalled' | 'isPrompt' | 'account' | 'token' | 'session'>,
    from: number | undefined,
  ): Registration {
    const { account, id } = who;
    const person = account ?? nobodyYet(id, false);
    const made: Registration = { ...who, person, life: 0, hangs: false, streams: new Map(), farewells: new Map(), former: new Map() };
    this.registrations.set(id, made);
    this.enter(made, this.lobby, new Stream(this.lobby.log, id, from ?? this.lobby.log.length));
    for (const [room, { sure, passed }] of account?.rooms ?? []) this.enter(made, room, new Stream(room.log, id, sure, passed));
    return made;
  }

  /** The same registration, called in another way: it goes on after what it has answered. */
  takenOver(registration: Registration, session: string, { resume, exact }: { resume: number | undefined; exact: boolean }): void {
    registration.session = session;
    registration.life += 1;
    registration.hangs = false;
    for (const [room, stream] of registration.streams) {
      const from = exact && !stream.mayRepeat ? stream.answered : stream.begun;
      const place: [number, number] =
        room === this.lobby && resume !== undefined ? [resume, resume] : [from, Math.max(from, stream.passed)];
      registration.streams.set(room, new Stream(room.log, registration.id, ...place));
    }
  }

  /** Enters; the others, and whoever comes back there, are told. */
  enter(registration: Registration, room: Room, stream: Stream): void {
    room.members.add(registration);
    registration.streams.set(room, stream);
    this.say(room.log, entry('join', registration.id, `User ${registration.id} joined the chat`));
  }

  leave(registration: Registration, room: Room): void {
    if (!room.members.delete(registration)) return;
    this.closeStream(registration, room);
    this.say(room.log, entry('leave', registration.id, `User ${registration.id} left the chat`));
  }

  closeStream({ streams, former }: Registration, room: Room): void {
    const stream = streams.get(room);
    if (stream !== undefined) former.set(room, stream.close());
    streams.delete(room);
  }

  /** A registration ends; what its account has read stays read. @param known the server has surely heard of all its answers */
  gone(registration: Registration, known: boolean): void {
    this.noteProgress(registration, known);
    this.registrations.delete(registration.id);
    for (const room of [...registration.streams.keys()]) this.leave(registration, room);
    for (const room of this.rooms) if (room.owner === registration) room.owner = undefined;
  }

  /** How far the account of a registration has read. @param known the server has surely heard of it */
  noteProgress({ account, streams, isCalled }: Registration, known: boolean): void {
    if (!isCalled) return;
    for (const [room, stream] of streams) account?.rooms.get(room)?.pass(stream.passed, known ? stream.answered : 0);
  }

  /** Something was answered after everything that the server knew: so that is on disk too. */
  commit(): void {
    for (const { rooms, inbox } of this.accounts.values()) for (const cursor of [...rooms.values(), inbox.cursor]) cursor.commit();
  }

  created(room: Pick<Room, 'code' | 'name' | 'password'>, by: Registration): Room {
    const made: Room = { ...roomOf(room.code, room.name, room.password), owner: by.account ?? by };
    this.rooms.push(made);
    by.account?.rooms.set(made, new Cursor(0));
    const others = this.registrationsOf(by.person).filter((each) => each !== by);
    for (const each of [by, ...others]) this.enter(each, made, new Stream(made.log, each.id, 0));
    return made;
  }

  joined(registration: Registration, room: Room, from: number): void {
    const now = room.log.length;
    if (registration.account !== undefined) {
      const cursor = new Cursor(Math.min(from, numbered(room.log)));
      cursor.pass(from, 0);
      registration.account.rooms.set(room, cursor);
    }
    for (const each of this.registrationsOf(registration.person))
      if (each !== registration && !room.members.has(each)) this.enter(each, room, new Stream(room.log, each.id, now));
    this.enter(registration, room, new Stream(room.log, registration.id, from));
  }

  left(registration: Registration, room: Room): void {
    registration.account?.rooms.delete(room);
    const others = this.registrationsOf(registration.person).filter((each) => each !== registration);
    for (const each of [registration, ...others]) this.leave(each, room);
  }

  deleted(room: Room): void {
    const farewell = entry('notice', '', `The room ${room.name} was deleted by its owner.`);
    for (const each of room.members) {
      this.closeStream(each, room);
      if (each.isCalled) each.farewells.set(room.code, farewell);
    }
    room.members.clear();
    room.isGone = true;
    for (const { rooms } of this.accounts.values()) rooms.delete(room);
  }

  /** The server is gone from one moment to the next, and another one has its folder. */
  crashed(): void {
    for (const { log } of this.rooms) forgetUncertain(log);
    for (const [key, { kind }] of this.sent) if (kind === 'direct' && !isKept(this, key)) this.sent.delete(key);
    for (const registration of this.registrations.values()) this.noteProgress(registration, false);
    for (const account of this.accounts.values()) {
      account.inbox.reader = undefined;
      for (const cursor of [...account.rooms.values(), account.inbox.cursor]) cursor.crash();
    }
    this.registrations.clear();
    for (const room of this.rooms) {
      room.members.clear();
      if (room.owner !== undefined && !isAccount(room.owner)) room.owner = undefined;
    }
  }

  /** Has what waits in an inbox sent to whom it is for: the newest registration that is called back. Tells whether that changed. */
  route(person: Person): boolean {
    const { inbox } = person;
    const { reader } = inbox;
    const newest = this.readerOf(person);
    if (reader?.registration === newest && reader?.life === newest?.life) return false;
    if (reader !== undefined && this.isHeldUp(person)) return false;
    const { sure, passed } = inbox.cursor;
    inbox.reader =
      newest === undefined
        ? undefined
        : { registration: newest, life: newest.life, stream: new Stream(inbox.log, undefined, Math.min(sure, passed), passed) };
    return true;
  }

  /** Whether what comes into the inbox is for this registration now. */
  isReader(registration: Registration): boolean {
    return this.readerOf(registration.person) === registration;
  }

  /** Whether something is in flight to a reader that hangs: nobody else gets anything before it is answered. */
  isHeldUp({ inbox: { reader } }: Person): boolean {
    if (reader === undefined || reader.stream.hand.length === 0) return false;
    const { registration, life } = reader;
    return this.registrations.get(registration.id) === registration && registration.life === life && registration.hangs;
  }

  /** How many messages of an inbox wait, at least and at most. */
  waiting({ inbox: { log, cursor } }: Person): [least: number, most: number] {
    const behind = (place: number, fates: readonly string[]): number => log.slice(place).filter(({ fate }) => fates.includes(fate)).length;
    return [behind(cursor.passed, ['said']), behind(Math.min(cursor.sure, cursor.passed), ['said', 'unknown'])];
  }

  readerOf(person: Person): Registration | undefined {
    return person.notify ? this.registrationsOf(person).findLast(({ isCalled }) => isCalled) : undefined;
  }
}

function isAccount(owner: Account | Registration): owner is Account {
  return 'tokens' in owner;
}

/** Whether a direct message went to an account: those for guests are gone with them. */
function isKept(world: World, key: string): boolean {
  const sent = world.sent.get(key);
  return sent !== undefined && [...world.accounts.values()].some(({ inbox }) => inbox.log.includes(sent));
}

function roomOf(code: string, name: string, password?: string): Room {
  return { code, name, password, owner: undefined, log: [], members: new Set(), isGone: false };
}

/** Index behind the last line whose number is known: arrivals and departures behind it may be on their way. */
function numbered(log: readonly Entry[]): number {
  return log.findLastIndex(({ seq }) => seq !== undefined) + 1;
}

/** Arrivals and departures that nobody was told of may not have reached the disk. */
function forgetUncertain(log: readonly Entry[]): void {
  for (const each of log.slice(numbered(log))) if (each.seq === undefined && each.fate === 'said') each.fate = 'unknown';
}
