/**
 * Looks at a frame's text before `JSON.parse` does: nesting and number of tokens in one linear pass, and the exact
 * spelling of ids that a double cannot hold.
 */

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const COLON = 58;

export interface ScanLimits {
  readonly nestingDepth: number;
  readonly frameTokens: number;
}

/** Whether `text` stays inside the limits. Text that is not JSON may pass: `JSON.parse` refuses it. */
export function withinLimits(text: string, limits: ScanLimits): boolean {
  let depth = 0;
  let tokens = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      i = stringEnd(text, i);
      tokens += 1;
    } else if (code === COMMA) tokens += 1;
    else if (isOpening(code)) {
      depth += 1;
      tokens += 1;
      if (depth > limits.nestingDepth) return false;
    } else if (isClosing(code)) depth -= 1;
  }
  return tokens <= limits.frameTokens;
}

/** Index of the quote that ends the string which begins at `start`; the end of the text when there is none. */
function stringEnd(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0 && text.charCodeAt(end - 1) === BACKSLASH && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1;
  return backslashes % 2 === 1;
}

const isOpening = (code: number): boolean => code === 123 || code === 91;
const isClosing = (code: number): boolean => code === 125 || code === 93;

/**
 * The ids of a frame as they were spelt: one for a call, one for each element of a batch (`undefined` where there is
 * none). Only needed for numbers that `JSON.parse` rounds; the text must be valid JSON.
 */
export function spelledIds(text: string): (string | undefined)[] {
  const batch = text.trimStart().startsWith('[');
  const level = batch ? 2 : 1;
  const ids: (string | undefined)[] = batch ? [] : [undefined];
  let depth = 0;
  let key = '';
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      const end = stringEnd(text, i);
      if (depth === level) key = text.slice(i, end + 1);
      i = end;
    } else if (isOpening(code)) {
      depth += 1;
      if (batch && depth === level) ids.push(undefined);
    } else if (isClosing(code)) depth -= 1;
    else if (code === COLON && depth === level && JSON.parse(key) === 'id') ids[ids.length - 1] = scalar(text, i + 1);
  }
  return ids;
}

/** The number or word that begins at `start`, without the blanks around it; `undefined` for strings and structures. */
function scalar(text: string, start: number): string | undefined {
  const word = /\s*([-+.\w]+)/y;
  word.lastIndex = start;
  return word.exec(text)?.[1];
}

/** Where the value of the top-level member `id` of a short text stands, as `[start, end)`; for answers of one known shape. */
export function idSpan(text: string): readonly [number, number] | undefined {
  const found = /"id"\s*:\s*(-?\d+)/.exec(text);
  if (found?.[1] === undefined) return undefined;
  const end = found.index + found[0].length;
  return [end - found[1].length, end];
}
