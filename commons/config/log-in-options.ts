/**
 * With which account the client joins, and where its password comes from: never from a flag, which others could read.
 * Knows no file and no server; `-` stands for stdin.
 */
import { nameProblem } from '../text.ts';
import { type Given, type Option } from './options.ts';
import { UsageError } from './usage.ts';
import { ruled, someText, yesOrNo } from './values.ts';

/** The account to join with, and what is known of its password. */
export interface LogInSettings {
  /** The name of the account. */
  readonly user: string;
  /** From the environment or the file of settings. */
  readonly password?: string;
  /** The file whose first line is the password, `-` for stdin. At most one of the two is there. */
  readonly passwordFile?: string;
  /** Open the account first. */
  readonly signUp: boolean;
}

export const USER: Option<string | undefined> = {
  flag: '--user <NAME>',
  variable: 'PARTYLINE_USER',
  about: 'the account to join with (default: the one of your name, where you are logged in)',
  parse: (text) => ruled(text, nameProblem),
  fallback: undefined,
};
const PASSWORD: Option<string | undefined> = { variable: 'PARTYLINE_PASSWORD', about: '', parse: someText, fallback: undefined };
const PASSWORD_FILE: Option<string | undefined> = {
  flag: '--password-file <FILE>',
  variable: 'PARTYLINE_PASSWORD_FILE',
  about: 'the password of that account is the first line of FILE, - for stdin (default: asked for)',
  parse: someText,
  fallback: undefined,
};
const SIGN_UP: Option<boolean> = {
  flag: '--sign-up',
  variable: 'PARTYLINE_SIGN_UP',
  about: 'open that account first; its password is then asked for twice',
  parse: yesOrNo,
  fallback: false,
};

export const LOG_IN_OPTIONS: readonly Option<unknown>[] = [USER, SIGN_UP, PASSWORD_FILE, PASSWORD];

/**
 * `undefined` when no account was named.
 * @throws UsageError when a password has no account, or two passwords come from the same place
 */
export function logInSettings(given: Given): LogInSettings | undefined {
  const [user, signUp] = [given.value(USER), given.value(SIGN_UP)];
  const [password, passwordFile] = [given.value(PASSWORD), given.value(PASSWORD_FILE)];
  const [passwordRank, fileRank] = [given.rank(PASSWORD), given.rank(PASSWORD_FILE)];
  if (user === undefined) {
    if (signUp) throw new UsageError(`--sign-up opens an account: name it with --user, or set ${USER.variable}.`);
    if (password === undefined && passwordFile === undefined) return undefined;
    const what = passwordFile === undefined ? PASSWORD.variable : fileRank === 3 ? '--password-file' : PASSWORD_FILE.variable;
    throw new UsageError(`${what} is the password of an account: name it with --user, or set ${USER.variable}.`);
  }
  if (passwordRank > 0 && passwordRank === fileRank)
    throw new UsageError(`${PASSWORD.variable} and ${PASSWORD_FILE.variable} exclude each other.`);
  if (passwordRank > fileRank && password !== undefined) return { user, signUp, password };
  return { user, signUp, ...(passwordFile === undefined ? {} : { passwordFile }) };
}
