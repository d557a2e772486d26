/** What becomes of rooms that nobody is in: forgotten in memory, kept on disk, and a guest's deleted when it was empty for too long. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { at, LineClient, type IncomingCall } from './support/line-client.ts';
import { caughtUp, createRoom, joinRoom, openHall, quiet, register, say, type Hall } from './support/hall.ts';
import { join, type Member, type RunningServer } from './support/room.ts';
import { startServer } from './support/server-process.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

async function withFolder(use: (folder: string, open: (now?: number) => Promise<Hall>) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path(tmpdir(), 'partyline-'));
  const halls: Hall[] = [];
  try {
    await use(folder, async (now) => {
      const hall = await openHall(folder, {}, now);
      halls.push(hall);
      return hall;
    });
  } finally {
    for (const hall of halls) await hall.crash();
    await rm(folder, { recursive: true, force: true });
  }
}

test('a room that everybody has left is forgotten once what was on its way to it is said, and comes back as it was', () =>
  withFolder(async (_folder, open) => {
    const hall = await open();
    const { member: ann } = await register(hall, 'ann');
    const room = await createRoom(hall, ann, 'Kept');
    const last = say(hall, ann, room, 'said while leaving');
    hall.membership.leave(ann, room);
    hall.rooms.sweep();
    assert.equal(hall.rooms.get(room.code), room, 'a message is on its way');
    const seq = await last;
    await quiet(hall);
    assert.equal(hall.rooms.get(room.code), undefined);
    const found = (await hall.rooms.hold(room.code.toLowerCase())) ?? assert.fail('it is gone');
    assert.notEqual(found, room);
    assert.deepEqual([found.about, found.log.count, found.log.lastSeq], [room.about, room.log.count, room.log.lastSeq]);
    assert.ok(found.log.lastSeq > seq, 'the leave was said after the message');
    await joinRoom(hall, ann, found);
    hall.rooms.release(found);
    await say(hall, ann, found, 'on it goes');
    assert.equal(found.log.count, room.log.count + 2);
    assert.deepEqual(hall.failures, []);
  }));

test('a room that a call uses is not forgotten, and many who ask for one at the same time get the same', () =>
  withFolder(async (_folder, open) => {
    const hall = await open();
    const { member: ann } = await register(hall, 'ann');
    const room = await createRoom(hall, ann);
    hall.membership.leave(ann, room);
    await quiet(hall);
    assert.equal(hall.rooms.size, 1);
    const [one, two] = await Promise.all([hall.rooms.hold(room.code), hall.rooms.hold(room.code)]);
    assert.ok(one !== undefined && one === two);
    hall.rooms.release(one);
    await quiet(hall);
    assert.equal(hall.rooms.get(room.code), one);
    hall.rooms.release(one);
    await quiet(hall);
    assert.equal(hall.rooms.size, 1);
  }));

test('a guest’s room is deleted when it was empty for a day, a restart in between included, with all that was said in it', () =>
  withFolder(async (_folder, open) => {
    const first = await open();
    const { member: ann } = await register(first, 'ann');
    const [left, crowded] = [await createRoom(first, ann), await createRoom(first, ann)];
    await say(first, ann, left, 'x');
    const leftAt = Date.now();
    first.membership.leave(ann, left);
    await quiet(first);
    assert.equal(await first.keeping.look(leftAt + DAY_MS - 1_000), 2, 'not before');
    await first.crash();

    const restartedAt = leftAt + HOUR_MS;
    const second = await open(restartedAt);
    assert.equal(second.rooms.count, 2);
    assert.equal(await second.keeping.look(leftAt + DAY_MS + 1_000), 1, 'the one that was left before the restart');
    await quiet(second);
    assert.equal(await second.rooms.hold(left.code), undefined);
    while (second.store.rooms.has(left.code)) await second.broadcaster.keep([]);
    assert.equal(second.rooms.count, 1);
    const back = await second.rooms.hold(crowded.code);
    assert.ok(back !== undefined, 'the time of one that had people begins with the restart that took them away');
    second.rooms.release(back);
    await quiet(second);
    assert.equal(await second.keeping.look(restartedAt + DAY_MS + 1_000), 0);
  }));

test('a room is kept while somebody is in it, while an account owns it, and while an account is in it', () =>
  withFolder(async (_folder, open) => {
    const hall = await open();
    const { member: guest } = await register(hall, 'guest');
    const { member: owner } = await register(hall, 'owner', 'acc');
    const { member: visitor } = await register(hall, 'visitor', 'other');
    const [occupied, owned, visited] = [await createRoom(hall, guest), await createRoom(hall, owner), await createRoom(hall, guest)];
    await joinRoom(hall, visitor, visited);
    hall.membership.leave(guest, visited);
    for (const member of [owner, visitor]) hall.membership.dismiss(member, 'left');
    await quiet(hall);
    const late = Date.now() + 400 * DAY_MS;
    assert.equal(await hall.keeping.look(late), 3);
    await quiet(hall);
    for (const { code } of [occupied, owned, visited]) assert.ok((await hall.rooms.hold(code)) !== undefined, code);
  }));

test('a room that was empty once and is entered again is not deleted by the old time, even after a crash', () =>
  withFolder(async (_folder, open) => {
    const first = await open();
    const { member: ann } = await register(first, 'ann');
    const room = await createRoom(first, ann);
    first.membership.leave(ann, room);
    await quiet(first);
    const found = (await first.rooms.hold(room.code)) ?? assert.fail('it is gone');
    await joinRoom(first, ann, found);
    await first.broadcaster.drained();
    await first.crash();
    const second = await open(Date.now() + 2 * DAY_MS);
    assert.equal(second.rooms.count, 1);
  }));

test('what was said in a room that was deleted just before a crash does not stay on the disk', () =>
  withFolder(async (_folder, open) => {
    const first = await open();
    const { member: ann, peer } = await register(first, 'ann');
    const room = await createRoom(first, ann);
    await say(first, ann, room, 'secret');
    const removed = first.rooms.remove(room);
    assert.equal(first.rooms.get(room.code), undefined, 'nobody finds it from the beginning on');
    assert.equal(await first.rooms.hold(room.code), undefined);
    await removed;
    assert.ok(first.store.rooms.has(room.code));
    await first.crash();
    assert.ok(peer.open === 0);
    const second = await open();
    assert.ok(!second.store.rooms.has(room.code));
    assert.equal(second.rooms.count, 0);
  }));

test('a disk that fails deletes nothing and makes nothing', () =>
  withFolder(async (_folder, open) => {
    const hall = await open();
    const { member: ann } = await register(hall, 'ann');
    const room = await createRoom(hall, ann);
    assert.ok(await caughtUp(ann, room));
    await hall.broadcaster.drained();
    await hall.store.close();
    await assert.rejects(hall.rooms.remove(room), { reason: 'StorageFailed' });
    assert.equal(hall.rooms.get(room.code), room);
    await assert.rejects(createRoom(hall, ann), { reason: 'StorageFailed' });
    assert.equal(hall.rooms.count, 1);
  }));

/** A server on `folder`, that can be killed. */
async function serve(folder: string, env: NodeJS.ProcessEnv = {}) {
  const server = await startServer(['--data', folder, '--rate', '0', '--log-level', 'error'], env);
  return { ...server, connect: () => LineClient.connect(server.host, server.port) };
}
const call = ({ client, id }: Member, method: string, more: object = {}): Promise<unknown> =>
  client.call(`ChatServer.${method}`, { UserID: id, ...more });
const joined = async (server: RunningServer, id: string, Room: string, more: object = {}): Promise<Member> => {
  const member = await join(server, { id });
  const answer = await call(member, 'JoinRoom', { Room, ...more });
  assert.equal(at(answer, 'result', 'Success'), true, JSON.stringify(answer));
  return member;
};

test('guests who come back after a kill -9 find their room: its name, its password, and what each of them missed', () =>
  withFolder(async (folder) => {
    const first = await serve(folder);
    const ann = await join(first, { id: 'ann' });
    const code = String(at(await call(ann, 'CreateRoom', { Name: 'Ours', Password: 'knock' }), 'result', 'Code'));
    const bob = await joined(first, 'bob', code, { Password: 'knock' });
    for (const Text of ['0', '1']) await call(ann, 'SendMessage', { Room: code, Text });
    const seen = await bob.hear(({ Text }) => Text === '0');
    first.signal('SIGKILL');
    await first.exited;
    const second = await serve(folder);
    try {
      const eve = await join(second, { id: 'eve' });
      assert.equal(at(await call(eve, 'JoinRoom', { Room: code, Password: 'wrong' }), 'error', 'data', 'Reason'), 'Forbidden');
      const again = await joined(second, 'bob', code, { Password: 'knock', ResumeAfter: seen.Seq, Epoch: bob.epoch });
      await again.hear(({ Text }) => Text === '1');
      await joined(second, 'ann', code, { Password: 'knock' });
      await again.hear(({ Kind, Room }) => Kind === 'join' && Room === code);
      assert.deepEqual(
        again.heard.filter(({ Room, Kind }) => Room === code && Kind === 'chat').map(({ Text }) => Text),
        ['1'],
      );
    } finally {
      await second.stop();
    }
  }));

test('a server that stops brings the members of every room what it acknowledged there', () =>
  withFolder(async (folder) => {
    const server = await serve(folder, { PARTYLINE_LIMIT_WINDOW_CALLS: '2' });
    const ann = await join(server, { id: 'ann' });
    const code = String(at(await call(ann, 'CreateRoom', { Name: 'Den' }), 'result', 'Code'));
    const bob = await joined(server, 'bob', code);
    const waiting: IncomingCall[] = [];
    bob.client.onCall((each) => waiting.push(each));
    for (let index = 0; index < 50; index += 1) await call(ann, 'SendMessage', { Room: code, Text: `${index}` });
    const stopped = server.stop();
    const goodbye = await ann.hear(({ Kind }) => Kind === 'notice');
    assert.equal(goodbye.Room, 'lobby');
    assert.equal(waiting.length, 2, 'the rest has not even been sent');
    const texts: unknown[] = [];
    const answer = (each: IncomingCall): void => {
      texts.push(at(each.params, 0, 'Message', 'Text'));
      bob.client.answer(each, { Success: true });
    };
    bob.client.onCall(answer);
    for (const each of waiting) answer(each);
    assert.equal((await stopped).code, 0);
    await bob.client.gone();
    const said = texts.filter((text) => /^\d+$/.test(String(text)));
    assert.deepEqual(
      said,
      Array.from({ length: 50 }, (_, index) => `${index}`),
    );
  }));
