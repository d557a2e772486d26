/** The terminal client's settings as rows of flags and variables, and which rows each command has. Knows not what becomes of them. */
import { idProblem, nameProblem } from '../text.ts';
import { LOG_IN_OPTIONS } from './log-in-options.ts';
import { type Option } from './options.ts';
import { LOG_LEVELS, type LogLevel } from './server-options.ts';
import { type Address, address, oneOf, ruled, someText, whole, yesOrNo } from './values.ts';

export type Bell = 'off' | 'mentions' | 'all';
/** Most lines from before that can be asked for. */
const MOST_HISTORY = 1_000;
/** What the server waits for receipts at most, milliseconds, and when it is not told. */
const LONGEST_WAIT_MS = 30_000;
const WAIT_MS = 5_000;

const DEFAULT_SERVER: Address = { host: '127.0.0.1', port: 9999 };

export const SERVER: Option<Address> = {
  flag: '--server <HOST:PORT>',
  variable: 'PARTYLINE_SERVER',
  about: `the server to join (default ${DEFAULT_SERVER.host}:${DEFAULT_SERVER.port})`,
  parse: address(DEFAULT_SERVER.host, 1),
  fallback: DEFAULT_SERVER,
};
export const NAME: Option<string | undefined> = {
  flag: '--name <NAME>',
  variable: 'PARTYLINE_NAME',
  about: 'your name in the room (asked for when left out)',
  parse: (text) => ruled(text, nameProblem),
  fallback: undefined,
};
/** As `NAME`, for commands, which ask nobody. */
const LOGIN_NAME: Option<string | undefined> = { ...NAME, about: 'your name in the room (default: your login name, or guest)' };
export const ID: Option<string | undefined> = {
  flag: '--id <ID>',
  variable: 'PARTYLINE_ID',
  about: 'your public ID (made from the name when left out)',
  parse: (text) => ruled(text, idProblem),
  fallback: undefined,
};
export const CALLBACK: Option<string> = {
  flag: '--callback <WHERE>',
  variable: 'PARTYLINE_CALLBACK',
  about: 'how the server calls you: inline, HOST:PORT or :PORT (default: a free port that it can reach)',
  parse: callbackWhere,
  fallback: 'auto',
};
/** As `CALLBACK`, for a program that only speaks: nobody has to be called. */
export const NO_CALLBACK: Option<string> = { ...CALLBACK, about: `${CALLBACK.about.split(' (')[0]} (default none)`, fallback: 'none' };
export const SQUEEZE: Option<boolean> = {
  flag: '--squeeze',
  variable: 'PARTYLINE_SQUEEZE',
  about: 'take extra blanks out of what you send',
  parse: yesOrNo,
  fallback: false,
};
export const ROOM: Option<string | undefined> = {
  flag: '--room <CODE>',
  variable: 'PARTYLINE_ROOM',
  about: 'the room, by its code (default: the lobby)',
  parse: someText,
  fallback: undefined,
};
export const ROOM_PASSWORD: Option<string | undefined> = {
  variable: 'PARTYLINE_ROOM_PASSWORD',
  about: '',
  parse: someText,
  fallback: undefined,
};
export const TO: Option<string | undefined> = {
  flag: '--to <USER>',
  variable: 'PARTYLINE_TO',
  about: 'say it to one person only: somebody in the lobby, an account, or an ID',
  parse: someText,
  fallback: undefined,
};
export const JSON_LINES: Option<boolean> = {
  flag: '--json',
  variable: 'PARTYLINE_JSON',
  about: 'one JSON object per received message on stdout',
  parse: yesOrNo,
  fallback: false,
};
export const COLOR: Option<boolean | 'auto'> = {
  flag: '--no-color',
  variable: 'PARTYLINE_COLOR',
  about: 'no colours (NO_COLOR works too)',
  parse: (text) => (text.toLowerCase() === 'auto' ? 'auto' : yesOrNo(text)),
  fallback: 'auto',
};
export const BELL: Option<Bell> = {
  flag: '--bell <WHEN>',
  variable: 'PARTYLINE_BELL',
  about: 'ring the terminal: off, mentions, all (default mentions)',
  parse: oneOf(['off', 'mentions', 'all']),
  fallback: 'mentions',
};
export const HISTORY: Option<number | undefined> = {
  flag: '--history <N>',
  variable: 'PARTYLINE_HISTORY',
  about: `show the last N lines from before, 0 to ${MOST_HISTORY} (default 20 at the first visit, then only what is new)`,
  parse: whole(0, MOST_HISTORY),
  fallback: undefined,
};
export const STATE: Option<string | undefined> = {
  flag: '--state <DIR>',
  variable: 'PARTYLINE_STATE',
  about: 'folder that remembers where you left off and your log-ins (default $XDG_STATE_HOME/partyline or ~/.local/state/partyline)',
  parse: someText,
  fallback: undefined,
};
export const SINCE: Option<number | undefined> = {
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
export const WAIT_DELIVERED: Option<boolean> = {
  flag: '--wait-delivered',
  variable: 'PARTYLINE_WAIT_DELIVERED',
  about: 'wait until every member has answered; status 7 when not all did in time',
  parse: yesOrNo,
  fallback: false,
};
export const TIMEOUT: Option<number> = {
  flag: '--timeout <MS>',
  variable: 'PARTYLINE_TIMEOUT',
  about: `how long that may take for each message, 0 to ${LONGEST_WAIT_MS} milliseconds (default ${WAIT_MS})`,
  parse: whole(0, LONGEST_WAIT_MS),
  fallback: WAIT_MS,
};
export const LOG_FILE: Option<string | undefined> = {
  flag: '--log-file <FILE>',
  variable: 'PARTYLINE_LOG_FILE',
  about: 'write the log to FILE instead of stderr',
  parse: someText,
  fallback: undefined,
};
export const LOG_LEVEL: Option<LogLevel> = {
  flag: '--log-level <LEVEL>',
  variable: 'PARTYLINE_LOG_LEVEL',
  about: `${LOG_LEVELS.join(', ')} (default warn)`,
  parse: oneOf(LOG_LEVELS),
  fallback: 'warn',
};
export const SECRET: Option<string | undefined> = { variable: 'PARTYLINE_SECRET', about: '', parse: someText, fallback: undefined };

const LOGGING: readonly Option<unknown>[] = [LOG_FILE, LOG_LEVEL, SECRET];

export const TALK_OPTIONS: readonly Option<unknown>[] = [
  SERVER,
  NAME,
  ID,
  ...LOG_IN_OPTIONS,
  CALLBACK,
  HISTORY,
  STATE,
  SQUEEZE,
  JSON_LINES,
  COLOR,
  BELL,
  ...LOGGING,
];
export const SEND_OPTIONS: readonly Option<unknown>[] = [
  SERVER,
  LOGIN_NAME,
  ID,
  ...LOG_IN_OPTIONS,
  NO_CALLBACK,
  ROOM,
  ROOM_PASSWORD,
  TO,
  WAIT_DELIVERED,
  TIMEOUT,
  STATE,
  SQUEEZE,
  COLOR,
  ...LOGGING,
];
export const TAIL_OPTIONS: readonly Option<unknown>[] = [
  SERVER,
  LOGIN_NAME,
  ID,
  ...LOG_IN_OPTIONS,
  CALLBACK,
  ROOM,
  ROOM_PASSWORD,
  SINCE,
  LAST_LINES,
  STATE,
  JSON_LINES,
  COLOR,
  ...LOGGING,
];

/** Port 0 is any free port of that host. */
const callbackAddress = address('0.0.0.0', 0);

function callbackWhere(text: string): string {
  if (!['auto', 'inline', 'none'].includes(text)) callbackAddress(text);
  return text;
}
