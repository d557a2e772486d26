/**
 * The calls that were sent to one client and are not answered: in order of sending, by reference to the shared bytes.
 * Bounded by the client's window. It recognises answers and knows neither connection nor clock.
 */
import type { AnswerShape } from '../answer-shape.ts';
import { indexAfter, type View } from '../segment.ts';
import type { Cursor } from './cursor.ts';

/** A run of calls of one view that went out in one piece. */
export interface Sent {
  readonly cursor: Cursor;
  /** Number of the segment that the calls are from. */
  readonly segment: number;
  readonly view: View;
  /** The first call of the run that is not answered. */
  next: number;
  /** The call after the run's last. */
  readonly to: number;
}

export class Outstanding {
  readonly #runs: Sent[] = [];
  #first = 0;
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

  /** The runs that are not wholly answered, oldest first. */
  runs(): readonly Sent[] {
    return this.#runs.slice(this.#first);
  }

  add(run: Sent): void {
    this.#runs.push(run);
    this.#calls += run.to - run.next;
    this.#bytes += run.view.startOf(run.to) - run.view.startOf(run.next);
  }

  clear(): void {
    this.#runs.length = 0;
    this.#first = 0;
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
      const run = this.#runs[this.#first];
      if (run === undefined) return at;
      const expected = run.view.answers(shape);
      if (expected === undefined) return at;
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
    const run = this.#runs[this.#first];
    if (run === undefined) return false;
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
    return this.#early?.has(id) !== true && this.#runs.some((run, index) => index >= this.#first && contains(run, id));
  }

  #takeEarly(): void {
    while (this.#early !== undefined) {
      const run = this.#runs[this.#first];
      const expected = run?.view.seqs[run.next];
      if (run === undefined || expected === undefined || !this.#early.delete(expected)) return;
      if (this.#early.size === 0) this.#early = undefined;
      this.#advance(run, run.next + 1);
    }
  }

  #advance(run: Sent, to: number): void {
    this.#calls -= to - run.next;
    this.#bytes -= run.view.startOf(to) - run.view.startOf(run.next);
    run.next = to;
    if (to < run.to) return;
    this.#first += 1;
    if (this.#first < this.#runs.length && this.#first < 64) return;
    this.#runs.splice(0, this.#first);
    this.#first = 0;
  }
}

/** How many answers end at or before `offset`, at least `from`. */
function wholeAnswers(ends: readonly number[], from: number, offset: number): number {
  return Math.max(from, indexAfter(ends, offset));
}

function contains({ view, next, to }: Sent, id: number): boolean {
  const index = indexAfter(view.seqs, id) - 1;
  return index >= next && index < to && view.seqs[index] === id;
}
