/**
 * What a room says about arrivals and departures: a line each while the room is small, one notice a second when it is
 * large, where lines for everybody would be most of the traffic.
 */
import type { Member } from './member.ts';
import type { BroadcastQueue } from './queue.ts';
import type { Room } from './room.ts';
import { THE_ROOM } from './speaker.ts';

/** How long arrivals and departures of a large room are gathered, milliseconds. */
const GATHER_MS = 1_000;
/** Names that a gathered notice mentions at most. */
const NAMES = 3;

interface Gathered {
  readonly joined: string[];
  readonly left: string[];
  readonly timer: NodeJS.Timeout;
}

export class Presence {
  readonly #queue: BroadcastQueue;
  readonly #linesUpTo: number;
  readonly #gathered = new Map<Room, Gathered>();

  /** @param linesUpTo members from which on notices are gathered */
  constructor(queue: BroadcastQueue, linesUpTo: number) {
    this.#queue = queue;
    this.#linesUpTo = linesUpTo;
  }

  joined(room: Room, member: Member): void {
    this.#tell(room, member, 'join', 'joined');
  }

  left(room: Room, member: Member): void {
    this.#tell(room, member, 'leave', 'left');
  }

  /** A line from the room itself to all members. */
  notice(room: Room, text: string): void {
    this.#queue.offerNotice({ room, kind: 'notice', speaker: THE_ROOM, text });
  }

  /** Whether arrivals and departures of `room` wait to be told. */
  gathers(room: Room): boolean {
    return this.#gathered.has(room);
  }

  /** Says at once what is gathered. */
  flush(): void {
    for (const room of [...this.#gathered.keys()]) this.#say(room);
  }

  #tell(room: Room, { speaker }: Member, kind: 'join' | 'leave', verb: 'joined' | 'left'): void {
    if (room.members.length >= this.#linesUpTo) {
      this.#gather(room)[verb].push(speaker.name);
      return;
    }
    this.#queue.offerNotice({ room, kind, speaker, text: `User ${speaker.id} ${verb} the chat` });
  }

  #gather(room: Room): Gathered {
    const gathered = this.#gathered.get(room) ?? { joined: [], left: [], timer: setTimeout(() => this.#say(room), GATHER_MS) };
    this.#gathered.set(room, gathered);
    return gathered;
  }

  #say(room: Room): void {
    const gathered = this.#gathered.get(room);
    if (gathered === undefined) return;
    clearTimeout(gathered.timer);
    this.#gathered.delete(room);
    const parts = [crowd(gathered.joined, 'joined'), crowd(gathered.left, 'left')].filter((part) => part !== '');
    this.notice(room, `${parts.join('; ')} (${room.members.length} here)`);
  }
}

/** "Alice, Bob, Carol and 40 others joined the chat", or nothing. */
function crowd(names: readonly string[], verb: string): string {
  if (names.length === 0) return '';
  const others = names.length - NAMES;
  const shown = names.slice(0, NAMES).join(', ');
  return others > 0 ? `${shown} and ${others} other${others === 1 ? '' : 's'} ${verb} the chat` : `${shown} ${verb} the chat`;
}
