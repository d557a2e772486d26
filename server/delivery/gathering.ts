/**
 * When the answers of busy clients are read. To read an answer costs as much as to write a message, and nobody waits for it:
 * so what a busy client answers gathers in the kernel, and many answers are read at once. Whose connection it is and what
 * the answers say is not known here.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Connection } from '../../commons/wire/connection.ts';

/** How long a client must not have been written to, milliseconds, until it counts as quiet and is read at once. */
const QUIET_MS = 20;
/**
 * A busy client's answers are read in one of so many rounds of `QUIET_MS`, far below the deadline of a call. Each client has
 * a turn of its own: to read what a hundred have gathered takes 10 ms, for which everything else would have to wait.
 */
const ROUNDS = 12;
/** Who has called us on the same connection within so many milliseconds may do so again, and is read at once. */
const CALLED_MS = 1_000;
/** More writes than this in two rounds make a client busy. */
const BUSY = 1;
/** The same where calls come too: what gathers in one round must be worth the work of stopping and going on. */
const BUSY_CALLER = 8;

/** The answers of one connection. */
export interface Gathered {
  readonly connection: Connection;
  /** When calls came on it last, as of `performance.now()`; `undefined` where none come. */
  readonly calledAt: (() => number) | undefined;
  /** Its answers are read in rounds that leave this remainder when divided by `ROUNDS`. */
  readonly turn: number;
  /** The round in which the client was last written to. */
  wrote: number;
  /** How often it was written to in that round, and in the one before. */
  times: number;
  timesBefore: number;
  /** The round in which its answers began to gather; 0 when they are read as they come. */
  since: number;
}

export class Gathering {
  /** Those whose answers gather. */
  #gathered: Gathered[] = [];
  #timer: NodeJS.Timeout | undefined;
  #round = 1;
  /** The last round in which anything was written. */
  #wrote = 0;
  #turn = 0;

  /** @param calledAt for a connection on which calls come too: they wait for one round at most, and none behind a recent one */
  of(connection: Connection, calledAt?: () => number): Gathered {
    this.#turn = (this.#turn + 1) % ROUNDS;
    return { connection, calledAt, turn: this.#turn, wrote: -1, times: 0, timesBefore: 0, since: 0 };
  }

  /**
   * Something was written to the client; if it was written to a moment ago too, it is busy, and its answers gather.
   * @param wanted somebody waits for the answers: a receipt, or a window that is nearly used up
   */
  wrote(gathered: Gathered, wanted: boolean): void {
    if (wanted) return this.read(gathered);
    this.#wrote = this.#round;
    count(gathered, this.#round);
    this.#timer ??= setInterval(() => this.#look(), QUIET_MS);
    if (gathered.since > 0 || !isBusy(gathered) || !gathered.connection.leaveUnread()) return;
    gathered.since = this.#round;
    this.#gathered.push(gathered);
  }

  /** Reads the answers now, and those that come. */
  read(gathered: Gathered): void {
    if (gathered.since === 0) return;
    // It stays in the list until the next look.
    gathered.since = 0;
    gathered.connection.readOn();
  }

  /** Reads the answers, and resolves when those that have come to this machine already were read. */
  async readThrough(gathered: Gathered | undefined): Promise<void> {
    if (gathered !== undefined) this.read(gathered);
    // One turn begins to read the connection again, the other one gets what is there.
    await nextTurn();
    await nextTurn();
  }

  /** Reads everything. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const gathered of this.#gathered) this.read(gathered);
    this.#gathered = [];
  }

  #look(): void {
    if (this.#wrote < this.#round) return this.close();
    this.#gathered = this.#gathered.filter((gathered) => {
      // Calls that come too wait for the next look at most.
      const due = gathered.calledAt !== undefined || this.#round % ROUNDS === gathered.turn;
      if (due || gathered.wrote < this.#round) this.read(gathered);
      return gathered.since > 0;
    });
    this.#round += 1;
  }
}

function count(gathered: Gathered, round: number): void {
  if (gathered.wrote < round) {
    gathered.timesBefore = gathered.wrote === round - 1 ? gathered.times : 0;
    gathered.times = 0;
    gathered.wrote = round;
  }
  gathered.times += 1;
}

/** Whether more answers are to be expected, and no calls among them. */
function isBusy({ calledAt, times, timesBefore }: Gathered): boolean {
  const often = times + timesBefore;
  if (calledAt === undefined) return often > BUSY;
  return often > BUSY_CALLER && performance.now() - calledAt() > CALLED_MS;
}
