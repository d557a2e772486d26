/** Where a client begins in a room, and how what it missed for good is told to it. It knows rooms, not who is in them. */
import type { Delivery } from './delivery/delivery.ts';
import type { Room } from './room.ts';
import { BEFORE_MEMORY, RoomLog } from './room-log.ts';
import { encodeSegment } from './segment.ts';
import { THE_ROOM } from './speaker.ts';
import { FIRST_SEQ } from './store/store.ts';

/** What is told in place of messages that are gone. */
const MISSED = 'Some messages that you missed are not kept any more.';

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

/** Where in `room` a client begins. Without `resume` it begins with what comes next. @param epoch the present life of the history */
export function beginningIn({ log }: Room, resume: Resume | undefined, epoch: string): Beginning {
  const live = { segment: log.head, passed: log.lastSeq, hole: false };
  if (resume === undefined) return live;
  const known = (resume.epoch ?? epoch) === epoch && resume.after <= log.lastSeq;
  if (!known) return { ...live, hole: true };
  const passed = Math.max(resume.after, FIRST_SEQ);
  const segment = log.locate(passed);
  if (segment !== undefined) return { segment, passed, hole: false };
  const lostThrough = log.history?.lostThrough ?? log.lostThrough;
  if (passed >= lostThrough) return { segment: BEFORE_MEMORY, passed, hole: false };
  return { segment: log.locate(lostThrough) ?? BEFORE_MEMORY, passed: lostThrough, hole: true };
}

/** Sets `delivery` going in `room`. A hole in what the client asked for is told with one notice before anything else. */
export function follow(delivery: Delivery, room: Room, { segment, passed, hole }: Beginning): void {
  delivery.follow(room.log, segment, passed, hole ? noticeLog(room, passed, MISSED) : undefined);
}

/** A log of one message of the room itself, number `seq`. */
export function noticeLog(room: Room, seq: number, text: string): RoomLog {
  const notice = new RoomLog(0, seq - 1);
  notice.append(encodeSegment(room.code, [{ kind: 'notice', speaker: THE_ROOM, text }], [seq], new Date().toISOString(), 0));
  return notice;
}
