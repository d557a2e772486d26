/**
 * Coming back: after a `kill -9` of the server, a cut network, an absence in which others went on. In each room nothing is missing
 * and nothing comes twice; what cannot come back is told.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import type { ChatClient, Message } from '../client/library.ts';
import { becomes, join, member, open, PASSWORD, type Joined } from './support/chat.ts';
import { CuttableRelay } from './support/cuttable-relay.ts';
import { at } from './support/line-client.ts';
import { startRoom } from './support/room.ts';
import { ScriptedServer, type Script } from './support/scripted-server.ts';
import { startServer } from './support/server-process.ts';
import { until } from './support/traffic.ts';

/** A server that is a process, keeps everything, and can be killed and started again on its port. */
async function durable(t: TestContext) {
  const folder = mkdtempSync(path.join(tmpdir(), 'partyline-return-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const start = (port = 0) => startServer(['--data', folder, '--rate', '0', '--log-level', 'error', '--listen', `127.0.0.1:${port}`]);
  let server = await start();
  t.after(() => server.stop());
  return {
    host: server.host,
    port: server.port,
    kill: async () => {
      server.signal('SIGKILL');
      await server.exited;
    },
    restart: async () => void (server = await start(server.port)),
  };
}

/** A server in this process, behind a network that can be cut. */
async function cuttable(t: TestContext) {
  const server = await startRoom();
  t.after(() => server.stop());
  const relay = await CuttableRelay.start(server);
  t.after(() => relay.close());
  return { server, relay };
}

async function script(t: TestContext, says: Script): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(says);
  t.after(() => server.die());
  return server;
}

/** Says a numbered line in each room by turns. */
async function talk(client: ChatClient, rooms: readonly string[], from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) for (const room of rooms) await client.send(`${room} ${i}`, { room });
}

function heardAll({ client, texts }: Joined, rooms: readonly string[], count: number): Promise<void> {
  return until(client, 'message', () => rooms.every((room) => texts(room).length >= count), `${count} lines of each room`, 30_000);
}

const numbered = (room: string, from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${room} ${from + i}`);
const notices = (messages: readonly Message[]) => messages.filter(({ Kind }) => Kind === 'notice');

for (const callback of ['auto', 'inline'] as const) {
  test(`after kill -9 a guest is in all its rooms again, those with a password too; nothing is missing or comes twice (${callback})`, async (t) => {
    const server = await durable(t);
    const [ann, bob] = [await join(t, server, 'Ann', { callback }), await join(t, server, 'Bob')];
    const rooms = [await bob.client.createRoom('Den', { password: 'sesame' }), await bob.client.createRoom('Attic'), 'lobby'];
    await ann.client.joinRoom(rooms[0] ?? '', { password: 'sesame' });
    await ann.client.joinRoom(rooms[1] ?? '');
    await talk(bob.client, rooms, 0, 5);
    await server.kill();
    await Promise.all([becomes(ann.client, 'lost'), becomes(bob.client, 'lost')]);
    const meanwhile = talk(bob.client, rooms, 5, 10);
    await server.restart();
    await meanwhile;
    await becomes(ann.client, 'connected');
    await talk(bob.client, rooms, 10, 12);
    await heardAll(ann, rooms, 12);
    for (const room of rooms) assert.deepEqual(ann.texts(room), numbered(room, 0, 12), room);
    assert.deepEqual(notices(ann.shown), []);
    assert.deepEqual([...ann.client.rooms.values()].sort(), ['Attic', 'Den']);
    await ann.client.send('and I can speak', { room: rooms[0] ?? '' });
    await bob.hears('and I can speak');
  });
}

test('after kill -9 an account is back in all its rooms by itself, without gap and repeat', async (t) => {
  const server = await durable(t);
  await open(server, 'Ann');
  const [ann, bob] = [await member(t, server, 'Ann'), await join(t, server, 'Bob')];
  const rooms = [await ann.client.createRoom('Den', { password: 'sesame' }), await ann.client.createRoom('Attic'), 'lobby'];
  await bob.client.joinRoom(rooms[0] ?? '', { password: 'sesame' });
  await bob.client.joinRoom(rooms[1] ?? '');
  await talk(bob.client, rooms, 0, 5);
  await heardAll(ann, rooms, 5);
  await server.kill();
  await becomes(ann.client, 'lost');
  const meanwhile = talk(bob.client, rooms, 5, 8);
  await server.restart();
  await meanwhile;
  await heardAll(ann, rooms, 8);
  for (const room of rooms) assert.deepEqual(ann.texts(room), numbered(room, 0, 8), room);
  assert.equal(ann.client.account, 'Ann');
});

test('what another client of the account was brought meanwhile comes to the one that was away too, once and in order', async (t) => {
  const { server, relay } = await cuttable(t);
  await open(server, 'Ann');
  const [away, here, bob] = [
    await member(t, relay, 'Ann', { callback: 'inline' }),
    await member(t, server, 'Ann'),
    await join(t, server, 'Bob'),
  ];
  const rooms = [await bob.client.createRoom('Den'), await bob.client.createRoom('Silent')];
  for (const room of rooms) await here.client.joinRoom(room);
  await bob.client.send('first', { room: rooms[0] ?? '' });
  await away.hears('first');
  await away.client.send('my own', { room: rooms[0] ?? '' });
  // It learns the room that said nothing yet, too.
  await away.client.listRooms();
  relay.cut();
  await becomes(away.client, 'lost');
  const gone = ({ Kind, SenderID }: Message) => Kind === 'leave' && SenderID === away.client.id;
  await bob.hears(gone);
  const missed = Array.from({ length: 450 }, (_, i) => `missed ${i}`);
  for (const text of missed) await bob.client.send(text, { room: rooms[0] ?? '' });
  await here.client.send('of the other client', { room: rooms[0] ?? '' });
  await here.hears('missed 449');
  relay.mend();
  await becomes(away.client, 'connected');
  await bob.client.send('last', { room: rooms[0] ?? '' });
  await away.hears('last');
  assert.deepEqual(away.texts(rooms[0]), ['first', ...missed, 'of the other client', 'last']);
  assert.equal(here.texts(rooms[0]).length, 453);
});

test('a room that was deleted, or left by another client of the account, is told by one notice and forgotten', async (t) => {
  const { server, relay } = await cuttable(t);
  await open(server, 'Ann');
  const [guest, account, here, bob] = [
    await join(t, relay, 'Gast', { callback: 'inline' }),
    await member(t, relay, 'Ann', { callback: 'inline' }),
    await member(t, server, 'Ann'),
    await join(t, server, 'Bob'),
  ];
  const [deleted, left] = [await bob.client.createRoom('Deleted'), await bob.client.createRoom('Left')];
  await guest.client.joinRoom(deleted);
  for (const room of [deleted, left]) await account.client.joinRoom(room);
  relay.cut();
  await Promise.all([becomes(guest.client, 'lost'), becomes(account.client, 'lost')]);
  await bob.client.deleteRoom(deleted);
  await here.client.leaveRoom(left);
  relay.mend();
  await Promise.all([guest, account].map(({ client }) => becomes(client, 'connected')));
  await bob.client.send('after');
  await Promise.all([guest.hears('after'), account.hears('after')]);
  const told = (joined: Joined) => notices(joined.shown).map(({ Room }) => Room);
  assert.deepEqual([told(guest), told(account).sort()], [[deleted], [deleted, left].sort()]);
  assert.match(notices(guest.shown)[0]?.Text ?? '', /Deleted/);
  assert.deepEqual([guest.client.rooms.size, account.client.rooms.size], [0, 0]);
  // Another client of the account takes it back there, and it hears the room again.
  await here.client.joinRoom(left);
  await bob.client.send('welcome back', { room: left });
  assert.equal((await account.hears('welcome back')).Room, left);
});

test('rooms that a guest entered stay, when it has become an account and comes back', async (t) => {
  const { server, relay } = await cuttable(t);
  await open(server, 'Ann');
  const [ann, bob] = [await join(t, relay, 'Gast', { callback: 'inline' }), await join(t, server, 'Bob')];
  const room = await bob.client.createRoom('Den', { password: 'sesame' });
  await ann.client.joinRoom(room, { password: 'sesame' });
  await ann.client.logIn('Ann', PASSWORD);
  await bob.client.send('before', { room });
  await ann.hears('before');
  relay.cut();
  await becomes(ann.client, 'lost');
  await bob.hears(({ Kind, SenderID }) => Kind === 'leave' && SenderID === ann.client.id);
  await bob.client.send('meanwhile', { room });
  relay.mend();
  await becomes(ann.client, 'connected');
  await bob.client.send('after', { room });
  await ann.hears('after');
  assert.deepEqual(ann.texts(room), ['before', 'meanwhile', 'after']);
});

test('a room that can be entered only after a pause is waited for, and nothing is said before', async (t) => {
  const server = await script(t, (call) => {
    if (call.method !== 'ChatServer.JoinRoom') return false;
    if (call.nth === 2) call.refuse(-32007, 'RateLimited', { RetryAfterMs: 10 });
    else call.ok({ Success: true, Room: 'DEN', Name: 'Den', Seq: 4 });
    return true;
  });
  const ann = await join(t, server, 'Ann', { callback: 'inline' });
  await ann.client.joinRoom('DEN', { password: 'sesame' });
  await (await server.asked('Register', 1)).client.close();
  await becomes(ann.client, 'lost');
  await ann.client.send('hello', { room: 'DEN' });
  const [, , third] = server.of('JoinRoom');
  const asked = ['Password', 'ResumeAfter', 'Epoch'].map((field) => at(third?.params, field));
  assert.deepEqual(asked, ['sesame', 4, 'epoch-1']);
  const order = server.calls.map(({ method }) => method.replace('ChatServer.', ''));
  assert.deepEqual(order, ['Register', 'JoinRoom', 'Register', 'JoinRoom', 'JoinRoom', 'SendMessage']);
});

test('a token that is void by now ends the client with a clear reason; loops and lines are told', async (t) => {
  const { server, relay } = await cuttable(t);
  await open(server, 'Ann');
  const other = await member(t, server, 'Ann');
  const { client } = await join(t, relay, 'Gast', { callback: 'inline' });
  const { Token } = await client.logIn('Ann', PASSWORD);
  relay.cut();
  await becomes(client, 'lost');
  const waiting = assert.rejects(client.send('too late'), { name: 'ClientClosed' });
  const thief = await join(t, server, 'Dieb', { token: Token });
  await thief.client.logOut();
  relay.mend();
  await becomes(client, 'closed');
  await waiting;
  const { state } = client;
  assert.match(state.kind === 'closed' ? state.reason : '', /log-in of Ann is not valid any more: log in again/);
  assert.equal(other.client.account, 'Ann');
});

test('a log-in that is revoked while the client is connected ends it, although it is called back elsewhere', async (t) => {
  const server = await startRoom();
  t.after(() => server.stop());
  await open(server, 'Ann');
  const { client } = await join(t, server, 'Gast', { pingEveryMs: 20 });
  const { Token } = await client.logIn('Ann', PASSWORD);
  await (await join(t, server, 'Dieb', { token: Token })).client.logOut();
  await becomes(client, 'closed');
  const { state } = client;
  assert.match(state.kind === 'closed' ? state.reason : '', /log-in of Ann/);
});

test('a client that was killed finds the rooms of its registration when it takes that over', async (t) => {
  const server = await startRoom();
  t.after(() => server.stop());
  const folder = mkdtempSync(path.join(tmpdir(), 'partyline-return-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const bob = await join(t, server, 'Bob');
  const room = await bob.client.createRoom('Den');
  const options = { stateFolder: folder, replay: 'missed', reconnect: false } as const;
  const relay = await CuttableRelay.start(server);
  const where = { host: '127.0.0.1', port: relay.port };
  const first = await join(t, where, 'Ann', { ...options, callback: 'auto' });
  await first.client.joinRoom(room);
  relay.cut();
  await becomes(first.client, 'closed');
  relay.mend();
  t.after(() => relay.close());
  const second = await join(t, where, 'Ann', options);
  assert.deepEqual([second.client.id, [...second.client.rooms]], [first.client.id, [[room, 'Den']]]);
  await bob.client.send('hello again', { room });
  await second.hears('hello again');
});
