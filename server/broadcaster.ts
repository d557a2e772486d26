/**
 * The one broadcaster: takes all that waits in the queue, numbers it, encodes it once for each room, appends it to the
 * rooms' logs, tells the senders and sets the deliveries going. The only writer of logs, so there is one order.
 */
import { BroadcastQueue, type Broadcast, type QueueLimits } from './queue.ts';
import type { Room } from './room.ts';
import { encodeSegment } from './segment.ts';

/** How long notices of the room may wait for company, milliseconds; messages of people never wait. */
const NOTICE_PATIENCE_MS = 5;
/** Pause before the broadcaster looks again whether congested rooms have moved, milliseconds. */
const CONGESTION_PAUSE_MS = 10;

export interface BroadcasterEvents {
  /** A message was appended to its room's log. */
  readonly published: (broadcast: Broadcast, seq: number) => void;
}

export class Broadcaster {
  readonly queue: BroadcastQueue;
  readonly #events: BroadcasterEvents;
  readonly #immediately = (): void => this.#run();
  #lastSeq: number;
  #scheduled = false;
  #stopped = false;
  #patience: NodeJS.Timeout | undefined;
  #looking: NodeJS.Timeout | undefined;
  readonly #idle: (() => void)[] = [];
  /** Rooms whose senders wait because most members are far behind; looked at again and again while there are any. */
  readonly #congested = new Set<Room>();

  /** @param lastSeq the highest number that was ever given out; one counter serves all rooms, so a number names one message. */
  constructor(limits: QueueLimits, lastSeq: number, events: BroadcasterEvents) {
    this.queue = new BroadcastQueue(limits, (urgent) => this.#wake(urgent));
    this.#lastSeq = lastSeq;
    this.#events = events;
  }

  /** The highest number given out so far. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Appends at once what waits, so that a client which registers now begins after it. */
  flush(): void {
    if (this.queue.size > 0) this.#run();
  }

  /** Resolves when everything that was offered before is in its log. */
  drained(): Promise<void> {
    if (this.queue.size === 0) return Promise.resolve();
    this.#wake(true);
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #wake(urgent: boolean): void {
    if (this.#scheduled || this.#stopped) return;
    if (!urgent) {
      this.#patience ??= setTimeout(() => this.#schedule(), NOTICE_PATIENCE_MS);
      return;
    }
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#scheduled = true;
    setImmediate(this.#immediately);
  }

  /** Numbers nothing more: what still waits is refused. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#patience);
    clearTimeout(this.#looking);
    this.queue.close();
  }

  #run(): void {
    this.#scheduled = false;
    if (this.#stopped || this.queue.size === 0) return;
    const rooms = byRoom(this.queue.takeAll());
    for (const [room, broadcasts] of rooms) this.#publish(room, broadcasts);
    this.queue.letIn();
    if (this.queue.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Senders of a congested room wait at the queue's door, and are told `Busy` when that takes too long. */
  #watchCongestion(room: Room): void {
    if (!room.lookForCongestion()) return;
    this.#congested.add(room);
    this.#looking ??= setTimeout(() => this.#lookAgain(), CONGESTION_PAUSE_MS);
  }

  #lookAgain(): void {
    this.#looking = undefined;
    for (const room of this.#congested) if (!room.lookForCongestion()) this.#congested.delete(room);
    this.queue.letIn();
    if (this.#congested.size > 0) this.#looking = setTimeout(() => this.#lookAgain(), CONGESTION_PAUSE_MS);
  }

  #publish(room: Room, broadcasts: readonly Broadcast[]): void {
    const seqs = broadcasts.map(() => (this.#lastSeq += 1));
    room.log.append(encodeSegment(room.code, broadcasts, seqs, new Date().toISOString(), room.log.count));
    broadcasts.forEach((broadcast, index) => {
      const seq = seqs[index] ?? 0;
      this.#events.published(broadcast, seq);
      broadcast.accepted?.(seq);
    });
    const { members } = room;
    // Backwards: a member that is evicted on the way is replaced by the last one, who had its turn.
    for (let index = members.length - 1; index >= 0; index -= 1) members[index]?.delivery?.wake();
    this.#watchCongestion(room);
  }
}

function byRoom(broadcasts: readonly Broadcast[]): Map<Room, Broadcast[]> {
  const rooms = new Map<Room, Broadcast[]>();
  for (const broadcast of broadcasts) {
    const same = rooms.get(broadcast.room);
    if (same === undefined) rooms.set(broadcast.room, [broadcast]);
    else same.push(broadcast);
  }
  return rooms;
}
