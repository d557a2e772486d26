/**
 * The one broadcaster: takes all that waits in the queue, numbers it, encodes it once for each room, commits it to the
 * store as one batch, then appends it to the rooms' logs, tells the senders and sets the deliveries going. What arrives
 * during a commit is the next batch. Facts (accounts, rooms, cursors) are committed with it. The only writer of logs and
 * of the store, so there is one order.
 */
import { RpcError } from '../commons/errors.ts';
import { HandOut } from './hand-out.ts';
import { BroadcastQueue, type Broadcast, type QueueLimits } from './queue.ts';
import type { Room } from './room.ts';
import { encodeSegment, type Segment } from './segment.ts';
import type { Store, StoredRecord, StoredSegment } from './store/store.ts';

/** How long a batch stays open at most, milliseconds, while each turn of the event loop brings more for it. */
const OPEN_MS = 2;
/** How long notices of the room may wait for company, milliseconds; messages of people never wait. */
const NOTICE_PATIENCE_MS = 5;
/** Pause before notices that could not be stored are tried again, milliseconds. */
const STORE_PAUSE_MS = 500;

export interface BroadcasterEvents {
  /** A message was appended to its room's log. */
  readonly published: (broadcast: Broadcast, seq: number) => void;
  /** A batch was not kept; its senders were refused. */
  readonly failed: (error: unknown) => void;
}

const NOTHING: ReadonlyMap<Room, readonly Broadcast[]> = new Map();

/** What one room is about to say. */
interface Saying {
  readonly room: Room;
  readonly broadcasts: readonly Broadcast[];
  readonly segment: Segment;
}

/** Facts that wait for the next batch, and who waits for them. */
interface Keeping {
  readonly records: readonly StoredRecord[];
  readonly kept: () => void;
  readonly refused: (error: RpcError) => void;
}

export class Broadcaster {
  readonly queue: BroadcastQueue;
  readonly #events: BroadcasterEvents;
  readonly #store: Store;
  readonly #atNextTurn = (): void => this.#close();
  #lastSeq: number;
  #scheduled = false;
  /** What the open batch held when its last turn began, and when it was opened (`performance.now()`). */
  #held = 0;
  #openedAt = 0;
  /** A batch is on its way to the store. */
  #committing = false;
  #stopped = false;
  #patience: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #batch: Promise<void> = Promise.resolve();
  /** What the present batch says, by room. */
  #taken = NOTHING;
  /** Notices that could not be stored and are tried again. */
  readonly #refused: Broadcast[] = [];
  readonly #idle: (() => void)[] = [];
  /** Bounded by the calls that wait for them. */
  readonly #keepings: Keeping[] = [];
  readonly #handOut = new HandOut(() => this.queue.letIn());

  /** Numbers on from the store's last one; one counter serves all rooms, so a number names one message. */
  constructor(limits: QueueLimits, store: Store, events: BroadcasterEvents) {
    this.queue = new BroadcastQueue(limits, (urgent) => this.#wake(urgent));
    this.#store = store;
    this.#lastSeq = store.lastSeq;
    this.#events = events;
  }

  /** The highest number given out so far. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /**
   * Keeps facts with the next batch: on disk when it resolves. Of two values for one key the later one stays.
   * @throws RpcError `StorageFailed` or `ShuttingDown`: nothing was kept
   */
  keep(records: readonly StoredRecord[]): Promise<void> {
    if (this.#stopped) return Promise.reject(new RpcError('ShuttingDown'));
    return new Promise((kept, refused) => {
      this.#keepings.push({ records, kept, refused });
      this.#wake(true);
    });
  }

  /** Resolves when what was in the queue is in its log, or could not be stored; what waits at the door does not count. */
  async flushed(): Promise<void> {
    if (this.#committing) await this.#batch;
    if (this.queue.isEmpty) return;
    this.#run();
    await this.#batch;
  }

  /** Resolves when everything that was offered before is in its log, and every fact is kept. */
  drained(): Promise<void> {
    if (this.#isIdle) return this.#batch;
    this.#wake(true);
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #wake(urgent: boolean): void {
    if (this.#scheduled || this.#stopped || this.#committing) return;
    if (!urgent) {
      this.#patience ??= setTimeout(() => this.#open(), NOTICE_PATIENCE_MS);
      return;
    }
    this.#open();
  }

  /** Opens a batch. @param held what it held at the last look */
  #open(held = this.queue.size): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#scheduled = true;
    this.#held = held;
    this.#openedAt = performance.now();
    setImmediate(this.#atNextTurn);
  }

  /** Closes it and sends it on its way, unless the last turn has brought more and so may the next: one write and one sync for all. */
  #close(): void {
    const { size } = this.queue;
    if (size === this.#held || performance.now() - this.#openedAt > OPEN_MS) return this.#run();
    this.#held = size;
    setImmediate(this.#atNextTurn);
  }

  /** Numbers nothing more: what still waits is refused. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#patience);
    this.#handOut.stop();
    clearTimeout(this.#again);
    this.queue.close();
    for (const { refused } of this.#keepings.splice(0)) refused(new RpcError('ShuttingDown'));
  }

  get #isIdle(): boolean {
    return this.queue.size === 0 && this.#keepings.length === 0;
  }

  /** Sends one batch on its way, unless one is. */
  #run(): void {
    this.#scheduled = false;
    if (this.#stopped || this.#committing || this.#isIdle) return;
    this.#committing = true;
    this.#taken = byRoom(this.queue.takeAll());
    this.#batch = this.#commit(this.#taken, this.#keepings.splice(0));
  }

  /** The rooms that something is on its way to. */
  spokenTo(): ReadonlySet<Room> {
    return new Set([...this.queue.rooms(), ...this.#taken.keys(), ...this.#refused.map(({ room }) => room)]);
  }

  async #commit(rooms: ReadonlyMap<Room, readonly Broadcast[]>, keepings: readonly Keeping[]): Promise<void> {
    const now = new Date();
    const sayings: Saying[] = [];
    for (const [room, broadcasts] of rooms) sayings.push(this.#encode(room, broadcasts, now));
    if (await this.#persist(sayings, keepings, now)) {
      for (const saying of sayings) this.#accept(saying);
      for (const { kept } of keepings) kept();
      // The answers that this gave rise to leave first: to hand out takes long in a large room, and no sender need wait for it.
      await nextTick();
      for (const { room } of sayings) await this.#handOut.to(room);
    } else {
      this.#refuse([...rooms.values()].flat());
      for (const { refused } of keepings) refused(new RpcError('StorageFailed'));
    }
    this.#committing = false;
    this.#taken = NOTHING;
    this.queue.letIn();
    // Much of what was sent meanwhile has not been read yet: that takes a turn.
    if (this.queue.isUrgent || this.#keepings.length > 0) this.#open(0);
    else if (!this.queue.isEmpty) this.#wake(false);
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Commits a batch; tells whether it is kept. */
  async #persist(sayings: readonly Saying[], keepings: readonly Keeping[], now: Date): Promise<boolean> {
    try {
      const records = latest(keepings.flatMap((keeping) => keeping.records));
      const segments: StoredSegment[] = [];
      for (const saying of sayings) segments.push(toStore(saying, now));
      if (segments.length + records.length > 0) await this.#store.append(segments, records);
      return true;
    } catch (error) {
      this.#events.failed(error);
      return false;
    } finally {
      // Facts took a number; of a batch that is not kept the numbers are free again.
      this.#lastSeq = this.#store.lastSeq;
    }
  }

  /** Senders are told; notices of the room have nobody who would repeat them and are tried again. */
  #refuse(broadcasts: readonly Broadcast[]): void {
    const notices = broadcasts.filter((broadcast) => broadcast.refused === undefined);
    for (const broadcast of broadcasts) broadcast.refused?.(new RpcError('StorageFailed'));
    if (notices.length === 0) return;
    this.#refused.push(...notices);
    this.#again ??= setTimeout(() => {
      this.#again = undefined;
      this.queue.putBack(this.#refused.splice(0));
    }, STORE_PAUSE_MS);
  }

  /**
   * Its arrays, and those of the segment, are made by `push` and cut to size: what `map` makes is of another kind for V8 once
   * its caller is optimised, and everything that had read the former kind is then thrown away and compiled anew.
   */
  #encode(room: Room, broadcasts: readonly Broadcast[], now: Date): Saying {
    const seqs: number[] = [];
    for (let left = broadcasts.length; left > 0; left -= 1) seqs.push((this.#lastSeq += 1));
    return { room, broadcasts, segment: encodeSegment(room.code, broadcasts, seqs.slice(), now.toISOString(), room.log.count) };
  }

  /** The messages are in the room's log, and their senders are told. */
  #accept({ room, broadcasts, segment }: Saying): void {
    room.log.append(segment);
    broadcasts.forEach((broadcast, index) => {
      const seq = segment.named.seqs[index] ?? 0;
      this.#events.published(broadcast, seq);
      broadcast.accepted?.(seq);
    });
  }
}

/** Resolves after what the present turn has left to do in its next tick. */
function nextTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

function toStore({ room, broadcasts, segment }: Saying, now: Date): StoredSegment {
  const { bytes, ends, seqs } = segment.named;
  const messageIds: (string | null)[] = [];
  for (const { messageId } of broadcasts) messageIds.push(messageId ?? null);
  return {
    room: room.code,
    bytes,
    ends,
    seqs,
    senders: segment.senders,
    ordinal: segment.ordinal,
    at: now.getTime(),
    messageIds: messageIds.slice(),
  };
}

/** Each key once, with its last value. */
function latest(records: readonly StoredRecord[]): readonly StoredRecord[] {
  return records.length < 2 ? records : [...new Map(records.map((record) => [record.key, record])).values()];
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
