/**
 * The listener that the server calls back: on one interface, for a handful of connections, mute to whoever cannot show
 * the secret. It knows no room; what a call means is the business of the methods it is given.
 */
import { DEFAULT_LIMITS } from '../commons/limits.ts';
import { Peer, type PeerOptions } from '../commons/rpc/peer.ts';
import type { Connection } from '../commons/wire/connection.ts';
import { Listener } from '../commons/wire/listen.ts';
import type { CallbackCaller, CallbackMethods } from './callback-methods.ts';
import { UNANSWERED_CALLS } from './server-link.ts';

/** Callback connections at the same time. The server keeps one; at the bound the oldest stranger makes room. */
export const CALLBACK_CONNECTIONS = 8;
/** Time in which a new connection has to show the secret, milliseconds; the server does so at once. */
const AUTHENTICATE_MS = 5_000;
const SWEEP_MS = 1_000;
/** Unread answers, bytes, beyond which a peer is not read any more. An answer has some 50 bytes. */
const UNREAD_BYTES = 65_536;

export class CallbackServer {
  /** Where it listens. */
  readonly host: string;
  readonly port: number;
  readonly #listener: Listener;
  readonly #peers: Set<Peer<CallbackCaller>>;
  readonly #sweeper: NodeJS.Timeout;

  private constructor(listener: Listener, peers: Set<Peer<CallbackCaller>>) {
    this.host = listener.address.address;
    this.port = listener.address.port;
    this.#listener = listener;
    this.#peers = peers;
    this.#sweeper = setInterval(() => sweep(peers, performance.now()), SWEEP_MS).unref();
  }

  /**
   * @param host the one address to listen on; @param port 0 lets the operating system choose
   * @throws the operating system's error when the address cannot be bound
   */
  static async listen(host: string, port: number, methods: CallbackMethods): Promise<CallbackServer> {
    const peers = new Set<Peer<CallbackCaller>>();
    const options: PeerOptions<CallbackCaller> = {
      dispatcher: methods,
      limits: { ...DEFAULT_LIMITS, firstCallMs: AUTHENTICATE_MS, requestsInFlight: UNANSWERED_CALLS },
      context: (peer) => ({ connection: peer.connection, trusted: false }),
      answersGarbage: false,
      closed: (peer) => peers.delete(peer),
    };
    const bounds = {
      maxConnections: 2 * CALLBACK_CONNECTIONS,
      maxPerAddress: 2 * CALLBACK_CONNECTIONS,
      maxFrameBytes: DEFAULT_LIMITS.strangerFrameBytes,
      maxUnreadBytes: UNREAD_BYTES,
    };
    const listener = new Listener({ host, port, ...bounds }, (connection) => admit(peers, connection, options));
    await listener.listen();
    return new CallbackServer(listener, peers);
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#peers.size;
  }

  /** Accepts nothing more and cuts every connection at once. */
  close(): void {
    clearInterval(this.#sweeper);
    this.#listener.close();
    for (const peer of this.#peers) peer.connection.destroy();
    this.#peers.clear();
  }
}

/** At the bound the oldest connection that has shown no secret goes; when all have, the oldest of them. */
function admit(peers: Set<Peer<CallbackCaller>>, connection: Connection, options: PeerOptions<CallbackCaller>): void {
  if (peers.size >= CALLBACK_CONNECTIONS) {
    const oldest = [...peers].find((peer) => !peer.context.trusted) ?? [...peers][0];
    if (oldest !== undefined) drop(peers, oldest);
  }
  peers.add(new Peer(connection, options));
}

function sweep(peers: Set<Peer<CallbackCaller>>, now: number): void {
  for (const peer of peers) if (peer.closeOverdue(now)) drop(peers, peer);
}

function drop(peers: Set<Peer<CallbackCaller>>, peer: Peer<CallbackCaller>): void {
  peers.delete(peer);
  peer.connection.destroy();
}
