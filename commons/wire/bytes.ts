/** The bytes that end a line, and what a line without content is. */
export const LINE_FEED = 10;
export const CARRIAGE_RETURN = 13;
const SPACE = 32;
const TAB = 9;

/** Whether `chunk` has nothing but white space from `start` up to `end`. */
export function isBlank(chunk: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) {
    const byte = chunk[i];
    if (byte !== SPACE && byte !== TAB && byte !== CARRIAGE_RETURN) return false;
  }
  return true;
}
