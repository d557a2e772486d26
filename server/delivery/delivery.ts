/**
 * Brings a client what its rooms say: feeds the callback connection from the logs as long as the socket takes it and the
 * window of unanswered calls is open, checks the answers, and when a callback fails tries again from the first
 * unanswered message. What it holds is bounded by the window; the rest waits in the logs, shared by all.
 */
import type { CallContext } from '../call-context.ts';
import type { RoomLog } from '../room-log.ts';
import { SPOKEN } from '../segment.ts';
import { encodeCall, isRecord, type Answer } from '../../commons/rpc/frame.ts';
import type { AnswerSink, Peer } from '../../commons/rpc/peer.ts';
import { Feed } from './feed.ts';
import type { Gathered } from './gathering.ts';
import { LAGGING, type DeliveryMeans, type Reader } from './options.ts';
import { Retry } from './retry.ts';
import { ShortCut } from './short-cut.ts';
import { Watches } from './watches.ts';
import { writeAll } from './write.ts';

/** `open`: calls go out. `resting`: the peer closed a connection on which nothing was due. `opening`: a new one is being
 * opened, at once or after a pause. `ended`: evicted or let go. */
type State = 'open' | 'resting' | 'opening' | 'ended';

export class Delivery implements AnswerSink {
  readonly #means: DeliveryMeans;
  readonly #reader: Reader;
  readonly #feed: Feed;
  readonly #retry: Retry;
  readonly #watches = new Watches();
  readonly #shortCut: ShortCut;
  #state: State = 'opening';
  #peer: Peer<CallContext> | undefined;
  /** The socket has not yet taken what was written last. */
  #writing = false;
  /** Id of the ping that is not answered; 0 when there is none. */
  #ping = 0;
  /** The answers on the present connection. */
  #gathered: Gathered | undefined;
  /** Times that answers came on the present connection. */
  #answers = 0;
  /** The peer is known to close a connection after its answers; it is dialled again when there is something to say. */
  #perCall = false;
  #redialled = false;
  /** When the client last answered in turn, or when its oldest unanswered call became due; as of `performance.now()`. */
  #heardAt = performance.now();

  constructor(means: DeliveryMeans, reader: Reader) {
    this.#means = means;
    this.#reader = reader;
    this.#feed = new Feed(reader.id, reader.form, means.limits, this);
    this.#retry = new Retry(means.limits);
    this.#shortCut = new ShortCut(means.shapes);
  }

  /** Begins on a connection that the route has opened. */
  start(peer: Peer<CallContext>): void {
    this.#attach(peer);
    this.#pump();
  }

  /** From now on the client gets what `log` holds after `passed`, which is in or before segment number `segment`; `notice` before it. */
  follow(log: RoomLog, segment: number, passed: number, notice?: RoomLog): void {
    this.#feed.follow(log, segment, passed, notice);
    this.#watches.check(this.#feed);
    this.wake();
  }

  /** The client gets nothing more from `log`. Resolves when what it was sent is answered, which still counts, or will not be. */
  async unfollow(log: RoomLog): Promise<void> {
    await this.#feed.unfollow(log);
    if (this.#feed.segmentIn(log) === undefined) this.#watches.end(log);
  }

  /** The client gets the one message of `notice`. */
  tell(notice: RoomLog): void {
    this.#feed.tell(notice);
    this.wake();
  }

  /** A room has something new. */
  wake(): void {
    if (this.#state === 'open') this.#pump();
    else if (this.#state === 'resting' && !this.#feed.atEnd) this.#reopen(0);
  }

  /** Looks at the clock (`performance.now()`): the deadline of the oldest unanswered call, the ping of an idle connection. */
  tick(now: number): void {
    const silence = now - this.#heardAt;
    if (this.#state === 'resting' && silence > this.#means.limits.pingIdleMs) return this.#reopen(0);
    if (this.#state !== 'open') return;
    // Answers may wait behind a call of the same connection that we let wait: that silence is ours.
    if (this.#peer?.connection.held === true) this.#heardAt = now;
    const waits = this.#feed.outstanding.calls > 0 || this.#ping !== 0;
    if (waits && silence > this.#retry.callMs) return this.#fail('no answer');
    if (!waits && silence > this.#means.limits.pingIdleMs) this.#sendPing(now);
  }

  /** Number of the segment of `log` that it comes to next; `undefined` when it does not follow the log. */
  segmentIn(log: RoomLog): number | undefined {
    return this.#feed.segmentIn(log);
  }

  /** `Seq` up to which the client has answered everything that `log` had for it. */
  settledThrough(log: RoomLog): number {
    return this.#feed.settledThrough(log);
  }

  /**
   * Calls back once, with whether the client has answered everything up to `seq` in `log`: true when it has, false when
   * it was given up before. Returns what to call when nobody waits any more.
   */
  watch(log: RoomLog, seq: number, settled: (delivered: boolean) => void): () => void {
    const unwatch = this.#watches.add(log, seq, settled);
    if (this.#state === 'ended') this.#watches.end();
    else this.#watches.check(this.#feed);
    if (this.#gathered !== undefined) this.#means.gathering.read(this.#gathered);
    return unwatch;
  }

  /** Messages that the client has not yet answered. */
  get waiting(): number {
    return this.#feed.waiting;
  }

  /** Whether the client is being retried, or has left much unanswered; where answers gather, for longer than they may. */
  get lagging(): boolean {
    const gathers = (this.#gathered?.since ?? 0) > 0 && performance.now() - this.#heardAt <= LAGGING.ms;
    return this.#retry.failures > 0 || (!gathers && this.waiting >= LAGGING.messages);
  }

  /** Resolves when the answers that are here already were read: they may have come before a call on another connection. */
  async readAnswers(): Promise<void> {
    if (this.#feed.outstanding.calls > 0) await this.#means.gathering.readThrough(this.#gathered);
  }

  /** Ends without a word to anyone; `heir` tells what was not answered, and who waits for this client's answers waits for them from it. */
  close(heir?: Delivery): void {
    if (heir !== undefined) {
      heir.#feed.inherit(this.#feed);
      heir.#watches.adopt(this.#watches);
    }
    this.#end();
  }

  bytes(chunk: Buffer, start: number, end: number): number {
    const at = this.#shortCut.match(this.#feed.outstanding, chunk, start, end);
    if (at > start) this.#progress(true);
    return at;
  }

  answer(answer: Answer, chunk: Buffer, start: number, end: number): void {
    const { id, error, result } = answer;
    if (typeof id !== 'number') return this.#fail('an answer with an id that we never gave');
    if (id === this.#ping) {
      this.#ping = 0;
      return this.#progress(true);
    }
    if (!this.#feed.outstanding.holds(id))
      return id > this.#feed.lastSent ? this.#fail('an answer with an id that we never gave') : undefined;
    if (error !== undefined) return this.#fail('the callback answered with an error');
    const inTurn = this.#feed.outstanding.answered(id);
    if (isRecord(result) && result['Success'] === false)
      this.#means.events.declined(this.#reader.id, typeof result['Error'] === 'string' ? result['Error'] : '');
    else this.#shortCut.learn(chunk, start, end, id);
    this.#progress(inTurn);
  }

  closed(): void {
    const idle = this.#feed.outstanding.calls === 0 && this.#ping === 0;
    this.#peer = undefined;
    if (this.#state !== 'open') return;
    if (!this.#reader.route.redials || (this.#answers === 0 && !(idle && !this.#redialled))) return this.#fail('the connection was closed');
    if (!idle) this.#feed.narrow();
    else if (this.#redialled && this.#answers === 1) this.#perCall = true;
    this.#feed.rewind();
    if (this.#perCall && this.#feed.atEnd) this.#state = 'resting';
    else this.#reopen(0);
  }

  /** @param inTurn it was the oldest call that was answered; a client that never answers that one is not excused by the others */
  #progress(inTurn: boolean): void {
    this.#answers += 1;
    if (inTurn) {
      this.#heardAt = performance.now();
      this.#retry.succeeded();
    }
    if (this.#answers === 2) {
      this.#perCall = false;
      this.#feed.widen();
    }
    if (this.#feed.isLeaving) {
      this.#watches.check(this.#feed);
      this.#feed.letGo();
    }
    this.#pump();
    this.#watches.check(this.#feed);
  }

  #pump(): void {
    const connection = this.#peer?.connection;
    if (connection === undefined || this.#state !== 'open' || this.#writing) return;
    if (this.#ping !== 0 && this.#reader.form === 'classic') return;
    const idle = this.#feed.outstanding.calls === 0;
    const first = this.#feed.next();
    if (this.#feed.isLost) return this.#evict('it fell out of what the room remembers');
    if (first === undefined) return this.#watches.check(this.#feed);
    if (idle) this.#heardAt = performance.now();
    writeAll(connection, first, this.#feed);
    if (this.#gathered !== undefined) this.#means.gathering.wrote(this.#gathered, this.#watches.waiting || this.#feed.mostlyFull);
    this.#waitUntilSent();
  }

  /** Writes nothing more until the socket has taken what it was given. */
  #waitUntilSent(): void {
    const peer = this.#peer;
    if (peer === undefined || peer.connection.unsentBytes === 0) return;
    this.#writing = true;
    peer.connection.whenSent(() => {
      if (this.#peer !== peer) return;
      this.#writing = false;
      this.#pump();
    });
  }

  #sendPing(now: number): void {
    // The last message sent is answered, so its id is free again.
    this.#ping = this.#feed.lastSent;
    this.#heardAt = now;
    const { dialect, style } = SPOKEN[this.#reader.form];
    this.#peer?.connection.send(`${encodeCall(dialect, style, 'ClientCallback.Ping', {}, this.#ping)}\n`);
  }

  #attach(peer: Peer<CallContext>): void {
    this.#peer = peer;
    this.#gathered = this.#means.gathering.of(peer.connection, this.#reader.route.redials ? undefined : () => peer.calledAt);
    this.#state = 'open';
    this.#answers = 0;
    this.#ping = 0;
    this.#writing = false;
    peer.sink = this;
    if (peer.connection.closed) return this.closed();
    // An inline connection may still be full of what was written before it failed.
    this.#waitUntilSent();
  }

  #fail(reason: string): void {
    const pause = this.#retry.failed();
    if (pause === undefined) return this.#evict(reason);
    this.#detach();
    this.#feed.narrow();
    this.#feed.rewind();
    this.#reopen(pause);
  }

  #reopen(pauseMs: number): void {
    this.#state = 'opening';
    this.#redialled = true;
    this.#retry.after(pauseMs, () => void this.#open());
  }

  async #open(): Promise<void> {
    const began = performance.now();
    try {
      const peer = await this.#reader.route.open(this.#retry.dialMs);
      if (this.#state !== 'opening') return void (this.#reader.route.redials && peer.connection.destroy());
      this.#heardAt = began;
      this.#attach(peer);
    } catch {
      if (this.#state !== 'opening') return;
      return this.#fail(this.#reader.route.redials ? 'its callback address cannot be called' : 'the connection was closed');
    }
    this.#pump();
    if (this.#peer !== undefined && this.#feed.outstanding.calls === 0) this.#sendPing(began);
  }

  #detach(): void {
    const peer = this.#peer;
    this.#peer = undefined;
    this.#ping = 0;
    if (peer === undefined) return;
    peer.sink = undefined;
    if (this.#reader.route.redials) peer.connection.destroy();
    // What an inline client does not read is not kept for it once it is given up.
    else if (this.#state === 'ended' && peer.connection.unsentBytes > 0) peer.connection.destroy();
  }

  #evict(reason: string): void {
    if (this.#state === 'ended') return;
    this.#end();
    this.#reader.route.abandon();
    this.#means.events.evicted(this.#reader.id, this, reason);
  }

  #end(): void {
    this.#state = 'ended';
    this.#retry.stop();
    this.#detach();
    this.#feed.rewind();
    this.#watches.end();
  }
}
