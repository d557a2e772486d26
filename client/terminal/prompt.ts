/**
 * The line at the bottom in which a person types. What others say is written above it, and the half-typed line stays as
 * it was: wrapped or not, with its cursor and its history. Knows neither room nor command.
 */
import { createInterface, type Interface } from 'node:readline';
import { type Readable, type Writable } from 'node:stream';
import { type Completions } from './completion.ts';
import { Keyboard } from './keyboard.ts';

export interface PromptOptions {
  readonly input: Readable;
  /** The terminal that the line is drawn on. */
  readonly output: Writable;
  readonly complete: (line: string) => Completions;
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
  readonly #output: Writable;
  /** What is to appear above the line at the end of this turn of the event loop; bounded by what one turn receives. */
  readonly #above: { stream: Writable; text: string }[] = [];
  #flushing: NodeJS.Immediate | undefined;
  #closed = false;

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
    // Before readline's own listener, which redraws.
    this.#output.prependListener('resize', () => this.#resized());
    this.#rl.on('line', options.onLine);
    this.#rl.on('SIGINT', () => (this.#rl.line === '' ? options.onInterrupt() : this.#dropLine()));
    this.#rl.on('close', () => {
      if (this.#closed) return;
      this.close();
      options.onEnd();
    });
  }

  /** Shows the line, with another text in front of it. */
  show(label: string): void {
    if (this.#closed) return;
    this.#flush();
    this.#rl.setPrompt(label);
    this.#rl.prompt(true);
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
    this.#redraw();
  }

  /** Ends the line for good: it is taken away, and the terminal behaves as before. What is said later is just written. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearImmediate(this.#flushing);
    this.#erase();
    for (const { stream, text } of this.#above.splice(0)) stream.write(text);
    this.#rl.close();
    this.#keyboard.close();
  }

  #flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    if (this.#above.length === 0) return;
    this.#erase();
    for (const { stream, text } of this.#above.splice(0)) stream.write(text);
    this.#redraw();
  }

  #erase(): void {
    const { rows } = this.#rl.getCursorPos();
    this.#output.write(`${rows > 0 ? `\u001b[${rows}A` : ''}\r\u001b[J`);
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
    this.#rl.prompt(true);
  }

  #dropLine(): void {
    this.#rl.write(null, { ctrl: true, name: 'e' });
    this.#rl.write(null, { ctrl: true, name: 'u' });
  }
}
