/**
 * When the answers of busy clients are read. To read an answer costs as much as to write a message, and nobody waits for it:
 * so what a busy client answers gathers in the kernel, and many answers are read at once. Whose connection it is and what
 * the answers say is not known here.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Connection } from '../../commons/wire/connection.ts';

/** How long a client must not have been written to, milliseconds, until it counts as quiet and is read at once. */
const QUIET_MS = 20;
/** How often in a row a busy client's answers are left to gather for `QUIET_MS`; together far below the deadline of a call. */
const ROUNDS = 12;

/** The answers of one connection. */
export interface Gathered {
  readonly connection: Connection;
  /** The round in which the client was last written to. */
  wrote: number;
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

  of(connection: Connection): Gathered {
    return { connection, wrote: -1, since: 0 };
  }

  /**
   * Something was written to the client; if it was written to a moment ago too, it is busy, and its answers gather.
   * @param wanted somebody waits for the answers: a receipt, or a window that is nearly used up
   */
  wrote(gathered: Gathered, wanted: boolean): void {
    if (wanted) return this.read(gathered);
    const busy = gathered.wrote >= this.#round - 1;
    this.#wrote = this.#round;
    gathered.wrote = this.#round;
    this.#timer ??= setInterval(() => this.#look(), QUIET_MS);
    if (!busy || gathered.since > 0 || !gathered.connection.leaveUnread()) return;
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

  /** Reads the answers, and resolves when those that have come to this machine already were read. `undefined`: they are read as they come. */
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
      if (gathered.wrote < this.#round || this.#round - gathered.since >= ROUNDS) this.read(gathered);
      return gathered.since > 0;
    });
    this.#round += 1;
  }
}
