/** 10,000 rooms cost memory only for what is alive in them, and nothing to look after while there is nothing to do. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { setImmediate as turn } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { at } from './support/line-client.ts';
import { createRoom, openHall, quiet, register, say } from './support/hall.ts';
import { join, withServer } from './support/room.ts';
import type { Member } from '../server/member.ts';
import type { Room } from '../server/room.ts';

const ROOMS = 10_000;
const MANY = { roomsPerMember: ROOMS, roomsPerOwner: ROOMS };
const inMiB = (bytes: number): number => Math.round(bytes / 104_857.6) / 10;
setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

function isCallable(value: unknown): value is () => void {
  return typeof value === 'function';
}

/** What is in use after everything that can be collected was: what is under way still holds some at first, until its turn ends. */
async function memory(): Promise<{ readonly heap: number; readonly rss: number }> {
  assert.ok(isCallable(collect));
  for (let before = Infinity; ;) {
    collect();
    const { heapUsed, rss } = process.memoryUsage();
    if (heapUsed > before - 100_000) return { heap: inMiB(heapUsed), rss: inMiB(rss) };
    before = heapUsed;
    await turn();
  }
}

test('10,000 rooms that were made, spoken in and left are on disk and not in memory; a trim of them reads and writes nothing', async (t) => {
  const folder = await mkdtemp(path(tmpdir(), 'partyline-'));
  const hall = await openHall(folder, { roomsPerOwner: 100 });
  try {
    const members = await Promise.all(Array.from({ length: 100 }, async (_, index) => (await register(hall, `m${index}`)).member));
    const before = await memory();
    const owned = new Map<Member, Room[]>();
    for (const member of members)
      owned.set(member, await Promise.all(Array.from({ length: ROOMS / 100 }, (_, index) => createRoom(hall, member, `room ${index}`))));
    for (const [member, rooms] of owned) await Promise.all(rooms.map((room) => say(hall, member, room, 'hello')));
    await hall.broadcaster.drained();
    const alive = await memory();
    assert.deepEqual([hall.rooms.size, hall.rooms.count], [ROOMS + 1, ROOMS]);
    const held = hall.memory.bytes;
    for (const [member, rooms] of owned) for (const room of rooms) hall.membership.leave(member, room);
    owned.clear();
    await quiet(hall);
    assert.equal(hall.rooms.size, 1);
    assert.equal(hall.memory.bytes, hall.rooms.lobby.log.bytes, 'nothing is kept of rooms that are not alive');
    const after = await memory();
    t.diagnostic(`heap, MiB: ${before.heap} before, ${alive.heap} with ${ROOMS} rooms alive, ${after.heap} when all were left`);
    t.diagnostic(`RSS, MiB: ${before.rss}, ${alive.rss}, ${after.rss}; the logs of the rooms held ${inMiB(held)}`);
    assert.ok(after.heap - before.heap < 20, 'less than 2 KiB is left of a room that nobody is in');

    // Each trim learns how old the oldest messages of some rooms are; then none has to be looked at.
    const retention = { maxAgeMs: 3_600_000, maxCount: 1_000, maxBytes: 1_000_000 };
    const now = Date.now();
    for (let count = 0; count < 25; count += 1) await hall.store.trim(retention, now);
    const order: string[] = [];
    const append = hall.broadcaster.keep([{ key: 'test/x', value: 'x' }]).then(() => order.push('append'));
    const direct = hall.store.append([], [{ key: 'test/y', value: 'y' }]).then(() => order.push('write'));
    const began = performance.now();
    await hall.store.trim(retention, now).then(() => order.push('trim'));
    t.diagnostic(`a trim of ${ROOMS} rooms with nothing to forget: ${(performance.now() - began).toFixed(2)} ms`);
    await Promise.all([append, direct]);
    assert.equal(order[0], 'trim', 'it waited for no read and for no write');

    // And they are all there.
    const found = (await hall.rooms.hold([...hall.store.rooms.keys()].find((code) => code !== 'lobby') ?? '')) ?? assert.fail();
    assert.equal(found.log.count > 0, true);
    hall.rooms.release(found);
    assert.equal(await hall.keeping.look(Date.now()), ROOMS);
  } finally {
    await hall.crash();
    await rm(folder, { recursive: true, force: true });
  }
});

test('with thousands of rooms the list has the most populated first, within one frame, and the answer to a call is the same as ever', () =>
  withServer({ limits: { ...MANY, roomsPerOwner: 3_000 } }, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann', callback: 'none' }), await join(server, { id: 'bob', callback: 'none' })];
    const codes: string[] = [];
    for (let made = 0; made < 3_000; made += 1) {
      const answer = await ann.client.call('ChatServer.CreateRoom', { UserID: 'ann', Name: `a room with number ${made}` });
      codes.push(String(at(answer, 'result', 'Code')));
    }
    assert.equal(new Set(codes).size, 3_000);
    const popular = codes[1_234] ?? '';
    await bob.client.call('ChatServer.JoinRoom', { UserID: 'bob', Room: popular });
    await bob.client.call('ChatServer.LeaveRoom', { UserID: 'bob', Room: codes[0] });
    const eve = await join(server, { id: 'eve', callback: 'none' });
    eve.client.writeFrame({ jsonrpc: '2.0', id: 1, method: 'ChatServer.ListRooms', params: { UserID: 'eve' } });
    const raw = await eve.client.nextRaw();
    assert.ok(raw.length < 65_536, `${raw.length} bytes`);
    const rooms = at(JSON.parse(raw), 'result', 'Rooms');
    assert.ok(Array.isArray(rooms) && rooms.length > 300 && rooms.length <= 1_001, 'as many as fit');
    assert.deepEqual([at(rooms[0], 'Room'), at(rooms[1], 'Room'), at(rooms[1], 'Members')], ['lobby', popular, 2]);
    const heard = await ann.client.call('ChatServer.SendMessage', { UserID: 'ann', Room: popular, Text: 'x' });
    assert.equal(at(heard, 'result', 'Success'), true);
  }));
