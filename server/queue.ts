/**
 * The buffered broadcast queue between the senders and the one broadcaster. Bounded in messages and bytes; when it is
 * full, or the message's room congested, the message waits, first come first served, and is refused with `Busy` when the
 * wait is over: the sender is told. Notices of the room have room of their own and are never refused; so that they are
 * bounded too, nobody may arrive while it is `crowded`.
 */
import { RpcError } from '../commons/errors.ts';
import type { Room } from './room.ts';
import type { Draft } from './segment.ts';

/** A message that waits for its place in the order. */
export interface Broadcast extends Draft {
  readonly room: Room;
  /** The sender's own name for the message, kept with it so that a repetition is known after a restart too. */
  readonly messageId?: string | undefined;
  /** Told when the message has its number and every member's cursor will come to it. */
  accepted?(seq: number): void;
  /** Told instead when it was not accepted. */
  refused?(error: RpcError): void;
}

export interface QueueLimits {
  readonly queueMessages: number;
  /** Bytes of text, estimated as two for each UTF-16 unit plus a fixed part. */
  readonly queueBytes: number;
  readonly queueOfferMs: number;
}

interface Waiter {
  readonly broadcast: Broadcast;
  /** Lets the sender go on. */
  readonly settle: () => void;
  readonly timer: NodeJS.Timeout;
}

/** What a waiting message costs beyond its text. */
const FIXED_BYTES = 256;
const BUSY_RETRY_MS = 1_000;

export class BroadcastQueue {
  readonly #limits: QueueLimits;
  readonly #arrived: (urgent: boolean) => void;
  #broadcasts: Broadcast[] = [];
  #messages = 0;
  #bytes = 0;
  #closed = false;
  readonly #waiters = new Set<Waiter>();

  /** @param arrived is told that something waits to be taken; a notice alone is not urgent. */
  constructor(limits: QueueLimits, arrived: (urgent: boolean) => void) {
    this.#limits = limits;
    this.#arrived = arrived;
  }

  get size(): number {
    return this.#broadcasts.length + this.#waiters.size;
  }

  /** The rooms of what is in the queue and at its door. */
  rooms(): readonly Room[] {
    return [...this.#broadcasts, ...[...this.#waiters].map(({ broadcast }) => broadcast)].map(({ room }) => room);
  }

  /** Whether nothing is in the queue; who waits at the door is not in it. */
  get isEmpty(): boolean {
    return this.#broadcasts.length === 0;
  }

  /** Whether somebody's message is in the queue, not only notices. */
  get isUrgent(): boolean {
    return this.#messages > 0;
  }

  /** Whether so many notices wait that nobody else may arrive for now; departures are bounded by who is there. */
  get crowded(): boolean {
    return this.#broadcasts.length - this.#messages >= this.#limits.queueMessages;
  }

  /**
   * Puts a message into the queue. The promise, where there is one, settles when the message is in the queue or was
   * refused; until then the sender's next one must not be offered.
   */
  offer(broadcast: Broadcast): void | Promise<void> {
    if (this.#closed) return broadcast.refused?.(new RpcError('ShuttingDown'));
    if (this.#isNext(broadcast)) return this.#enter(broadcast);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        broadcast,
        settle: resolve,
        timer: setTimeout(() => {
          this.#waiters.delete(waiter);
          broadcast.refused?.(busy());
          resolve();
        }, this.#limits.queueOfferMs),
      };
      this.#waiters.add(waiter);
    });
  }

  /** Puts a notice of the room into the queue, however full it is. */
  offerNotice(broadcast: Broadcast): void {
    this.#broadcasts.push(broadcast);
    this.#arrived(false);
  }

  /** Notices that could not be stored come before what was said since. */
  putBack(notices: readonly Broadcast[]): void {
    this.#broadcasts = [...notices, ...this.#broadcasts];
    this.#arrived(false);
  }

  /** Takes all that is in the queue, in order. Who waits at the door comes in with `letIn`. */
  takeAll(): readonly Broadcast[] {
    const taken = this.#broadcasts;
    this.#broadcasts = [];
    this.#messages = 0;
    this.#bytes = 0;
    return taken;
  }

  /** Lets in who waited, in their order, as far as there is room; who speaks to a congested room waits on. */
  letIn(): void {
    for (const waiter of this.#waiters) {
      if (!this.#fits(waiter.broadcast)) return;
      if (waiter.broadcast.room.congested) continue;
      this.#waiters.delete(waiter);
      clearTimeout(waiter.timer);
      this.#enter(waiter.broadcast);
      waiter.settle();
    }
  }

  /** Refuses what waits and whatever comes. */
  close(): void {
    this.#closed = true;
    const refused = this.#broadcasts.splice(0);
    for (const { broadcast, timer, settle } of this.#waiters) {
      clearTimeout(timer);
      refused.push(broadcast);
      settle();
    }
    this.#waiters.clear();
    for (const broadcast of refused) broadcast.refused?.(new RpcError('ShuttingDown'));
  }

  /** Whether nobody has to be let in before, and there is room. */
  #isNext(broadcast: Broadcast): boolean {
    const { room } = broadcast;
    if (room.congested || !this.#fits(broadcast)) return false;
    if (this.#waiters.size === 0) return true;
    for (const { broadcast: other } of this.#waiters) if (other.room === room || !other.room.congested) return false;
    return true;
  }

  #fits(broadcast: Broadcast): boolean {
    const { queueMessages, queueBytes } = this.#limits;
    return this.#messages === 0 || (this.#messages < queueMessages && this.#bytes + size(broadcast) <= queueBytes);
  }

  #enter(broadcast: Broadcast): void {
    this.#broadcasts.push(broadcast);
    this.#messages += 1;
    this.#bytes += size(broadcast);
    this.#arrived(true);
  }
}

/** The refusal of what there is no room for. */
export function busy(): RpcError {
  return new RpcError('Busy', undefined, { RetryAfterMs: BUSY_RETRY_MS });
}

function size(broadcast: Broadcast): number {
  return FIXED_BYTES + 2 * broadcast.text.length;
}
