/**
 * Thousands of wrong log-ins a second, from many addresses and at many names: what they cost people who talk. The server is
 * a process of its own, with its default store, so that an acknowledgement waits for the disk; it measures and asserts nothing else.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { LineClient } from '../support/line-client.ts';
import { join, type Member } from '../support/room.ts';
import { startServer } from '../support/server-process.ts';
import { spread, type Spread } from './spread.ts';

/** Loopback addresses that guess; 127.0.0.1 is the talker's. */
const ADDRESSES = 200;
/** Of each address: a connection waits for the answer to its try, which may wait behind 64 others. */
const CONNECTIONS = 5;
/** Who talks does so this often, milliseconds. */
const TALK_MS = 10;
/** How often some of those who guess take their turn, milliseconds: not all at once, or they would stand in each other's way. */
const GUESS_MS = 2;
/** As much time each, turn and turn about, so that both see the same machine. */
const ROUND_MS = 5_000;
const PATIENCE_MS = 60_000;

export interface GuessesOptions {
  /** Wrong log-ins a second. */
  readonly perSecond: number;
  /** Of calm, and of guessing. */
  readonly rounds: number;
  readonly progress?: (round: number) => void;
}

/** What people who talk notice, milliseconds. */
interface Noticed {
  /** SendMessage, from the call to the answer: the event loop and the disk. */
  readonly acknowledged: Spread;
  /** Info, from the call to the answer: the event loop alone. */
  readonly informed: Spread;
}

class Times {
  readonly acknowledged: number[] = [];
  readonly informed: number[] = [];

  get noticed(): Noticed {
    return { acknowledged: spread(this.acknowledged), informed: spread(this.informed) };
  }
}

export interface GuessesReport {
  readonly offered: number;
  /** Wrong log-ins a second that were answered while others were offered. */
  readonly answered: number;
  /** How they were answered, by the reason of the refusal. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly calm: Noticed;
  readonly guessed: Noticed;
}

/** One connection that tries passwords without waiting for the answers, and counts them by their reason. */
class Guesser {
  readonly reasons = new Map<string, number>();
  answered = 0;
  readonly #socket: Socket;
  #tries = 0;
  #rest = '';

  constructor(socket: Socket) {
    this.#socket = socket.setNoDelay(true);
    socket.setEncoding('latin1').on('data', (text: string) => this.#take(text));
    socket.on('error', () => undefined);
  }

  static async at(address: string, { host, port }: { readonly host: string; readonly port: number }): Promise<Guesser> {
    const socket = connect({ host, port, localAddress: address });
    await once(socket, 'connect');
    return new Guesser(socket);
  }

  guess(name: string): void {
    const params = { UserName: name, Password: 'a wrong password' };
    this.#socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: (this.#tries += 1), method: 'ChatServer.LogIn', params })}\n`);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    this.answered += lines.length;
    for (const line of lines) {
      const reason = /"Reason":"(\w+)"/.exec(line)?.[1] ?? 'none';
      this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
    }
  }
}

/** Calls once a turn, whatever the calls take, until `until`; what each answer took. */
async function timed(until: number, call: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  while (performance.now() < until) {
    const due = performance.now();
    await call();
    times.push(performance.now() - due);
    await new Promise((resolve) => setTimeout(resolve, TALK_MS));
  }
  return times;
}

/** Everything that a round takes in, until it is over. */
async function notice(talker: Member, watcher: LineClient, into: Times): Promise<void> {
  const until = performance.now() + ROUND_MS;
  const [acknowledged, informed] = await Promise.all([
    timed(until, () => talker.say('undisturbed?')),
    timed(until, () => watcher.call('ChatServer.Info')),
  ]);
  into.acknowledged.push(...acknowledged);
  into.informed.push(...informed);
}

/** While `work` lasts, offers what is due by the clock, however late a turn comes, spread over all who guess. */
async function besideGuesses(guessers: readonly Guesser[], perSecond: number, work: () => Promise<void>): Promise<void> {
  const began = performance.now();
  let offered = 0;
  const timer = setInterval(() => {
    for (const due = (performance.now() - began) * (perSecond / 1_000); offered < due; offered += 1)
      guessers[offered % guessers.length]?.guess(`nobody ${offered}`);
  }, GUESS_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
}

export async function measureGuesses({ perSecond, rounds, progress }: GuessesOptions): Promise<GuessesReport> {
  const folder = await mkdtemp(path(tmpdir(), 'partyline-guesses-'));
  const started = await startServer(['--data', folder, '--rate', '0', '--log-level', 'error'], {}, PATIENCE_MS);
  const server = { ...started, connect: () => LineClient.connect(started.host, started.port) };
  const [calm, guessed] = [new Times(), new Times()];
  let answered = 0;
  try {
    const talker = await join(server, { id: 'talker' });
    const watcher = await server.connect();
    const addresses = Array.from({ length: ADDRESSES }, (_, index) => `127.0.1.${index + 1}`);
    const guessers = (
      await Promise.all(addresses.map((address) => Promise.all(Array.from({ length: CONNECTIONS }, () => Guesser.at(address, started)))))
    ).flat();
    for (let round = 1; round <= rounds; round += 1) {
      await notice(talker, watcher, calm);
      const before = sum(guessers);
      await besideGuesses(guessers, perSecond, () => notice(talker, watcher, guessed));
      answered += sum(guessers) - before;
      progress?.(round);
    }
    for (const guesser of guessers) guesser.close();
    const reasons: Record<string, number> = {};
    for (const [reason, count] of guessers.flatMap((guesser) => [...guesser.reasons])) reasons[reason] = (reasons[reason] ?? 0) + count;
    return {
      offered: perSecond,
      answered: Math.round((1_000 * answered) / (rounds * ROUND_MS)),
      reasons,
      calm: calm.noticed,
      guessed: guessed.noticed,
    };
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function sum(guessers: readonly Guesser[]): number {
  return guessers.reduce((all, { answered }) => all + answered, 0);
}
