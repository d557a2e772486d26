/**
 * A line that nobody may see: what a key does to it. Nothing of it is drawn, remembered or handed to the line editor.
 * Knows keys, no terminal.
 */

/** What became of the line: it goes on, it was entered, or it was given up, by Ctrl+D or by Ctrl+C. */
export type Pressed = 'more' | 'entered' | 'dropped' | 'interrupted';

/** Ctrl+C. */
export const INTERRUPT = '\u0003';
/** Longer passwords than any server takes, characters; more keys are ignored. */
const MOST_CHARACTERS = 1_024;

export class HiddenLine {
  #characters: string[] = [];
  /** Within the escape sequence of an arrow key or the like; none of it belongs to the line. */
  #sequence: 'none' | 'begun' | 'inside' = 'none';

  get text(): string {
    return this.#characters.join('');
  }

  /** @param key one character, as a terminal in raw mode sends it */
  press(key: string): Pressed {
    if (this.#skips(key)) return 'more';
    if (key === '\r' || key === '\n') return 'entered';
    if (key === INTERRUPT) return 'interrupted';
    if (key === '\u0004' && this.#characters.length === 0) return 'dropped';
    if (key === '\u007f' || key === '\b') this.#characters.pop();
    else if (key === '\u0015') this.#characters = [];
    else if (key >= ' ' && this.#characters.length < MOST_CHARACTERS) this.#characters.push(key);
    return 'more';
  }

  /** ESC, then `[` or `O` and everything up to a letter or `~`; or ESC and one character. */
  #skips(key: string): boolean {
    if (this.#sequence === 'none') {
      if (key !== '\u001b') return false;
      this.#sequence = 'begun';
    } else if (this.#sequence === 'begun') {
      // Enter and Ctrl+C mean what they always mean, after the Esc key too.
      if (key < ' ') this.#sequence = 'none';
      if (key < ' ') return false;
      this.#sequence = key === '[' || key === 'O' ? 'inside' : 'none';
    } else if (/[@-~]/.test(key)) this.#sequence = 'none';
    return true;
  }
}
