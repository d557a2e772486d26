/** Fills the lobby through a running server, as fast as it acknowledges. Knows the wire, not what the messages are for. */
import { randomBytes } from 'node:crypto';
import { at, type LineClient } from '../support/line-client.ts';
import { join, type RunningServer } from '../support/room.ts';

/** Senders at the same time, and the calls that each has under way. */
const SENDERS = 4;
const UNDER_WAY = 500;
/** Bytes of a text that LevelDB cannot compress; with its envelope a message has about 300. */
const NOISE = 48;

export interface Filling {
  readonly messages: number;
  /** Told after each few hundred, with how many are acknowledged. */
  readonly progress?: (acknowledged: number) => void;
}

/** Resolves when all are acknowledged. @throws Error when one is refused */
export async function fill(server: RunningServer, { messages, progress }: Filling): Promise<void> {
  let open = messages;
  let acknowledged = 0;
  const one = async (id: string): Promise<void> => {
    const { client } = await join(server, { id, callback: 'none' });
    while (open > 0) {
      const count = Math.min(open, UNDER_WAY);
      open -= count;
      await say(client, id, count);
      progress?.((acknowledged += count));
    }
    const left = await client.call('ChatServer.Unregister', { ID: id });
    if (at(left, 'error') !== undefined) throw new Error(`${id} could not leave: ${JSON.stringify(left)}`);
    await client.close();
  };
  await Promise.all(Array.from({ length: SENDERS }, (_, index) => one(`filler-${index}`)));
}

async function say(client: LineClient, id: string, count: number): Promise<void> {
  const frames = Array.from({ length: count }, (_, number) => {
    const params = { UserID: id, Text: randomBytes(NOISE).toString('base64') };
    return `${JSON.stringify({ jsonrpc: '2.0', id: number, method: 'ChatServer.SendMessage', params })}\n`;
  });
  client.write(frames.join(''));
  for (let answered = 0; answered < count; answered += 1) {
    const answer = await client.next(60_000);
    if (at(answer, 'result', 'Success') !== true) throw new Error(`a message was refused: ${JSON.stringify(answer)}`);
  }
}
