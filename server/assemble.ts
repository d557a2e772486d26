/** Makes the parts of a server and tells each what it depends on. It starts nothing and takes nothing down. */
import type { AddressInfo } from 'node:net';
import type { ServerSettings } from '../commons/config.ts';
import type { Log } from '../commons/log.ts';
import type { Peer } from '../commons/rpc/peer.ts';
import type { Connection } from '../commons/wire/connection.ts';
import type { Dialer } from '../commons/wire/dial.ts';
import { AccountRooms } from './account-rooms.ts';
import { accountParts } from './accounts/parts.ts';
import { AnswerShapes } from './answer-shape.ts';
import { BroadcastLog } from './broadcast-log.ts';
import { Broadcaster } from './broadcaster.ts';
import type { CallContext } from './call-context.ts';
import { AddressPolicy } from './delivery/address-policy.ts';
import { DialBudget } from './delivery/dial-budget.ts';
import { Gathering } from './delivery/gathering.ts';
import type { DeliveryMeans } from './delivery/options.ts';
import { Inboxes } from './direct/inboxes.ts';
import { History, HistoryPages } from './history.ts';
import { Membership } from './membership.ts';
import { Presence } from './presence.ts';
import { RecentSends } from './recent-sends.ts';
import { Registry } from './registry.ts';
import { LOBBY, Room } from './room.ts';
import { RoomKeeping } from './room-keeping.ts';
import { RoomList } from './room-list.ts';
import { RoomMemory } from './room-memory.ts';
import { RoomPasswords } from './room-passwords.ts';
import { Rooms } from './rooms.ts';
import type { Services } from './services.ts';
import type { Store } from './store/store.ts';

/** What only the running server knows. */
export interface Surroundings {
  /** Whether it accepts nothing more. */
  readonly stopping: () => boolean;
  /** Where it listens; known late, because the port may be the system's choice. */
  readonly listening: () => AddressInfo;
  readonly dialer: Dialer;
  /** Makes a peer of a connection that was dialled. */
  readonly greet: (connection: Connection) => Peer<CallContext>;
}

export function assemble(settings: ServerSettings, log: Log, store: Store, { stopping, listening, dialer, greet }: Surroundings): Services {
  const { limits } = settings;
  const broadcastLog = new BroadcastLog(log);
  const broadcaster = new Broadcaster(limits, store, broadcastLog);
  const registry = new Registry();
  const presence = new Presence(broadcaster.queue, limits.presenceLinesUpTo);
  const pages = new HistoryPages(limits.unreadableMs);
  const memory = new RoomMemory(limits.roomsBytes);
  const rooms = roomParts(settings, { log, store, broadcaster, presence, pages, memory });
  const inboxes = new Inboxes({ store, broadcaster, registry, memory, pages, limits });
  const membership = new Membership({ registry, presence, log, epoch: store.epoch, inboxes, ...rooms });
  const accounts = accountParts({ records: (prefix) => store.records(prefix), keep: (records) => broadcaster.keep(records) }, limits, log);
  accounts.accounts.belongs(({ id }) => rooms.accountRooms.farewell(id));
  accounts.accounts.belongs((account) => Promise.resolve(inboxes.farewell(account)));
  const policy = new AddressPolicy({ allow: settings.callbackAllow, ownListeners: () => [listening()] });
  const { guessesPerAccount: free, guessPauseMs: longestPauseMs, guessesRemembered: keys } = limits;
  return {
    ...{ settings, log, epoch: store.epoch, store, registry, broadcaster, broadcastLog, presence, inboxes, membership, policy, stopping },
    ...accounts,
    ...rooms,
    roomPasswords: new RoomPasswords(accounts.passwords, { free, longestPauseMs, keys }),
    dialBudget: new DialBudget({ perMinute: limits.dialsPerMinute, perTarget: limits.dialsPerTarget }),
    routeMeans: { dialer, policy, greet },
    deliveryMeans: deliveryMeans(settings, log, registry, membership),
    recentSends: new RecentSends(limits),
  };
}

interface RoomMeans {
  readonly log: Log;
  readonly store: Store;
  readonly broadcaster: Broadcaster;
  readonly presence: Presence;
  readonly pages: HistoryPages;
  readonly memory: RoomMemory;
}

function roomParts({ dataDir, limits }: ServerSettings, { log, store, broadcaster, presence, pages, memory }: RoomMeans) {
  const kept = store.rooms.get(LOBBY);
  // Nothing in memory outlives a room's log: who falls out of it is told.
  const older = dataDir === null ? undefined : { history: new History(store, LOBBY, pages), count: kept?.count ?? 0 };
  const lobby = new Room(LOBBY, limits.roomBytes, kept?.lastSeq ?? store.lastSeq, older, memory);
  const rooms = new Rooms({ store, broadcaster, presence, lobby, memory, pages, limits, onDisk: dataDir !== null });
  const failed = (error: unknown): void => log.error('The rooms could not be looked through.', error);
  return {
    lobby,
    rooms,
    roomList: new RoomList(rooms, store),
    roomKeeping: new RoomKeeping({ store, broadcaster, rooms, emptyRoomMs: limits.emptyRoomMs, failed }),
    accountRooms: new AccountRooms(store, broadcaster, rooms),
  };
}

function deliveryMeans({ limits }: ServerSettings, log: Log, registry: Registry, membership: Membership): DeliveryMeans {
  const evicted = (reader: string, delivery: object, reason: string): void => {
    const member = registry.get(reader);
    if (member?.delivery !== delivery) return;
    log.warn(`Dropped ${reader}: ${reason}.`);
    membership.dismiss(member, reason);
  };
  const declined = (reader: string, error: string): void => log.client(`${reader} declined a message.`, { error });
  return { shapes: new AnswerShapes(), gathering: new Gathering(), limits, events: { evicted, declined } };
}
