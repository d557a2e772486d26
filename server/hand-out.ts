/**
 * Hands out what was said: sets the deliveries of a room's members going, some in each turn of the event loop, so that a
 * message to ten thousand does not keep everybody else waiting. Then looks whether the members keep up. It knows no messages.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Room } from './room.ts';

/** Members whose deliveries are set going in one turn: a write takes 10 to 20 microseconds, these 5 milliseconds at most. */
export const MEMBERS_A_TURN = 256;
/** Pause before congested rooms are looked at again, milliseconds. */
const CONGESTION_PAUSE_MS = 10;

export class HandOut {
  readonly #lookedAgain: () => void;
  /** Rooms whose senders wait because most members are far behind; looked at again and again while there are any. */
  readonly #congested = new Set<Room>();
  #looking: NodeJS.Timeout | undefined;

  /** @param lookedAgain called when rooms may not be congested any more */
  constructor(lookedAgain: () => void) {
    this.#lookedAgain = lookedAgain;
  }

  /** Resolves when every member of `room` was served who was there at the beginning. */
  async to(room: Room): Promise<void> {
    const { members } = room;
    // Backwards: a member that leaves on the way is replaced by the last one, who had its turn.
    for (let left = members.length; left > 0; left -= 1) {
      members[left - 1]?.delivery?.wake();
      if (left > 1 && left % MEMBERS_A_TURN === 1) await nextTurn();
    }
    this.#watchCongestion(room);
  }

  stop(): void {
    clearTimeout(this.#looking);
  }

  /** Senders of a congested room wait at the queue's door, and are told `Busy` when that takes too long. */
  #watchCongestion(room: Room): void {
    if (!room.lookForCongestion()) return;
    this.#congested.add(room);
    this.#looking ??= setTimeout(() => this.#lookAgain(), CONGESTION_PAUSE_MS);
  }

  #lookAgain(): void {
    this.#looking = undefined;
    for (const room of this.#congested) if (!room.lookForCongestion()) this.#congested.delete(room);
    this.#lookedAgain();
    if (this.#congested.size > 0) this.#looking = setTimeout(() => this.#lookAgain(), CONGESTION_PAUSE_MS);
  }
}
