/** ListUsers: who is in a room, and who of them is behind. */
import type { User } from '../../commons/protocol.ts';
import type { Member } from '../member.ts';
import type { Services } from '../services.ts';
import { notThere, roomOf } from './messages.ts';
import { method } from './method.ts';

export const listUsers = (services: Services) =>
  method('ChatServer.ListUsers', (params, { context, succeed }) => {
    const caller = services.registry.acting(params.UserID, context.peer, params.Session);
    const room = roomOf(services, caller, params.Room);
    if (room === undefined) return notThere(services, params.Room);
    return succeed({ Success: true, Users: room.members.map(toUser).sort(byArrival) });
  });

function toUser({ id, name, since, delivery, account }: Member): User {
  const [Waiting, Lagging] = [delivery?.waiting ?? 0, delivery?.lagging ?? false];
  return { ID: id, Name: name, Since: new Date(since).toISOString(), Account: account !== undefined, Waiting, Lagging };
}

function byArrival(a: User, b: User): number {
  return a.Since < b.Since ? -1 : a.Since > b.Since ? 1 : 0;
}
