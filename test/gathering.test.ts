/** The answers of a busy client are read together, on the connection that its own calls come on too; but no call waits for that. */
import assert from 'node:assert/strict';
import test, { mock, type TestContext } from 'node:test';
import { Connection } from '../commons/wire/connection.ts';
import { callbackListener } from './support/callback-listener.ts';
import { at } from './support/line-client.ts';
import { join, withServer, type Member } from './support/room.ts';
import { eachLine } from './support/traffic.ts';

/** More answers than this do not come in one read unless they are left to gather: each message is said after the one before. */
const BY_CHANCE = 4;
const PATIENCE_MS = 20_000;

/** Tells how many answers the fullest read of the server has brought so far. */
function fullestRead(context: TestContext): () => number {
  let fullest = 0;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the connection
  const received = Connection.prototype.received;
  mock.method(Connection.prototype, 'received', function (this: Connection, chunk: Buffer, length: number): void {
    const answers = chunk.toString('latin1', 0, length).split('"result":{"Success":true}').length - 1;
    fullest = Math.max(fullest, answers);
    received.call(this, chunk, length);
  });
  context.after(() => mock.restoreAll());
  return () => fullest;
}

/** How many clients' gathered answers the server read in each turn of the event loop in which it read any. */
function readsByTurn(context: TestContext): readonly number[] {
  const turns: number[] = [];
  let sameTurn = false;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the connection
  const received = Connection.prototype.received;
  mock.method(Connection.prototype, 'received', function (this: Connection, chunk: Buffer, length: number): void {
    if (chunk.toString('latin1', 0, length).split('"result":true').length - 1 > BY_CHANCE) {
      if (sameTurn) turns.push((turns.pop() ?? 0) + 1);
      else turns.push(1);
      sameTurn = true;
      setImmediate(() => (sameTurn = false));
    }
    received.call(this, chunk, length);
  });
  context.after(() => mock.restoreAll());
  return turns;
}

/** Says something again and again, each time when the one before was accepted, until `done`. */
async function talk(speaker: Member, done: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!done() && performance.now() < end) await speaker.say('hello');
}

test('who listens on the connection that registered it, and calls nothing for a while, is read rarely', (context) =>
  withServer({}, async (server) => {
    const ear = await join(server, { id: 'ear' });
    const speaker = await join(server, { id: 'speaker', callback: 'none' });
    const fullest = fullestRead(context);
    await talk(speaker, () => fullest() > BY_CHANCE);
    assert.ok(fullest() > BY_CHANCE, `${fullest()} answers in a read, of ${ear.heard.length} messages`);
  }));

test('who calls now and then is read at once', (context) =>
  withServer({}, async (server) => {
    const bot = await join(server, { id: 'bot' });
    const speaker = await join(server, { id: 'speaker', callback: 'none' });
    const fullest = fullestRead(context);
    const began = performance.now();
    let pings = 0;
    await talk(speaker, () => {
      if (pings * 100 < performance.now() - began) void bot.client.call('ChatServer.Info', {}).finally(() => (pings += 1));
      return pings > 20;
    });
    assert.ok(pings > 20, `${pings} calls were answered`);
    assert.ok(fullest() <= BY_CHANCE, `${fullest()} answers in a read`);
  }));

test('what many have gathered is not read all at once: nobody waits for all of it', (context) =>
  withServer({}, async (server) => {
    const ears = 24;
    const callback = await callbackListener(context, (socket) =>
      eachLine(socket, (line) => void socket.write(`{"jsonrpc":"2.0","result":true,"id":${String(at(JSON.parse(line), 'id'))}}\n`)),
    );
    for (let left = ears; left > 0; left -= 1) await join(server, { id: `ear ${left}`, callback });
    const speaker = await join(server, { id: 'speaker', callback: 'none' });
    const turns = readsByTurn(context);
    const reads = (): number => turns.reduce((sum, some) => sum + some, 0);
    await talk(speaker, () => reads() > 4 * ears);
    assert.ok(reads() > 4 * ears, `${reads()} reads`);
    // A machine that stands still for a moment makes all of them quiet at once: hence not each turn, but their mean.
    assert.ok(reads() / turns.length < ears / 2, `${reads()} reads in ${turns.length} turns`);
  }));
