/**
 * One inbox: a log with one reader at a time. It keeps which messages wait, has one registration at most sent them, and
 * writes down how far they were answered or read: so a message comes by one way only, once. It knows no sender and no
 * wire; who may write to whom is decided elsewhere.
 */
import { Mutex } from 'async-mutex';
import { beginningIn, follow } from '../beginning.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { Member } from '../member.ts';
import type { Room } from '../room.ts';

export interface InboxMeans {
  /** The registrations that what waits may be pushed to now, the newest last. */
  readonly readers: () => readonly Member[];
  /** Writes down that all up to `seq` was answered or read; on disk when it resolves. @throws RpcError `StorageFailed`, `ShuttingDown` */
  readonly keep: (seq: number) => Promise<void>;
  /** Messages that may wait. */
  readonly maxWaiting: number;
  /** The present life of the history. */
  readonly epoch: string;
}

/** Some of what waits, as JSON. */
export interface Taken {
  readonly bodies: readonly string[];
  /** `Seq` of the last of them; `undefined` when nothing is kept of what should wait. */
  readonly through: number | undefined;
}

/** The registration that is sent what waits, and how to let go of the looks at its answers, by `Seq`. */
interface Push {
  readonly member: Member;
  readonly delivery: Delivery;
  readonly unwatch: Map<number, () => void>;
}

/** A sender that waits for the answer to its message. */
interface Sender {
  readonly seq: number;
  readonly tell: (delivered: boolean) => void;
}

export class Inbox {
  readonly room: Room;
  readonly #means: InboxMeans;
  /** Numbers of the messages that were neither answered nor read, ascending. */
  readonly #waiting: number[];
  /** All up to here was answered or read. */
  #passed: number;
  /** Messages that are on their way to the log. */
  #coming = 0;
  /** Changes of who is sent what waits, and pulls, happen one after the other. */
  readonly #turns = new Mutex();
  #push: Push | undefined;
  readonly #senders = new Set<Sender>();
  #unsaved = false;
  #saving: Promise<void> | undefined;

  /**
   * @param passed all up to here was answered or read
   * @param waiting numbers of the messages after it, ascending
   */
  constructor(room: Room, means: InboxMeans, passed: number, waiting: readonly number[]) {
    this.room = room;
    this.#means = means;
    this.#passed = passed;
    this.#waiting = [...waiting];
  }

  /** Messages that were neither answered nor read. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether it takes no more, those that are on their way counted. */
  get isFull(): boolean {
    return this.#waiting.length + this.#coming >= this.#means.maxWaiting;
  }

  /** Whether what comes is pushed to somebody. */
  get isPushed(): boolean {
    return this.#reader() !== undefined;
  }

  /** A message is on its way to the log: `accepted` or `refused` follows. */
  expect(): void {
    this.#coming += 1;
  }

  refused(): void {
    this.#coming -= 1;
  }

  /** The message that was expected is number `seq` of the log. */
  accepted(seq: number): void {
    this.#coming -= 1;
    this.#waiting.push(seq);
    if (this.#push !== undefined) this.#watch(this.#push, seq);
  }

  /** Whether the message `seq` was answered or read: at once when nobody is sent it, else within `withinMs`. */
  delivered(seq: number, withinMs: number): Promise<boolean> {
    if (!this.#waiting.includes(seq)) return Promise.resolve(true);
    if (!this.isPushed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const tell = (delivered: boolean): void => {
        clearTimeout(timer);
        this.#senders.delete(sender);
        resolve(delivered);
      };
      const timer = setTimeout(() => tell(false), withinMs);
      const sender = { seq, tell };
      this.#senders.add(sender);
    });
  }

  /** Has what waits sent to whom it is for now: the newest registration that is called back. */
  review(): Promise<void> {
    return this.#turns.runExclusive(async () => {
      if (this.#push?.delivery === this.#reader()?.delivery) return;
      await this.#stop();
      this.#begin();
    });
  }

  /**
   * Carries out `change`, after which what waits is pushed or, with `enabled` false, is not: then nothing is in flight
   * when it begins.
   * @throws what `change` throws
   */
  turn(enabled: boolean, change: () => Promise<void>): Promise<void> {
    return this.#turns.runExclusive(async () => {
      if (!enabled) await this.#stop();
      try {
        await change();
      } finally {
        if (this.#push === undefined) this.#begin();
      }
    });
  }

  /**
   * Takes of what waits, unless it is being pushed: what `read` returns, which gets the number to begin after. That it was
   * taken is on disk when this resolves.
   * @throws RpcError `StorageFailed`, `ShuttingDown`: nothing was taken
   */
  take(read: (after: number) => Promise<Taken>): Promise<{ readonly bodies: readonly string[]; readonly remaining: number }> {
    return this.#turns.runExclusive(async () => {
      const last = this.#waiting.at(-1);
      if (last === undefined || this.#push !== undefined) return { bodies: [], remaining: 0 };
      const { bodies, through = last } = await read(this.#passed);
      await this.#means.keep(through);
      this.#settle(through);
      return { bodies, remaining: this.#waiting.length };
    });
  }

  /** Resolves when what was answered so far is written down, or could not be. */
  async saved(): Promise<void> {
    await this.#saving;
  }

  /** Resolves when everything that is pushed was answered, or nobody will answer it. */
  async answered(): Promise<void> {
    const { log } = this.room;
    const delivery = this.#push?.delivery;
    if (delivery !== undefined) await new Promise<void>((resolve) => void delivery.watch(log, log.lastSeq, () => resolve()));
  }

  #reader(): Member | undefined {
    return this.#means.readers().findLast(({ delivery }) => delivery !== undefined);
  }

  #begin(): void {
    const member = this.#reader();
    if (member?.delivery === undefined) {
      for (const { tell } of this.#senders) tell(false);
      return;
    }
    const { delivery } = member;
    const after = Math.min(this.#passed, this.room.log.lastSeq);
    const beginning = beginningIn(this.room, { after, epoch: undefined }, this.#means.epoch);
    if (beginning.hole) this.#settle(beginning.passed);
    const push: Push = { member, delivery, unwatch: new Map() };
    this.#push = push;
    this.room.enter(member);
    follow(delivery, this.room, beginning);
    for (const seq of [...this.#waiting]) this.#watch(push, seq);
    if (beginning.hole) this.#saveSoon();
  }

  /** Resolves when nothing is in flight any more: it was answered, and counts, or will not be. */
  async #stop(): Promise<void> {
    const push = this.#push;
    if (push === undefined) return;
    this.room.leave(push.member);
    await push.delivery.unfollow(this.room.log);
    this.#push = undefined;
    for (const unwatch of push.unwatch.values()) unwatch();
  }

  #watch({ delivery, unwatch }: Push, seq: number): void {
    const settled = (answered: boolean): void => {
      if (!answered) return;
      this.#settle(seq);
      this.#saveSoon();
    };
    unwatch.set(seq, delivery.watch(this.room.log, seq, settled));
  }

  /** All up to `seq` was answered or read. */
  #settle(seq: number): void {
    for (let first = this.#waiting[0]; first !== undefined && first <= seq; first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#push?.unwatch.delete(first);
    }
    this.#passed = Math.max(this.#passed, seq);
    for (const sender of this.#senders) if (sender.seq <= seq) sender.tell(true);
  }

  /** At once, and for all that is answered while it is written together. */
  #saveSoon(): void {
    this.#unsaved = true;
    this.#saving ??= this.#save();
  }

  /** What a failing disk loses of this comes again: a message may be delivered twice then, never not at all. */
  async #save(): Promise<void> {
    while (this.#unsaved) {
      this.#unsaved = false;
      await this.#means.keep(this.#passed).catch(() => undefined);
    }
    this.#saving = undefined;
  }
}
