/**
 * What a run of the model plays on: a server on a folder that can be crashed and started again, and the clients. It brings
 * what the clients got before the model, which says whether that was right.
 */
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { at } from '../line-client.ts';
import { startRoom } from '../room.ts';
import { startServer } from '../server-process.ts';
import { Device, type Got, type Way } from './device.ts';
import { entry, shownIn, Stream, told } from './stream.ts';
import type { Registration, Room, World } from './world.ts';

/** A server that a run can crash. */
export interface Theatre {
  readonly host: string;
  readonly port: number;
  /** Ends it at once; the folder that the next one goes on with, which may be `to`. */
  readonly crash: (to: string) => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** How long the server may take to hear an answer that was given, milliseconds. */
const FENCE_MS = 10_000;
/** A client that hangs is not given up in a run. */
const LIMITS = { callMs: 120_000, drainMs: 1, guessesPerAccount: 100_000, firstCallMs: 120_000 };

/**
 * In this process. It crashes by a copy of its folder, taken between two turns of the event loop: what was written by then is there,
 * what is under way is not, whatever becomes of the server.
 */
export async function inProcess(folder: string): Promise<Theatre> {
  const room = await startRoom({ dataDir: folder, limits: LIMITS });
  let stopped: Promise<void> | undefined;
  return {
    host: room.host,
    port: room.port,
    crash: async (to) => {
      copyFolder(folder, to);
      stopped = room.stop();
      return to;
    },
    stop: () => (stopped ??= room.stop()),
  };
}

/** A process of its own, which is killed. */
export async function inOwnProcess(folder: string): Promise<Theatre> {
  const env = { PARTYLINE_LIMIT_CALL_MS: '120000', PARTYLINE_LIMIT_GUESSES_PER_ACCOUNT: '100000', PARTYLINE_LIMIT_FIRST_CALL_MS: '120000' };
  const server = await startServer(['--data', folder, '--rate', '0', '--log-level', 'error'], env);
  return {
    host: server.host,
    port: server.port,
    crash: async () => {
      server.signal('SIGKILL');
      await server.exited;
      return folder;
    },
    stop: async () => void (await server.stop()),
  };
}

/** The mark of how far was written is copied first: it may lag behind the messages, never be ahead. */
export function copyFolder(from: string, to: string): void {
  const [level, copy] = [join(from, 'messages'), join(to, 'messages')];
  mkdirSync(copy, { recursive: true });
  cpSync(join(from, 'tide'), join(to, 'tide'));
  // The journal last: it grows, the others are written once.
  const names = readdirSync(level).sort((a, b) => Number(a.endsWith('.log')) - Number(b.endsWith('.log')));
  for (const name of names) if (name !== 'LOCK') cpSync(join(level, name), join(copy, name));
}

/** The clients of a run: each way to be called back, and two that are alike. */
export const CLIENTS: readonly (readonly [id: string, way: Way])[] = [
  ['ada', 'inline'],
  ['ben', 'inline'],
  ['cleo', 'dialled'],
  ['dan', 'classic'],
  ['eve', 'pull'],
  ['fay', 'pull'],
];

export class Stage {
  readonly devices: readonly Device[] = CLIENTS.map(([id, way]) => new Device(id, way));
  readonly #open: (folder: string) => Promise<Theatre>;
  readonly #home: string;
  readonly #former: Theatre[] = [];
  /** Answers that may come late, each checked when it does. */
  readonly pending: Promise<void>[] = [];
  #server: Theatre;
  #lives = 0;

  private constructor(open: (folder: string) => Promise<Theatre>, home: string, server: Theatre) {
    this.#open = open;
    this.#home = home;
    this.#server = server;
  }

  /** @param template a folder that the run begins with a copy of */
  static async begin(open: (folder: string) => Promise<Theatre>, template: string): Promise<Stage> {
    const home = await mkdtemp(join(tmpdir(), 'partyline-'));
    copyFolder(template, join(home, '0'));
    return new Stage(open, home, await open(join(home, '0')));
  }

  async end(): Promise<void> {
    for (const device of this.devices) device.cut();
    await Promise.all([...this.#former, this.#server].map((server) => server.stop()));
    await rm(this.#home, { recursive: true, force: true });
  }

  device(id: string): Device {
    const found = this.devices.find((each) => each.id === id);
    if (found === undefined) throw new Error(`there is a client ${id}`);
    return found;
  }

  /** Connects a client that is not. */
  async connected(device: Device): Promise<void> {
    if (!device.isConnected) await device.connect(this.#server);
  }

  /** Makes one call that nobody else's connection has to do with. */
  async callOnce(method: string, params: object): Promise<unknown> {
    const device = new Device('once', 'pull');
    await device.connect(this.#server);
    try {
      return await device.call(`ChatServer.${method}`, params);
    } finally {
      device.cut();
    }
  }

  /** The server and all connections are gone at once; `before` learns what had come by then. */
  async crash(world: World): Promise<void> {
    const crashed = this.#server.crash(join(this.#home, String((this.#lives += 1))));
    for (const registration of world.registrations.values()) this.#drain(world, registration);
    for (const device of this.devices) device.cut();
    this.#former.push(this.#server);
    world.crashed();
    this.#server = await this.#open(await crashed);
    await this.#begin(world);
  }

  /** Somebody says a word and goes: so the numbers from before the crash are told from those after it. */
  async #begin(world: World): Promise<void> {
    if (!world.isUncertain) return;
    const device = new Device('herald', 'pull');
    await device.connect(this.#server);
    const ask = async (method: string, params: object): Promise<unknown> => at(await device.call(`ChatServer.${method}`, params), 'result');
    const session = String(at(await ask('Register', { ID: 'herald', Name: 'herald', Callback: 'none' }), 'Session'));
    const herald = { id: 'herald', isCalled: false, isPrompt: true, account: undefined, token: undefined, session };
    const registration = world.registered(herald, undefined);
    const seq = Number(at(await ask('SendMessage', { UserID: 'herald', Text: 'a new life' }), 'Seq'));
    world.say(world.lobby.log, entry('chat', 'herald', 'a new life', seq));
    world.saidBefore(seq);
    await ask('Unregister', { ID: 'herald' });
    world.gone(registration, true);
    device.cut();
  }

  /** Waits until every client was brought what it has to be, and nothing else; then the model is what is. */
  async settle(world: World): Promise<void> {
    do {
      for (const person of world.inboxes()) world.route(person);
      for (const registration of world.registrations.values()) await this.#bring(world, registration);
    } while (world.inboxes().some((person) => world.route(person)));
    for (const registration of world.registrations.values()) this.#drain(world, registration);
    for (const room of world.rooms) await this.#number(room);
  }

  /** Learns the numbers of what nobody was shown, from a member: two arrivals of one client look alike. */
  async #number({ code, log, members }: Room): Promise<void> {
    const [member] = members;
    const last = log.findLastIndex(({ seq }) => seq !== undefined);
    if (member === undefined || log.slice(last + 1).every(({ fate }) => fate === 'unsaid')) return;
    const device = this.device(member.id);
    // With this answer all that was said before is in the log.
    await device.call('ChatServer.JoinRoom', { UserID: member.id, Room: 'lobby' });
    const params = { UserID: member.id, Room: code, After: log[last]?.seq ?? 0, Limit: 200 };
    const messages = at(await device.call('ChatServer.History', params), 'result', 'Messages');
    if (!Array.isArray(messages)) throw new Error(`${member.id} cannot read what was said in ${code}`);
    const stream = new Stream(log, undefined, last + 1);
    for (const message of messages) stream.take(shownIn(message), true);
    if (stream.missing !== undefined) throw new Error(`${code} has lost ${told(stream.missing)}`);
  }

  async #bring(world: World, registration: Registration): Promise<void> {
    if (!registration.isCalled) return;
    const device = this.device(registration.id);
    for (let missing = missingTo(world, registration); missing !== undefined; missing = missingTo(world, registration))
      this.#show(world, registration, await device.next(missing));
    world.noteProgress(registration, false);
    await this.#fence(registration);
  }

  /** Has the server say that it knows what was answered of the inbox. */
  async #fence(registration: Registration): Promise<void> {
    const { cursor, reader } = registration.person.inbox;
    if (reader?.registration !== registration || registration.hangs || cursor.sure >= cursor.passed) return;
    const end = performance.now() + FENCE_MS;
    for (let waiting: unknown; waiting !== 0;) {
      if (performance.now() > end) throw new Error(`the server does not know what ${registration.id} answered: ${String(waiting)} wait`);
      const answer = await this.device(registration.id).call('ChatServer.DirectSettings', { UserID: registration.id });
      waiting = at(answer, 'result', 'Waiting');
      if (typeof waiting !== 'number') throw new Error(`${registration.id} cannot see its inbox: ${JSON.stringify(answer)}`);
    }
    cursor.pass(cursor.passed, cursor.passed);
  }

  /** Has a client answer what it has in hand, and whatever comes. */
  comeBack(world: World, registration: Registration): void {
    this.device(registration.id).comeBack();
    registration.hangs = false;
    for (const [room, { hand }] of registration.streams) {
      const last = hand.splice(0).at(-1);
      if (last !== undefined) this.#seen(world, registration, room, last + 1);
    }
    const { cursor, reader } = registration.person.inbox;
    if (reader?.registration !== registration) return;
    reader.stream.hand.length = 0;
    cursor.pass(reader.stream.answered, 0);
  }

  #seen(world: World, { id }: Registration, room: Room, place: number): void {
    const seen = world.seen.get(id) ?? new Map<Room, number>();
    world.seen.set(id, seen.set(room, place));
  }

  #drain(world: World, registration: Registration): void {
    for (const got of this.device(registration.id).rest()) this.#show(world, registration, got);
  }

  #show(world: World, registration: Registration, got: Got): void {
    const { hangs, person, farewells, streams, former } = registration;
    try {
      if (got.room.startsWith('@')) {
        const { cursor, reader } = person.inbox;
        if (reader?.registration !== registration) throw new Error(`${told(got)} came, and was to go another way`);
        reader.stream.take(got, !hangs);
        cursor.pass(reader.stream.answered, 0);
        return;
      }
      if (got.kind === 'notice' && farewells.get(got.room)?.text === got.text) {
        // What is not answered is told again to who takes over.
        if (!hangs) farewells.delete(got.room);
        return;
      }
      const [room, stream] = [...streams, ...former].find(([{ code }]) => code === got.room) ?? [];
      if (room === undefined || stream === undefined) throw new Error(`${told(got)} came from a room that this client is not in`);
      const index = stream.take(got, !hangs);
      if (!hangs) this.#seen(world, registration, room, index + 1);
    } catch (error) {
      throw new Error(`To ${registration.id}, in ${got.room}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** What a client has to be brought next, in words; `undefined` when it was brought everything. */
function missingTo(world: World, registration: Registration): string | undefined {
  const [farewell] = registration.farewells.values();
  if (farewell !== undefined) return told(farewell);
  const { inbox } = registration.person;
  const { reader } = inbox;
  const streams: Stream[] = [...registration.streams.values()];
  if (reader?.registration === registration && reader.life === registration.life && world.isReader(registration))
    streams.push(reader.stream);
  const missing = streams.map((stream) => stream.missing).find((entry) => entry !== undefined);
  return missing === undefined ? undefined : told(missing);
}
