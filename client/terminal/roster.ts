/** The names that Tab may complete: who was heard or seen in the room. A guess for the keyboard, not the registry. */
import { type Message } from '../../commons/protocol.ts';
import { inertLine } from '../../commons/text.ts';

/** Most names remembered; the one heard longest ago is forgotten first. */
const MOST_NAMES = 1_000;

export class Roster {
  /** In the order in which they were last heard. */
  readonly #names = new Set<string>();

  /** Learns from a message who is there, or is not any more. */
  heard(message: Message): void {
    if (message.Kind === 'leave') this.#names.delete(inertLine(message.Name));
    else if (message.Kind !== 'notice') this.#add(message.Name);
  }

  /** What the server said: nobody else is there. */
  replace(names: Iterable<string>): void {
    this.#names.clear();
    for (const name of names) this.#add(name);
  }

  /** Names that begin with `start` in any case, newest first. */
  startingWith(start: string): string[] {
    const folded = start.toLowerCase();
    return [...this.#names].reverse().filter((name) => name.toLowerCase().startsWith(folded));
  }

  #add(name: string): void {
    const shown = inertLine(name);
    if (shown === '') return;
    this.#names.delete(shown);
    this.#names.add(shown);
    if (this.#names.size <= MOST_NAMES) return;
    const [oldest] = this.#names;
    if (oldest !== undefined) this.#names.delete(oldest);
  }
}
