/** The server's settings: what they are, their rows of flags and variables, and how the rows become settings. */
import { DEFAULT_LIMITS, type Limits } from '../limits.ts';
import { type Given, type Option } from './options.ts';
import { UsageError } from './usage.ts';
import { address, LONGEST_TIMER_MS, networks, oneOf, someText, whole, yesOrNo } from './values.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ['auto', 'pretty', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface ServerSettings {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Where what was accepted is kept; `null` = nothing is kept (`--memory`). */
  readonly dataDir: string | null;
  /** Networks, each `address/bits`, that callbacks may be dialled in beyond the caller's own address. */
  readonly callbackAllow: readonly string[];
  /** Messages a second and client, 0 = no limit; a burst may be twice that. */
  readonly messagesPerSecond: number;
  /** Whether only accounts may register, no guests. */
  readonly membersOnly: boolean;
  readonly logLevel: LogLevel;
  /** `auto`: lines for people in a terminal, JSON lines elsewhere. */
  readonly logFormat: LogFormat;
  /** Whether the log has the `[BROADCAST]` lines, which hold what people wrote. */
  readonly logMessages: boolean;
  readonly limits: Limits;
}

export const DEFAULT_SERVER_SETTINGS: ServerSettings = {
  host: '0.0.0.0',
  port: 9999,
  dataDir: './data',
  callbackAllow: [],
  messagesPerSecond: 20,
  membersOnly: false,
  logLevel: 'info',
  logFormat: 'auto',
  logMessages: true,
  limits: DEFAULT_LIMITS,
};

const { host, port, callbackAllow, messagesPerSecond, membersOnly, logLevel, logFormat, logMessages } = DEFAULT_SERVER_SETTINGS;

const LISTEN: Option<{ readonly host: string; readonly port: number }> = {
  flag: '--listen <HOST:PORT>',
  variable: 'PARTYLINE_LISTEN',
  about: `where to serve; port 0 takes any free one (default ${host}:${port})`,
  parse: address(host, 0),
  fallback: { host, port },
};
const DATA: Option<string> = {
  flag: '--data <DIR>',
  variable: 'PARTYLINE_DATA',
  about: 'folder that keeps what was accepted (default ./data)',
  parse: someText,
  fallback: './data',
};
const MEMORY: Option<boolean> = {
  flag: '--memory',
  variable: 'PARTYLINE_MEMORY',
  about: 'keep nothing: a restart forgets everything',
  parse: yesOrNo,
  fallback: false,
};
const CALLBACK_ALLOW: Option<readonly string[]> = {
  flag: '--callback-allow <CIDR,...>',
  variable: 'PARTYLINE_CALLBACK_ALLOW',
  about: "networks that callbacks may be dialled in, beyond the caller's own address (default none)",
  list: true,
  parse: networks,
  fallback: callbackAllow,
};
const RATE: Option<number> = {
  flag: '--rate <N>',
  variable: 'PARTYLINE_RATE',
  about: `messages a second and client, twice that in a burst, 0 = no limit (default ${messagesPerSecond})`,
  parse: whole(0, 1_000_000),
  fallback: messagesPerSecond,
};
const MEMBERS_ONLY: Option<boolean> = {
  flag: '--members-only',
  variable: 'PARTYLINE_MEMBERS_ONLY',
  about: 'no guests: who joins needs an account',
  parse: yesOrNo,
  fallback: membersOnly,
};
export const LOG_LEVEL: Option<LogLevel> = {
  flag: '--log-level <LEVEL>',
  variable: 'PARTYLINE_LOG_LEVEL',
  about: `${LOG_LEVELS.join(', ')} (default ${logLevel})`,
  parse: oneOf(LOG_LEVELS),
  fallback: logLevel,
};
const LOG_FORMAT: Option<LogFormat> = {
  flag: '--log-format <FORMAT>',
  variable: 'PARTYLINE_LOG_FORMAT',
  about: 'pretty = lines for people, json = JSON lines, auto = pretty in a terminal (default auto)',
  parse: oneOf(LOG_FORMATS),
  fallback: logFormat,
};
const LOG_MESSAGES: Option<boolean> = {
  flag: '--no-log-messages',
  variable: 'PARTYLINE_LOG_MESSAGES',
  about: 'leave out the [BROADCAST] lines, which hold what people wrote',
  parse: yesOrNo,
  fallback: logMessages,
};

/** Fixed by the schemas of the calls, or not one number: these have no variable. */
const NOT_TUNABLE = new Set(['nameCharacters', 'idCharacters', 'retryDelaysMs']);
/** Where 0 means something, "never" or "at once"; a 0 elsewhere would only be a server that serves nobody. */
const MAY_BE_ZERO = new Set([
  'queueOfferMs',
  'presenceLinesUpTo',
  'rooms',
  'roomsPerMember',
  'roomsPerOwner',
  'messageIdMs',
  'messageIds',
  'dialsPerMinute',
  'dialsPerTarget',
  'drainMs',
]);
/** Compared with the calendar, not waited for: these may be longer than a timer can wait. */
const NO_TIMER = new Set(['tokenIdleMs', 'tokenMs']);

/** Limits that only make sense within bounds of their own. */
const RANGES: ReadonlyMap<string, readonly [lowest: number, highest: number]> = new Map([['roomCodeLength', [4, 32]]]);

/** `frameBytes` is `PARTYLINE_LIMIT_FRAME_BYTES`, and so on for every limit that is one number. */
const LIMITS: ReadonlyMap<string, Option<number>> = new Map(
  Object.entries(DEFAULT_LIMITS).flatMap(([key, fallback]: [string, unknown]) =>
    typeof fallback !== 'number' || NOT_TUNABLE.has(key) ? [] : [[key, limitOption(key, fallback)] as const],
  ),
);

function limitOption(key: string, fallback: number): Option<number> {
  const words = key.replaceAll(/(?=[A-Z])/g, '_').toUpperCase();
  const longest = key.endsWith('Ms') && !NO_TIMER.has(key) ? LONGEST_TIMER_MS : 1_099_511_627_776;
  const [lowest, highest] = RANGES.get(key) ?? [MAY_BE_ZERO.has(key) ? 0 : 1, longest];
  return { variable: `PARTYLINE_LIMIT_${words}`, about: String(fallback), parse: whole(lowest, highest), fallback };
}

export const SERVER_OPTIONS: readonly Option<unknown>[] = [
  LISTEN,
  DATA,
  MEMORY,
  CALLBACK_ALLOW,
  RATE,
  MEMBERS_ONLY,
  LOG_LEVEL,
  LOG_FORMAT,
  LOG_MESSAGES,
  ...LIMITS.values(),
];

export const SERVER_EPILOGUE = `Limits have variables only (bytes, milliseconds or counts; their defaults):
${[...LIMITS.values()].map((option) => `  ${option.variable}=${option.about}`).join('\n')}

A flag wins over its [VARIABLE], the environment over the file. SIGTERM and Ctrl+C drain and end with status 0.
`;

/** @throws UsageError when a value breaks its rule, or when data and no data are asked for in the same place */
export function serverSettings(given: Given): ServerSettings {
  return {
    ...given.value(LISTEN),
    dataDir: dataDir(given),
    callbackAllow: given.value(CALLBACK_ALLOW),
    messagesPerSecond: given.value(RATE),
    membersOnly: given.value(MEMBERS_ONLY),
    logLevel: given.value(LOG_LEVEL),
    logFormat: given.value(LOG_FORMAT),
    logMessages: given.value(LOG_MESSAGES),
    limits: { ...DEFAULT_LIMITS, ...Object.fromEntries([...LIMITS].map(([key, option]) => [key, given.value(option)])) },
  };
}

/** A folder and "keep nothing" contradict each other; only the stronger place can settle it, and within one it is a mistake. */
function dataDir(given: Given): string | null {
  const folder = given.value(DATA);
  if (!given.value(MEMORY)) return folder;
  const [memoryRank, dataRank] = [given.rank(MEMORY), given.rank(DATA)];
  if (dataRank > 0 && memoryRank === dataRank) {
    throw new UsageError(
      memoryRank === 3 ? '--memory and --data exclude each other.' : `${MEMORY.variable} and ${DATA.variable} exclude each other.`,
    );
  }
  return memoryRank > dataRank ? null : folder;
}
