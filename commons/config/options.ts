/**
 * Settings from three places: a flag wins over the environment, the environment over the file that `--config` names,
 * and the file over the default. A program's settings are rows of a table (`Option`); flags, variables and `--help`
 * all derive from it. Knows neither program.
 */
import { Command, CommanderError, Option as Flag } from 'commander';
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { VERSION } from '../version.ts';
import { nearest } from './nearest.ts';
import { HelpRequested, UsageError } from './usage.ts';

/** One setting. */
export interface Option<T> {
  /** In commander's form, `--listen <HOST:PORT>`; without one the setting has only its variable, as secrets must. */
  readonly flag?: string;
  /** `PARTYLINE_…`, in the environment and in the file. */
  readonly variable: string;
  /** One line for `--help`. */
  readonly about: string;
  /** Flags given more than once add up, divided by commas; else the last one counts. */
  readonly list?: boolean;
  /** Throws a `RangeError` with the broken rule. */
  readonly parse: (text: string) => T;
  readonly fallback: T;
}

/** Where a value came from; a higher rank wins. */
export type Rank = 0 | 1 | 2 | 3;

/** What was given, before it is read. */
export interface Given {
  /** The value of an option, or its default; throws `UsageError` with the name of the flag or variable and the rule. */
  value<T>(option: Option<T>): T;
  /** 0 = default, 1 = file, 2 = environment, 3 = flag. */
  rank(option: Option<unknown>): Rank;
  /** What stands on the command line besides flags, where the program takes anything. */
  readonly operands: readonly string[];
}

/** A program as its command line shows it. */
export interface Program {
  readonly name: string;
  readonly about: string;
  readonly options: readonly Option<unknown>[];
  /** How `--help` shows what may stand besides flags, `[text...]`; nothing may when it is left out. */
  readonly operands?: string;
  /** What `--help` shows after the options. */
  readonly epilogue: string;
  /** Variables of the sister program: one file may serve both, so they are no mistake in it. */
  readonly otherVariables: readonly string[];
}

type Variables = Readonly<Record<string, string | undefined>>;

const CONFIG: Option<string> = {
  flag: '--config <FILE>',
  variable: 'PARTYLINE_CONFIG',
  about: 'read variables from FILE (lines of NAME=value)',
  parse: (text) => text,
  fallback: '',
};

/** Words that would put a secret into the process list and the shell's history. */
const SECRET_FLAG = /^--?(?:new-?)?(secret|password|token|session)(?:=|$)/i;
/** Those that have a variable to stand in. */
const WITH_VARIABLE = /^(secret|password)$/i;

/**
 * Reads the command line (without the program's own name) and what it leads to.
 * @throws UsageError, HelpRequested
 */
export function readOptions(program: Program, argv: readonly string[], env: Variables): Given {
  const { flags, operands } = readCommandLine(program, argv);
  const path = flags.get(CONFIG.variable) ?? filled(env[CONFIG.variable]);
  const file = path === undefined ? {} : readFile(path, program);

  const find = ({ flag, variable }: Option<unknown>): { text: string; rank: Rank; label: string } | undefined => {
    const text = flags.get(variable);
    if (text !== undefined) return { text, rank: 3, label: flag?.split(' ')[0] ?? variable };
    const set = filled(env[variable]);
    if (set !== undefined) return { text: set, rank: 2, label: variable };
    const written = filled(file[variable]);
    return written === undefined ? undefined : { text: written, rank: 1, label: `${variable} in ${path}` };
  };
  return {
    operands,
    rank: (option) => find(option)?.rank ?? 0,
    value: (option) => {
      const found = find(option);
      if (found === undefined) return option.fallback;
      try {
        return option.parse(found.text);
      } catch (error) {
        if (error instanceof RangeError) throw new UsageError(`${found.label} ${error.message}.`, { cause: error });
        throw error;
      }
    },
  };
}

/** An empty variable counts as not set: that is how compose files and units leave one out. */
function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

interface CommandLine {
  /** The flags that were given, by the variable of their option. */
  readonly flags: ReadonlyMap<string, string>;
  readonly operands: readonly string[];
}

/** @throws UsageError when a flag would carry a secret; it does not repeat it */
export function refuseSecrets(argv: readonly string[]): void {
  const secret = argv.map((word) => SECRET_FLAG.exec(word)?.[1]).find((word) => word !== undefined);
  if (secret === undefined) return;
  const instead = WITH_VARIABLE.test(secret)
    ? `Set PARTYLINE_${secret.toUpperCase()} in the environment or a file.`
    : 'The client keeps the tokens of its log-ins itself: see --user.';
  throw new UsageError(`--${secret.toLowerCase()} is not a flag: others could read it. ${instead}`);
}

function readCommandLine(program: Program, argv: readonly string[]): CommandLine {
  refuseSecrets(argv);
  let out = '';
  const command = new Command(program.name).description(program.about).version(VERSION, '-V, --version').helpOption('-h, --help');
  if (program.operands !== undefined) command.argument(program.operands);
  command.exitOverride().configureOutput({ writeOut: (text) => (out += text), writeErr: () => undefined });
  const rows = [...program.options, CONFIG].flatMap((option) =>
    option.flag === undefined ? [] : [[option, flagOf(option, option.flag)] as const],
  );
  for (const [, flag] of rows) command.addOption(flag);
  command.addHelpText('after', `\n${program.epilogue}`);
  try {
    command.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) throw new HelpRequested(out);
    throw new UsageError(error.message.replace(/^error: /, '').replaceAll('\n', ' '), { cause: error });
  }
  const given = new Map<string, string>();
  for (const [option, flag] of rows) {
    const name = flag.attributeName();
    if (command.getOptionValueSource(name) === 'cli') given.set(option.variable, String(command.getOptionValue(name)));
  }
  return { flags: given, operands: command.args };
}

function flagOf(option: Option<unknown>, flags: string): Flag {
  const flag = new Flag(flags, `${option.about} [${option.variable}]`);
  if (option.list === true)
    flag.argParser((text: string, before: string | undefined) => (before === undefined ? text : `${before},${text}`));
  return flag;
}

/**
 * The file's variables. A name that begins with PARTYLINE and is none of ours is refused, for a typo would silently
 * mean the default. (In the environment it is not: orchestrators put PARTYLINE_PORT and the like there themselves.)
 */
function readFile(path: string, program: Program): Variables {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new UsageError(`--config: cannot read ${path} (${why}).`, { cause: error });
  }
  const variables: Variables = parseEnv(content);
  const known = [...program.options.map((option) => option.variable), ...program.otherVariables];
  for (const name of Object.keys(variables)) {
    if (!/^PARTYLINE/i.test(name) || known.includes(name)) continue;
    const meant = nearest(name, known);
    throw new UsageError(`${path}: unknown name ${name}.${meant === undefined ? '' : ` Did you mean ${meant}?`}`);
  }
  for (const line of content.split(/\r?\n/)) {
    const name = /^\s*(?:export\s+)?(PARTYLINE\w*)/i.exec(line)?.[1];
    if (name !== undefined && !(name in variables)) throw new UsageError(`${path}: ${name} needs the form ${name}=value.`);
  }
  return variables;
}
