/** ListUsers: who is in a room, and who of them is behind. */
import type { User } from '../../commons/protocol.ts';
import type { Member } from '../member.ts';
import type { Services } from '../services.ts';
import { notThere, roomOf } from './messages.ts';
import { method } from './method.ts';

/** Unanswered messages from which on a client is shown as lagging. */
const LAGGING_MESSAGES = 100;

export const listUsers = (services: Services) =>
  method('ChatServer.ListUsers', (params, { context, succeed }) => {
    const caller = services.registry.acting(params.UserID, context.peer, params.Session);
    const room = roomOf(services, caller, params.Room);
    if (room === undefined) return notThere(services, params.Room);
    return succeed({ Success: true, Users: room.members.map(toUser).sort(byArrival) });
  });

function toUser({ id, name, since, delivery, accountId }: Member): User {
  const Waiting = delivery?.waiting ?? 0;
  const Lagging = Waiting >= LAGGING_MESSAGES || delivery?.troubled === true;
  return { ID: id, Name: name, Since: since.toISOString(), Account: accountId !== undefined, Waiting, Lagging };
}

function byArrival(a: User, b: User): number {
  return a.Since < b.Since ? -1 : a.Since > b.Since ? 1 : 0;
}
