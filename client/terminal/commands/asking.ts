/**
 * Asking for passwords, again after a slip: who is back at the prompt without knowing it says the next try aloud. Knows
 * no account and no room.
 */
import { type Reason, RpcError } from '../../../commons/errors.ts';
import { PASSWORD_BYTES } from '../../../commons/protocol/accounts.ts';
import { type Chat } from './command.ts';

/** How often a password is asked for; the server lets nobody guess much more often. */
const TRIES = 3;

/**
 * @param wrong why `use` is refused when the password is wrong
 * @returns false when it was given up, by an empty line or a key
 * @throws what `use` throws: at the last try, or for another reason
 */
export async function askUntilRight(
  chat: Chat,
  question: string,
  wrong: Reason,
  use: (password: string) => Promise<unknown>,
): Promise<boolean> {
  for (let left = TRIES - 1; ; left--) {
    const password = await chat.askHidden(question);
    if (password === undefined || password === '') return false;
    try {
      await use(password);
      return true;
    } catch (error) {
      if (left === 0 || !(error instanceof RpcError) || error.reason !== wrong) throw error;
    }
    chat.tell('That is not the password; Enter alone gives up.');
  }
}

/** A password that an account can have, typed twice the same: a slip would shut its owner out. `undefined` when it was given up. */
export async function askNew(chat: Chat, user: string): Promise<string | undefined> {
  for (;;) {
    const password = await chat.askHidden(`New password for ${user}: `);
    if (password === undefined || password === '') return undefined;
    if (Buffer.byteLength(password) < PASSWORD_BYTES.least)
      chat.tell(`A password must have at least ${PASSWORD_BYTES.least} bytes; Enter alone gives up.`);
    else {
      const again = await chat.askHidden('The same once more: ');
      if (again === password) return password;
      if (again === undefined) return undefined;
      chat.tell('The two passwords differ; Enter alone gives up.');
    }
  }
}
