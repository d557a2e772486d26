/** Direct messages as the tests need them: calls for a member, and what of what it heard is direct. */
import assert from 'node:assert/strict';
import { at } from './line-client.ts';
import type { Heard, Member } from './room.ts';

/** A call for `member`. */
export const call = ({ client, id }: Member, method: string, more: object = {}): Promise<unknown> =>
  client.call(`ChatServer.${method}`, { UserID: id, ...more });

/** Sends a direct message that has to be accepted. */
export async function direct(
  from: Member,
  To: string,
  Text: string,
  more: object = {},
): Promise<{ readonly Seq: number; readonly Delivered: unknown }> {
  const answer = await call(from, 'SendDirect', { To, Text, ...more });
  assert.equal(at(answer, 'result', 'Success'), true, JSON.stringify(answer));
  return { Seq: Number(at(answer, 'result', 'Seq')), Delivered: at(answer, 'result', 'Delivered') };
}

/** What `Read` takes: texts, and how many remain. */
export async function read(member: Member, Max?: number): Promise<{ readonly texts: readonly unknown[]; readonly remaining: unknown }> {
  const answer = await call(member, 'Read', Max === undefined ? {} : { Max });
  const messages = at(answer, 'result', 'Messages');
  assert.ok(Array.isArray(messages), JSON.stringify(answer));
  return { texts: messages.map((message: unknown) => at(message, 'Text')), remaining: at(answer, 'result', 'Remaining') };
}

/** The texts of the direct messages among what was heard. */
export const directTexts = (heard: readonly Heard[]): string[] => heard.filter(({ Kind }) => Kind === 'direct').map(({ Text }) => Text);

/** Makes a call whose answer other calls may overtake; returns what takes that answer, which has to be the next one. */
export function begin({ client, id }: Member, method: string, more: object = {}): () => Promise<unknown> {
  client.writeFrame({ jsonrpc: '2.0', id: method, method: `ChatServer.${method}`, params: { UserID: id, ...more } });
  return async () => {
    const answer = await client.next(10_000);
    assert.equal(at(answer, 'id'), method, JSON.stringify(answer));
    return answer;
  };
}
