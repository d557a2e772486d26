/** A room: its log and its members. It knows neither how a member is called nor who may enter. */
import type { Member } from './member.ts';
import { RoomLog, type MemoryBudget, type Older } from './room-log.ts';

/** The code of the room that everyone starts in. */
export const LOBBY = 'lobby';
/** What the codes of inboxes begin with, and no other. */
export const INBOX = '@';

/** What a room is beside what is said in it. */
export interface About {
  readonly name: string;
  /** The account that owns it; `null` for the lobby and for rooms of guests. */
  readonly owner: string | null;
  /** The hash of what one has to know to enter; `null` = nothing. */
  readonly password: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
}

const LOBBY_ABOUT: About = { name: 'Lobby', owner: null, password: null, createdAt: new Date(0).toISOString() };

export class Room {
  readonly code: string;
  readonly about: About;
  readonly log: RoomLog;
  readonly #members: Member[] = [];
  readonly #places = new Map<Member, number>();
  /** It is being deleted: nobody may speak or enter any more. */
  closed = false;
  #congested = false;

  constructor(code: string, maxBytes: number, lastSeq: number, older?: Older, budget?: MemoryBudget, about: About = LOBBY_ABOUT) {
    this.code = code;
    this.about = about;
    this.log = new RoomLog(maxBytes, lastSeq, older, budget, !code.startsWith(INBOX));
  }

  /** Who is in the room, in no order. Read it within one turn of the event loop, or copy it. */
  get members(): readonly Member[] {
    return this.#members;
  }

  has(member: Member): boolean {
    return this.#places.has(member);
  }

  enter(member: Member): void {
    if (this.has(member)) return;
    this.#places.set(member, this.#members.length);
    this.#members.push(member);
  }

  leave(member: Member): void {
    const place = this.#places.get(member);
    const last = this.#members.at(-1);
    if (place === undefined || last === undefined) return;
    this.#places.delete(member);
    this.#members.pop();
    if (last === member) return;
    this.#members[place] = last;
    this.#places.set(last, place);
  }

  /** Whether senders have to wait, as of the last look. */
  get congested(): boolean {
    return this.#congested;
  }

  /** Looks whether most members are so far behind that the senders have to wait: half of what the log keeps is unread by them. */
  lookForCongestion(): boolean {
    this.#congested = this.log.bytes >= this.log.maxBytes / 2 && this.#mostAreBehind();
    return this.#congested;
  }

  /** Who comes back from before the memory reads the disk at its own pace: nobody waits for that. */
  #mostAreBehind(): boolean {
    const { tail, head } = this.log;
    const half = tail + (head - tail) / 2;
    const behind = this.#members.filter(({ delivery }) => {
      const segment = delivery?.segmentIn(this.log) ?? head;
      return segment >= tail && segment < half;
    });
    return behind.length * 2 > this.#members.length;
  }
}
