/**
 * The client's commands as rows of one table: talking, which needs no word, and those that a word chooses. `--help` and
 * the command line derive from it. Knows nothing of what a command does.
 */
import { SEND_OPTIONS, TAIL_OPTIONS, TALK_OPTIONS } from './client-options.ts';
import { type ClientCommandName } from './client-settings.ts';
import { nearest } from './nearest.ts';
import { type Option, type Program } from './options.ts';
import { UsageError } from './usage.ts';

interface ClientCommand extends Omit<Program, 'otherVariables'> {
  readonly command: ClientCommandName;
}

const STATUSES = `Exit status: 0 fine, 1 error, 2 usage, 4 refused, 5 server not reachable, 6 a message was not accepted,
7 not delivered to everybody in time, 130 interrupted.
`;
const SECRET = 'PARTYLINE_SECRET, what the server must show before it may call you';
const PASSWORD = 'PARTYLINE_PASSWORD, the password of --user';
const ROOM_PASSWORD = 'PARTYLINE_ROOM_PASSWORD, what --room takes to enter';
const placesFor = (...secrets: readonly string[]): string => `Only as a variable: ${secrets.join(';\n')}.
A flag wins over its [VARIABLE], the environment over the file.
`;

const SEND: ClientCommand = {
  command: 'send',
  name: 'partyline send',
  about: 'Says the words given as one message, or else each line of stdin as one, and leaves.',
  options: SEND_OPTIONS,
  operands: '[text...]',
  epilogue: `Lines are sent in order, each acknowledged before the next; blank ones are skipped.
A text that begins with - comes after --. Stdout stays empty.
The room sees a line when it joins and one when it leaves.

${placesFor(SECRET, PASSWORD, ROOM_PASSWORD)}
${STATUSES}`,
};

const TAIL: ClientCommand = {
  command: 'tail',
  name: 'partyline tail',
  about: 'Prints what is said on stdout until it is interrupted, across losses of the server too.',
  options: TAIL_OPTIONS,
  epilogue: `The room sees a line when it joins and one when it leaves.
When nobody reads its stdout any more it ends with status 0.

${placesFor(SECRET, PASSWORD, ROOM_PASSWORD)}
${STATUSES}`,
};

const COMMANDS: readonly ClientCommand[] = [SEND, TAIL];

const TALK: ClientCommand = {
  command: 'talk',
  name: 'partyline',
  about: 'The terminal client: joins a room, shows what is said and sends what you type.',
  options: TALK_OPTIONS,
  epilogue: `Commands, each with a --help of its own:
${COMMANDS.map(({ command, about }) => `  ${command.padEnd(6)}${about}`).join('\n')}

${placesFor(SECRET, PASSWORD)}
Lines piped into stdin are sent in order, each acknowledged; then the client leaves.
${STATUSES}`,
};

export const CLIENT_OPTIONS: readonly Option<unknown>[] = [...new Set([...TALK_OPTIONS, ...SEND_OPTIONS, ...TAIL_OPTIONS])];

/**
 * The command that `argv` chooses, and `argv` without its word. Flags may stand before the word.
 * @throws UsageError for a word that is no command
 */
export function chooseCommand(argv: readonly string[]): { readonly chosen: ClientCommand; readonly rest: readonly string[] } {
  const place = firstWord(argv);
  const word = place === undefined ? undefined : argv[place];
  if (place === undefined || word === undefined) return { chosen: TALK, rest: argv };
  const chosen = COMMANDS.find(({ command }) => command === word);
  if (chosen !== undefined) return { chosen, rest: argv.toSpliced(place, 1) };
  const meant = nearest(
    word,
    COMMANDS.map(({ command }) => command),
  );
  throw new UsageError(`There is no command ${JSON.stringify(word.slice(0, 60))}.${meant === undefined ? '' : ` Did you mean ${meant}?`}`);
}

/** Where the first word stands that is neither a flag nor the value of one. */
function firstWord(argv: readonly string[]): number | undefined {
  for (let place = 0; place < argv.length; place++) {
    const word = argv[place] ?? '';
    if (word === '--') return undefined;
    if (!word.startsWith('-')) return place;
    if (WITH_VALUE.has(word)) place++;
  }
  return undefined;
}

/** The flags whose value is the next word. */
const WITH_VALUE: ReadonlySet<string> = new Set([
  '--config',
  ...CLIENT_OPTIONS.flatMap(({ flag = '' }) => (flag.includes('<') ? [flag.split(' ')[0] ?? ''] : [])),
]);
