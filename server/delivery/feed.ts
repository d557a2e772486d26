/**
 * What one client is to be sent next, and what it has been sent and not answered: cursors into the logs of its rooms and
 * a window of outstanding calls. It holds positions and references to shared bytes, and knows no connection.
 */
import type { RoomLog } from '../room-log.ts';
import { indexAfter, type Form, type Segment, type View } from '../segment.ts';
import { Cursor } from './cursor.ts';
import { Outstanding } from './outstanding.ts';

export interface FeedLimits {
  /** Unanswered calls at most. */
  readonly windowCalls: number;
  /** Unanswered bytes at most; the last call may go beyond it. */
  readonly windowBytes: number;
}

/** A log that is not followed any more, while calls from it are not answered. */
interface Leaving {
  readonly cursor: Cursor;
  /** Where it is followed again afterwards. */
  next: Cursor | undefined;
  readonly left: (() => void)[];
}

/** Pause before a read that brought nothing is tried again, milliseconds. */
const READ_PAUSE_MS = 1_000;

export class Feed {
  readonly outstanding = new Outstanding();
  readonly #reader: string;
  readonly #form: Form;
  readonly #limits: FeedLimits;
  readonly #owner: { wake(): void };
  /** Served in turn, so that a busy room does not starve the others. A notice stands before the room that it is about. */
  #cursors: Cursor[] = [];
  #turn = 0;
  /** Hardly any client has any: an empty map costs as much as all the rest. */
  #leaving: Map<RoomLog, Leaving> | undefined;
  /** Notices that a former feed of the client was not answered, by the log that each stands before. */
  #owed: Map<RoomLog, RoomLog> | undefined;
  #windowCalls: number;
  #lastSent = 1;
  #lost = false;

  /**
   * @param reader the client's ID: its own messages are skipped
   * @param owner woken when older messages have been read and there may be something to send
   */
  constructor(reader: string, form: Form, limits: FeedLimits, owner: { wake(): void }) {
    this.#reader = reader;
    this.#form = form;
    this.#limits = limits;
    this.#owner = owner;
    this.#windowCalls = this.#widest;
  }

  /** No `Seq` above it was sent; at least 1, the number that stands for the beginning of history. */
  get lastSent(): number {
    return this.#lastSent;
  }

  /** Whether the next message has left a room's memory. */
  get isLost(): boolean {
    return this.#lost;
  }

  /** Whether everything was sent. */
  get atEnd(): boolean {
    return this.#cursors.every((cursor) => cursor.atEnd);
  }

  /** Messages that the client has not yet answered. */
  get waiting(): number {
    return this.#cursors.reduce((sum, cursor) => sum + cursor.waiting, this.outstanding.calls);
  }

  /** @param notice see `Cursor`. A log that is followed already begins again there, once what is in flight of it is answered. */
  follow(log: RoomLog, segment: number, passed: number, notice?: RoomLog): void {
    void this.unfollow(log);
    const cursor = notice === undefined ? this.#owing(log, segment, passed) : new Cursor(log, segment, passed, notice);
    this.#owed?.delete(log);
    // An earlier registration may have sent all of this on the same connection: its late answers are no wrong ones.
    this.#lastSent = Math.max(this.#lastSent, log.lastSeq);
    const leaving = this.#leaving?.get(log);
    if (leaving === undefined) this.#begin(cursor);
    else leaving.next = cursor;
  }

  /** Sends the one message of `notice`. */
  tell(notice: RoomLog): void {
    this.#cursors.push(new Cursor(notice, 0, 0));
  }

  /** Takes over what `former` was to tell and was not answered: what stands before a log comes when that is followed. */
  inherit(former: Feed): void {
    const before = new Set<Cursor>();
    for (const { log, notice } of [...former.#cursors, ...former.#nextOnes]) {
      if (notice === undefined) continue;
      before.add(notice);
      if (former.#isUntold(notice)) (this.#owed ??= new Map()).set(log, notice.log);
    }
    for (const cursor of former.#cursors) if (isNotice(cursor) && !before.has(cursor) && former.#isUntold(cursor)) this.tell(cursor.log);
  }

  /** Sends nothing more from `log`. Resolves when what is in flight is answered, or will not be. */
  async unfollow(log: RoomLog): Promise<void> {
    const cursor = this.#cursorIn(log);
    if (cursor !== undefined) {
      this.#remove((each) => each === cursor || each === cursor.notice);
      if (this.outstanding.isFrom(cursor)) (this.#leaving ??= new Map()).set(log, { cursor, next: undefined, left: [] });
    }
    const leaving = this.#leaving?.get(log);
    if (leaving === undefined) return;
    leaving.next = undefined;
    await new Promise<void>((resolve) => leaving.left.push(resolve));
  }

  /** Whether logs are not followed any more whose calls are not answered. */
  get isLeaving(): boolean {
    return (this.#leaving?.size ?? 0) > 0;
  }

  /** Lets go of the logs of which nothing is in flight any more. */
  letGo(): void {
    for (const [log, { cursor, next, left }] of this.#leaving ?? []) {
      if (this.outstanding.isFrom(cursor)) continue;
      this.#leaving?.delete(log);
      if (next !== undefined) this.#begin(next);
      for (const resolve of left) resolve();
    }
  }

  /** One call at a time from now on: the client closes the connection after each answer, or a call has failed and comes first. */
  narrow(): void {
    this.#windowCalls = 1;
  }

  /** As many as ever again: it has answered, and did not close the connection after one answer. */
  widen(): void {
    this.#windowCalls = this.#widest;
  }

  segmentIn(log: RoomLog): number | undefined {
    return this.#cursorIn(log)?.segment;
  }

  /** `Seq` up to which the client has answered everything that `log` had for it, the notice before it included. */
  settledThrough(log: RoomLog): number {
    const notice = (this.#leaving?.get(log)?.next ?? this.#cursorIn(log))?.notice;
    const answered = this.#answeredThrough(log);
    return notice !== undefined && this.#isUntold(notice) ? Math.min(answered, notice.log.lastSeq - 1) : answered;
  }

  /** The next piece to send, counted as outstanding; `undefined` when there is none or the window is full. */
  next(): Buffer | undefined {
    for (let left = this.#cursors.length; left > 0 && this.#windowOpen; left -= 1) {
      const cursor = this.#cursors[this.#turn];
      this.#turn = this.#turn + 1 < this.#cursors.length ? this.#turn + 1 : 0;
      while (cursor !== undefined && !cursor.atEnd && !cursor.reading && !this.#lost) {
        const bytes = this.#advance(cursor);
        if (bytes !== undefined) return bytes;
      }
    }
    return undefined;
  }

  /** Puts the cursors back to the first unanswered message of each room: it will be sent again. */
  rewind(): void {
    this.outstanding.rewind();
    // What is told before a room comes before it again.
    this.#turn = 0;
    this.letGo();
  }

  /** A cursor after `passed`; right before a notice that is owed, after that. Who begins elsewhere was told, or asks for it anew. */
  #owing(log: RoomLog, segment: number, passed: number): Cursor {
    const notice = this.#owed?.get(log);
    return notice?.lastSeq === passed + 1 ? new Cursor(log, segment, passed + 1, notice) : new Cursor(log, segment, passed);
  }

  #answeredThrough(log: RoomLog): number {
    const leaving = this.#leaving?.get(log);
    if (leaving?.next !== undefined) return leaving.next.passed;
    const oldest = this.outstanding.oldestOf(log);
    if (oldest !== undefined) return oldest - 1;
    return (leaving?.cursor ?? this.#cursorIn(log))?.passed ?? 0;
  }

  /** The cursor in `log`, unless that is being left. */
  #cursorIn(log: RoomLog): Cursor | undefined {
    return this.#cursors.find((cursor) => cursor.log === log);
  }

  /** Where logs are followed again once they have been let go. */
  get #nextOnes(): Cursor[] {
    return [...(this.#leaving?.values() ?? [])].flatMap(({ next }) => next ?? []);
  }

  #begin(cursor: Cursor): void {
    // A notice that was answered has nothing more to say.
    this.#remove((each) => isNotice(each) && !this.#isUntold(each));
    if (cursor.notice !== undefined) this.#cursors.push(cursor.notice);
    this.#cursors.push(cursor);
  }

  #remove(goes: (cursor: Cursor) => boolean): void {
    const before = this.#cursors.length;
    const turn = this.#cursors[this.#turn];
    this.#cursors = this.#cursors.filter((cursor) => !goes(cursor));
    if (this.#cursors.length < before) this.#turn = turn === undefined ? 0 : Math.max(0, this.#cursors.indexOf(turn));
  }

  /** Whether what `cursor` has to say is not answered. */
  #isUntold(cursor: Cursor): boolean {
    return !cursor.atEnd || this.outstanding.isFrom(cursor);
  }

  /** Whether three quarters of what the client may leave unanswered are used. */
  get mostlyFull(): boolean {
    const { calls, bytes } = this.outstanding;
    return 4 * calls >= 3 * this.#windowCalls || 4 * bytes >= 3 * this.#limits.windowBytes;
  }

  /** Go's standard server runs calls side by side: more than one at a time would be reordered there. */
  get #widest(): number {
    return this.#form === 'classic' ? 1 : this.#limits.windowCalls;
  }

  get #windowOpen(): boolean {
    return this.outstanding.calls < this.#windowCalls && this.outstanding.bytes < this.#limits.windowBytes;
  }

  #advance(cursor: Cursor): Buffer | undefined {
    const segment = cursor.log.segment(cursor.segment) ?? this.#fromHistory(cursor);
    if (segment === undefined) return undefined;
    const end = segment.senders.length;
    const passed = indexAfter(segment.named.seqs, cursor.passed);
    const spared = cursor.log.sparesSpeakers;
    const from = spared ? segment.firstFor(this.#reader, passed) : passed;
    if (from < end) return this.#take(cursor, segment.view(this.#form), from, spared ? segment.ownOf(this.#reader, from) : end);
    cursor.moveBehind(segment);
    return undefined;
  }

  /** A segment that has left the memory: at hand, or being read, or gone from the store too. */
  #fromHistory(cursor: Cursor): Segment | undefined {
    const { passed } = cursor;
    const { history } = cursor.log;
    if (history === undefined || passed < history.lostThrough) {
      this.#lost = true;
      return undefined;
    }
    const segment = history.segmentAfter(passed);
    if (segment !== undefined) return segment;
    cursor.reading = true;
    const loaded = history.load(passed, () => cursor.log.lostThrough);
    void loaded.then(() => this.#read(cursor, history.segmentAfter(passed) !== undefined || passed < history.lostThrough));
    return undefined;
  }

  /** Where the store has nothing although something is missing, which should not be, it is not asked in a tight loop. */
  #read(cursor: Cursor, succeeded: boolean): void {
    if (!succeeded) {
      setTimeout(() => this.#read(cursor, true), READ_PAUSE_MS).unref();
      return;
    }
    cursor.reading = false;
    this.#owner.wake();
  }

  /** Takes of the calls from `from` up to `until` what the window has room for, at least one. */
  #take(cursor: Cursor, view: View, from: number, until: number): Buffer {
    const free = this.#limits.windowBytes - this.outstanding.bytes;
    const fitting = Math.max(from + 1, indexAfter(view.ends, view.startOf(from) + free));
    const to = Math.min(until, fitting, from + this.#windowCalls - this.outstanding.calls);
    this.outstanding.add({ cursor, view, next: from, to });
    cursor.passed = view.seqs[to - 1] ?? cursor.passed;
    if (to === view.seqs.length) cursor.moveOn();
    this.#lastSent = Math.max(this.#lastSent, cursor.passed);
    return view.slice(from, to);
  }
}

/** Rooms remember something; what is told once does not. */
function isNotice({ log }: Cursor): boolean {
  return log.maxBytes === 0;
}
