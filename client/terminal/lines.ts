/** The lines of a stream, one at a time: the stream is read only as fast as they are taken. */
import { type Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/**
 * Yields each line without its LF or CRLF, the last one also when it does not end. Of a line of more than `most`
 * characters only the first `most + 1` are kept, so that a file without line feeds costs no memory and whoever checks
 * the length still refuses it.
 */
export async function* linesOf(stream: Readable, most: number): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let line = '';
  for await (const chunk of stream) {
    const [first = '', ...others] = (Buffer.isBuffer(chunk) ? decoder.write(chunk) : String(chunk)).split('\n');
    line = extended(line, first, most);
    for (const next of others) {
      yield line.replace(/\r$/, '');
      line = extended('', next, most);
    }
  }
  line = extended(line, decoder.end(), most);
  if (line !== '') yield line.replace(/\r$/, '');
}

function extended(line: string, more: string, most: number): string {
  return line.length > most ? line : (line + more).slice(0, most + 1);
}
