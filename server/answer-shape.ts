/**
 * What a client's answers look like, apart from the id: learnt from an answer that was parsed, then recognised by
 * comparing bytes. Everything that differs is parsed again, so a shape is never more than a short cut.
 */
import { idSpan } from '../commons/rpc/scan.ts';

/** The answers to the calls of one view, back to back. */
export interface ExpectedAnswers {
  readonly shape: AnswerShape;
  readonly bytes: Buffer;
  /** Where each answer ends in `bytes`, ascending. */
  readonly ends: readonly number[];
}

/** Answers longer than this are parsed each time: what a view keeps of them is bounded by it. */
const LONGEST_ANSWER = 128;

export class AnswerShape {
  readonly #before: string;
  readonly #after: string;

  constructor(before: string, after: string) {
    this.#before = before;
    this.#after = after;
  }

  expect(ids: readonly number[]): ExpectedAnswers {
    let text = '';
    const ends: number[] = [];
    for (const id of ids) {
      text += this.#before + String(id) + this.#after;
      ends.push(text.length);
    }
    return { shape: this, bytes: Buffer.from(text, 'latin1'), ends: ends.slice() };
  }
}

/**
 * The shapes in use, at most `capacity`: clients of one library share one. When it is full, further kinds of answers are
 * parsed, which is slower and nothing else.
 */
export class AnswerShapes {
  readonly #capacity: number;
  readonly #known = new Map<string, AnswerShape>();

  constructor(capacity = 64) {
    this.#capacity = capacity;
  }

  /** The shape of an answer to call `id`, given with the bytes of its line; `undefined` when it cannot be a shape. */
  learn(chunk: Buffer, start: number, end: number, id: number): AnswerShape | undefined {
    if (end - start > LONGEST_ANSWER) return undefined;
    const line = chunk.toString('latin1', start, end);
    const span = /^[\x20-\x7e]*$/.test(line) ? idSpan(line) : undefined;
    if (span === undefined || line.slice(...span) !== String(id) || isAmbiguous(line)) return undefined;
    return this.#intern(line.slice(0, span[0]), `${line.slice(span[1])}\n`);
  }

  #intern(before: string, after: string): AnswerShape | undefined {
    const key = `${before}\n${after}`;
    const known = this.#known.get(key);
    if (known !== undefined || this.#known.size >= this.#capacity) return known;
    const shape = new AnswerShape(before, after);
    this.#known.set(key, shape);
    return shape;
  }
}

/** Whether another member could be the `id`: there are two of that name, or one could be spelt with escapes. */
function isAmbiguous(line: string): boolean {
  return line.includes('\\') || line.indexOf('"id"') !== line.lastIndexOf('"id"');
}
