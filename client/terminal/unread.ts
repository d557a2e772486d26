/**
 * What was said in rooms that one is in and does not look at: how much, and the newest of it, to be shown when one comes
 * to look. Coming and going there is not kept. Knows no screen and no connection.
 */
import { type Message } from '../../commons/protocol.ts';

/** Messages kept of each room; of more the oldest go, and are counted. A server bounds how many rooms one is in. */
const MOST_KEPT = 200;

/** What was missed of a room. */
export interface Missed {
  /** Oldest first. */
  readonly messages: readonly Message[];
  /** Older ones that were not kept. */
  readonly forgotten: number;
}

interface Room {
  count: number;
  /** Somebody wrote one's own name there. */
  mentioned: boolean;
  readonly kept: Message[];
}

export class Unread {
  /** By code; the room that was silent longest first. */
  readonly #rooms = new Map<string, Room>();

  /** @param mentions whether it speaks of the person */
  add(message: Message, mentions: boolean): void {
    if (message.Kind === 'join' || message.Kind === 'leave') return;
    const room = this.#rooms.get(message.Room) ?? { count: 0, mentioned: false, kept: [] };
    room.count++;
    room.mentioned ||= mentions;
    room.kept.push(message);
    if (room.kept.length > MOST_KEPT) room.kept.shift();
    this.#rooms.delete(message.Room);
    this.#rooms.set(message.Room, room);
  }

  /** Rooms in which something was missed, the one that spoke last first. */
  get counts(): readonly { readonly room: string; readonly count: number; readonly mentioned: boolean }[] {
    return [...this.#rooms].reverse().map(([room, { count, mentioned }]) => ({ room, count, mentioned }));
  }

  /** Takes what was missed of a room: it is about to be shown, or the room is gone. */
  take(room: string): Missed {
    const { count, kept } = this.#rooms.get(room) ?? { count: 0, kept: [] };
    this.#rooms.delete(room);
    return { messages: kept, forgotten: count - kept.length };
  }
}
