/**
 * People who talk at full speed while many others come back and read all that was said before: what that costs the talkers,
 * and whether everybody gets everything in order. Server, talkers and readers are processes of their own; readers look at bytes
 * only, so that millions of deliveries can be checked.
 */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { LineClient } from '../support/line-client.ts';
import type { RunningServer } from '../support/room.ts';
import { startServer } from '../support/server-process.ts';
import { fill } from './fill.ts';
import { Talkers } from './talkers.ts';

const PATIENCE_MS = 120_000;
/** Server and readers share a machine that may be busy: its deadlines are not what is looked at. */
const PATIENT = { PARTYLINE_LIMIT_CALL_MS: String(PATIENCE_MS), PARTYLINE_LIMIT_FIRST_CALL_MS: String(PATIENCE_MS) };
/** Most of the history has left the memory. */
const SMALL = { PARTYLINE_LIMIT_ROOM_BYTES: '262144' };

export interface TalkingOptions {
  /** Who comes back at once. */
  readonly clients: number;
  /** Messages that are stored before that. */
  readonly stored: number;
  /** Messages that are said with everybody there, and again while everybody comes back. */
  readonly said: number;
}

export interface TalkingReport extends TalkingOptions {
  /** Messages a second that were acknowledged with everybody there, and while everybody came back. */
  readonly calm: number;
  readonly storm: number;
  /** How long it took until the last one had everything, milliseconds. */
  readonly caughtUpMs: number;
}

/** A member that answers everything and keeps the numbers of what people said, in the order in which they came. */
class Reader {
  readonly seqs: number[] = [];
  readonly #socket: Socket;
  #rest = '';
  #told: () => void = () => undefined;

  constructor({ host, port }: RunningServer, id: string, more: object) {
    this.#socket = connect(port, host).setNoDelay(true);
    this.#socket.setEncoding('latin1').on('data', (text: string) => this.#take(text));
    const params = { ID: id, Name: id, Callback: 'inline', ...more };
    this.#socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: 'join', method: 'ChatServer.Register', params })}\n`);
  }

  async has(count: number): Promise<void> {
    const late = setTimeout(() => this.#socket.destroy(new Error(`only ${this.seqs.length} of ${count} messages came`)), PATIENCE_MS);
    const failed = new Promise<never>((_, reject) => this.#socket.once('error', reject));
    while (this.seqs.length < count) await Promise.race([failed, new Promise<void>((resolve) => (this.#told = resolve))]);
    clearTimeout(late);
    failed.catch(() => undefined);
  }

  close(): void {
    this.#socket.on('error', () => undefined).destroy();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    let answers = '';
    for (const line of lines) {
      if (!line.includes('"method":"ClientCallback.')) continue;
      const id = line.slice(line.lastIndexOf(':') + 1, -1);
      answers += `{"jsonrpc":"2.0","id":${id},"result":{"Success":true}}\n`;
      if (line.includes('"Kind":"chat"')) this.seqs.push(Number(id));
    }
    this.#socket.write(answers);
    this.#told();
  }
}

/** @throws AssertionError when a reader misses a message, or gets one twice or out of order */
export async function talkThroughStorm(options: TalkingOptions): Promise<TalkingReport> {
  const { clients, stored, said } = options;
  const folder = await mkdtemp(path(tmpdir(), 'partyline-talking-'));
  const started = await startServer(['--data', folder, '--rate', '0', '--log-level', 'error'], { ...PATIENT, ...SMALL });
  const server = { ...started, connect: () => LineClient.connect(started.host, started.port) };
  const readers = (name: string, more: object): Reader[] =>
    Array.from({ length: clients }, (_, index) => new Reader(server, `${name}-${index}`, more));
  let talkers: Talkers | undefined;
  try {
    talkers = await Talkers.join(started);
    await fill(server, { messages: stored });
    const there = readers('there', { ResumeAfter: 0 });
    await Promise.all(there.map((reader) => reader.has(stored)));
    const calm = await talkers.talk(said);
    await Promise.all(there.map((reader) => reader.has(stored + said)));
    for (const reader of there) reader.close();
    const began = performance.now();
    const back = readers('back', { ResumeAfter: 0 });
    const storm = await talkers.talk(said);
    await Promise.all(back.map((reader) => reader.has(stored + 2 * said)));
    const caughtUpMs = Math.round(performance.now() - began);
    const expected = [...(there[0]?.seqs ?? []), ...storm.seqs];
    for (const { seqs } of there) assert.deepEqual(seqs.slice(stored), calm.seqs);
    for (const { seqs } of back) assert.deepEqual(seqs, expected);
    for (const reader of back) reader.close();
    return { ...options, calm: calm.perSecond, storm: storm.perSecond, caughtUpMs };
  } finally {
    talkers?.leave();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
