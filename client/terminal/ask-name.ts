/**
 * Whose name it is that nobody gave: asked for, or taken from the login. Asks before there is a connection: readline-sync blocks the event loop, which nobody may be
 * waiting for yet. Ctrl+C ends the process here as it ends any program that has no handler for it.
 */
import { userInfo } from 'node:os';
import { DEFAULT_LIMITS } from '../../commons/limits.ts';
import { nameProblem } from '../../commons/text.ts';

/** A name that the rules allow; `undefined` where nobody can be asked, or when the answer was Ctrl+D. */
export async function askName(): Promise<string | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const { default: readlineSync } = await import('readline-sync');
  for (;;) {
    const name = readlineSync.question('Enter your name: ', { history: false });
    // readline-sync answers the end of the input with an empty line; only its raw form tells them apart.
    if (readlineSync.getRawInput().endsWith('\0')) return undefined;
    const problem = nameProblem(name, DEFAULT_LIMITS.nameCharacters);
    if (problem === undefined) return name;
    process.stderr.write(`${problem}\n`);
  }
}

/** For commands, which ask nobody: the login name, or `guest` where the rules do not allow that or there is none. */
export function loginName(): string {
  try {
    const { username } = userInfo();
    return nameProblem(username, DEFAULT_LIMITS.nameCharacters) === undefined ? username : GUEST;
  } catch {
    return GUEST;
  }
}

const GUEST = 'guest';
