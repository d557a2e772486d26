/**
 * Arrivals and departures: what happens to a room when a client registers, comes back, leaves or is given up. It knows
 * the rooms and their notices, not how a client is reached.
 */
import type { Log } from '../commons/log.ts';
import type { Delivery } from './delivery/delivery.ts';
import type { Member } from './member.ts';
import type { Presence } from './presence.ts';
import type { Registry } from './registry.ts';
import type { Room } from './room.ts';
import { BEFORE_MEMORY, RoomLog } from './room-log.ts';
import { encodeSegment } from './segment.ts';
import { THE_ROOM } from './speaker.ts';
import { FIRST_SEQ } from './store/store.ts';

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

export class Membership {
  readonly #registry: Registry;
  readonly #presence: Presence;
  readonly #log: Log;
  readonly #epoch: string;

  constructor(registry: Registry, presence: Presence, log: Log, epoch: string) {
    this.#registry = registry;
    this.#presence = presence;
    this.#log = log;
    this.#epoch = epoch;
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

  /** Lets `member` into `room`; the others are told. */
  enter(member: Member, room: Room): void {
    this.#registry.add(member);
    room.enter(member);
    this.#presence.joined(room, member);
    this.#log.join({ name: member.name, id: member.id, from: member.from });
  }

  /** Sets `delivery` going in `room`. A hole in what the client asked for is told with one notice before anything else. */
  follow(delivery: Delivery, room: Room, beginning: Beginning): void {
    if (beginning.hole) delivery.follow(noticeLog(room, beginning.passed), 0, 0);
    delivery.follow(room.log, beginning.segment, beginning.passed);
  }

  /** Takes `member` out of everything; does nothing when it is gone already. */
  dismiss(member: Member, rooms: Iterable<Room>, reason: string): void {
    if (!this.#registry.remove(member)) return;
    member.delivery?.close();
    member.delivery = undefined;
    for (const room of rooms) {
      if (!room.has(member)) continue;
      room.leave(member);
      this.#presence.left(room, member);
    }
    this.#log.leave({ name: member.name, id: member.id, reason });
  }
}

/** A log of one reader and one message: that messages before `seq` are gone. */
function noticeLog(room: Room, seq: number): RoomLog {
  const notice = new RoomLog(0, seq - 1);
  const text = 'Some messages that you missed are not kept any more.';
  notice.append(encodeSegment(room.code, [{ kind: 'notice', speaker: THE_ROOM, text }], [seq], new Date().toISOString(), 0));
  return notice;
}
