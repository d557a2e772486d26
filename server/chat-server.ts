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
import { AnswerShapes } from './answer-shape.ts';
import { BroadcastLog } from './broadcast-log.ts';
import { Broadcaster } from './broadcaster.ts';
import type { CallContext } from './call-context.ts';
import { AddressPolicy } from './delivery/address-policy.ts';
import { DialBudget } from './delivery/dial-budget.ts';
import { History } from './history.ts';
import { Membership } from './membership.ts';
import { methodTable } from './methods/table.ts';
import { Presence } from './presence.ts';
import { RecentSends } from './recent-sends.ts';
import { Registry } from './registry.ts';
import { LOBBY, Room } from './room.ts';
import type { Services } from './services.ts';
import { settled } from './settled.ts';
import { StoreRefused } from './store/database.ts';
import { openStore } from './store/open.ts';
import type { Retention, Store } from './store/store.ts';

/** How often deadlines are looked at, milliseconds: one timer for all connections and all clients. */
const TICK_MS = 250;
/** How often messages are forgotten that are not to be kept any longer, milliseconds: on disk, in memory. */
const TRIM_MS = { disk: 10_000, memory: 250 };
const DAY_MS = 86_400_000;

export class ChatServer {
  readonly #services: Services;
  readonly #listener: Listener;
  readonly #dispatcher: Dispatcher<CallContext>;
  readonly #peers = new Set<Peer<CallContext>>();
  readonly #ticks: NodeJS.Timeout;
  readonly #trims: NodeJS.Timeout;
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
    const trim = (): void => void store.trim(retention, Date.now()).catch(() => undefined);
    // At once too: the operator may have lowered a bound.
    trim();
    this.#trims = setInterval(trim, settings.dataDir === null ? TRIM_MS.memory : TRIM_MS.disk);
  }

  /**
   * Serves when the promise resolves.
   * @throws the system's error when the address is taken or not this machine's
   * @throws StoreRefused when the data folder cannot be used
   */
  static async start(settings: Partial<ServerSettings> = {}, log?: Log): Promise<ChatServer> {
    const all = { ...DEFAULT_SERVER_SETTINGS, ...settings };
    const told = log ?? createLog({ level: all.logLevel, format: all.logFormat, messages: all.logMessages });
    const store = await openStore(all.dataDir, (text, failure) => (failure === undefined ? told.warn(text) : told.error(text, failure)));
    const server = new ChatServer(all, told, store);
    try {
      await server.#remember(Date.now() - all.limits.messageIdMs);
      await server.#listener.listen();
    } catch (error) {
      server.#stopTimers();
      await store.close();
      throw error;
    }
    return server;
  }

  /** Takes over from the store which sends must not be said again. @throws StoreRefused when that cannot be known */
  async #remember(since: number): Promise<void> {
    const { store, recentSends, settings } = this.#services;
    const ids = await store.recentIds(since).catch((cause: unknown) => {
      const advice = 'Nothing was repaired or deleted. Restore a backup, or move the folder away and start anew.';
      const what = 'what was said last cannot be read, the log says why';
      throw new StoreRefused(`The data folder ${settings.dataDir} is damaged: ${what}. ${advice}`, { cause });
    });
    for (const { sender, messageId, seq } of ids) recentSends.remember(sender, messageId, Promise.resolve(seq));
  }

  #stopTimers(): void {
    clearInterval(this.#ticks);
    clearInterval(this.#trims);
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
    const { broadcaster, broadcastLog, presence, lobby, settings, log, registry, store } = this.#services;
    const end = performance.now() + settings.limits.drainMs;
    log.server('Shutting down.');
    this.#listener.close();
    await settled([broadcaster.drained()], end);
    presence.flush();
    presence.notice(lobby, 'The server is shutting down.');
    await settled([broadcaster.drained()], end);
    const goodbyes = [...registry.members()].map(
      ({ delivery }) =>
        new Promise<void>(
          (resolve) => void (delivery === undefined ? resolve() : delivery.watch(lobby.log, broadcaster.lastSeq, () => resolve())),
        ),
    );
    await settled(goodbyes, end);
    this.#stopTimers();
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
        membership.dismiss(member, rooms.values(), 'it was silent for too long');
    }
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
  const kept = store.rooms.get(LOBBY);
  // Nothing in memory outlives a room's log: who falls out of it is told.
  const older = settings.dataDir === null ? undefined : { history: new History(store, LOBBY), count: kept?.count ?? 0 };
  const lobby = new Room(LOBBY, limits.roomBytes, kept?.lastSeq ?? store.lastSeq, older);
  const broadcastLog = new BroadcastLog(log);
  const broadcaster = new Broadcaster(limits, store, broadcastLog);
  const registry = new Registry();
  const presence = new Presence(broadcaster.queue, limits.presenceLinesUpTo);
  const policy = new AddressPolicy({ allow: settings.callbackAllow, ownListeners: () => [listening()] });
  return {
    settings,
    log,
    epoch,
    store,
    registry,
    rooms: new Map([[lobby.code, lobby]]),
    lobby,
    broadcaster,
    presence,
    membership: new Membership(registry, presence, log, epoch),
    policy,
    broadcastLog,
    dialBudget: new DialBudget({ perMinute: limits.dialsPerMinute, perTarget: limits.dialsPerTarget }),
    routeMeans: { dialer, policy, greet },
    shapes: new AnswerShapes(),
    recentSends: new RecentSends(limits),
    stopping,
  };
}
