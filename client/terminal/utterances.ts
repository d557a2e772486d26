/** What is to be said when nobody types: the lines of a stream, or the words of a command line. */
import { type Readable } from 'node:stream';
import { DEFAULT_LIMITS } from '../../commons/limits.ts';
import { linesOf } from './lines.ts';
import { type Utterance } from './pipe.ts';

/** Each line that is not blank, by its number. */
export async function* utterancesOf(stdin: Readable): AsyncGenerator<Utterance> {
  let number = 0;
  for await (const text of linesOf(stdin, DEFAULT_LIMITS.frameBytes)) {
    number++;
    if (text.trim() !== '') yield { text, label: `Line ${number}` };
  }
}

/** The words as one message, as a shell's `echo` joins them. */
export async function* utteranceOf(words: readonly string[]): AsyncGenerator<Utterance> {
  yield { text: words.join(' '), label: 'The message' };
}
