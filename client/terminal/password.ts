/** Where the password of an account comes from at the start: the settings, a file, stdin, or a person. It is kept nowhere. */
import { createReadStream } from 'node:fs';
import { type LogInSettings } from '../../commons/config.ts';
import { inertLine } from '../../commons/text.ts';
import { sentence } from '../errors.ts';
import { askHidden, canAsk } from './ask-hidden.ts';
import { linesOf } from './lines.ts';

/** There is no password to log in with; the message says how to give one. */
export class NoPassword extends Error {
  override readonly name = 'NoPassword';
}

/** Longer passwords than any server takes, characters. */
const LONGEST = 4_096;

/**
 * @param lines stdin, of which the first line is taken where the settings say so
 * @throws NoPassword
 */
export async function passwordOf({ user, password, passwordFile }: LogInSettings, lines: AsyncIterator<string>): Promise<string> {
  if (password !== undefined) return password;
  // At a terminal stdin is a person, who need not be overlooked.
  const asks = passwordFile === undefined || (passwordFile === '-' && canAsk());
  const found = asks ? await askHidden(`Password of ${inertLine(user)}: `) : await firstLine(passwordFile, lines);
  if (found !== undefined && found !== '') return found;
  const where = asks ? 'Nobody gave it' : `${passwordFile === '-' ? 'Stdin' : passwordFile} begins with an empty line`;
  throw new NoPassword(`The password of ${user} is needed. ${where}: give --password-file FILE, or set PARTYLINE_PASSWORD.`);
}

async function firstLine(file: string, lines: AsyncIterator<string>): Promise<string | undefined> {
  try {
    const first = await (file === '-' ? lines : linesOf(createReadStream(file), LONGEST)).next();
    return first.done === true ? undefined : first.value;
  } catch (error) {
    throw new NoPassword(`The password file cannot be read: ${sentence(error)}.`);
  }
}
