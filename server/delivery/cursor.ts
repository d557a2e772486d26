/** Where one client is in one room's log: the next message that it has not been sent. */
import { BEFORE_MEMORY, type RoomLog } from '../room-log.ts';
import type { Segment } from '../segment.ts';

export class Cursor {
  readonly log: RoomLog;
  /** Number of the segment that holds the next message; the log's head when there is none yet. */
  segment: number;
  /** `Seq` of the last message before the cursor: sent to the client, skipped as its own, or older than its interest. */
  passed: number;
  /** Its next messages are being read from the store. */
  reading = false;
  /** Tells of what is missing before it; comes first, and goes with it. */
  readonly notice: Cursor | undefined;

  /** @param notice a log of one message: what is missing before the cursor */
  constructor(log: RoomLog, segment: number, passed: number, notice?: RoomLog) {
    this.log = log;
    this.segment = segment;
    this.passed = passed;
    this.notice = notice === undefined ? undefined : new Cursor(notice, 0, 0);
  }

  /** Whether the next message has left the room's memory. */
  get isLost(): boolean {
    return this.segment < this.log.tail;
  }

  /** To the beginning of the next segment, which is in memory or not. */
  moveOn(): void {
    if (this.segment >= this.log.tail) this.segment += 1;
    else this.segment = this.log.locate(this.passed) ?? BEFORE_MEMORY;
  }

  /** Before the message `seq`, which it was past. */
  goBack(seq: number): void {
    this.passed = seq - 1;
    this.segment = this.log.locate(this.passed) ?? BEFORE_MEMORY;
  }

  /** Past all of `segment`. */
  moveBehind(segment: Segment): void {
    this.passed = segment.lastSeq;
    this.moveOn();
  }

  get atEnd(): boolean {
    return this.segment >= this.log.head;
  }

  /** Messages between the cursor and the end of the log. */
  get waiting(): number {
    return this.log.waiting(this.segment, this.passed);
  }
}
