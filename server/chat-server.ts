/**
 * A running server: makes the parts, knows what depends on what, and takes them down in order. What happens to a message
 * is in the parts.
 */
import type { AddressInfo } from 'node:net';
import { createLog, type Log } from '../commons/log.ts';
import { DEFAULT_SERVER_SETTINGS, type ServerSettings } from '../commons/config.ts';
import { Dispatcher } from '../commons/rpc/dispatcher.ts';
import { Peer, type PeerOptions } from '../commons/rpc/peer.ts';
import type { Connection } from '../commons/wire/connection.ts';
import { Dialer } from '../commons/wire/dial.ts';
import { Listener } from '../commons/wire/listen.ts';
import { assemble } from './assemble.ts';
import type { CallContext } from './call-context.ts';
import { endRegistration } from './methods/accounts.ts';
import { methodTable } from './methods/table.ts';
import type { Services } from './services.ts';
import { settled } from './settled.ts';
import { StoreRefused } from './store/database.ts';
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
  /** Shared by all connections that were accepted, and by all that we dialled. */
  readonly #accepted: PeerOptions<CallContext>;
  readonly #dialled: PeerOptions<CallContext>;
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
    this.#services = assemble(settings, log, store, {
      stopping: () => this.#stopped !== undefined,
      listening: () => this.#listener.address,
      dialer: new Dialer({ ...connections, maxFrameBytes: limits.frameBytes }),
      greet: (connection) => this.#greet(connection, false),
    });
    this.#dispatcher = new Dispatcher(methodTable(this.#services), (name, error) => log.error(`${name} failed.`, error));
    this.#accepted = {
      dispatcher: this.#dispatcher,
      limits,
      context: (peer) => ({ peer, address: peer.connection.remoteAddress, port: peer.connection.remotePort, rate: undefined }),
      answersGarbage: true,
      closed: (peer) => this.#peers.delete(peer),
    };
    this.#dialled = { ...this.#accepted, answersGarbage: false };
    this.#ticks = setInterval(() => this.#tick(performance.now()), TICK_MS);
    const retention = retentionOf(settings);
    const trim = (): void => void store.trim(retention, Date.now()).catch(() => undefined);
    // At once too: the operator may have lowered a bound.
    trim();
    this.#trims = setInterval(trim, settings.dataDir === null ? TRIM_MS.memory : TRIM_MS.disk);
    this.#saves = setInterval(() => void this.#services.accountRooms.save().catch(() => undefined), SAVE_MS);
  }

  /**
   * Serves when the promise resolves.
   * @param opening the store, where it is being opened already
   * @throws the system's error when the address is taken or not this machine's
   * @throws StoreRefused when the data folder cannot be used
   */
  static async start(settings: Partial<ServerSettings> = {}, log?: Log, opening?: Promise<Store>): Promise<ChatServer> {
    const all = { ...DEFAULT_SERVER_SETTINGS, ...settings };
    const told = log ?? createLog({ level: all.logLevel, format: all.logFormat, messages: all.logMessages });
    const store = await (opening ?? openStore(all, told));
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

  /**
   * Takes over from the store which sends must not be said again, and which rooms there are. @param now milliseconds since 1970
   * @throws StoreRefused when that cannot be known
   */
  async #remember(now: number): Promise<void> {
    const { store, recentSends, rooms, roomKeeping, inboxes, settings } = this.#services;
    const refused = (cause: unknown): never => {
      const advice = 'Nothing was repaired or deleted. Restore a backup, or move the folder away and start anew.';
      const what = 'what was said last cannot be read, the log says why';
      throw new StoreRefused(`The data folder ${settings.dataDir} is damaged: ${what}. ${advice}`, { cause });
    };
    rooms.startWith(await roomKeeping.start(now).catch(refused));
    await inboxes.start().catch(refused);
    const ids = await store.recentIds(now - settings.limits.messageIdMs).catch(refused);
    for (const { sender, messageId, seq } of ids) recentSends.remember(sender, messageId, Promise.resolve(seq));
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
    const { broadcaster, broadcastLog, deliveryMeans, presence, lobby, settings, log, registry, store, passwords } = this.#services;
    const { accountRooms, roomKeeping, inboxes } = this.#services;
    const end = performance.now() + settings.limits.drainMs;
    log.server('Shutting down.');
    this.#listener.close();
    await settled([broadcaster.drained()], end);
    presence.flush();
    presence.notice(lobby, 'The server is shutting down.');
    await settled([broadcaster.drained()], end);
    await settled([...this.#goodbyes(), ...inboxes.settled()], end);
    this.#stopTimers();
    await settled([accountRooms.save(), roomKeeping.stop()], Math.max(end, performance.now() + 200));
    broadcaster.stop();
    broadcastLog.close();
    await passwords.close();
    for (const { delivery } of registry.members()) delivery?.close();
    deliveryMeans.gathering.close();
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
    const peer = new Peer<CallContext>(connection, accepted ? this.#accepted : this.#dialled);
    if (!accepted) peer.trust();
    this.#peers.add(peer);
    return peer;
  }

  #tick(now: number): void {
    for (const peer of this.#peers) peer.closeOverdue(now);
    const { registry, settings, membership, rooms, logIns } = this.#services;
    for (const member of [...registry.members()]) {
      if (member.logIn !== undefined) {
        if (logIns.stands(member.logIn)) logIns.use(member.logIn);
        else endRegistration(this.#services, member, 'its token has expired');
      }
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
