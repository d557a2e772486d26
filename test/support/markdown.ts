/** The documents as tests read them: tables, links, code blocks and the shorthand for fields. Knows nothing of what they say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './root.ts';

export { ROOT };

export function readDocument(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** What stands under a heading that begins with `title`, up to the next heading of its level or a higher one. */
export function section(text: string, title: string): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '').startsWith(title));
  if (start < 0) throw new Error(`there is no section "${title}"`);
  const level = /^#+/.exec(lines[start] ?? '')?.[0].length ?? 1;
  const after = lines.slice(start + 1);
  const end = after.findIndex((line) => new RegExp(`^#{1,${level}} `).test(line));
  return after.slice(0, end < 0 ? undefined : end).join('\n');
}

/** The rows, as cells, of the tables whose first column is headed `heading`. A `\|` does not divide. */
export function tableRows(text: string, heading: string): string[][] {
  const rows: string[][] = [];
  let within = false;
  for (const line of text.split('\n')) {
    const row = cells(line);
    if (row === undefined) within = false;
    else if (within) rows.push(row);
    else within = row[0] === heading;
  }
  return rows.filter((row) => !row.every((cell) => /^-+$/.test(cell)));
}

function cells(line: string): string[] | undefined {
  if (!line.startsWith('|')) return undefined;
  return line
    .slice(1, line.lastIndexOf('|'))
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}

/** The code spans of a cell or a paragraph, without their backticks. */
export function codeSpans(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');
}

export interface Block {
  readonly language: string;
  readonly text: string;
  /** The file that a comment `<!-- path -->` right above it names. */
  readonly source: string | undefined;
}

export function codeBlocks(text: string): Block[] {
  return [...text.matchAll(/(?:<!-- (\S+) -->\n)?```(\w*)\n([\s\S]*?)\n```/g)].map(([, source, language = '', code = '']) => ({
    language,
    text: code,
    source,
  }));
}

/** Targets of the links, those to headings of the same page included; in code there are none. */
export function links(text: string): string[] {
  const prose = text.replaceAll(/```[\s\S]*?```/g, '').replaceAll(/`[^`]*`/g, 'code');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
}

/** The names under which a page's headings can be linked. */
export function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** `A, B?: {C}, D: [{E}], F: "text"` as `A`, `B?`, `B.C`, `D`, `D[].E`, `F`: one form for what stands on a page and in a schema. */
export function fieldPaths(shorthand: string, prefix = ''): string[] {
  return topLevel(shorthand).flatMap((part) => {
    const [, name = '', optional = '', shape = ''] = /^(\w+|…)(\??)(?:: ?(.*))?$/s.exec(part) ?? [];
    if (name === '') throw new Error(`"${part}" is no field`);
    const list = /^\[\{(.*)\}\]$/s.exec(shape)?.[1];
    const object = /^\{(.*)\}$/s.exec(shape)?.[1];
    const inner = list === undefined ? fieldPaths(object ?? '', `${prefix}${name}.`) : fieldPaths(list, `${prefix}${name}[].`);
    return [`${prefix}${name}${optional}`, ...inner];
  });
}

/** Splits at the commas that are in no bracket and no string. */
function topLevel(text: string): string[] {
  const parts = text.match(/(?:\{[^{}]*\}|\[[^[\]]*\]|"[^"]*"|[^,])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}
