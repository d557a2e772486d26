/**
 * Arrivals and departures: what happens to a room when a client registers, comes back, leaves or is given up. It knows
 * the rooms and their notices, not how a client is reached.
 */
import type { Log } from '../commons/log.ts';
import type { AccountRooms, Arrival } from './account-rooms.ts';
import type { Delivery } from './delivery/delivery.ts';
import type { Member } from './member.ts';
import type { Presence } from './presence.ts';
import type { Registry } from './registry.ts';
import type { Room } from './room.ts';
import type { Rooms } from './rooms.ts';
import { BEFORE_MEMORY, RoomLog } from './room-log.ts';
import { encodeSegment } from './segment.ts';
import { THE_ROOM } from './speaker.ts';
import { FIRST_SEQ } from './store/store.ts';

/** What is told in place of messages that are gone. */
const MISSED = 'Some messages that you missed are not kept any more.';
const NOWHERE: ReadonlySet<Room> = new Set();

/** Where a client wants to begin: after the last message that it has seen. */
export interface Resume {
  readonly after: number;
  /** The life of the history that `after` belongs to; left out, the present one is meant. */
  readonly epoch: string | undefined;
}

/** A place in a room's history, and whether something before it is missing. */
export interface Beginning {
  readonly segment: number;
  readonly passed: number;
  readonly hole: boolean;
}

export interface MembershipMeans {
  readonly registry: Registry;
  readonly presence: Presence;
  readonly log: Log;
  readonly epoch: string;
  readonly rooms: Rooms;
  readonly accountRooms: AccountRooms;
}

export class Membership {
  readonly #means: MembershipMeans;
  readonly #epoch: string;
  /** The rooms that each member is in. */
  readonly #places = new Map<Member, Set<Room>>();

  constructor(means: MembershipMeans) {
    this.#means = means;
    this.#epoch = means.epoch;
  }

  /** The rooms that `member` is in, the lobby included. */
  roomsOf(member: Member): ReadonlySet<Room> {
    return this.#places.get(member) ?? NOWHERE;
  }

  /** Where in `room` a client begins. Without `resume` it begins with what comes next. */
  beginning(room: Room, resume: Resume | undefined): Beginning {
    const { log } = room;
    const live = { segment: log.head, passed: log.lastSeq, hole: false };
    if (resume === undefined) return live;
    const known = (resume.epoch ?? this.#epoch) === this.#epoch && resume.after <= log.lastSeq;
    if (!known) return { ...live, hole: true };
    const passed = Math.max(resume.after, FIRST_SEQ);
    const segment = log.locate(passed);
    if (segment !== undefined) return { segment, passed, hole: false };
    const lostThrough = log.history?.lostThrough ?? log.lostThrough;
    if (passed >= lostThrough) return { segment: BEFORE_MEMORY, passed, hole: false };
    return { segment: log.locate(lostThrough) ?? BEFORE_MEMORY, passed: lostThrough, hole: true };
  }

  /**
   * Where the rooms other than the lobby go on for a registration that takes over from `former`, or that comes with
   * `arrival`: after what was answered. Ask before the former delivery is let go.
   */
  carriedOn(former: Member | undefined, arrival: Arrival): ReadonlyMap<Room, Beginning> {
    const { lobby } = this.#means.rooms;
    const settled = new Map(arrival.rooms);
    for (const room of former === undefined ? [] : this.roomsOf(former))
      settled.set(room, former?.delivery?.settledThrough(room.log) ?? settled.get(room) ?? room.log.lastSeq);
    const elsewhere = [...settled].filter(([room]) => room !== lobby && !room.closed);
    return new Map(elsewhere.map(([room, after]) => [room, this.beginning(room, { after, epoch: this.#epoch })]));
  }

  /** Registers `member` and lets it into the lobby and the rooms of its account; the others are told. */
  arrive(member: Member, arrival: Arrival): void {
    const { registry, rooms, log } = this.#means;
    registry.add(member);
    this.enter(member, rooms.lobby);
    this.bind(member, arrival);
    log.join({ name: member.name, id: member.id, from: member.from });
  }

  /** Makes a registration one of the account it comes with, if any, and lets it into the rooms of that. */
  bind(member: Member, arrival: Arrival): void {
    this.#means.accountRooms.arrived(member, arrival);
    for (const room of arrival.rooms.keys()) if (!room.closed && !room.has(member)) this.enter(member, room);
  }

  /** Lets `member` into `room`; the others are told. */
  enter(member: Member, room: Room): void {
    const places = this.#places.get(member) ?? new Set();
    this.#places.set(member, places.add(room));
    room.enter(member);
    this.#means.rooms.occupied(room);
    this.#means.presence.joined(room, member);
  }

  /** Sets `delivery` going in `room`. A hole in what the client asked for is told with one notice before anything else. */
  follow(delivery: Delivery, room: Room, { segment, passed, hole }: Beginning): void {
    delivery.follow(room.log, segment, passed, hole ? noticeLog(room, passed, MISSED) : undefined);
  }

  /** Takes `member` out of `room`; the others are told. Does nothing when it is not there. */
  leave(member: Member, room: Room): void {
    if (this.#places.get(member)?.delete(room) !== true) return;
    void member.delivery?.unfollow(room.log);
    this.#depart(member, room);
  }

  /** Takes everybody out of a room that is gone, and tells them. @param seq a number above those of its messages */
  evacuate(room: Room, seq: number, text: string): void {
    const farewell = noticeLog(room, seq, text);
    for (const member of [...room.members]) {
      this.#places.get(member)?.delete(room);
      room.leave(member);
      void member.delivery?.unfollow(room.log);
      member.delivery?.tell(farewell);
    }
  }

  /** Takes `member` out of everything; does nothing when it is gone already. */
  dismiss(member: Member, reason: string): void {
    if (!this.#means.registry.remove(member)) return;
    this.#means.accountRooms.departed(member);
    member.delivery?.close();
    member.delivery = undefined;
    for (const room of this.roomsOf(member)) this.#depart(member, room);
    this.#places.delete(member);
    this.#means.log.leave({ name: member.name, id: member.id, reason });
  }

  #depart(member: Member, room: Room): void {
    room.leave(member);
    this.#means.presence.left(room, member);
    if (room.members.length === 0) this.#means.rooms.emptied(room);
  }
}

/** A log of one message of the room itself, number `seq`. */
function noticeLog(room: Room, seq: number, text: string): RoomLog {
  const notice = new RoomLog(0, seq - 1);
  notice.append(encodeSegment(room.code, [{ kind: 'notice', speaker: THE_ROOM, text }], [seq], new Date().toISOString(), 0));
  return notice;
}
