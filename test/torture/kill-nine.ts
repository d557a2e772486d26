/**
 * `kill -9` at random moments under load, again and again on one data folder: what was acknowledged is delivered, once
 * and in order, to a reader that resumes each time. Real processes, real TCP; the checker judges.
 */
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { check, type Delivery, type Send, type Verdict } from '../support/checker.ts';
import { at, LineClient } from '../support/line-client.ts';
import { join, type Member, type RunningServer } from '../support/room.ts';
import { startServer, type ServerProcess } from '../support/server-process.ts';
import { fill } from './fill.ts';
import { spread, type Spread } from './spread.ts';

export interface KillOptions {
  readonly rounds: number;
  /** Messages that are stored before the first round. */
  readonly stored: number;
  /** Told after each round. */
  readonly progress?: (round: number, acknowledged: number) => void;
}

export interface KillReport {
  readonly verdict: Verdict;
  /** From starting the program after a kill until it said that it serves, milliseconds. */
  readonly startMs: Spread;
}

/** Calls that a sender writes in a round, more than it can be answered before the end comes. */
const CALLS = 4_000;
const SENDERS = ['s1', 's2'] as const;
/** The end comes so long after the load began, milliseconds. */
const SOONEST_MS = 5;
const LATEST_MS = 150;
/** A start that takes longer is a failure; how long it took otherwise is reported. */
const START_MS = 120_000;

class Run {
  readonly folder: string;
  readonly sends = new Map<string, Map<string, Send>>(SENDERS.map((id) => [id, new Map<string, Send>()]));
  readonly deliveries: Delivery[] = [];
  readonly starts: number[] = [];
  acknowledged = 0;
  #epoch = '';
  #counter = 0;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** What was said long before. */
  async fill(messages: number): Promise<void> {
    const server = await this.#start();
    await fill(server, { messages });
    server.signal('SIGKILL');
    await server.exited;
    // That was a start on an empty folder.
    this.starts.length = 0;
  }

  async round(): Promise<void> {
    const server = await this.#start();
    const reader = await this.#resume(server);
    const senders = await Promise.all(SENDERS.map((id) => join(server, { id })));
    const floods = senders.map((sender) => this.#flood(sender));
    await pause(randomInt(SOONEST_MS, LATEST_MS));
    server.signal('SIGKILL');
    await server.exited;
    await Promise.all([...floods, reader.client.closed]);
    this.#keep(reader);
  }

  /** Starts once more and reads to the end. */
  async last(): Promise<void> {
    const server = await this.#start();
    const reader = await this.#resume(server);
    const closing = await join(server, { id: 'closing' });
    await closing.say('the end');
    await reader.hear(({ Text }) => Text === 'the end', 30_000);
    this.#keep(reader);
    await Promise.all([reader.client.close(), closing.client.close()]);
    await server.stop();
  }

  async #start(): Promise<RunningServer & ServerProcess> {
    const began = performance.now();
    const server = await startServer(['--data', this.folder, '--rate', '0', '--log-level', 'error'], {}, START_MS);
    this.starts.push(performance.now() - began);
    return { ...server, connect: () => LineClient.connect(server.host, server.port) };
  }

  async #resume(server: RunningServer): Promise<Member> {
    const more = this.#epoch === '' ? {} : { ResumeAfter: this.deliveries.at(-1)?.seq ?? 0, Epoch: this.#epoch };
    const reader = await join(server, { id: 'reader', more });
    this.#epoch = reader.epoch;
    return reader;
  }

  #keep(reader: Member): void {
    for (const { Seq, Text, Kind } of reader.heard)
      this.deliveries.push({ seq: Seq, text: Kind === 'chat' && Text !== 'the end' ? Text : undefined });
  }

  /** Writes all calls at once and notes the answers; the promise is over when the connection is. */
  async #flood({ id, client }: Member): Promise<void> {
    const books = this.sends.get(id);
    const texts = new Map<unknown, string>();
    const frames: string[] = [];
    for (let call = 0; call < CALLS; call += 1) {
      const text = `${id}-${(this.#counter += 1)}`;
      texts.set(call, text);
      books?.set(text, { text });
      frames.push(JSON.stringify({ jsonrpc: '2.0', id: call, method: 'ChatServer.SendMessage', params: { UserID: id, Text: text } }));
    }
    client.write(`${frames.join('\n')}\n`);
    for (;;) {
      const answer = await client.next(60_000).catch(() => undefined);
      if (answer === undefined) return;
      const text = texts.get(at(answer, 'id'));
      const seq = at(answer, 'result', 'Seq');
      if (text === undefined || typeof seq !== 'number') continue;
      books?.set(text, { text, seq });
      this.acknowledged += 1;
    }
  }
}

/**
 * Kills a server `rounds` times and tells whether anything that it had acknowledged was lost, doubled or reordered.
 * @throws Error when a start failed; it names the data folder, which is left for a look
 */
export async function killNine(options: KillOptions): Promise<KillReport> {
  const run = new Run(await mkdtemp(path(tmpdir(), 'partyline-kill-')));
  try {
    const report = await killAndJudge(run, options);
    await rm(run.folder, { recursive: true, force: true });
    return report;
  } catch (failure) {
    throw new Error(`After ${run.starts.length} starts on ${run.folder}: ${String(failure)}`, { cause: failure });
  }
}

async function killAndJudge(run: Run, { rounds, stored, progress }: KillOptions): Promise<KillReport> {
  await run.fill(stored);
  for (let round = 1; round <= rounds; round += 1) {
    await run.round();
    progress?.(round, run.acknowledged);
  }
  await run.last();
  const senders = SENDERS.map((id) => ({ id, sends: [...(run.sends.get(id)?.values() ?? [])] }));
  const receiver = { id: 'reader', since: 0, owed: true, deliveries: run.deliveries };
  return { verdict: check(senders, [receiver]), startMs: spread(run.starts) };
}
