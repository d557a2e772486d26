/**
 * Where the log's lines go. A reader that is slow or stuck costs memory up to a bound, never the event loop and never
 * the end of the process. Knows nothing of what the lines say.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * Characters that may wait for a slow reader, beyond what one write took of them before; lines that do not fit are
 * dropped whole, and how many is told as soon as there is room.
 */
const WAITING_CHARACTERS = 4_194_304;
/** Pause before a full pipe is tried again. */
const FULL_PAUSE_MS = 5;
/** Time that what waits has to get out when the process ends. */
const CLOSE_MS = 500;
const NOTHING = Buffer.alloc(0);
/** Never notified: waiting on it is a pause without the event loop. */
const STOPWATCH = new Int32Array(new SharedArrayBuffer(4));

/** Takes whole lines, newline included. */
export interface Sink {
  write(line: string): void;
}

/**
 * A sink on a terminal, pipe or file. All lines of one turn of the event loop are one write, and the write does not
 * block: what a full pipe does not take waits.
 */
export class FileSink implements Sink {
  /** Told how many lines were dropped, once there is room again. */
  onDropped: ((lines: number) => void) | undefined;
  readonly #descriptor: number;
  #lines: string[] = [];
  /** Characters in `#lines`. */
  #characters = 0;
  /** What a write did not take, ahead of `#lines`. */
  #rest: Buffer = NOTHING;
  #dropped = 0;
  #scheduled = false;
  /** Nothing more can be written: the reader is gone, or the disk is full. There is no other place to say so. */
  #broken = false;
  #emptied: (() => void) | undefined;
  readonly #onExit = (): void => this.#flushUntil(performance.now() + CLOSE_MS);

  /**
   * @param destination a file descriptor (1 = stdout) or the path of a file, which is appended to
   * @throws the system's error when the file cannot be opened
   */
  constructor(destination: number | string) {
    this.#descriptor = typeof destination === 'number' ? unblocked(destination) : openSync(destination, 'a', 0o600);
    process.once('exit', this.#onExit);
  }

  write(line: string): void {
    if (this.#broken) return;
    if (this.#characters + line.length > WAITING_CHARACTERS) {
      this.#dropped++;
      return;
    }
    this.#lines.push(line);
    this.#characters += line.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  /** Waits until everything is out, at most half a second; the end of the process tries the rest once more. */
  async close(): Promise<void> {
    if (!this.#scheduled) return;
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(resolve, CLOSE_MS);
      this.#emptied = () => {
        clearTimeout(deadline);
        resolve();
      };
    });
  }

  #flush(): void {
    if (!this.#writeSome()) {
      setTimeout(() => this.#flush(), FULL_PAUSE_MS).unref();
      return;
    }
    this.#scheduled = false;
    this.#emptied?.();
    this.#tellDropped();
  }

  #tellDropped(): void {
    const dropped = this.#dropped;
    this.#dropped = 0;
    if (dropped > 0) this.onDropped?.(dropped);
  }

  /** Writes what the reader takes now. @returns false when it takes no more for the moment */
  #writeSome(): boolean {
    try {
      while (this.#rest.length > 0 || this.#lines.length > 0) {
        if (this.#rest.length === 0) this.#rest = this.#takeLines();
        this.#rest = this.#rest.subarray(writeSync(this.#descriptor, this.#rest));
      }
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return false;
      this.#broken = true;
      this.#takeLines();
      this.#rest = NOTHING;
      return true;
    }
  }

  #takeLines(): Buffer {
    const lines = Buffer.from(this.#lines.join(''));
    this.#lines = [];
    this.#characters = 0;
    return lines;
  }

  /** The process ends, and no timer will come any more: a full pipe gets until the deadline, then its lines are lost. */
  #flushUntil(deadline: number): void {
    this.#tellDropped();
    while (!this.#writeSome() && performance.now() < deadline) Atomics.wait(STOPWATCH, 0, 0, FULL_PAUSE_MS);
  }
}

/**
 * The same terminal or pipe under a descriptor of our own that never blocks: on the inherited one a stuck reader
 * (Ctrl+S in a terminal is enough) would stop the event loop. Files do not block.
 */
function unblocked(descriptor: number): number {
  const kind = fstatSync(descriptor);
  if (kind.isSocket()) return unblockedSocket(descriptor);
  if (!isatty(descriptor) && !kind.isFIFO()) return descriptor;
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return descriptor; // no /proc, or not ours to open again: the inherited one works too
  }
}

/** A socket (systemd's journal, a parent in Node) cannot be opened again; Node's own stream on it ends its blocking. */
function unblockedSocket(descriptor: number): number {
  const stream = descriptor === process.stderr.fd ? process.stderr : process.stdout;
  return stream.fd;
}
