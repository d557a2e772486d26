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

/** Places of runs that are done are used again from so many on. */
const COMPACTED = 64;

/** Runs are kept in columns: an object for each message and client would be most of what V8 has to collect. */
export class Outstanding {
  readonly #cursors: (Cursor | undefined)[] = [];
  readonly #views: (View | undefined)[] = [];
  /** For each run its first call that is not answered, and the call after its last. */
  readonly #bounds: number[] = [];
  /** The runs that are not wholly answered are those from here, oldest first, up to but not including `#end`. */
  #first = 0;
  #end = 0;
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
    const run = this.#end;
    this.#cursors[run] = cursor;
    this.#views[run] = view;
    this.#bounds[2 * run] = next;
    this.#bounds[2 * run + 1] = to;
    this.#end += 1;
    this.#calls += to - next;
    this.#bytes += view.startOf(to) - view.startOf(next);
  }

  /** The `Seq` of the oldest call from `log` that is not answered. */
  oldestOf(log: RoomLog): number | undefined {
    for (let run = this.#first; run < this.#end; run += 1) if (this.#cursors[run]?.log === log) return this.#oldest(run);
    return undefined;
  }

  /** Whether a call that `cursor` led to is not wholly answered. */
  isFrom(cursor: Cursor): boolean {
    for (let run = this.#first; run < this.#end; run += 1) if (this.#cursors[run] === cursor) return true;
    return false;
  }

  /** Forgets all calls; each cursor goes back to its oldest one that was not answered in turn. */
  rewind(): void {
    // Backwards: the oldest run of a cursor has the last word.
    for (let run = this.#end - 1; run >= this.#first; run -= 1) this.#cursors[run]?.goBack(this.#oldest(run));
    this.#cursors.length = 0;
    this.#views.length = 0;
    this.#bounds.length = 0;
    this.#first = 0;
    this.#end = 0;
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
      const view = this.#views[this.#first];
      const expected = view?.answers(shape);
      if (view === undefined || expected === undefined) return at;
      const { bytes, ends } = expected;
      const next = this.#next(this.#first);
      const last = this.#to(this.#first);
      const from = next === 0 ? 0 : (ends[next - 1] ?? 0);
      const length = Math.min((ends[last - 1] ?? 0) - from, end - at);
      if (chunk.compare(bytes, from, from + length, at, at + length) !== 0) return at;
      const to = from + length === ends[last - 1] ? last : wholeAnswers(ends, next, from + length);
      if (to === next) return at;
      at += (ends[to - 1] ?? 0) - from;
      this.#advance(view, to);
    }
    return at;
  }

  /** Takes the answer to call `id`, which must be outstanding. Returns whether it was the oldest call's. */
  answered(id: number): boolean {
    const view = this.#views[this.#first];
    if (view === undefined) return false;
    const next = this.#next(this.#first);
    if (id !== view.seqs[next]) {
      this.#early = (this.#early ?? new Set()).add(id);
      return false;
    }
    this.#advance(view, next + 1);
    this.#takeEarly();
    return true;
  }

  /** Whether call `id` waits for its answer. */
  holds(id: number): boolean {
    if (this.#early?.has(id) === true) return false;
    for (let run = this.#first; run < this.#end; run += 1) if (this.#contains(run, id)) return true;
    return false;
  }

  #contains(run: number, id: number): boolean {
    const seqs = this.#views[run]?.seqs ?? [];
    const index = indexAfter(seqs, id) - 1;
    return index >= this.#next(run) && index < this.#to(run) && seqs[index] === id;
  }

  #takeEarly(): void {
    while (this.#early !== undefined) {
      const view = this.#views[this.#first];
      const next = this.#next(this.#first);
      const expected = view?.seqs[next];
      if (view === undefined || expected === undefined || !this.#early.delete(expected)) return;
      if (this.#early.size === 0) this.#early = undefined;
      this.#advance(view, next + 1);
    }
  }

  /** The calls of the oldest run, which is of `view`, are answered up to but not including `to`. */
  #advance(view: View, to: number): void {
    const run = this.#first;
    const next = this.#next(run);
    this.#calls -= to - next;
    this.#bytes -= view.startOf(to) - view.startOf(next);
    if (to < this.#to(run)) {
      this.#bounds[2 * run] = to;
      return;
    }
    // The bytes of a view are nobody's concern here any longer.
    this.#cursors[run] = undefined;
    this.#views[run] = undefined;
    this.#first += 1;
    if (this.#first === this.#end) {
      this.#first = 0;
      this.#end = 0;
    } else if (this.#first >= COMPACTED && this.#first * 2 >= this.#end) this.#compact();
  }

  #compact(): void {
    this.#cursors.copyWithin(0, this.#first, this.#end).fill(undefined, this.#end - this.#first);
    this.#views.copyWithin(0, this.#first, this.#end).fill(undefined, this.#end - this.#first);
    this.#bounds.copyWithin(0, 2 * this.#first, 2 * this.#end);
    this.#end -= this.#first;
    this.#first = 0;
  }

  #oldest(run: number): number {
    return this.#views[run]?.seqs[this.#next(run)] ?? 1;
  }

  #next(run: number): number {
    return this.#bounds[2 * run] ?? 0;
  }

  #to(run: number): number {
    return this.#bounds[2 * run + 1] ?? 0;
  }
}

/** How many answers end at or before `offset`, at least `from`. */
function wholeAnswers(ends: readonly number[], from: number, offset: number): number {
  return Math.max(from, indexAfter(ends, offset));
}
