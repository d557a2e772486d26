/** What a room said before, as many lines as are wanted, however many pages that takes. Knows no screen. */
import { type Message } from '../../commons/protocol.ts';
import { type ChatClient } from '../chat-client.ts';

/** Messages that one page of history has at most. */
const PAGE = 200;

/**
 * The last `lines` messages of `room`, oldest first; those before the Seq `before`, where one is given.
 * @throws as `ChatClient.history`
 */
export async function lastMessages(client: ChatClient, room: string, lines: number, before?: number): Promise<Message[]> {
  const messages: Message[] = [];
  while (messages.length < lines) {
    const limit = Math.min(PAGE, lines - messages.length);
    const end = messages[0]?.Seq ?? before;
    const { Messages } = await client.history({ room, limit, ...(end === undefined ? {} : { before: end }) });
    if (Messages.length === 0) break;
    messages.unshift(...Messages);
  }
  return messages;
}
