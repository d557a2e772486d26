/** The terminal client's settings: what they are, their rows of flags and variables, and how the rows become settings. */
import { idProblem, nameProblem } from '../text.ts';
import { type Given, type Option } from './options.ts';
import { LOG_LEVELS, type LogLevel } from './server-options.ts';
import { type Address, address, oneOf, someText, yesOrNo } from './values.ts';

export type Bell = 'off' | 'mentions' | 'all';

export interface ClientSettings {
  readonly server: Address;
  /** Display name; left out when it has to be asked for. Checked but for its length, which the server decides. */
  readonly name?: string;
  /** Public ID; left out when the client is to make one up. */
  readonly id?: string;
  /** `auto` = a port the system chooses on the interface that reaches the server; `inline`, `none`, `HOST:PORT` or `:PORT`. */
  readonly callback: string;
  /** One JSON object per received message on stdout. */
  readonly json: boolean;
  /** `auto` = when the stream is a terminal. A non-empty NO_COLOR has been counted in. */
  readonly color: boolean | 'auto';
  /** When the terminal rings: never, when somebody writes the own name, or at every message. */
  readonly bell: Bell;
  /** Where the log goes; stderr when left out. Never stdout, which has messages only. */
  readonly logFile?: string;
  readonly logLevel: LogLevel;
  /** What the server must show first on each callback connection; made up when left out. Never from a flag. */
  readonly secret?: string;
}

const DEFAULT_SERVER: Address = { host: '127.0.0.1', port: 9999 };

const SERVER: Option<Address> = {
  flag: '--server <HOST:PORT>',
  variable: 'PARTYLINE_SERVER',
  about: `the server to join (default ${DEFAULT_SERVER.host}:${DEFAULT_SERVER.port})`,
  parse: address(DEFAULT_SERVER.host, 1),
  fallback: DEFAULT_SERVER,
};
const NAME: Option<string | undefined> = {
  flag: '--name <NAME>',
  variable: 'PARTYLINE_NAME',
  about: 'your name in the room (asked for when left out)',
  parse: (text) => ruled(text, nameProblem),
  fallback: undefined,
};
const ID: Option<string | undefined> = {
  flag: '--id <ID>',
  variable: 'PARTYLINE_ID',
  about: 'your public ID (made from the name when left out)',
  parse: (text) => ruled(text, idProblem),
  fallback: undefined,
};
const CALLBACK: Option<string> = {
  flag: '--callback <WHERE>',
  variable: 'PARTYLINE_CALLBACK',
  about: 'how the server calls you: inline, HOST:PORT or :PORT (default: a free port that it can reach)',
  parse: callbackWhere,
  fallback: 'auto',
};
const JSON_LINES: Option<boolean> = {
  flag: '--json',
  variable: 'PARTYLINE_JSON',
  about: 'one JSON object per received message on stdout',
  parse: yesOrNo,
  fallback: false,
};
const COLOR: Option<boolean | 'auto'> = {
  flag: '--no-color',
  variable: 'PARTYLINE_COLOR',
  about: 'no colours (NO_COLOR works too)',
  parse: (text) => (text.toLowerCase() === 'auto' ? 'auto' : yesOrNo(text)),
  fallback: 'auto',
};
const BELL: Option<Bell> = {
  flag: '--bell <WHEN>',
  variable: 'PARTYLINE_BELL',
  about: 'ring the terminal: off, mentions, all (default mentions)',
  parse: oneOf(['off', 'mentions', 'all']),
  fallback: 'mentions',
};
const LOG_FILE: Option<string | undefined> = {
  flag: '--log-file <FILE>',
  variable: 'PARTYLINE_LOG_FILE',
  about: 'write the log to FILE instead of stderr',
  parse: someText,
  fallback: undefined,
};
const LOG_LEVEL: Option<LogLevel> = {
  flag: '--log-level <LEVEL>',
  variable: 'PARTYLINE_LOG_LEVEL',
  about: `${LOG_LEVELS.join(', ')} (default warn)`,
  parse: oneOf(LOG_LEVELS),
  fallback: 'warn',
};
const SECRET: Option<string | undefined> = { variable: 'PARTYLINE_SECRET', about: '', parse: someText, fallback: undefined };

export const CLIENT_OPTIONS: readonly Option<unknown>[] = [
  SERVER,
  NAME,
  ID,
  CALLBACK,
  JSON_LINES,
  COLOR,
  BELL,
  LOG_FILE,
  LOG_LEVEL,
  SECRET,
];

export const CLIENT_EPILOGUE = `Only as a variable: PARTYLINE_SECRET, what the server must show before it may call you.
A flag wins over its [VARIABLE], the environment over the file.

Lines piped into stdin are sent in order, each acknowledged; then the client leaves.
Exit status: 0 fine, 1 error, 2 usage, 4 refused, 5 server not reachable, 6 a message was not accepted, 130 interrupted.
`;

/** @throws UsageError when a value breaks its rule */
export function clientSettings(given: Given, env: NodeJS.ProcessEnv): ClientSettings {
  const [name, id, logFile, secret] = [given.value(NAME), given.value(ID), given.value(LOG_FILE), given.value(SECRET)];
  const noColor = env.NO_COLOR !== undefined && env.NO_COLOR !== '';
  return {
    server: given.value(SERVER),
    callback: given.value(CALLBACK),
    json: given.value(JSON_LINES),
    color: given.rank(COLOR) === 0 && noColor ? false : given.value(COLOR),
    bell: given.value(BELL),
    logLevel: given.value(LOG_LEVEL),
    ...(name === undefined ? {} : { name }),
    ...(id === undefined ? {} : { id }),
    ...(logFile === undefined ? {} : { logFile }),
    ...(secret === undefined ? {} : { secret }),
  };
}

/** The length is the server's to decide; this only keeps what cannot be a name from being sent at all. */
function ruled(text: string, problem: (text: string, maxCharacters: number) => string | undefined): string {
  const broken = problem(text, 1_024);
  if (broken !== undefined) throw new RangeError(`cannot be used: ${broken.replace(/\.$/, '')}`);
  return text;
}

/** Port 0 is any free port of that host. */
const callbackAddress = address('0.0.0.0', 0);

function callbackWhere(text: string): string {
  if (!['auto', 'inline', 'none'].includes(text)) callbackAddress(text);
  return text;
}
