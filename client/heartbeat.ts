/**
 * Whether the server lives and still knows us. A server that hangs, or has dropped us while we slept, says nothing by
 * itself: it has to be asked. It decides nothing: who is told gets a new connection.
 */
import { RpcError } from '../commons/errors.ts';
import { NoAnswer } from '../commons/rpc/caller.ts';
import type { ServerLink } from './server-link.ts';

/** Pause between two questions, milliseconds. */
export const PING_EVERY_MS = 30_000;
/** Time that an answer may take, milliseconds. */
const ANSWER_MS = 10_000;
/** Asking for the users of a room that does not exist costs the server nothing, and it checks first who asks. */
const NO_ROOM = '-';

/**
 * Asks again and again until the first bad news, which `gone` is told once.
 *
 * @returns ends the questions
 */
export function watch(link: ServerLink, userId: string, everyMs: number, gone: (reason: string) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  const ask = async (): Promise<void> => {
    const news = await badNews(link, userId);
    if (over) return;
    if (news === undefined) again();
    else gone(news);
  };
  const again = (): void => {
    timer = setTimeout(() => void ask(), everyMs);
  };
  again();
  return () => {
    over = true;
    clearTimeout(timer);
  };
}

/** Any answer is a sign of life; only one that we are not known is bad news. */
async function badNews(link: ServerLink, userId: string): Promise<string | undefined> {
  try {
    await link.call('ChatServer.ListUsers', { UserID: userId, Room: NO_ROOM }, ANSWER_MS);
  } catch (error) {
    if (error instanceof NoAnswer) return 'the server gives no sign of life';
    if (error instanceof RpcError && (error.reason === 'NotRegistered' || error.reason === 'Unauthorized'))
      return 'the server does not know this client any more';
  }
  return undefined;
}
