/**
 * A server broken on purpose: a relay in front of a real one that also stands between it and its callback servers (it
 * rewrites the address in Register), and breaks the room's promise once. For proving that the verifier notices.
 */
import { once } from 'node:events';
import net from 'node:net';
import { eachLine } from './traffic.ts';

/**
 * How it breaks: `drop` swallows one delivery and answers it itself; `swap` exchanges two; `repeat` sends one message
 * twice, so that it gets a second `Seq`; `alter` changes a text; `redeliver` delivers one again with its `Seq`, which is legal;
 * `leak` delivers a message of a room to one who is not in it, too; `drop direct` swallows a direct message, `misdirect` delivers one to
 * somebody else, too; `nothing` passes all.
 */
export type Breakage = 'nothing' | 'drop' | 'swap' | 'repeat' | 'alter' | 'redeliver' | 'leak' | 'drop direct' | 'misdirect';

/** The message that is tampered with: each run has it, early enough that others follow. */
const VICTIM = /"Text":"([^"]+-5)"/;
const DIRECT = /"Kind":"direct"/;
/** Something said in a room that is not the lobby. */
const IN_A_ROOM = /"Room":"(?!lobby)[^"@]+".*"Kind":"chat"/;
const VICTIMS: ReadonlyMap<Breakage, RegExp> = new Map([
  ['leak', IN_A_ROOM],
  ['drop direct', DIRECT],
  ['misdirect', DIRECT],
]);
/** Ids of our own, far from those in use; their answers are swallowed. */
const OWN_ID = 900_000_000_000;
const ID = /"id":\s*(\d+)/;

export class BreakingRelay {
  readonly host = '127.0.0.1';
  /** How often it broke something. */
  broken = 0;
  /** Every way to a client, and who is in which room, by code. */
  private readonly deliveries = new Map<string, Delivery>();
  private readonly members = new Map<string, Set<string>>();
  private readonly doors = new Set<net.Server>();
  private readonly sockets = new Set<net.Socket>();
  private readonly breakage: Breakage;
  private readonly server: { readonly host: string; readonly port: number };

  constructor(breakage: Breakage, { host, port }: { readonly host: string; readonly port: number }) {
    this.breakage = breakage;
    this.server = { host, port };
  }

  /** Starts; the port to give to clients. */
  async start(): Promise<number> {
    return this.listen((client) => this.relayCalls(client));
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(
      [...this.doors].map(async (listener) => {
        const closed = once(listener, 'close');
        listener.close();
        await closed;
      }),
    );
  }

  private async listen(take: (socket: net.Socket) => void): Promise<number> {
    const listener = net.createServer((socket) => take(this.hold(socket)));
    this.doors.add(listener.listen(0, this.host));
    await once(listener, 'listening');
    const address = listener.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port');
    return address.port;
  }

  private hold(socket: net.Socket): net.Socket {
    this.sockets.add(socket.setNoDelay(true));
    return socket.on('close', () => this.sockets.delete(socket)).on('error', () => socket.destroy());
  }

  /** Passes a client's calls on, one after the other, Register with an address of ours. */
  private relayCalls(client: net.Socket): void {
    const server = this.hold(net.connect(this.server));
    tie(client, server);
    let turn = Promise.resolve();
    let caller = '';
    eachLine(client, (line) => {
      caller = field('UserID', line) ?? field('ID', line) ?? caller;
      if (line.includes('ChatServer.JoinRoom')) this.enters(field('Room', line), caller);
      turn = turn.then(() => this.passCall(line, server));
    });
    eachLine(server, (line) => {
      // A client that made a room is in it.
      this.enters(field('Code', line), caller);
      if (!(Number(ID.exec(line)?.[1]) >= OWN_ID)) client.write(`${line}\n`);
    });
  }

  private enters(room: string | undefined, id: string): void {
    if (room !== undefined) this.members.set(room, (this.members.get(room) ?? new Set()).add(id));
  }

  private async passCall(line: string, server: net.Socket): Promise<void> {
    const [, host, port] = /"Callback":"([^"]*):(\d+)"/.exec(line) ?? [];
    if (host !== undefined) {
      const ours = await this.listen((caller) => this.relayCallbacks(caller, field('ID', line) ?? '', { host, port: Number(port) }));
      server.write(`${line.replace(`"${host}:${port}"`, `"${this.host}:${ours}"`)}\n`);
      return;
    }
    server.write(`${line}\n`);
    if (this.breakage === 'repeat' && this.isVictim(line)) server.write(`${withOwnId(line)}\n`);
  }

  private relayCallbacks(server: net.Socket, id: string, to: { host: string; port: number }): void {
    const client = this.hold(net.connect(to));
    tie(server, client);
    const delivery = new Delivery(server, client);
    this.deliveries.set(id, delivery);
    let held: string | undefined;
    eachLine(server, (line) => {
      if (held !== undefined) {
        delivery.pass(line);
        delivery.passAnswered(held);
        held = undefined;
      } else if (this.breakage === 'nothing' || this.breakage === 'repeat' || !this.isVictim(line)) delivery.pass(line);
      else if (this.breakage === 'swap') delivery.answer((held = line));
      else if (this.breakage === 'drop direct') delivery.drop(line);
      else if (this.breakage === 'leak' || this.breakage === 'misdirect') {
        delivery.pass(line);
        this.stranger(field('Room', line) ?? '', id)?.passAnswered(line);
      } else delivery[this.breakage](line);
    });
  }

  /** The way to somebody else, who is not in the room. */
  private stranger(room: string, id: string): Delivery | undefined {
    return [...this.deliveries].find(([other]) => other !== id && this.members.get(room)?.has(other) !== true)?.[1];
  }

  /** True once: the first message that matches is the victim. */
  private isVictim(line: string): boolean {
    if (this.broken > 0 || !(VICTIMS.get(this.breakage) ?? VICTIM).test(line)) return false;
    this.broken++;
    return true;
  }
}

/** One callback connection, on its way from the server to the client. */
class Delivery {
  private readonly server: net.Socket;
  private readonly client: net.Socket;

  constructor(server: net.Socket, client: net.Socket) {
    this.server = server;
    this.client = client;
    eachLine(client, (line) => (Number(ID.exec(line)?.[1]) >= OWN_ID ? undefined : server.write(`${line}\n`)));
  }

  pass(line: string): void {
    this.client.write(`${line}\n`);
  }

  /** Passes what was answered for the client before: its own answer is swallowed. */
  passAnswered(line: string): void {
    this.pass(withOwnId(line));
  }

  answer(line: string): void {
    this.server.write(`{"jsonrpc":"2.0","id":${ID.exec(line)?.[1]},"result":{"Success":true}}\n`);
  }

  drop(line: string): void {
    this.answer(line);
  }

  alter(line: string): void {
    this.pass(line.replace(VICTIM, '"Text":"$1, they said"'));
  }

  redeliver(line: string): void {
    this.pass(line);
    this.passAnswered(line);
  }
}

/** A member of a call or an answer that is a word. */
function field(name: string, line: string): string | undefined {
  return new RegExp(`"${name}":"([^"]*)"`).exec(line)?.[1];
}

function withOwnId(line: string): string {
  return line.replace(ID, (_all, id: string) => `"id":${OWN_ID + Number(id)}`);
}

/** When one end goes, the other goes. */
function tie(one: net.Socket, other: net.Socket): void {
  one.on('close', () => other.end());
  other.on('close', () => one.end());
}
