/**
 * Asks for a password before there is a conversation: on the terminal, unseen. Knows no account and no connection.
 */
import { Keyboard } from './keyboard.ts';

/** Whether somebody can be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** The answer; `undefined` when nobody can be asked, or when it was given up by Ctrl+C or Ctrl+D. */
export async function askHidden(question: string): Promise<string | undefined> {
  if (!canAsk()) return undefined;
  const keyboard = new Keyboard(process.stdin);
  process.stderr.write(question);
  keyboard.setRawMode(true);
  const answer = keyboard.readHidden();
  // Somebody has to listen, or no key comes.
  keyboard.on('data', () => undefined);
  keyboard.on('end', () => keyboard.close());
  try {
    return await answer;
  } finally {
    keyboard.setRawMode(false);
    keyboard.close();
    process.stderr.write('\n');
  }
}
