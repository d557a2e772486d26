/** What is to be said when nobody types: lines that come from somewhere, or the words of a command line. */
import { type Utterance } from './pipe.ts';
import { squeezed } from './squeeze.ts';

/**
 * Each line that is not blank, by its number.
 * @param squeeze whether extra blanks are taken out of it
 */
export async function* utterancesOf(lines: AsyncIterable<string>, squeeze: boolean): AsyncGenerator<Utterance> {
  let number = 0;
  for await (const text of lines) {
    number++;
    if (text.trim() !== '') yield { text: squeeze ? squeezed(text) : text, label: `Line ${number}` };
  }
}

/** The words as one message, as a shell's `echo` joins them. */
export async function* utteranceOf(words: readonly string[], squeeze: boolean): AsyncGenerator<Utterance> {
  const text = words.join(' ');
  yield { text: squeeze ? squeezed(text) : text, label: 'The message' };
}
