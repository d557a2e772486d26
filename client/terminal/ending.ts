/** What ends the program from outside: signals, and a reader of stdout that has gone. */
import { EXIT, type ExitStatus } from './exit-status.ts';

/** Under npm one Ctrl+C arrives twice, from the terminal and from npm: so soon it is the same, milliseconds. */
const SAME_SIGNAL_MS = 300;

/** The first status that is given ends the program; a second signal does not wait for anything any more. */
export class Ending {
  /** Never rejects; stays open as long as nothing ends the program. */
  readonly status: Promise<ExitStatus>;
  readonly #resolve: (status: ExitStatus) => void;
  /** Something has ended the program already; it is only saying goodbye. */
  over = false;
  /** When it was interrupted first, as of `performance.now()`. */
  #interruptedAt = Infinity;

  constructor() {
    let settle: (status: ExitStatus) => void = () => undefined;
    this.status = new Promise((resolve) => (settle = resolve));
    this.#resolve = settle;
  }

  end(status: ExitStatus): void {
    this.over = true;
    this.#resolve(status);
  }

  /**
   * The exit status of a program that is done with `status`: that of an interruption, also where it comes while the program is leaving.
   * One that came together with the end of stdin is told after it, in the same turn of the event loop.
   */
  async last(status: ExitStatus): Promise<ExitStatus> {
    await new Promise(setImmediate);
    return this.#interruptedAt === Infinity ? status : EXIT.interrupted;
  }

  interrupt(): void {
    if (performance.now() - this.#interruptedAt > SAME_SIGNAL_MS) process.exit(EXIT.interrupted);
    this.#interruptedAt = Math.min(this.#interruptedAt, performance.now());
    this.end(EXIT.interrupted);
  }
}

/** Installs the handlers: not before the name was asked for, which must be interruptible without them. */
export function watchForEnd(): Ending {
  const ending = new Ending();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ending.interrupt());
  // `client --json | head -1`: nobody reads any more, which is no error of ours. A full disk is.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => ending.end(error.code === 'EPIPE' ? EXIT.fine : EXIT.error));
  // There is nowhere left to say it.
  process.stderr.on('error', () => undefined);
  return ending;
}
