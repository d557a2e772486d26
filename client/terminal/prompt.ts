/**
 * The line at the bottom in which a person types, and between it and the messages a few rows that come and go. What
 * others say is written above both, and the half-typed line stays as it was: wrapped or not, with its cursor and its
 * history. It also asks for what nobody may see. Knows neither room nor command.
 */
import { createInterface, type Interface } from 'node:readline';
import { type Readable, type Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { columnsOf, widthOf } from './columns.ts';
import { type Completions } from './completion.ts';
import { Keyboard } from './keyboard.ts';

export interface PromptOptions {
  readonly input: Readable;
  /** The terminal that the line is drawn on. */
  readonly output: Writable & { readonly columns?: number };
  readonly complete: (line: string) => Completions;
  /** A line was entered. It is not on the screen any more: `echo` puts it back for good, where that is wanted. */
  readonly onLine: (line: string) => void;
  /** Ctrl+C on an empty line; on others it only drops the line, as in a shell. */
  readonly onInterrupt: () => void;
  /** Ctrl+D on an empty line, or the terminal is gone. */
  readonly onEnd: () => void;
}

/** Lines that the arrow keys bring back. */
const HISTORY_LINES = 500;

export class Prompt {
  readonly #rl: Interface;
  readonly #keyboard: Keyboard;
  readonly #output: PromptOptions['output'];
  /** What is to appear above the line at the end of this turn of the event loop; bounded by what one turn receives. */
  readonly #above: { stream: Writable; text: string }[] = [];
  #flushing: NodeJS.Immediate | undefined;
  /** The rows that are to stand right above the line, each narrower than the terminal, and those that do. */
  #rows: readonly string[] = [];
  #drawnRows: readonly string[] = [];
  /** Whether the line is on the screen. */
  #drawn = false;
  /** Rows of the line that was entered last, the cursor at its end, beyond its first. */
  #enteredRows = 0;
  #closed = false;
  /** What stands in front of the line when nothing is being asked. */
  #label = '';
  /** What stands there while a hidden answer is awaited. */
  #question: string | undefined;

  constructor(options: PromptOptions) {
    this.#output = options.output;
    this.#keyboard = new Keyboard(options.input);
    this.#rl = createInterface({
      input: this.#keyboard,
      output: options.output,
      terminal: true,
      historySize: HISTORY_LINES,
      removeHistoryDuplicates: true,
      completer: options.complete,
    });
    // readline would take a terminal without a width for an endless one, and the two of us would not agree where the line is.
    Object.defineProperty(this.#rl, 'columns', { get: () => this.columns });
    // Before readline's own listener, which redraws.
    this.#output.prependListener('resize', () => this.#resized());
    // Before readline's own listener, which takes the line and moves on.
    this.#keyboard.prependListener('keypress', (_text: unknown, key: unknown) => this.#measure(key));
    this.#rl.on('line', (line) => this.#entered(line, options.onLine));
    this.#rl.on('SIGINT', () => (this.#rl.line === '' ? options.onInterrupt() : this.#dropLine()));
    this.#rl.on('close', () => {
      if (this.#closed) return;
      this.close();
      options.onEnd();
    });
  }

  /** The width of the terminal. */
  get columns(): number {
    return widthOf(this.#output);
  }

  /** Shows the line with another text in front of it, and above it `rows`, which must be narrower than the terminal. */
  show(label: string, rows: readonly string[] = []): void {
    if (this.#closed) return;
    this.#erase();
    this.#writeAbove();
    this.#label = label;
    this.#rows = rows;
    this.#redraw();
  }

  /** From now on what is typed answers the next question, unseen, or is the line's again after `letGo`. */
  hold(): void {
    this.#keyboard.hold();
  }

  letGo(): void {
    this.#keyboard.letGo();
  }

  /** Forgets what was typed since `hold`: it may be the answer to a question that did not come. Says whether that was anything. */
  forget(): boolean {
    return this.#keyboard.forget();
  }

  /**
   * Asks in the place of the line for what nobody may see: no key of the answer is drawn or remembered. One question at
   * a time, and not while a line is half typed: `hold` comes first.
   *
   * @returns the answer; `undefined` when it was given up by Ctrl+C or Ctrl+D, or the line is closed
   */
  async askHidden(question: string): Promise<string | undefined> {
    if (this.#closed || this.#question !== undefined) return undefined;
    const answer = this.#keyboard.readHidden();
    this.#ask(question);
    const given = await answer;
    this.#ask(undefined);
    return given;
  }

  #ask(question: string | undefined): void {
    this.#question = question;
    if (this.#closed) return;
    this.#erase();
    this.#redraw();
  }

  /** Writes a line of the person's own above, on the terminal that it was typed on. */
  echo(line: string): void {
    this.above(this.#output, `${line}\n`);
  }

  /** Writes `text`, ended by a line feed, to `stream` above the line. What one turn says costs one redraw. */
  above(stream: Writable, text: string): void {
    if (this.#closed) {
      stream.write(text);
      return;
    }
    this.#above.push({ stream, text });
    this.#flushing ??= setImmediate(() => this.#flush());
  }

  /** An empty screen, but for the line. */
  clear(): void {
    this.#flush();
    this.#output.write('\u001b[H\u001b[2J\u001b[3J');
    this.#drawnRows = [];
    this.#redraw();
  }

  /** Ends the line for good: it is taken away, and the terminal behaves as before. What is said later is just written. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#erase();
    this.#writeAbove();
    this.#rl.close();
    this.#keyboard.close();
  }

  #flush(): void {
    if (this.#above.length === 0) return;
    this.#erase();
    this.#writeAbove();
    this.#redraw();
  }

  #writeAbove(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    for (const { stream, text } of this.#above.splice(0)) stream.write(text);
  }

  /** Takes the line and the rows above it off the screen. */
  #erase(): void {
    this.#eraseUp(this.#drawn ? this.#rl.getCursorPos().rows : 0);
  }

  /** Takes away what is drawn, of which the line begins `rows` above the cursor. */
  #eraseUp(rows: number): void {
    const { columns } = this;
    // A terminal that became narrower has wrapped them.
    const above = this.#drawnRows.reduce((sum, row) => sum + Math.max(1, Math.ceil(columnsOf(stripVTControlCharacters(row)) / columns)), 0);
    this.#output.write(`${rows + above > 0 ? `\u001b[${rows + above}A` : ''}\r\u001b[J`);
    this.#drawn = false;
    this.#drawnRows = [];
  }

  /** The Enter key: how many rows the line takes is known only now, and only with the cursor at its end. */
  #measure(key: unknown): void {
    if (!isEnter(key)) return;
    this.#rl.write(null, { ctrl: true, name: 'e' });
    this.#enteredRows = this.#rl.getCursorPos().rows;
  }

  /** readline has left the line on the screen and gone to the row below it. */
  #entered(line: string, onLine: (line: string) => void): void {
    this.#eraseUp(this.#enteredRows + 1);
    onLine(line);
  }

  /**
   * Most terminals wrap the line anew when they are resized. readline would move up by the rows that it had before:
   * above the line and into the messages if it has fewer now.
   */
  #resized(): void {
    if (!('prevRows' in this.#rl) || typeof this.#rl.prevRows !== 'number') return;
    this.#rl.prevRows = Math.min(this.#rl.prevRows, this.#rl.getCursorPos().rows);
  }

  /** readline would move up by the rows of the line that it drew last and erase what was just written: it is told that there are none. */
  #redraw(): void {
    if ('prevRows' in this.#rl) this.#rl.prevRows = 0;
    for (const row of this.#rows) this.#output.write(`${row}\n`);
    this.#drawnRows = this.#rows;
    this.#rl.setPrompt(this.#question ?? this.#label);
    this.#rl.prompt(true);
    this.#drawn = true;
  }

  #dropLine(): void {
    this.#rl.write(null, { ctrl: true, name: 'e' });
    this.#rl.write(null, { ctrl: true, name: 'u' });
  }
}

function isEnter(key: unknown): boolean {
  return typeof key === 'object' && key !== null && 'name' in key && (key.name === 'return' || key.name === 'enter');
}
