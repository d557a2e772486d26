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
export async function passwordOf({ user, signUp, password, passwordFile }: LogInSettings, lines: AsyncIterator<string>): Promise<string> {
  if (password !== undefined) return password;
  // At a terminal stdin is a person, who need not be overlooked.
  const asks = passwordFile === undefined || (passwordFile === '-' && canAsk());
  const ask = signUp ? askTwice : askOnce;
  const found = asks ? await ask(inertLine(user)) : await firstLine(passwordFile, lines);
  if (found !== undefined && found !== '') return found;
  const where = asks ? 'Nobody gave it' : `${passwordFile === '-' ? 'Stdin' : passwordFile} begins with an empty line`;
  throw new NoPassword(`The password of ${user} is needed. ${where}: give --password-file FILE, or set PARTYLINE_PASSWORD.`);
}

function askOnce(user: string): Promise<string | undefined> {
  return askHidden(`Password of ${user}: `);
}

/** Of an account that is yet to be opened: a slip would shut its owner out. @throws NoPassword when the two differ */
async function askTwice(user: string): Promise<string | undefined> {
  const first = await askHidden(`New password for ${user}: `);
  if (first === undefined || first === '') return undefined;
  if ((await askHidden('The same once more: ')) === first) return first;
  throw new NoPassword('No account was opened: the two passwords differ.');
}

async function firstLine(file: string, lines: AsyncIterator<string>): Promise<string | undefined> {
  try {
    const first = await (file === '-' ? lines : linesOf(createReadStream(file), LONGEST)).next();
    return first.done === true ? undefined : first.value;
  } catch (error) {
    throw new NoPassword(`The password file cannot be read: ${sentence(error)}.`);
  }
}
