/**
 * What can be typed besides messages: rows of one table, from which dispatch, `/help` and Tab completion derive.
 * Commands act on the chat through `Chat` and know neither terminal nor wire.
 */
import { nearest } from '../../commons/config/nearest.ts';
import { type User } from '../../commons/protocol.ts';
import { whoLines } from './who.ts';

/** What commands may do. */
export interface Chat {
  listUsers(): Promise<readonly User[]>;
  /** The own ID, to say "you". */
  readonly id: string;
  /** Shows lines of ours above the prompt, not the room's. */
  tell(text: string): void;
  clear(): void;
  leave(): void;
  /** Whether the outcome of own lines is told. */
  receipts: boolean;
}

export interface Command {
  /** What is typed first; a command that begins without a slash is typed alone. */
  readonly name: string;
  /** How it is typed, for `/help`. */
  readonly usage: string;
  readonly summary: string;
  readonly run: (chat: Chat, argument: string) => void | Promise<void>;
  /** What may follow, for Tab; left out when nothing does. */
  readonly complete?: (start: string) => readonly string[];
}

export const COMMANDS: readonly Command[] = [
  {
    name: '/who',
    usage: '/who',
    summary: 'who is here, and who is behind',
    run: async (chat) => chat.tell(whoLines(await chat.listUsers(), chat.id)),
  },
  {
    name: '/receipts',
    usage: '/receipts [on|off]',
    summary: 'tell who has got your lines',
    run: (chat, argument) => chat.tell(receipts(chat, argument)),
    complete: (start) => ['on', 'off'].filter((word) => word.startsWith(start)),
  },
  {
    name: '/help',
    usage: '/help [command]',
    summary: 'this list, or one line of it',
    run: (chat, argument) => chat.tell(help(argument)),
    complete: (start) => COMMANDS.map(({ name }) => name).filter((name) => name.startsWith(start)),
  },
  { name: '/clear', usage: '/clear', summary: 'an empty screen', run: (chat) => chat.clear() },
  { name: '/quit', usage: '/quit', summary: 'leave the room', run: (chat) => chat.leave() },
  { name: 'exit', usage: 'exit', summary: 'leave the room', run: (chat) => chat.leave() },
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
  const [word = '', ...rest] = line.trim().split(/\s+/);
  if (word === '') return { kind: 'nothing' };
  if (line.startsWith('//')) return { kind: 'text', text: line.slice(1) };
  const command = commandNamed(word);
  if (command !== undefined && (word.startsWith('/') || rest.length === 0)) return { kind: 'command', command, argument: rest.join(' ') };
  if (!line.startsWith('/')) return { kind: 'text', text: line };
  return { kind: 'unknown', hint: unknown(word) };
}

function commandNamed(word: string): Command | undefined {
  return COMMANDS.find(({ name }) => name === word.toLowerCase());
}

function unknown(word: string): string {
  const meant = nearest(
    word,
    COMMANDS.map(({ name }) => name),
  );
  const advice = meant === undefined ? '/help lists the commands' : `Did you mean ${meant}`;
  return `There is no command ${word}. ${advice}${meant === undefined ? '.' : '?'} A line that starts with // is sent with one slash.`;
}

function receipts(chat: Chat, argument: string): string {
  const word = argument.toLowerCase();
  if (!['', 'on', 'off'].includes(word)) return `/receipts takes on or off, not ${JSON.stringify(argument)}.`;
  if (word !== '') chat.receipts = word === 'on';
  return chat.receipts ? 'Receipts are on: who has got your lines is told.' : 'Receipts are off.';
}

function help(argument: string): string {
  const wanted = argument.replace(/^(?=\w)/, '/').toLowerCase();
  const rows = COMMANDS.map(({ name, usage, summary }) => [name, usage, summary] as const);
  const chosen = rows.filter(([name]) => name === wanted || name === argument.toLowerCase());
  if (argument !== '' && chosen.length === 0) return unknown(argument);
  const shown = (chosen.length > 0 ? chosen : rows).map(([, usage, summary]) => [usage, summary] as const);
  const lines = chosen.length > 0 ? shown : [...shown, ...KEYS];
  return lines.map(([usage, summary]) => `  ${usage.padEnd(20)}${summary}`).join('\n');
}
