/** What Tab offers for a half-typed line: commands where a command stands, else names of people. Knows no keyboard. */
import { COMMANDS } from './commands.ts';
import { type Roster } from './roster.ts';

/** Completions, and the end of the line that they replace. */
export type Completions = [candidates: string[], replaced: string];

/** @param line what stands before the cursor */
export function complete(line: string, roster: Roster): Completions {
  const command = COMMANDS.find(({ name }) => line.toLowerCase().startsWith(`${name} `));
  if (command?.name.startsWith('/') === true) {
    const start = line.slice(command.name.length + 1);
    return [[...(command.complete?.(start) ?? [])], start];
  }
  if (line.startsWith('/') && !line.includes(' '))
    return [COMMANDS.map(({ name }) => `${name} `).filter((name) => name.startsWith(line.toLowerCase())), line];
  return completeName(line, roster);
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
