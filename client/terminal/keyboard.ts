/**
 * A terminal's keys for readline, one character at a time. Handed several at once (a paste, or fast typing over a slow
 * line) readline appends them to the end of the line wherever the cursor is, and forgets how often the line wraps. A
 * hidden line never gets to readline at all.
 */
import { Transform, type Readable, type TransformCallback } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { HiddenLine, INTERRUPT } from './hidden-line.ts';

/** What a tab within a paste is to readline, as one key; only a tab at the end of what arrives is the Tab key. */
const BLANKS = '    ';

interface Raw {
  setRawMode(mode: boolean): unknown;
}

export class Keyboard extends Transform {
  readonly #source: Readable;
  readonly #decoder = new StringDecoder('utf8');
  /** readline asks for it. */
  isRaw = false;
  /** The hidden line that is being typed. */
  #hidden:
    { readonly line: HiddenLine; readonly resolve: (answer: string | undefined) => void; readonly interrupted: () => void } | undefined;
  /** No key goes to readline: a hidden line is being typed, or has just ended and another one may follow. */
  #diverts = false;
  /** Nor when it is not known yet what the keys are for: readline would show them. */
  #holds = false;
  /** Keys behind the end of a hidden line, or held; as many as somebody types while a command waits for the server, which its patience bounds. */
  #ahead: string[] = [];

  constructor(source: Readable) {
    super({ readableObjectMode: true });
    this.#source = source;
    source.pipe(this);
    // A terminal that is gone reads as an error; for us that is the end.
    source.on('error', () => this.end());
  }

  /** Raw: keys arrive as they are pressed, Ctrl+C included. readline calls this, and again when it was suspended. */
  setRawMode(mode: boolean): this {
    if (isRawable(this.#source)) this.#source.setRawMode(mode);
    this.isRaw = mode;
    return this;
  }

  /**
   * Keeps the keys of the next line from readline: from the very next one on, also where that was pasted together with
   * those before. What was held is read first. What comes behind the line is the next hidden line's, where that is asked
   * for at once or keys are held until it is, else readline's.
   *
   * @param interrupted told when it was given up by Ctrl+C
   * @returns the line; `undefined` when it was given up, or the terminal is let go
   */
  readHidden(interrupted: () => void = () => undefined): Promise<string | undefined> {
    this.#diverts = true;
    return new Promise((resolve) => {
      this.#hidden = { line: new HiddenLine(), resolve, interrupted };
      for (const key of this.#ahead.splice(0)) this.#press(key);
    });
  }

  /** From the very next key on: what is typed is the next hidden line's, or after `letGo` readline's. Ctrl+C drops it. */
  hold(): void {
    this.#holds = true;
    this.#diverts = true;
  }

  letGo(): void {
    this.#holds = false;
    setImmediate(() => this.#release());
  }

  /** Forgets what is held; says whether that was anything. */
  forget(): boolean {
    return this.#ahead.splice(0).length > 0;
  }

  /** Lets go of the terminal. */
  close(): void {
    this.#endHidden(undefined);
    this.#source.unpipe(this);
    this.#source.pause();
  }

  /** Here keys come one by one, in the turn in which readline acts on them; where they are pushed is too early. */
  override emit(event: string | symbol, ...told: unknown[]): boolean {
    const [key] = told;
    if (event !== 'data' || typeof key !== 'string') return super.emit(event, ...told);
    if (this.#diverts) this.#press(key);
    else for (const character of key) super.emit(event, character);
    return true;
  }

  #press(key: string): void {
    if (this.#hidden === undefined) {
      this.#ahead.push(key);
      // Not before it is known whether a hidden line follows at once: then it is that one's.
      if (key === INTERRUPT) setImmediate(() => this.#interrupt());
      return;
    }
    // Typed or pasted, a tab is no character of a hidden line.
    const pressed = this.#hidden.line.press(key === BLANKS ? '\t' : key);
    if (pressed === 'interrupted') this.#hidden.interrupted();
    if (pressed !== 'more') this.#endHidden(pressed === 'entered' ? this.#hidden.line.text : undefined);
  }

  /** Ctrl+C while keys are held: drops them, or is readline's where there are none. */
  #interrupt(): void {
    const at = this.#holds ? this.#ahead.indexOf(INTERRUPT) : -1;
    if (at === -1) return;
    this.#ahead.splice(0, at + 1);
    if (at === 0) super.emit('data', INTERRUPT);
  }

  #endHidden(answer: string | undefined): void {
    if (this.#hidden === undefined) return;
    this.#hidden.resolve(answer);
    this.#hidden = undefined;
    setImmediate(() => this.#release());
  }

  #release(): void {
    if (this.#hidden !== undefined || this.#holds) return;
    this.#diverts = false;
    const ahead = this.#ahead;
    this.#ahead = [];
    for (const key of ahead) this.emit('data', key);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const keys = Array.from(this.#decoder.write(chunk));
    for (const [index, key] of keys.entries()) this.push(key === '\t' && (keys[index + 1] ?? '\t') !== '\t' ? BLANKS : key);
    done();
  }
}

function isRawable(stream: object): stream is Raw {
  return 'setRawMode' in stream && typeof stream.setRawMode === 'function';
}
