/** The terminal client's settings: what they are, and how what was given becomes them. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import {
  BELL,
  CALLBACK,
  COLOR,
  HISTORY,
  ID,
  JSON_LINES,
  LOG_FILE,
  LOG_LEVEL,
  NAME,
  NO_CALLBACK,
  ROOM,
  ROOM_PASSWORD,
  SECRET,
  SERVER,
  SINCE,
  SQUEEZE,
  STATE,
  TIMEOUT,
  TO,
  WAIT_DELIVERED,
  type Bell,
} from './client-options.ts';
import { logInSettings, type LogInSettings } from './log-in-options.ts';
import { type Given } from './options.ts';
import { type LogLevel } from './server-options.ts';
import { UsageError } from './usage.ts';
import { type Address } from './values.ts';

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
  /** The folder that remembers where a terminal left off, and who is logged in. */
  readonly state: string;
  /** The account to join with; left out: as a guest, unless there is a log-in of one's name. */
  readonly logIn?: LogInSettings;
  /** Take extra blanks out of what is sent. */
  readonly squeeze: boolean;
  /** The code of the room that a command speaks to or listens to; the lobby when left out. */
  readonly room?: string;
  /** What that room takes to enter. Never from a flag. */
  readonly roomPassword?: string;
  /** Whom `send` speaks to instead of a room: an ID, the name of somebody in the lobby, or of an account. */
  readonly to?: string;
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

/** @throws UsageError when a value breaks its rule, or two of them contradict each other */
export function clientSettings(command: ClientCommandName, given: Given, env: NodeJS.ProcessEnv): ClientSettings {
  const [name, id, logFile, secret] = [given.value(NAME), given.value(ID), given.value(LOG_FILE), given.value(SECRET)];
  const [history, since] = [given.value(HISTORY), given.value(SINCE)];
  const [room, roomPassword, to] = [given.value(ROOM), given.value(ROOM_PASSWORD), given.value(TO)];
  if (to !== undefined && room !== undefined) throw new UsageError('--to and --room exclude each other: a message has one place to go.');
  if (to !== undefined && given.value(WAIT_DELIVERED))
    throw new UsageError('--to and --wait-delivered exclude each other: a direct message may wait in an inbox for days.');
  const logIn = logInSettings(given);
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
    squeeze: given.value(SQUEEZE),
    waitDelivered: given.value(WAIT_DELIVERED),
    timeoutMs: given.value(TIMEOUT),
    logLevel: given.value(LOG_LEVEL),
    ...(history === undefined ? {} : { history }),
    ...(since === undefined ? {} : { since }),
    ...(name === undefined ? {} : { name }),
    ...(id === undefined ? {} : { id }),
    ...(logFile === undefined ? {} : { logFile }),
    ...(secret === undefined ? {} : { secret }),
    ...(logIn === undefined ? {} : { logIn }),
    ...(room === undefined ? {} : { room }),
    ...(roomPassword === undefined ? {} : { roomPassword }),
    ...(to === undefined ? {} : { to }),
  };
}

/** As the XDG base directory specification says: a relative path in the variable does not count. */
function defaultState({ XDG_STATE_HOME = '' }: NodeJS.ProcessEnv): string {
  return join(isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : join(homedir(), '.local', 'state'), 'partyline');
}
