/** One client's short cut through its answers: which shape they have, if any, and when to stop believing it. */
import type { AnswerShape, AnswerShapes } from '../answer-shape.ts';
import type { Outstanding } from './outstanding.ts';

/** How many kinds of answers a client may show before its answers are parsed each time. */
const SHAPES_PER_CLIENT = 4;
/** After so many lines in a row that were something else, a shape is not tried any more: comparing costs time too. */
const MISSES = 16;

export class ShortCut {
  readonly #shapes: AnswerShapes;
  #shape: AnswerShape | undefined;
  #shapesLeft = SHAPES_PER_CLIENT;
  /** Times in a row that input was not what the shape foretold. */
  #misses = 0;

  constructor(shapes: AnswerShapes) {
    this.#shapes = shapes;
  }

  /** Takes the foretold answers at the beginning of `chunk`; returns the offset behind them. */
  match(outstanding: Outstanding, chunk: Buffer, start: number, end: number): number {
    const shape = this.#shape;
    if (shape === undefined) return start;
    const at = outstanding.match(shape, chunk, start, end);
    if (at > start) this.#misses = 0;
    else if ((this.#misses += 1) > MISSES) this.#shape = undefined;
    return at;
  }

  /** Learns from the line that answered call `id`. */
  learn(chunk: Buffer, start: number, end: number, id: number): void {
    if (this.#shape !== undefined || this.#shapesLeft === 0) return;
    this.#shapesLeft -= 1;
    this.#misses = 0;
    this.#shape = this.#shapes.learn(chunk, start, end, id);
  }
}
