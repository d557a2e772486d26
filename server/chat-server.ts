/**
 * A running server: makes the parts, knows what depends on what, and takes them down in order. What happens to a message
 * is in the parts.
 */
import type { AddressInfo } from 'node:net';
import { createLog, type Log } from '../commons/log.ts';
import { DEFAULT_SERVER_SETTINGS, type ServerSettings } from '../commons/config.ts';
import { Dispatcher } from '../commons/rpc/dispatcher.ts';
import { Peer } from '../commons/rpc/peer.ts';
import type { Connection } from '../commons/wire/connection.ts';
import { Dialer } from '../commons/wire/dial.ts';
import { Listener } from '../commons/wire/listen.ts';
import { AccountRooms } from './account-rooms.ts';
import { AnswerShapes } from './answer-shape.ts';
import { BroadcastLog } from './broadcast-log.ts';
import { Broadcaster } from './broadcaster.ts';
import type { CallContext } from './call-context.ts';
import { AddressPolicy } from './delivery/address-policy.ts';
import { DialBudget } from './delivery/dial-budget.ts';
import { History, HistoryPages } from './history.ts';
import { Membership } from './membership.ts';
import { methodTable } from './methods/table.ts';
import { Presence } from './presence.ts';
import { RecentSends } from './recent-sends.ts';
import { Registry } from './registry.ts';
import { LOBBY, Room } from './room.ts';
import { RoomKeeping } from './room-keeping.ts';
import { RoomList } from './room-list.ts';
import { RoomMemory } from './room-memory.ts';
import { RoomPasswords } from './room-passwords.ts';
import { ScryptPasswords, SlowGuessing } from './room-passwords-stand-in.ts';
import { Rooms } from './rooms.ts';
import type { Services } from './services.ts';
import { settled } from './settled.ts';
import { openStore } from './store/open.ts';
import type { Retention, Store } from './store/store.ts';

/** How often deadlines are looked at, milliseconds: one timer for all connections and all clients. */
const TICK_MS = 250;
/** How often messages are forgotten that are not to be kept any longer, milliseconds: on disk, in memory. */
const TRIM_MS = { disk: 10_000, memory: 250 };
/** How often it is written down how far accounts have read in their rooms, milliseconds. */
const SAVE_MS = 3_000;
const DAY_MS = 86_400_000;

export class ChatServer {
  readonly #services: Services;
  readonly #listener: Listener;
  readonly #dispatcher: Dispatcher<CallContext>;
  readonly #peers = new Set<Peer<CallContext>>();
  readonly #ticks: NodeJS.Timeout;
  readonly #trims: NodeJS.Timeout;
  readonly #saves: NodeJS.Timeout;
  #stopped: Promise<void> | undefined;

  private constructor(settings: ServerSettings, log: Log, store: Store) {
    const { limits, host, port } = settings;
    const connections = { maxFrameBytes: limits.strangerFrameBytes, maxUnreadBytes: limits.unreadAnswerBytes };
    this.#listener = new Listener(
      { ...connections, host, port, maxConnections: limits.connections, maxPerAddress: limits.connectionsPerAddress },
      (connection) => this.#greet(connection, true),
    );
    const dialer = new Dialer({ ...connections, maxFrameBytes: limits.frameBytes });
    const greet = (connection: Connection): Peer<CallContext> => this.#greet(connection, false);
    this.#services = assemble(
      settings,
      log,
      store,
      () => this.#stopped !== undefined,
      () => this.#listener.address,
      dialer,
      greet,
    );
    this.#dispatcher = new Dispatcher(methodTable(this.#services), (name, error) => log.error(`${name} failed.`, error));
    this.#ticks = setInterval(() => this.#tick(performance.now()), TICK_MS);
    const retention = retentionOf(settings);
    this.#trims = setInterval(
      () => void store.trim(retention, Date.now()).catch(() => undefined),
      settings.dataDir === null ? TRIM_MS.memory : TRIM_MS.disk,
    );
    this.#saves = setInterval(() => void this.#services.accountRooms.save().catch(() => undefined), SAVE_MS);
  }

  /**
   * Serves when the promise resolves.
   * @throws the system's error when the address is taken or not this machine's
   * @throws StoreRefused when the data folder cannot be used
   */
  static async start(settings: Partial<ServerSettings> = {}, log?: Log): Promise<ChatServer> {
    const all = { ...DEFAULT_SERVER_SETTINGS, ...settings };
    const told = log ?? createLog({ level: all.logLevel, format: all.logFormat, messages: all.logMessages });
    const store = await openStore(all.dataDir, all.limits.roomsBytes, (text, failure) =>
      failure === undefined ? told.warn(text) : told.error(text, failure),
    );
    const server = new ChatServer(all, told, store);
    try {
      await server.#remember(Date.now());
      await server.#listener.listen();
    } catch (error) {
      server.#stopTimers();
      await store.close();
      throw error;
    }
    return server;
  }

  /** Takes over from the store which sends must not be said again, and which rooms there are. @param now milliseconds since 1970 */
  async #remember(now: number): Promise<void> {
    const { store, recentSends, rooms, roomKeeping, settings } = this.#services;
    rooms.startWith(await roomKeeping.start(now));
    const since = now - settings.limits.messageIdMs;
    for (const { sender, messageId, seq } of await store.recentIds(since)) recentSends.remember(sender, messageId, Promise.resolve(seq));
  }

  #stopTimers(): void {
    clearInterval(this.#ticks);
    clearInterval(this.#trims);
    clearInterval(this.#saves);
    void this.#services.roomKeeping.stop();
  }

  /** Where it listens; the port is the real one. */
  get address(): { readonly host: string; readonly port: number } {
    const { address, port }: AddressInfo = this.#listener.address;
    return { host: address, port };
  }

  /**
   * Accepts nothing more, brings everybody what was acknowledged, says goodbye, closes. Who does not answer has until
   * `drainMs` after the call.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { broadcaster, broadcastLog, presence, lobby, settings, log, registry, store, accountRooms, roomKeeping } = this.#services;
    const end = performance.now() + settings.limits.drainMs;
    log.server('Shutting down.');
    this.#listener.close();
    await settled([broadcaster.drained()], end);
    presence.flush();
    presence.notice(lobby, 'The server is shutting down.');
    await settled([broadcaster.drained()], end);
    await settled(this.#goodbyes(), end);
    this.#stopTimers();
    await settled([accountRooms.save(), roomKeeping.stop()], Math.max(end, performance.now() + 200));
    broadcaster.stop();
    broadcastLog.close();
    for (const { delivery } of registry.members()) delivery?.close();
    const closed = [...this.#peers].map(({ connection }) => {
      connection.end();
      return connection.whenClosed();
    });
    await settled(closed, Math.max(end, performance.now() + 200));
    for (const peer of this.#peers) peer.connection.destroy();
    await store.close();
    log.server('Stopped.');
  }

  /** Each resolves when a client has answered everything that one of its rooms had for it. */
  #goodbyes(): readonly Promise<void>[] {
    const { registry, membership } = this.#services;
    return [...registry.members()].flatMap((member) =>
      [...membership.roomsOf(member)].map(
        ({ log }) =>
          new Promise<void>(
            (resolve) => void (member.delivery === undefined ? resolve() : member.delivery.watch(log, log.lastSeq, () => resolve())),
          ),
      ),
    );
  }

  #greet(connection: Connection, accepted: boolean): Peer<CallContext> {
    const peer = new Peer<CallContext>(connection, {
      dispatcher: this.#dispatcher,
      limits: this.#services.settings.limits,
      context: (self) => ({ peer: self, address: connection.remoteAddress, port: connection.remotePort }),
      answersGarbage: accepted,
      closed: (self) => this.#peers.delete(self),
    });
    if (!accepted) peer.trust();
    this.#peers.add(peer);
    return peer;
  }

  #tick(now: number): void {
    for (const peer of this.#peers) peer.closeOverdue(now);
    const { registry, settings, membership, rooms } = this.#services;
    for (const member of [...registry.members()]) {
      if (member.delivery !== undefined) member.delivery.tick(now);
      else if (now - member.heardAt > settings.limits.pullIdleMs && !this.#isOpen(member.owner))
        membership.dismiss(member, 'it was silent for too long');
    }
    rooms.sweep();
  }

  #isOpen(owner: object | undefined): boolean {
    return owner instanceof Peer && !owner.connection.closed;
  }
}

/** What is kept of each room: by the operator's bounds on disk, and in memory as much as a room's log keeps. */
function retentionOf({ dataDir, limits }: ServerSettings): Retention {
  if (dataDir === null) return { maxBytes: limits.roomBytes };
  return { maxCount: limits.keepMessages, maxBytes: limits.keepBytes, maxAgeMs: limits.keepDays * DAY_MS };
}

function assemble(
  settings: ServerSettings,
  log: Log,
  store: Store,
  stopping: () => boolean,
  listening: () => AddressInfo,
  dialer: Dialer,
  greet: (connection: Connection) => Peer<CallContext>,
): Services {
  const { limits } = settings;
  const { epoch } = store;
  const broadcastLog = new BroadcastLog(log);
  const broadcaster = new Broadcaster(limits, store, broadcastLog);
  const registry = new Registry();
  const presence = new Presence(broadcaster.queue, limits.presenceLinesUpTo);
  const pages = new HistoryPages();
  const memory = new RoomMemory(limits.roomsBytes);
  const kept = store.rooms.get(LOBBY);
  // Nothing in memory outlives a room's log: who falls out of it is told.
  const older = settings.dataDir === null ? undefined : { history: new History(store, LOBBY, pages), count: kept?.count ?? 0 };
  const lobby = new Room(LOBBY, limits.roomBytes, kept?.lastSeq ?? store.lastSeq, older, memory);
  const rooms = new Rooms({ store, broadcaster, presence, lobby, memory, pages, limits, onDisk: settings.dataDir !== null });
  const accountRooms = new AccountRooms(store, broadcaster, rooms);
  const lookFailed = (error: unknown): void => log.error('The rooms could not be looked through.', error);
  const policy = new AddressPolicy({ allow: settings.callbackAllow, ownListeners: () => [listening()] });
  return {
    settings,
    log,
    epoch,
    store,
    registry,
    rooms,
    roomList: new RoomList(rooms, store),
    roomKeeping: new RoomKeeping({ store, broadcaster, rooms, emptyRoomMs: limits.emptyRoomMs, failed: lookFailed }),
    roomPasswords: new RoomPasswords(new ScryptPasswords(), new SlowGuessing()),
    accountRooms,
    lobby,
    broadcaster,
    presence,
    membership: new Membership({ registry, presence, log, epoch, rooms, accountRooms }),
    policy,
    broadcastLog,
    dialBudget: new DialBudget({ perMinute: limits.dialsPerMinute, perTarget: limits.dialsPerTarget }),
    routeMeans: { dialer, policy, greet },
    shapes: new AnswerShapes(),
    recentSends: new RecentSends(limits),
    stopping,
  };
}
