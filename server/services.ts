/** What the methods work with: the parts of one running server, made and owned by `chat-server.ts`. */
import type { ServerSettings } from '../commons/config.ts';
import type { Log } from '../commons/log.ts';
import type { AccountRooms } from './account-rooms.ts';
import type { AccountParts } from './accounts/parts.ts';
import type { BroadcastLog } from './broadcast-log.ts';
import type { Broadcaster } from './broadcaster.ts';
import type { AddressPolicy } from './delivery/address-policy.ts';
import type { DialBudget } from './delivery/dial-budget.ts';
import type { DeliveryMeans } from './delivery/options.ts';
import type { RouteMeans } from './delivery/route.ts';
import type { Inboxes } from './direct/inboxes.ts';
import type { Membership } from './membership.ts';
import type { Presence } from './presence.ts';
import type { RecentSends } from './recent-sends.ts';
import type { Registry } from './registry.ts';
import type { Room } from './room.ts';
import type { RoomKeeping } from './room-keeping.ts';
import type { RoomList } from './room-list.ts';
import type { RoomPasswords } from './room-passwords.ts';
import type { Rooms } from './rooms.ts';
import type { Store } from './store/store.ts';

export interface Services extends AccountParts {
  readonly settings: ServerSettings;
  readonly log: Log;
  /** The life of this history: a client that comes back with another one has missed messages that are gone. */
  readonly epoch: string;
  /** What keeps the messages. */
  readonly store: Store;
  readonly registry: Registry;
  readonly rooms: Rooms;
  readonly roomList: RoomList;
  readonly roomKeeping: RoomKeeping;
  readonly roomPasswords: RoomPasswords;
  readonly accountRooms: AccountRooms;
  readonly inboxes: Inboxes;
  readonly lobby: Room;
  readonly broadcaster: Broadcaster;
  readonly broadcastLog: BroadcastLog;
  readonly presence: Presence;
  readonly membership: Membership;
  readonly policy: AddressPolicy;
  readonly dialBudget: DialBudget;
  readonly routeMeans: RouteMeans;
  readonly deliveryMeans: DeliveryMeans;
  readonly recentSends: RecentSends;
  /** Whether the server accepts nothing more. */
  readonly stopping: () => boolean;
}
