/** What an operator is told of reads that fail: one line for each thing that cannot be read, not one for each try. */

/** Pause before the same is told again, milliseconds. */
const AGAIN_MS = 60_000;
/** Things that are remembered; of more, some are told sooner again. */
const REMEMBERED = 1_000;

export class Complaints {
  readonly #report: (text: string, failure: unknown) => void;
  /** When each was told last, as of `performance.now()`. */
  readonly #told = new Map<string, number>();

  constructor(report: (text: string, failure: unknown) => void) {
    this.#report = report;
  }

  /** @param what as in "what cannot be read" */
  unreadable(what: string, failure: unknown): void {
    const now = performance.now();
    if (now - (this.#told.get(what) ?? -Infinity) < AGAIN_MS) return;
    if (this.#told.size >= REMEMBERED) this.#told.clear();
    this.#told.set(what, now);
    this.#report(`${what} cannot be read.`, failure);
  }
}
