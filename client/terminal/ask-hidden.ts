/**
 * Asks for a password before there is a conversation: on the terminal, unseen. Knows no account and no connection.
 */
import { Keyboard } from './keyboard.ts';

/** Whether somebody can be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/**
 * The answer; `undefined` when nobody can be asked, or when it was given up by Ctrl+D. Ctrl+C is what it always is, a SIGINT, and
 * then there is no answer any more.
 */
export async function askHidden(question: string): Promise<string | undefined> {
  if (!canAsk()) return undefined;
  const keyboard = new Keyboard(process.stdin);
  // Before the question, or the terminal would show what is typed at once.
  keyboard.setRawMode(true);
  process.stderr.write(question);
  let interrupted = false;
  const answer = keyboard.readHidden(() => (interrupted = true));
  // Somebody has to listen, or no key comes.
  keyboard.on('data', () => undefined);
  keyboard.on('end', () => keyboard.close());
  const given = await answer;
  keyboard.setRawMode(false);
  keyboard.close();
  process.stderr.write('\n');
  if (!interrupted) return given;
  process.emit('SIGINT', 'SIGINT');
  return new Promise(() => undefined);
}
