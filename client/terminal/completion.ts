/** What Tab offers for a half-typed line: commands where a command stands, what may follow it, else names of people. Knows no keyboard. */
import { COMMANDS, type Known } from './commands.ts';
import { type Roster } from './roster.ts';

/** Completions, and the end of the line that they replace. */
export type Completions = [candidates: string[], replaced: string];

/** @param line what stands before the cursor */
export function complete(line: string, known: Known): Completions {
  if (!line.startsWith('/')) return completeName(line, known.roster);
  const typed = line.toLowerCase();
  const command = COMMANDS.filter(({ name }) => typed.startsWith(`${name} `)).reduce<string>(
    (longest, { name }) => (name.length > longest.length ? name : longest),
    '',
  );
  const begun = command === '' ? 0 : command.length + 1;
  const start = line.slice(begun);
  const next = COMMANDS.filter(({ name }) => name.startsWith(typed) && name !== command).map(({ name }) => nextWord(name.slice(begun)));
  const arguments_ = COMMANDS.find(({ name }) => name === command)?.complete?.(start, known) ?? [];
  return [[...new Set([...next, ...arguments_])], start];
}

/** A command of two words is offered one after the other. */
function nextWord(rest: string): string {
  return `${rest.split(' ', 1)[0] ?? rest} `;
}

/** Names may have blanks: the longest end of the line that begins a name wins. At the start of a line a colon follows. */
function completeName(line: string, roster: Roster): Completions {
  for (const match of line.matchAll(/(?<=^|[\s@])(?=[^\s@])/g)) {
    const start = line.slice(match.index);
    const names = start.length > LONGEST_NAME ? [] : roster.startingWith(start);
    const after = match.index === 0 ? ': ' : ' ';
    if (names.length > 0) return [names.map((name) => name + after), start];
  }
  return [[], line];
}

/** Characters; what is longer begins no name. */
const LONGEST_NAME = 64;
