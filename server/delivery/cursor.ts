/** Where one client is in one room's log: the next message that it has not been sent. */
import type { Room } from '../room.ts';

export class Cursor {
  readonly room: Room;
  /** Number of the segment that holds the next message; the log's head when there is none yet. */
  segment: number;
  /** `Seq` of the last message before the cursor: sent to the client, skipped as its own, or older than its interest. */
  passed: number;

  constructor(room: Room, segment: number, passed: number) {
    this.room = room;
    this.segment = segment;
    this.passed = passed;
  }

  /** Whether the next message has left the room's memory. */
  get isLost(): boolean {
    return this.segment < this.room.log.tail;
  }

  get atEnd(): boolean {
    return this.segment >= this.room.log.head;
  }

  /** Messages between the cursor and the end of the log. */
  get waiting(): number {
    return this.room.log.waiting(this.segment, this.passed);
  }
}
