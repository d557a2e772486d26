/**
 * A small terminal: it interprets what a program wrote and keeps what a person would see, so that tests assert the
 * screen and not the bytes. It knows as much of a VT100 as line editors use; every other sequence lands in `unknown`,
 * where a test can demand that nothing does. It knows nothing of the program.
 */

/** Takes two columns on the terminals that people use. */
const WIDE = /[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\uff01-\uff60]/v;
/** Goes onto the letter before it. */
const COMBINING = /[\p{M}\u200c\u200d]/v;
/** One escape sequence, or its beginning: CSI, OSC up to BEL or ST, or ESC and one character. */
const SEQUENCE = /^\u001b(?:\[([0-9;?]*)([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[^[\]])/;
const UNFINISHED = /^\u001b(?:\[[0-9;?]*|\][^\u0007\u001b]*\u001b?)?$/;
/** The second cell of a wide character. */
const TAIL = '';

export class Screen {
  #columns: number;
  #rows: number;
  /** Every line since the start; the last `#rows` of them are the window. */
  readonly #lines: string[][] = [[]];
  #row = 0;
  #column = 0;
  /** The last column was written: the next character goes to the next line, as on real terminals. */
  #wrapPending = false;
  /** Lines that go on in the next one because they were too long. */
  readonly #wrapped = new Set<string[]>();
  #rest = '';
  /** Sequences and controls that this terminal does not know. */
  readonly unknown: string[] = [];
  /** How often it rang. */
  bells = 0;

  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.#rows = rows;
  }

  /** What has been scrolled away and what is on the window, without blanks at the ends of lines. */
  get lines(): string[] {
    return this.#lines.map((cells) =>
      Array.from(cells, (cell) => cell ?? ' ')
        .join('')
        .trimEnd(),
    );
  }

  get text(): string {
    return this.lines.join('\n').trimEnd();
  }

  /** The line that the cursor is in, and where; columns count from 0. */
  get cursor(): { line: number; column: number } {
    return { line: this.#row, column: this.#column };
  }

  write(output: string): void {
    let rest = this.#rest + output;
    while (rest !== '' && !UNFINISHED.test(rest)) {
      const sequence = SEQUENCE.exec(rest);
      if (sequence === null) {
        const [character = ''] = rest;
        this.#character(character);
        rest = rest.slice(character.length);
      } else {
        this.#sequence(sequence[0], sequence[1], sequence[2]);
        rest = rest.slice(sequence[0].length);
      }
    }
    this.#rest = rest;
  }

  /** Another width: lines are wrapped anew and the cursor stays with its character, as in most terminals. */
  resize(columns: number, rows: number): void {
    const joined: string[][] = [];
    let cursor = { line: 0, cell: 0 };
    let goesOn = false;
    for (const [row, cells] of this.#lines.entries()) {
      const line = (goesOn ? joined.pop() : undefined) ?? [];
      if (row === this.#row) cursor = { line: joined.length, cell: line.length + this.#column };
      joined.push([...line, ...cells]);
      goesOn = this.#wrapped.has(cells);
    }
    this.#lines.length = 0;
    this.#wrapped.clear();
    [this.#columns, this.#rows, this.#wrapPending] = [columns, rows, false];
    for (const [index, line] of joined.entries()) {
      if (index === cursor.line) this.#row = this.#lines.length + Math.floor(cursor.cell / columns);
      for (let from = 0; from === 0 || from < line.length; from += columns) {
        const cells = line.slice(from, from + columns);
        this.#lines.push(cells);
        if (from + columns < line.length) this.#wrapped.add(cells);
      }
    }
    this.#column = cursor.cell % columns;
    while (this.#lines.length <= this.#row) this.#lines.push([]);
  }

  #character(character: string): void {
    if (character === '\r') this.#moveTo(this.#row, 0);
    else if (character === '\n') this.#lineFeed();
    else if (character === '\b') this.#moveTo(this.#row, this.#column - 1);
    else if (character === '\t') this.#moveTo(this.#row, (Math.floor(this.#column / 8) + 1) * 8);
    else if (character === '\u0007') this.bells++;
    else if (/[\p{Cc}\p{Cf}]/u.test(character) && !COMBINING.test(character)) this.unknown.push(character);
    else this.#put(character);
  }

  #put(character: string): void {
    if (COMBINING.test(character)) {
      const before = this.#cells[this.#column - 1];
      if (before !== undefined) this.#cells[this.#column - 1] = before + character;
      return;
    }
    const width = WIDE.test(character) ? 2 : 1;
    if (this.#wrapPending || this.#column + width > this.#columns) {
      this.#wrapped.add(this.#cells);
      this.#lineFeed();
      this.#column = 0;
    }
    while (this.#cells.length < this.#column) this.#cells.push(' ');
    this.#cells[this.#column] = character;
    if (width === 2) this.#cells[this.#column + 1] = TAIL;
    this.#wrapPending = this.#column + width >= this.#columns;
    this.#column = Math.min(this.#column + width, this.#columns - 1);
  }

  get #cells(): string[] {
    return (this.#lines[this.#row] ??= []);
  }

  get #top(): number {
    return Math.max(0, this.#lines.length - this.#rows);
  }

  #lineFeed(): void {
    this.#row++;
    this.#wrapPending = false;
    if (this.#row === this.#lines.length) this.#lines.push([]);
  }

  #moveTo(row: number, column: number): void {
    this.#row = Math.min(Math.max(row, this.#top), Math.max(this.#lines.length, this.#top + this.#rows) - 1);
    while (this.#lines.length <= this.#row) this.#lines.push([]);
    this.#column = Math.min(Math.max(column, 0), this.#columns - 1);
    this.#wrapPending = false;
  }

  #sequence(sequence: string, parameters: string | undefined, final: string | undefined): void {
    const [first = 0, second = 0] = (parameters ?? '').split(';').map(Number);
    const by = Math.max(first, 1);
    if (final === 'm' || parameters?.startsWith('?') === true) return;
    if (final === 'A') this.#moveTo(this.#row - by, this.#column);
    else if (final === 'B') this.#moveTo(Math.min(this.#row + by, this.#lines.length - 1), this.#column);
    else if (final === 'C') this.#moveTo(this.#row, this.#column + by);
    else if (final === 'D') this.#moveTo(this.#row, this.#column - by);
    else if (final === 'G') this.#moveTo(this.#row, by - 1);
    else if (final === 'H') this.#moveTo(this.#top + by - 1, Math.max(second, 1) - 1);
    else if (final === 'J') this.#clear(first);
    else if (final === 'K' && first === 0) this.#cells.length = Math.min(this.#cells.length, this.#column);
    else this.unknown.push(sequence);
  }

  #clear(what: number): void {
    if (what === 3) {
      this.#row -= this.#top;
      this.#lines.splice(0, this.#top);
    } else if (what === 2) {
      for (const cells of this.#lines.slice(this.#top)) cells.length = 0;
    } else {
      this.#cells.length = Math.min(this.#cells.length, this.#column);
      this.#lines.length = this.#row + 1;
    }
  }
}
