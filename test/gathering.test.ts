/** The answers of a busy client are read together, on the connection that its own calls come on too; but no call waits for that. */
import assert from 'node:assert/strict';
import test, { mock, type TestContext } from 'node:test';
import { Connection } from '../commons/wire/connection.ts';
import { join, withServer, type Member } from './support/room.ts';

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
