/** CreateRoom, DeleteRoom, JoinRoom, LeaveRoom and ListRooms: who may make, enter, leave and delete a room. */
import { randomUUID } from 'node:crypto';
import { RpcError } from '../../commons/errors.ts';
import { roomDeleted, type ListedRoom } from '../../commons/protocol.ts';
import { follow, type Beginning } from '../beginning.ts';
import type { CallContext } from '../call-context.ts';
import type { Member } from '../member.ts';
import { busy } from '../queue.ts';
import type { Room } from '../room.ts';
import { joinedRecords, ownedKey } from '../room-facts.ts';
import { listedRoom, type Listed } from '../room-list.ts';
import type { Services } from '../services.ts';
import { FIRST_SEQ } from '../store/store.ts';
import { method } from './method.ts';

/** JSON of the rooms in one answer at most, bytes, so that it fits a frame. */
const ANSWER_BYTES = 49_152;

/** What every call about a room acts for. */
interface Acting {
  readonly UserID: string;
  readonly Session?: string | undefined;
}

/** How a member enters, and from where it wants to be served. */
interface Entering {
  readonly Password?: string | undefined;
  readonly ResumeAfter?: number | undefined;
  readonly Epoch?: string | undefined;
}

export const createRoom = (services: Services) =>
  method('ChatServer.CreateRoom', async (params, { context, succeed }) => {
    const { rooms, accountRooms, roomPasswords } = services;
    const member = acting(services, params, context);
    mayChange(services, member);
    mayOwn(services, member);
    mayBeIn(services, member);
    const { accountId = null } = member;
    // Counted before it is there: many calls at the same time are not one.
    const place = `being made: ${randomUUID()}`;
    member.owned.add(place);
    try {
      const about = { name: params.Name, owner: accountId, password: await roomPasswords.hash(params.Password), createdAt: now() };
      const more = (code: string) =>
        accountId === null ? [] : [{ key: ownedKey(accountId, code), value: '{}' }, ...joinedRecords(accountId, code, FIRST_SEQ)];
      const room = await rooms.create(about, more);
      member.owned.add(room.code);
      if (accountId !== null) accountRooms.entered(accountId, room.code, FIRST_SEQ);
      for (const each of present(services, member)) enter(services, each, room);
      rooms.release(room);
      services.log.client('A room was made.', { room: room.code, by: member.id });
      succeed({ Success: true, Code: room.code });
    } finally {
      member.owned.delete(place);
    }
  });

export const deleteRoom = (services: Services) =>
  method('ChatServer.DeleteRoom', (params, { context, succeed }) => {
    const member = acting(services, params, context);
    return services.rooms.using(params.Room, async (room) => {
      if (!member.owned.has(room.code)) throw new RpcError('Forbidden', 'Only the owner of a room deletes it.');
      await destroy(services, room);
      member.owned.delete(room.code);
      succeed({ Success: true });
    });
  });

export const joinRoom = (services: Services) =>
  method('ChatServer.JoinRoom', (params, { context, succeed }) => {
    const member = acting(services, params, context);
    mayChange(services, member);
    return services.rooms.using(params.Room, async (room) => {
      const wasThere = room.has(member);
      if (!wasThere) await mayEnter(services, member, room, params, context.address);
      // What was said before is in the log when the client begins.
      await services.broadcaster.flushed();
      mustBeOpen(room);
      mustBeHere(services, member);
      // Of an account it was counted when its membership was written down.
      if (!wasThere && member.accountId === undefined) mayBeIn(services, member);
      if (!wasThere) for (const other of present(services, member)) if (other !== member) enter(services, other, room);
      const beginning = begin(services, member, room, params);
      if (!room.has(member)) services.membership.enter(member, room);
      succeed({ Success: true, Room: room.code, Name: room.about.name, Seq: beginning.hole ? beginning.passed - 1 : beginning.passed });
      const begins = !wasThere || params.ResumeAfter !== undefined;
      if (begins && member.delivery !== undefined) follow(member.delivery, room, beginning);
    });
  });

/** Where a member begins in a room: where it asks for, where it is already, or with what comes next. */
function begin({ membership, epoch }: Services, member: Member, room: Room, { ResumeAfter: after, Epoch }: Entering): Beginning {
  if (after !== undefined) return membership.beginning(room, { after, epoch: Epoch });
  const { delivery } = member;
  if (delivery === undefined || !room.has(member)) return membership.beginning(room, undefined);
  return membership.beginning(room, { after: delivery.settledThrough(room.log), epoch });
}

/** Lets somebody pass who is not in the room yet; an account is in it from then on. */
async function mayEnter(services: Services, member: Member, room: Room, given: Entering, address: string): Promise<void> {
  mayBeIn(services, member);
  if (!member.owned.has(room.code)) await services.roomPasswords.check(room, given.Password, address);
  mustBeOpen(room);
  mayBeIn(services, member);
  await services.accountRooms.joined(member, room, begin(services, member, room, given).passed);
}

export const leaveRoom = (services: Services) =>
  method('ChatServer.LeaveRoom', (params, { context, succeed }) => {
    const member = acting(services, params, context);
    return services.rooms.using(params.Room, async (room) => {
      if (room === services.lobby) throw new RpcError('Forbidden', 'Nobody leaves the lobby: Unregister leaves everything.');
      if (!room.has(member)) throw new RpcError('Forbidden', 'You are not in this room.');
      await services.accountRooms.left(member, room);
      for (const each of present(services, member)) services.membership.leave(each, room);
      succeed({ Success: true });
    });
  });

export const listRooms = (services: Services) =>
  method('ChatServer.ListRooms', async (params, { context, succeed }) => {
    const { membership, roomList, lobby } = services;
    const member = acting(services, params, context);
    const all = await roomList.read();
    const mine = membership.roomsOf(member);
    const codes = new Set([...mine].map(({ code }) => code));
    const elsewhere = [...mine].filter((room) => room !== lobby).map(listedRoom);
    const listed = [listedRoom(lobby), ...elsewhere, ...all.filter(({ code }) => !codes.has(code))];
    succeed({ Success: true, Rooms: fitting(listed.map((room) => shown(room, codes, member))) });
  });

/**
 * Deletes `room` with everything that was said in it; its members are told. For an account that is deleted with its rooms, too.
 * @throws RpcError `StorageFailed` or `ShuttingDown`: it stays
 */
export async function destroy(
  { rooms, membership, accountRooms, broadcaster, log }: Pick<Services, 'rooms' | 'membership' | 'accountRooms' | 'broadcaster' | 'log'>,
  room: Room,
): Promise<void> {
  await rooms.remove(room);
  accountRooms.removed(room);
  // The number that the facts took, or a later one: above those of all that was said in the room.
  membership.evacuate(room, broadcaster.lastSeq, roomDeleted(room.about.name));
  log.client('A room was deleted.', { room: room.code });
}

function acting({ registry }: Services, { UserID, Session }: Acting, { peer }: CallContext): Member {
  return registry.acting(UserID, peer, Session);
}

/** Making and entering rooms counts like a message: who does nothing else may do 20 a second. */
function mayChange({ stopping, broadcaster }: Services, member: Member): void {
  if (stopping()) throw new RpcError('ShuttingDown');
  if (broadcaster.queue.crowded) throw busy();
  const waitMs = member.rate.take();
  if (waitMs > 0) throw new RpcError('RateLimited', undefined, { RetryAfterMs: waitMs });
}

function mayOwn({ settings }: Services, { owned }: Member): void {
  const { roomsPerOwner } = settings.limits;
  if (owned.size >= roomsPerOwner)
    throw new RpcError('Forbidden', `You own ${roomsPerOwner} rooms, which is the most here: delete one first.`);
}

function mayBeIn({ settings, membership, accountRooms }: Services, member: Member): void {
  const { roomsPerMember } = settings.limits;
  const rooms = member.accountId === undefined ? membership.roomsOf(member).size - 1 : accountRooms.count(member.accountId);
  if (rooms >= roomsPerMember)
    throw new RpcError('Forbidden', `You are in ${roomsPerMember} rooms, which is the most here: leave one first.`);
}

/** It may have been deleted while the call waited. */
function mustBeOpen(room: Room): void {
  if (room.closed) throw new RpcError('NotFound', 'There is no such room.');
}

/** It may have left while its call waited. */
function mustBeHere({ registry }: Services, member: Member): void {
  if (registry.get(member.id) !== member) throw new RpcError('NotRegistered');
}

/** The registrations that are in a room together: all of an account, as far as they are still here. */
function present({ registry, accountRooms }: Services, member: Member): readonly Member[] {
  return accountRooms.registrations(member).filter((each) => registry.get(each.id) === each);
}

/** Lets `member` into `room`, where it begins with what comes next. */
function enter({ membership }: Services, member: Member, room: Room): void {
  if (room.has(member)) return;
  membership.enter(member, room);
  if (member.delivery !== undefined) follow(member.delivery, room, membership.beginning(room, undefined));
}

function shown({ code, name, members, isProtected }: Listed, joined: ReadonlySet<string>, { owned }: Member): ListedRoom {
  const Joined = joined.has(code) ? true : undefined;
  const Owned = owned.has(code) ? true : undefined;
  const room = { Room: code, Name: name, Members: members, Protected: isProtected };
  return { ...room, ...(Joined && { Joined }), ...(Owned && { Owned }) };
}

/** As many of the first as one answer holds. */
function fitting(rooms: readonly ListedRoom[]): ListedRoom[] {
  let bytes = 0;
  const tooMuch = rooms.findIndex((room) => (bytes += Buffer.byteLength(JSON.stringify(room)) + 1) > ANSWER_BYTES);
  return rooms.slice(0, tooMuch < 0 ? rooms.length : tooMuch);
}

function now(): string {
  return new Date().toISOString();
}
