/** The terminal client's settings: what they are, their rows of flags and variables, and how the rows become settings. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { idProblem, nameProblem } from '../text.ts';
import { type Given, type Option } from './options.ts';
import { LOG_LEVELS, type LogLevel } from './server-options.ts';
import { type Address, address, oneOf, someText, whole, yesOrNo } from './values.ts';

export type Bell = 'off' | 'mentions' | 'all';
/** What the client is to do: talk, or one of the rows of `client-commands.ts`. */
export type ClientCommandName = 'talk' | 'send' | 'tail';

export interface ClientSettings {
  readonly command: ClientCommandName;
  /** What stands on the command line besides flags: the text that `send` says. */
  readonly operands: readonly string[];
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
  /** The folder that remembers where a terminal left off. */
  readonly state: string;
  /** How many lines from before are shown; left out when nobody said, and then it depends on whether one was here before. */
  readonly history?: number;
  /** Show everything after this Seq first; left out: only what comes next. */
  readonly since?: number;
  /** Wait until everybody has what was sent. */
  readonly waitDelivered: boolean;
  /** How long that may take, milliseconds. */
  readonly timeoutMs: number;
  /** Where the log goes; stderr when left out. Never stdout, which has messages only. */
  readonly logFile?: string;
  readonly logLevel: LogLevel;
  /** What the server must show first on each callback connection; made up when left out. Never from a flag. */
  readonly secret?: string;
}

/** Most lines from before that can be asked for. */
const MOST_HISTORY = 1_000;
/** What the server waits for receipts at most, milliseconds, and when it is not told. */
const LONGEST_WAIT_MS = 30_000;
const WAIT_MS = 5_000;

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
/** As `NAME`, for commands, which ask nobody. */
const LOGIN_NAME: Option<string | undefined> = { ...NAME, about: 'your name in the room (default: your login name, or guest)' };
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
/** As `CALLBACK`, for a program that only speaks: nobody has to be called. */
const NO_CALLBACK: Option<string> = { ...CALLBACK, about: `${CALLBACK.about.split(' (')[0]} (default none)`, fallback: 'none' };
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
const HISTORY: Option<number | undefined> = {
  flag: '--history <N>',
  variable: 'PARTYLINE_HISTORY',
  about: `show the last N lines from before, 0 to ${MOST_HISTORY} (default 20 at the first visit, then only what is new)`,
  parse: whole(0, MOST_HISTORY),
  fallback: undefined,
};
const STATE: Option<string | undefined> = {
  flag: '--state <DIR>',
  variable: 'PARTYLINE_STATE',
  about: 'folder that remembers where you left off (default $XDG_STATE_HOME/partyline or ~/.local/state/partyline)',
  parse: someText,
  fallback: undefined,
};
const SINCE: Option<number | undefined> = {
  flag: '--since <SEQ>',
  variable: 'PARTYLINE_SINCE',
  about: 'begin with everything after this Seq, 0 = all that is kept (default: only what comes next)',
  parse: whole(0, Number.MAX_SAFE_INTEGER),
  fallback: undefined,
};
/** As `HISTORY`, for programs that were never here before. */
const LAST_LINES: Option<number | undefined> = {
  ...HISTORY,
  about: `begin with the last N lines, 0 to ${MOST_HISTORY} (default 0), where no Seq is given`,
};
const WAIT_DELIVERED: Option<boolean> = {
  flag: '--wait-delivered',
  variable: 'PARTYLINE_WAIT_DELIVERED',
  about: 'wait until every member has answered; status 7 when not all did in time',
  parse: yesOrNo,
  fallback: false,
};
const TIMEOUT: Option<number> = {
  flag: '--timeout <MS>',
  variable: 'PARTYLINE_TIMEOUT',
  about: `how long that may take for each message, 0 to ${LONGEST_WAIT_MS} milliseconds (default ${WAIT_MS})`,
  parse: whole(0, LONGEST_WAIT_MS),
  fallback: WAIT_MS,
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

const LOGGING: readonly Option<unknown>[] = [LOG_FILE, LOG_LEVEL, SECRET];

export const TALK_OPTIONS: readonly Option<unknown>[] = [SERVER, NAME, ID, CALLBACK, HISTORY, STATE, JSON_LINES, COLOR, BELL, ...LOGGING];
export const SEND_OPTIONS: readonly Option<unknown>[] = [SERVER, LOGIN_NAME, ID, NO_CALLBACK, WAIT_DELIVERED, TIMEOUT, COLOR, ...LOGGING];
export const TAIL_OPTIONS: readonly Option<unknown>[] = [
  SERVER,
  LOGIN_NAME,
  ID,
  CALLBACK,
  SINCE,
  LAST_LINES,
  JSON_LINES,
  COLOR,
  ...LOGGING,
];

/** @throws UsageError when a value breaks its rule */
export function clientSettings(command: ClientCommandName, given: Given, env: NodeJS.ProcessEnv): ClientSettings {
  const [name, id, logFile, secret] = [given.value(NAME), given.value(ID), given.value(LOG_FILE), given.value(SECRET)];
  const [history, since] = [given.value(HISTORY), given.value(SINCE)];
  const noColor = env.NO_COLOR !== undefined && env.NO_COLOR !== '';
  return {
    command,
    operands: given.operands,
    server: given.value(SERVER),
    callback: given.value(command === 'send' ? NO_CALLBACK : CALLBACK),
    json: given.value(JSON_LINES),
    color: given.rank(COLOR) === 0 && noColor ? false : given.value(COLOR),
    bell: given.value(BELL),
    state: given.value(STATE) ?? defaultState(env),
    waitDelivered: given.value(WAIT_DELIVERED),
    timeoutMs: given.value(TIMEOUT),
    logLevel: given.value(LOG_LEVEL),
    ...(history === undefined ? {} : { history }),
    ...(since === undefined ? {} : { since }),
    ...(name === undefined ? {} : { name }),
    ...(id === undefined ? {} : { id }),
    ...(logFile === undefined ? {} : { logFile }),
    ...(secret === undefined ? {} : { secret }),
  };
}

/** As the XDG base directory specification says: a relative path in the variable does not count. */
function defaultState({ XDG_STATE_HOME = '' }: NodeJS.ProcessEnv): string {
  return join(isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : join(homedir(), '.local', 'state'), 'partyline');
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
