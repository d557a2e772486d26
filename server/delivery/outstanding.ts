/**
 * The calls that were sent to one client and are not answered: in order of sending, by reference to the shared bytes.
 * Bounded by the client's window. It recognises answers and knows neither connection nor clock.
 */
import type { AnswerShape } from '../answer-shape.ts';
import type { RoomLog } from '../room-log.ts';
import { indexAfter, type View } from '../segment.ts';
import type { Cursor } from './cursor.ts';

/** A run of calls of one view that went out in one piece. */
export interface Sent {
  readonly cursor: Cursor;
  readonly view: View;
  /** The first call of the run that is not answered. */
  readonly next: number;
  /** The call after the run's last. */
  readonly to: number;
}

/** The same while it is remembered; without a view when it is done and waits to be used again. */
interface Run {
  cursor: Cursor | undefined;
  view: View | undefined;
  next: number;
  to: number;
}

/** Places for runs that a client keeps when it has answered everything; a quarter of a second at 1,000 messages a second. */
const PLACES_KEPT = 256;

/**
 * The runs stand in a ring whose places are used again: a new object for each message and client would be most of what V8
 * has to collect.
 */
export class Outstanding {
  #ring: Run[] = [];
  /** Place of the oldest run that is not wholly answered. */
  #first = 0;
  #count = 0;
  #calls = 0;
  #bytes = 0;
  /** Calls behind the first that were answered early; never more than `calls`. */
  #early: Set<number> | undefined;

  get calls(): number {
    return this.#calls - (this.#early?.size ?? 0);
  }

  get bytes(): number {
    return this.#bytes;
  }

  add({ cursor, view, next, to }: Sent): void {
    if (this.#count === this.#ring.length) this.#grow();
    const run = this.#run(this.#count);
    if (run === undefined) return;
    run.cursor = cursor;
    run.view = view;
    run.next = next;
    run.to = to;
    this.#count += 1;
    this.#calls += to - next;
    this.#bytes += view.startOf(to) - view.startOf(next);
  }

  /** The `Seq` of the oldest call from `log` that is not answered. */
  oldestOf(log: RoomLog): number | undefined {
    for (let index = 0; index < this.#count; index += 1) {
      const run = this.#run(index);
      if (run?.cursor?.log === log) return oldest(run);
    }
    return undefined;
  }

  /** Whether a call that `cursor` led to is not wholly answered. */
  isFrom(cursor: Cursor): boolean {
    for (let index = 0; index < this.#count; index += 1) if (this.#run(index)?.cursor === cursor) return true;
    return false;
  }

  /** Forgets all calls; each cursor goes back to its oldest one that was not answered in turn. */
  rewind(): void {
    // Backwards: the oldest run of a cursor has the last word.
    for (let index = this.#count - 1; index >= 0; index -= 1) {
      const run = this.#run(index);
      if (run !== undefined) run.cursor?.goBack(oldest(run));
    }
    this.#ring = [];
    this.#first = 0;
    this.#count = 0;
    this.#calls = 0;
    this.#bytes = 0;
    this.#early = undefined;
  }

  /**
   * Consumes the whole answers at the beginning of `chunk` that are, byte for byte, those expected next; returns the
   * offset behind them.
   */
  match(shape: AnswerShape, chunk: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#early === undefined) {
      const run = this.#run(0);
      const expected = run?.view?.answers(shape);
      if (run === undefined || expected === undefined) return at;
      const { bytes, ends } = expected;
      const from = run.next === 0 ? 0 : (ends[run.next - 1] ?? 0);
      const length = Math.min((ends[run.to - 1] ?? 0) - from, end - at);
      if (chunk.compare(bytes, from, from + length, at, at + length) !== 0) return at;
      const to = from + length === ends[run.to - 1] ? run.to : wholeAnswers(ends, run.next, from + length);
      if (to === run.next) return at;
      at += (ends[to - 1] ?? 0) - from;
      this.#advance(run, to);
    }
    return at;
  }

  /** Takes the answer to call `id`, which must be outstanding. Returns whether it was the oldest call's. */
  answered(id: number): boolean {
    const run = this.#run(0);
    if (run?.view === undefined) return false;
    if (id !== run.view.seqs[run.next]) {
      this.#early = (this.#early ?? new Set()).add(id);
      return false;
    }
    this.#advance(run, run.next + 1);
    this.#takeEarly();
    return true;
  }

  /** Whether call `id` waits for its answer. */
  holds(id: number): boolean {
    if (this.#early?.has(id) === true) return false;
    for (let index = 0; index < this.#count; index += 1) if (contains(this.#run(index), id)) return true;
    return false;
  }

  #takeEarly(): void {
    while (this.#early !== undefined) {
      const run = this.#run(0);
      const expected = run?.view?.seqs[run.next];
      if (run === undefined || expected === undefined || !this.#early.delete(expected)) return;
      if (this.#early.size === 0) this.#early = undefined;
      this.#advance(run, run.next + 1);
    }
  }

  /** The calls of the oldest run are answered up to but not including `to`. */
  #advance(run: Run, to: number): void {
    const { view, next } = run;
    this.#calls -= to - next;
    if (view !== undefined) this.#bytes -= view.startOf(to) - view.startOf(next);
    run.next = to;
    if (to < run.to) return;
    // A place that waits keeps no message alive.
    run.cursor = undefined;
    run.view = undefined;
    this.#count -= 1;
    this.#first = this.#first + 1 < this.#ring.length ? this.#first + 1 : 0;
    if (this.#count === 0 && this.#ring.length > PLACES_KEPT) {
      this.#ring = [];
      this.#first = 0;
    }
  }

  /** The run number `index`, counted from the oldest; for the number of runs, the place of the next one. */
  #run(index: number): Run | undefined {
    const place = this.#first + index;
    return this.#ring[place < this.#ring.length ? place : place - this.#ring.length];
  }

  /** Twice as many places, the oldest run first. */
  #grow(): void {
    const ring = [...this.#ring.slice(this.#first), ...this.#ring.slice(0, this.#first)];
    for (let more = Math.max(1, ring.length); more > 0; more -= 1) ring.push({ cursor: undefined, view: undefined, next: 0, to: 0 });
    this.#ring = ring;
    this.#first = 0;
  }
}

function oldest({ view, next }: Run): number {
  return view?.seqs[next] ?? 1;
}

function contains(run: Run | undefined, id: number): boolean {
  if (run?.view === undefined) return false;
  const { seqs } = run.view;
  const index = indexAfter(seqs, id) - 1;
  return index >= run.next && index < run.to && seqs[index] === id;
}

/** How many answers end at or before `offset`, at least `from`. */
function wholeAnswers(ends: readonly number[], from: number, offset: number): number {
  return Math.max(from, indexAfter(ends, offset));
}
