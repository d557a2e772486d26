/**
 * Many clients come back at once, all from before what the memory holds, while somebody talks: each gets everything in
 * order, and they share the reads of the store. A server in this process, so that its reads can be counted; real TCP, real files.
 */
import { mock } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { LevelStore } from '../../server/store/level.ts';
import { at, type IncomingCall, type LineClient } from '../support/line-client.ts';
import { join, startRoom, type Member, type RoomServer } from '../support/room.ts';

/** Together they are more than one page of the disk's, and far more than the memory. */
const OLD = 90;
const OLD_BYTES = 3_000;
const ROOM_BYTES = 16_384;
const LIVE = 20;
/** Server and clients share this process: its deadlines are not what is looked at. */
const PATIENCE_MS = 60_000;

/** A client that answers everything and keeps the numbers of what people said, in the order in which they came. */
class Reader {
  readonly shown: number[] = [];
  readonly #client: LineClient;
  #told: () => void = () => undefined;

  constructor(client: LineClient) {
    this.#client = client;
    client.onCall((call) => this.#take(call));
  }

  async hasShown(count: number): Promise<void> {
    while (this.shown.length < count) await new Promise<void>((resolve) => (this.#told = resolve));
  }

  #take(call: IncomingCall): void {
    if (call.id !== undefined) this.#client.answer(call, { Success: true });
    const seq = at(call.params, 'Message', 'Seq');
    if (at(call.params, 'Message', 'Kind') === 'chat' && typeof seq === 'number') this.shown.push(seq);
    this.#told();
  }
}

/** A call that must succeed, however long this machine takes. */
async function ask(client: LineClient, method: string, params: object): Promise<unknown> {
  client.writeFrame({ jsonrpc: '2.0', id: 1, method, params });
  const answer = await client.next(PATIENCE_MS);
  assert.equal(at(answer, 'result', 'Success'), true, JSON.stringify(answer));
  return answer;
}

const say = async ({ client, id }: Member, text: string): Promise<number> =>
  Number(at(await ask(client, 'ChatServer.SendMessage', { UserID: id, Text: text }), 'result', 'Seq'));

async function resume(server: RoomServer, id: string, epoch: string): Promise<Reader> {
  const client = await server.connect();
  const reader = new Reader(client);
  await ask(client, 'ChatServer.Register', { ID: id, Name: id, Callback: 'inline', ResumeAfter: 0, Epoch: epoch });
  return reader;
}

export interface StormReport {
  readonly clients: number;
  /** Messages that each client was owed and got. */
  readonly messages: number;
  /** How often the store was read for all of them together. */
  readonly reads: number;
  /** How long the messages took that were said meanwhile, all of them together, milliseconds. */
  readonly talkedMs: number;
}

/** @throws AssertionError when a client misses a message, or gets one twice or out of order */
export async function resumeStorm(clients: number): Promise<StormReport> {
  const dataDir = await mkdtemp(path(tmpdir(), 'partyline-storm-'));
  const server = await startRoom({ dataDir, limits: { roomBytes: ROOM_BYTES, callMs: PATIENCE_MS, firstCallMs: PATIENCE_MS } });
  // Counts, and lets them through.
  const reads = mock.method(LevelStore.prototype, 'after').mock;
  try {
    const talker = await join(server, { id: 'talker' });
    const numbers: number[] = [];
    for (let index = 0; index < OLD; index += 1) numbers.push(await say(talker, `${index} `.padEnd(OLD_BYTES, 'old ')));
    const coming = Array.from({ length: clients }, (_, index) => resume(server, `reader-${index}`, talker.epoch));
    const began = performance.now();
    for (let index = 0; index < LIVE; index += 1) numbers.push(await say(talker, `live ${index}`));
    const talkedMs = Math.round(performance.now() - began);
    const readers = await Promise.all(coming);
    await Promise.all(readers.map((reader) => reader.hasShown(numbers.length)));
    for (const { shown } of readers) assert.deepEqual(shown, numbers);
    return { clients, messages: numbers.length, reads: reads.callCount(), talkedMs };
  } finally {
    reads.restore();
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}
