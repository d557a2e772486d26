/**
 * A terminal's keys for readline, one character at a time. Handed several at once (a paste, or fast typing over a slow
 * line) readline appends them to the end of the line wherever the cursor is, and forgets how often the line wraps.
 */
import { Transform, type Readable, type TransformCallback } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** What a tab within a paste becomes; only a tab at the end of what arrives is the Tab key. */
const BLANKS = '    ';

interface Raw {
  setRawMode(mode: boolean): unknown;
}

export class Keyboard extends Transform {
  readonly #source: Readable;
  readonly #decoder = new StringDecoder('utf8');
  /** readline asks for it. */
  isRaw = false;

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

  /** Lets go of the terminal. */
  close(): void {
    this.#source.unpipe(this);
    this.#source.pause();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const keys = this.#decoder.write(chunk).replaceAll(/\t(?=[^\t])/g, BLANKS);
    for (const key of keys) this.push(key);
    done();
  }
}

function isRawable(stream: object): stream is Raw {
  return 'setRawMode' in stream && typeof stream.setRawMode === 'function';
}
