/**
 * Which message IDs were accepted lately, so that a repeated SendMessage is answered with the first one's number and
 * said only once. Bounded in time and in number; the oldest are forgotten first.
 */
export interface RecentLimits {
  readonly messageIdMs: number;
  readonly messageIds: number;
}

/** The outcome of the first send under an ID: its number, or that it was refused after all. */
export type Outcome = Promise<number>;

/** How a send ends. */
export interface Settled {
  readonly accepted: (seq: number) => void;
  readonly refused: (error: Error) => void;
}

interface Entry {
  readonly outcome: Outcome;
  readonly at: number;
}

export class RecentSends {
  readonly #limits: RecentLimits;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();

  /** @param now milliseconds on a clock that never goes back */
  constructor(limits: RecentLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** The outcome of an earlier send of the same sender under the same ID. */
  find(sender: string, messageId: string): Outcome | undefined {
    return this.#entries.get(key(sender, messageId))?.outcome;
  }

  /** Remembers a send that begins; who sends tells how it ends. */
  begin(sender: string, messageId: string): Settled {
    let settled: Settled = { accepted: () => undefined, refused: () => undefined };
    const outcome = new Promise<number>((accepted, refused) => (settled = { accepted, refused }));
    this.remember(sender, messageId, outcome);
    return settled;
  }

  /** Remembers a send; one that is refused is forgotten, so that it can be tried again. */
  remember(sender: string, messageId: string, outcome: Outcome): void {
    const entry = { outcome, at: this.#now() };
    const name = key(sender, messageId);
    this.#entries.set(name, entry);
    outcome.catch(() => this.#entries.delete(name));
    this.#forgetOld(entry.at);
  }

  #forgetOld(now: number): void {
    for (const [name, { at }] of this.#entries) {
      if (this.#entries.size <= this.#limits.messageIds && now - at <= this.#limits.messageIdMs) return;
      this.#entries.delete(name);
    }
  }
}

const key = (sender: string, messageId: string): string => JSON.stringify([sender, messageId]);
