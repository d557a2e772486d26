/**
 * How wide a text is on a terminal, and how it is broken into rows. We break lines ourselves: left to the terminal, a
 * long text would begin its second row in the first column, where it could pass for a line of the room's. Approximate
 * where terminals differ (emoji sequences), never too narrow. Knows no message.
 */

/** Takes two columns. */
const WIDE =
  /[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/v;
/** Takes none: it goes onto the letter before it. */
const NONE = /[\p{M}\p{Cf}]/u;
/** A first row with less room than this is left empty. */
const LEAST_ROW = 8;
/** Width of a terminal that does not tell its own, or tells that it is 0: nobody has given it a size. */
const ASSUMED = 80;
const PLAIN = /^[\x20-\x7e]*$/;

/** The width of a terminal. */
export function widthOf({ columns }: { readonly columns?: number }): number {
  return columns === undefined || columns === 0 ? ASSUMED : columns;
}

/** The columns that `text`, a line without control characters, takes. */
export function columnsOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += columnsOfCharacter(character);
  return columns;
}

function columnsOfCharacter(character: string): number {
  if (character < '\u0300') return 1;
  if (WIDE.test(character)) return 2;
  return NONE.test(character) ? 0 : 1;
}

/**
 * The rows of a line: the first takes `first` columns at most, the others `others`; broken after a blank where there is
 * one in the second half of a row, else anywhere. Joined they are the line again; the first
 * is empty when it has hardly any room.
 */
export function wrap(line: string, first: number, others: number): string[] {
  if (columnsOf(line) <= first) return [line];
  if (first < Math.min(LEAST_ROW, others)) return ['', ...wrap(line, others, others)];
  const rows: string[] = [];
  let row = '';
  let columns = 0;
  for (const character of line) {
    const room = rows.length === 0 ? first : others;
    const width = columnsOfCharacter(character);
    if (columns + width > room && row !== '') {
      const cut = breakingPoint(row);
      rows.push(row.slice(0, cut));
      row = row.slice(cut);
      columns = columnsOf(row);
    }
    row += character;
    columns += width;
  }
  return [...rows, row];
}

function breakingPoint(row: string): number {
  const blank = row.lastIndexOf(' ') + 1;
  return blank > row.length / 2 ? blank : row.length;
}
