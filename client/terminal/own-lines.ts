/**
 * What the person said and the room has not confirmed yet: shown right above the prompt, dimmed and marked, until it
 * takes its place among the messages. Knows neither keyboard nor connection.
 */
import { inertLine } from '../../commons/text.ts';
import { columnsOf } from './columns.ts';

export interface OwnLine {
  /** As it stands among the messages. */
  readonly shown: string;
}

/** Lines shown one by one; of more the newest are, the others are counted. */
const MOST_ROWS = 4;
/** Columns of a text that tell it from others. */
const EXCERPT = 40;
const MARK = ' (not yet confirmed)';

export class OwnLines {
  /** In the order in which they were typed; the client library bounds them. */
  readonly #lines = new Set<OwnLine>();

  get size(): number {
    return this.#lines.size;
  }

  /** @param shown harmless, in one line */
  add(shown: string): OwnLine {
    const line = { shown };
    this.#lines.add(line);
    return line;
  }

  /** It is settled, one way or the other. */
  delete(line: OwnLine): void {
    this.#lines.delete(line);
  }

  /** Takes all that is left. */
  takeAll(): OwnLine[] {
    const left = [...this.#lines];
    this.#lines.clear();
    return left;
  }

  /** One row each, all narrower than `columns`. */
  rows(columns: number): string[] {
    const hidden = this.#lines.size - MOST_ROWS;
    const newest = [...this.#lines].slice(-MOST_ROWS).map(({ shown }) => cut(shown, columns - 1 - MARK.length) + MARK);
    const rows = hidden > 0 ? [`… ${hidden} more${MARK}`, ...newest] : newest;
    return rows.map((row) => cut(row, columns - 1));
  }
}

/** The beginning of a text, to say which one is meant. */
export function excerpt(text: string): string {
  return cut(inertLine(text), EXCERPT);
}

function cut(row: string, columns: number): string {
  if (columnsOf(row) <= columns) return row;
  let kept = '';
  for (const character of row) {
    if (columnsOf(kept + character) >= columns) break;
    kept += character;
  }
  return `${kept}…`;
}
