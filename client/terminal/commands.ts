/**
 * What can be typed besides messages: rows of one table, from which dispatch, `/help` and Tab completion derive. The rows
 * are in `commands/`, a file for each family; this is the door.
 */
import { nearest } from '../../commons/config/nearest.ts';
import { columnsOf } from './columns.ts';
import { ACCOUNT_COMMANDS } from './commands/account-commands.ts';
import { type Command } from './commands/command.ts';
import { DIRECT_COMMANDS } from './commands/direct-commands.ts';
import { ROOM_COMMANDS } from './commands/room-commands.ts';
import { PARTING_COMMANDS, TALK_COMMANDS } from './commands/talk-commands.ts';

export type { Chat, Command, Correspondent, Known } from './commands/command.ts';
export { Misuse } from './commands/command.ts';

const HELP: Command = {
  name: '/help',
  usage: '/help [command]',
  summary: 'this list, or what it says of one command',
  run: (chat, argument) => chat.tell(help(argument.trim())),
  complete: (start) => [...new Set(COMMANDS.map(({ name }) => firstWord(name)))].filter((name) => name.startsWith(start)),
};

export const COMMANDS: readonly Command[] = [
  ...TALK_COMMANDS,
  ...ROOM_COMMANDS,
  ...DIRECT_COMMANDS,
  ...ACCOUNT_COMMANDS,
  HELP,
  ...PARTING_COMMANDS,
];

const KEYS = [
  ['//text', 'send a line that begins with a slash'],
  ['Tab', 'complete a name or a command'],
  ['Ctrl+C', 'drop the line; on an empty one, leave'],
  ['Ctrl+D', 'leave'],
] as const;

/** What a typed line means. */
export type Line =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'command'; readonly command: Command; readonly argument: string }
  | { readonly kind: 'unknown'; readonly hint: string };

export function parseLine(line: string): Line {
  const [, word = '', rest = ''] = /^\s*(\S*)\s*(.*)$/s.exec(line) ?? [];
  if (word === '') return { kind: 'nothing' };
  if (line.startsWith('//')) return { kind: 'text', text: line.slice(1) };
  const command = commandNamed(word);
  if (command === undefined || !(word.startsWith('/') || rest === ''))
    return line.startsWith('/') ? { kind: 'unknown', hint: unknown(word) } : { kind: 'text', text: line };
  const [, second = '', others = ''] = /^(\S*)\s*(.*)$/s.exec(rest) ?? [];
  const longer = commandNamed(`${word} ${second}`);
  return longer === undefined ? { kind: 'command', command, argument: rest } : { kind: 'command', command: longer, argument: others };
}

function commandNamed(name: string): Command | undefined {
  return COMMANDS.find((command) => command.name === name.toLowerCase());
}

function firstWord(name: string): string {
  return name.split(' ', 1)[0] ?? name;
}

function unknown(word: string): string {
  const meant = nearest(
    word,
    COMMANDS.map(({ name }) => name),
  );
  const advice = meant === undefined ? '/help lists the commands' : `Did you mean ${meant}`;
  return `There is no command ${word}. ${advice}${meant === undefined ? '.' : '?'} A line that starts with // is sent with one slash.`;
}

/** What `/help` says: all of it, or of the commands that begin with one word. */
export function help(argument: string): string {
  const wanted = argument.toLowerCase().replace(/^(?=\w)/, '/');
  const chosen = COMMANDS.filter(({ name }) => name === argument.toLowerCase() || `${name} `.startsWith(`${wanted} `));
  if (argument !== '' && chosen.length === 0) return unknown(argument);
  const commands = (argument === '' ? COMMANDS : chosen).map(({ usage, summary }) => [usage, summary] as const);
  const rows = argument === '' ? [...commands, ...KEYS] : commands;
  const width = Math.max(...rows.map(([usage]) => columnsOf(usage)));
  return rows.map(([usage, summary]) => `  ${usage.padEnd(width)}  ${summary}`).join('\n');
}
