/**
 * A direct message that was acknowledged is delivered, once, though the server is killed between any two steps; and of a
 * deleted account and of guests nothing is left. Real processes on real folders.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { LevelStore } from '../server/store/level.ts';
import { kill, withFolder, type DataFolder, type Running } from './support/data-folder.ts';
import { call, direct, directTexts, read } from './support/direct.ts';
import { at, type IncomingCall } from './support/line-client.ts';
import { callOnce, member as account, PASSWORD, reasonOf } from './support/people.ts';
import { join } from './support/room.ts';

/** Kills a server, and starts the next one on its folder. */
async function again(server: Running, start: DataFolder['start']): Promise<Running> {
  await kill(server);
  return start();
}

async function stored(folder: string): Promise<{ readonly rooms: readonly string[]; readonly facts: readonly string[] }> {
  const store = await LevelStore.open({ folder, report: () => undefined });
  const facts = [...(await store.records('')).keys()];
  const rooms = [...store.rooms.keys()];
  await store.close();
  return { rooms: rooms.filter((code) => code.startsWith('@')), facts: facts.filter((key) => /^(inbox|dropped)/.test(key)) };
}

const numbered = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => `${from + index}`);

test('killed after each answer, it keeps what waits, what was taken, and the choice of push', () =>
  withFolder(async ({ start }) => {
    let server = await start();
    const Token = await account(server, 'Bob');
    const here = (): ReturnType<typeof join> => join(server, { id: 'bob', name: 'Bob', callback: 'none', more: { Token } });
    let ann = await join(server, { id: 'ann' });
    for (const text of numbered(0, 4)) await direct(ann, 'Bob', text, { MessageID: text });
    server = await again(server, start);
    ann = await join(server, { id: 'ann' });
    for (const text of numbered(2, 6)) await direct(ann, 'Bob', text, { MessageID: text });
    assert.deepEqual(await read(await here(), 3), { texts: ['0', '1', '2'], remaining: 3 });
    server = await again(server, start);
    const bob = await here();
    assert.deepEqual(await read(bob, 1), { texts: ['3'], remaining: 2 });
    await call(bob, 'Notify', { Enabled: false });
    server = await again(server, start);
    const called = await join(server, { id: 'bob', name: 'Bob', more: { Token } });
    assert.equal((await direct(await join(server, { id: 'ann' }), 'Bob', '6')).Delivered, false);
    assert.deepEqual(await read(called), { texts: ['4', '5', '6'], remaining: 0 });
    assert.deepEqual(directTexts(called.heard), []);
  }));

test('what was pushed and answered does not come again after a kill, and what was not answered does', () =>
  withFolder(async ({ start }) => {
    let server = await start();
    const Token = await account(server, 'Bob');
    const ann = await join(server, { id: 'ann' });
    for (const text of numbered(0, 10)) await direct(ann, 'Bob', text);
    const bob = await join(server, { id: 'bob', name: 'Bob', more: { Token } });
    await bob.hear(({ Text }) => Text === '9');
    assert.equal((await direct(ann, 'Bob', '10')).Delivered, true);
    // The next commit is behind the one that wrote down what was answered.
    await ann.say('behind it');
    const arrived = new Promise<void>((resolve) => bob.client.onCall(({ raw }) => (raw.includes('"Text":"11"') ? resolve() : undefined)));
    const hung = callOnce(server, 'SendDirect', { UserID: 'ann', Session: ann.session, To: 'Bob', Text: '11' });
    hung.catch(() => undefined);
    await arrived;
    server = await again(server, start);
    const back = await join(server, { id: 'bob', name: 'Bob', more: { Token } });
    await back.hear(({ Text }) => Text === '11');
    assert.deepEqual(directTexts(back.heard), ['11']);
  }));

test('of a deleted account nothing stays, and its name starts with an empty inbox; of guests nothing outlives them', () =>
  withFolder(async ({ path: folder, start }) => {
    let server = await start();
    const Token = await account(server, 'Bob');
    const ann = await join(server, { id: 'ann' });
    await join(server, { id: 'guest', callback: 'none' });
    await direct(ann, 'Bob', 'to be deleted');
    await direct(ann, 'guest', 'for the guest');
    server = await again(server, start);
    assert.equal(reasonOf(await callOnce(server, 'DeleteAccount', { Token, Password: PASSWORD })), 'ok');
    const next = await account(server, 'Bob');
    const bob = await join(server, { id: 'bob', name: 'Bob', callback: 'none', more: { Token: next } });
    assert.deepEqual(await read(bob), { texts: [], remaining: 0 });
    await server.stop();
    assert.deepEqual(await stored(folder), { rooms: [], facts: [] });
  }));

test('what was read is forgotten on the disk when the inbox is opened again, once it cannot be repeated', () =>
  withFolder(async ({ path: folder, start }) => {
    const env = { PARTYLINE_LIMIT_MESSAGE_ID_MS: '0' };
    let server = await start(env);
    const Token = await account(server, 'Bob');
    const here = (): ReturnType<typeof join> => join(server, { id: 'bob', name: 'Bob', callback: 'none', more: { Token } });
    const ann = await join(server, { id: 'ann' });
    for (const text of numbered(0, 3)) await direct(ann, 'Bob', text);
    assert.deepEqual((await read(await here(), 2)).texts, ['0', '1']);
    await server.stop();
    // One waits: all stays.
    assert.equal((await stored(folder)).rooms.length, 1);
    server = await start(env);
    const bob = await here();
    assert.deepEqual((await read(bob)).texts, ['2']);
    await server.stop();
    server = await start(env);
    const again = await here();
    assert.deepEqual(await read(again), { texts: [], remaining: 0 });
    await server.stop();
    assert.deepEqual((await stored(folder)).rooms, []);
    server = await start(env);
    await direct(await join(server, { id: 'ann' }), 'Bob', 'new');
    assert.deepEqual(await read(await here()), { texts: ['new'], remaining: 0 });
  }));

test('a server that stops brings everybody their direct messages first', () =>
  withFolder(async ({ start }) => {
    const server = await start();
    // In dialect 1.0 there is one unanswered call at a time: the others wait in the log.
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob', classic: true })];
    const waiting: IncomingCall[] = [];
    bob.client.onCall((each) => waiting.push(each));
    for (const Text of numbered(0, 50))
      ann.client.writeFrame({ jsonrpc: '2.0', id: Text, method: 'ChatServer.SendDirect', params: { UserID: 'ann', To: 'bob', Text } });
    await ann.say('behind them');
    server.signal('SIGTERM');
    const heard: unknown[] = [];
    const answer = (each: IncomingCall): void => {
      const message = at(each.params, 0, 'Message');
      if (at(message, 'Kind') === 'direct') heard.push(at(message, 'Text'));
      bob.client.answer(each, { Success: true });
    };
    await ann.hear(({ Text }) => Text === 'The server is shutting down.');
    bob.client.onCall(answer);
    for (const each of waiting) answer(each);
    await bob.client.closed;
    assert.deepEqual(heard, numbered(0, 50));
    assert.equal((await server.exited).code, 0);
  }));
