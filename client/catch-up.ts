/**
 * What the other clients of an account have answered counts as brought to the account, and does not come to this one when it
 * comes back. It is read from the history instead, before what comes live is shown. It knows no registration.
 */
import type { Message } from '../commons/protocol.ts';
import type { Cursor, Inbox } from './inbox.ts';
import { ANSWER_MS, type ServerLink } from './server-link.ts';

/** Messages of one page. */
const PAGE = 200;
/** Time that this may take, milliseconds: what comes live meanwhile is not answered, and the server waits 5 s for an answer. */
const LONGEST_MS = 3_000;
/** As the server tells of what it does not keep. */
const MISSED = 'Some messages that you missed are not shown: history has them.';

/** Shows what `room` said after `place` and before what waits in the paused inbox, one's own words left out. @throws RpcError, NoAnswer */
export async function catchUp(link: ServerLink, id: string, inbox: Inbox, room: string, place: Cursor): Promise<void> {
  const began = performance.now();
  for (let after = place.after; ;) {
    const page = { After: after, Limit: PAGE };
    const { Messages } = await link.call('ChatServer.History', { UserID: id, Room: room, ...page }, ANSWER_MS);
    const until = inbox.firstPaused(room) ?? Infinity;
    for (const message of Messages) if (message.SenderID !== id && message.Seq < until) inbox.catchUp(message);
    const last = Messages.at(-1)?.Seq ?? Infinity;
    if (last >= until || last === Infinity) return;
    if (performance.now() - began > LONGEST_MS) return inbox.tell(roomNotice(room, last + 1, MISSED));
    after = last;
  }
}

/** From where on a room that was not heard yet is missed: the newest message of it. */
export async function newest(link: ServerLink, id: string, room: string): Promise<number> {
  const { Messages } = await link.call('ChatServer.History', { UserID: id, Room: room, Limit: 1 }, ANSWER_MS);
  return Messages.at(-1)?.Seq ?? 0;
}

/** What the room itself says, by us. */
export function roomNotice(Room: string, Seq: number, Text: string): Message {
  return { SenderID: '', Content: Text, IsSystem: true, Seq, Room, Name: '', Text, Kind: 'notice', SentAt: new Date().toISOString() };
}
