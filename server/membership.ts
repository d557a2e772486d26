/**
 * Arrivals and departures: what happens to a room when a client registers, comes back, leaves or is given up. It knows
 * the rooms and their notices, not how a client is reached.
 */
import type { Log } from '../commons/log.ts';
import type { AccountRooms, Arrival } from './account-rooms.ts';
import { beginningIn, noticeLog, type Beginning, type Resume } from './beginning.ts';
import type { Inboxes } from './direct/inboxes.ts';
import type { Member } from './member.ts';
import type { Presence } from './presence.ts';
import type { Registry } from './registry.ts';
import type { Room } from './room.ts';
import type { Rooms } from './rooms.ts';

const NOWHERE: ReadonlySet<Room> = new Set();

export interface MembershipMeans {
  readonly registry: Registry;
  readonly presence: Presence;
  readonly log: Log;
  readonly epoch: string;
  readonly rooms: Rooms;
  readonly accountRooms: AccountRooms;
  readonly inboxes: Inboxes;
}

export class Membership {
  readonly #means: MembershipMeans;
  readonly #epoch: string;
  /** The rooms that each member is in; those who are in the lobby only share one set. */
  readonly #places = new Map<Member, ReadonlySet<Room>>();
  readonly #lobbyOnly: ReadonlySet<Room>;

  constructor(means: MembershipMeans) {
    this.#means = means;
    this.#epoch = means.epoch;
    this.#lobbyOnly = new Set([means.rooms.lobby]);
  }

  /** The rooms that `member` is in, the lobby included. */
  roomsOf(member: Member): ReadonlySet<Room> {
    return this.#places.get(member) ?? NOWHERE;
  }

  /** Where in `room` a client begins. Without `resume` it begins with what comes next. */
  beginning(room: Room, resume: Resume | undefined): Beginning {
    return beginningIn(room, resume, this.#epoch);
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
    this.#moveTo(member, [...this.roomsOf(member), room]);
    room.enter(member);
    this.#means.rooms.occupied(room);
    this.#means.presence.joined(room, member);
  }

  /** Takes `member` out of `room`; the others are told. Does nothing when it is not there. */
  leave(member: Member, room: Room): void {
    if (!this.roomsOf(member).has(room)) return;
    this.#moveOut(member, room);
    void member.delivery?.unfollow(room.log);
    this.#depart(member, room);
  }

  /** Takes everybody out of a room that is gone, and tells them. @param seq a number above those of its messages */
  evacuate(room: Room, seq: number, text: string): void {
    const farewell = noticeLog(room, seq, text);
    for (const member of [...room.members]) {
      this.#moveOut(member, room);
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
    this.#means.inboxes.departed(member);
    this.#means.log.leave({ name: member.name, id: member.id, reason });
  }

  #moveOut(member: Member, room: Room): void {
    this.#moveTo(
      member,
      [...this.roomsOf(member)].filter((each) => each !== room),
    );
  }

  #moveTo(member: Member, rooms: readonly Room[]): void {
    const [only] = rooms;
    this.#places.set(member, rooms.length === 1 && only === this.#means.rooms.lobby ? this.#lobbyOnly : new Set(rooms));
  }

  #depart(member: Member, room: Room): void {
    room.leave(member);
    this.#means.presence.left(room, member);
    if (room.members.length === 0) this.#means.rooms.emptied(room);
  }
}
