/**
 * The parts behind a server's rooms, on a real folder, without listener and methods: for what needs an account, a clock or
 * a crash. Registrations are called back over real connections.
 */
import { AccountRooms } from '../../server/account-rooms.ts';
import { Account } from '../../server/accounts/account.ts';
import { LogIn } from '../../server/accounts/log-in.ts';
import { AnswerShapes } from '../../server/answer-shape.ts';
import { Broadcaster } from '../../server/broadcaster.ts';
import { follow } from '../../server/beginning.ts';
import type { CallContext } from '../../server/call-context.ts';
import { Delivery } from '../../server/delivery/delivery.ts';
import { Gathering } from '../../server/delivery/gathering.ts';
import { Inboxes } from '../../server/direct/inboxes.ts';
import { HistoryPages } from '../../server/history.ts';
import { Member } from '../../server/member.ts';
import { Membership } from '../../server/membership.ts';
import { Presence } from '../../server/presence.ts';
import { RateLimit } from '../../server/rate-limit.ts';
import { Registry } from '../../server/registry.ts';
import { LOBBY, Room } from '../../server/room.ts';
import { joinedRecords, ownedKey } from '../../server/room-facts.ts';
import { RoomKeeping } from '../../server/room-keeping.ts';
import { RoomMemory } from '../../server/room-memory.ts';
import { Rooms } from '../../server/rooms.ts';
import { LevelStore } from '../../server/store/level.ts';
import { MemoryStore } from '../../server/store/memory.ts';
import { FIRST_SEQ } from '../../server/store/store.ts';
import { silentLog } from '../../commons/log.ts';
import { DEFAULT_LIMITS, type Limits } from '../../commons/limits.ts';
import { Dispatcher } from '../../commons/rpc/dispatcher.ts';
import { Peer as Caller } from '../../commons/rpc/peer.ts';
import { Dialer } from '../../commons/wire/dial.ts';
import { answerTo, Peer } from './peer.ts';

export type Hall = Awaited<ReturnType<typeof openHall>>;

/** @param folder where it keeps everything; `null` = in memory. @param now when it opens, milliseconds since 1970 */
export async function openHall(folder: string | null, given: Partial<Limits> = {}, now = Date.now()) {
  const limits = { ...DEFAULT_LIMITS, ...given };
  const failures: unknown[] = [];
  const store = folder === null ? new MemoryStore() : await LevelStore.open({ folder, report: () => undefined });
  const events = { published: () => undefined, failed: (error: unknown) => void failures.push(error) };
  const broadcaster = new Broadcaster(limits, store, events);
  const presence = new Presence(broadcaster.queue, limits.presenceLinesUpTo);
  const memory = new RoomMemory(limits.roomsBytes);
  const lobby = new Room(LOBBY, limits.roomBytes, store.rooms.get(LOBBY)?.lastSeq ?? FIRST_SEQ, undefined, memory);
  const onDisk = folder !== null;
  const pages = new HistoryPages();
  const rooms = new Rooms({ store, broadcaster, presence, lobby, memory, pages, limits, onDisk });
  const accountRooms = new AccountRooms(store, broadcaster, rooms);
  const registry = new Registry();
  const inboxes = new Inboxes({ store, broadcaster, registry, memory, pages, limits });
  const membership = new Membership({ registry, presence, log: silentLog(), epoch: store.epoch, rooms, accountRooms, inboxes });
  const keeping = new RoomKeeping({ store, broadcaster, rooms, emptyRoomMs: limits.emptyRoomMs, failed: (error) => failures.push(error) });
  rooms.startWith(await keeping.look(now));
  const peers: Peer[] = [];
  return {
    ...{ limits, failures, store, broadcaster, presence, memory, rooms, accountRooms, membership, keeping, registry, peers },
    /** Ends at once, as a process that is killed does: nothing is written down any more. */
    crash: async () => {
      for (const { delivery } of registry.members()) delivery?.close();
      broadcaster.stop();
      await Promise.all([store.close(), ...peers.map((peer) => peer.close())]);
    },
  };
}

/** A registration of `account`, a guest when left out, and what it was brought. */
export async function register(hall: Hall, id: string, account?: string) {
  const peer = await Peer.start({ called: (call, socket) => socket.write(answerTo(call)) });
  hall.peers.push(peer);
  const { membership, accountRooms, rooms, broadcaster } = hall;
  const arrival = await accountRooms.expect(account);
  await broadcaster.flushed();
  const rate = new RateLimit(0);
  const member = new Member({ id, name: id, from: '127.0.0.1:1', rate });
  if (account !== undefined) hall.registry.bind(member, logInOf(account));
  const places = membership.carriedOn(undefined, arrival);
  const delivery = deliveryTo(peer, id, hall.limits);
  member.delivery = delivery.delivery;
  membership.arrive(member, arrival);
  arrival.release();
  await delivery.start();
  follow(delivery.delivery, rooms.lobby, membership.beginning(rooms.lobby, undefined));
  for (const [room, place] of places) follow(delivery.delivery, room, place);
  return { member, peer };
}

/** A log-in of an account of that ID. */
export function logInOf(id: string): LogIn {
  const record = { id, name: id, hash: '', createdAt: 0, policy: 'everyone' as const, allow: [], block: [], notify: true };
  return new LogIn(new Account(record), 'hash', { createdAt: 0, usedAt: 0, endsAt: Infinity, from: '127.0.0.1' });
}

function deliveryTo(peer: Peer, reader: string, limits: Limits) {
  const bounds = { maxFrameBytes: limits.frameBytes, maxUnreadBytes: limits.unreadAnswerBytes };
  const dispatcher = new Dispatcher<CallContext>(new Map(), () => undefined);
  const open = async (): Promise<Caller<CallContext>> => {
    const connection = await new Dialer(bounds).dial(peer, 1_000);
    const context = (self: Caller<CallContext>): CallContext => ({ peer: self, address: peer.host, port: peer.port, rate: undefined });
    return new Caller<CallContext>(connection, { dispatcher, limits, context, answersGarbage: false });
  };
  const events = { evicted: () => undefined, declined: () => undefined };
  const means = { limits, shapes: new AnswerShapes(), gathering: new Gathering(), events };
  const delivery = new Delivery(means, { id: reader, form: 'named', route: { redials: true, open, abandon: () => undefined } });
  return { delivery, start: async () => delivery.start(await open()) };
}

/** A room, made as CreateRoom does. */
export async function createRoom(hall: Hall, owner: Member, name = 'Den'): Promise<Room> {
  const account = owner.accountId ?? null;
  const about = { name, owner: account, password: null, createdAt: new Date().toISOString() };
  const room = await hall.rooms.create(about, (code) =>
    account === null ? [] : [{ key: ownedKey(account, code), value: '{}' }, ...joinedRecords(account, code, FIRST_SEQ)],
  );
  owner.owned.add(room.code);
  if (account !== null) hall.accountRooms.entered(account, room.code, FIRST_SEQ);
  enter(hall, owner, room);
  hall.rooms.release(room);
  return room;
}

/** Into a room, as JoinRoom does. */
export async function joinRoom(hall: Hall, member: Member, room: Room): Promise<void> {
  await hall.accountRooms.joined(member, room, room.log.lastSeq);
  enter(hall, member, room);
}

function enter({ membership }: Hall, member: Member, room: Room): void {
  membership.enter(member, room);
  if (member.delivery !== undefined) follow(member.delivery, room, membership.beginning(room, undefined));
}

/** Says something; resolves with its number when it is accepted. */
export function say({ broadcaster }: Hall, { speaker }: Member, room: Room, text: string): Promise<number> {
  return new Promise((accepted, refused) => void broadcaster.queue.offer({ room, kind: 'chat', speaker, text, accepted, refused }));
}

/** Waits until a registration has answered everything that a room had for it. */
export function caughtUp({ delivery }: Member, { log }: Room): Promise<boolean> {
  return new Promise((resolve) => void (delivery === undefined ? resolve(false) : delivery.watch(log, log.lastSeq, resolve)));
}

/** Lets the forgetting of rooms happen that the server's clock would bring about. */
export async function quiet({ broadcaster, rooms }: Hall): Promise<void> {
  await broadcaster.drained();
  rooms.sweep();
}
