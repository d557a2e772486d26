/** An account is in its rooms whoever is here and whatever was restarted, and goes on in each where it has read to. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { destroy } from '../server/methods/rooms.ts';
import type { Member } from '../server/member.ts';
import type { Room } from '../server/room.ts';
import { silentLog } from '../commons/log.ts';
import { caughtUp, createRoom, type Hall, joinRoom, logInOf, openHall, quiet, register, say } from './support/hall.ts';

async function withFolder(use: (open: () => Promise<Hall>) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path(tmpdir(), 'partyline-'));
  const halls: Hall[] = [];
  try {
    await use(async () => {
      const hall = await openHall(folder);
      halls.push(hall);
      return hall;
    });
  } finally {
    for (const hall of halls) await hall.crash();
    await rm(folder, { recursive: true, force: true });
  }
}

const numbered = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => `${from + index}`);
async function talk(hall: Hall, speaker: Member, room: Room, from: number, to: number): Promise<void> {
  for (const text of numbered(from, to)) await say(hall, speaker, room, text);
}
/** The room as it is in memory now. */
function living(hall: Hall, code: string): Room {
  return hall.rooms.get(code) ?? assert.fail(`${code} is not in memory`);
}
async function facts(hall: Hall, prefix: string): Promise<string[]> {
  return [...(await hall.store.records(prefix)).keys()];
}

test('an account that comes back is in its rooms at once and gets what it missed in each, once', () =>
  withFolder(async (open) => {
    const hall = await open();
    const { member: speaker } = await register(hall, 'speaker');
    const { member: first, peer: before } = await register(hall, 'first', 'acc');
    const [one, two] = [await createRoom(hall, speaker), await createRoom(hall, speaker)];
    for (const room of [one, two]) await joinRoom(hall, first, room);
    await talk(hall, speaker, one, 0, 5);
    await talk(hall, speaker, two, 100, 105);
    for (const room of [one, two]) assert.ok(await caughtUp(first, room));
    hall.membership.dismiss(first, 'left');
    await talk(hall, speaker, one, 5, 10);
    await talk(hall, speaker, two, 105, 107);
    const { member: second, peer: after } = await register(hall, 'second', 'acc');
    for (const room of [one, two]) assert.ok(await caughtUp(second, room));
    assert.deepEqual(before.texts, [...numbered(0, 5), ...numbered(100, 105)]);
    assert.deepEqual([...after.texts].sort(), [...numbered(5, 10), ...numbered(105, 107)].sort());
    assert.ok(one.has(second) && two.has(second));
  }));

test('who comes back at once gets nothing twice: what it had read is known before it is let in', () =>
  withFolder(async (open) => {
    const hall = await open();
    const { member: speaker } = await register(hall, 'speaker');
    const { member: first } = await register(hall, 'first', 'acc');
    const room = await createRoom(hall, speaker);
    await joinRoom(hall, first, room);
    await talk(hall, speaker, room, 0, 5);
    assert.ok(await caughtUp(first, room));
    hall.membership.dismiss(first, 'left');
    const arrival = await hall.accountRooms.expect('acc');
    const [after] = arrival.rooms.values();
    arrival.release();
    const seqs = (await hall.store.after(room.code, 0, 1_000_000)).flatMap((segment) => segment.seqs);
    assert.ok(after !== undefined && seqs.filter((seq) => seq > after).length <= 1, 'all but its own leave was read');
    const { peer } = await register(hall, 'second', 'acc');
    await say(hall, speaker, room, 'end');
    await peer.heard(({ texts }) => texts.includes('end'), 'the end');
    assert.deepEqual(peer.texts, ['end']);
  }));

test('over a restart too: with its rooms read back from the disk, while nobody else is there', () =>
  withFolder(async (open) => {
    const first = await open();
    const { member: speaker } = await register(first, 'speaker');
    const { member } = await register(first, 'reader', 'acc');
    const room = await createRoom(first, speaker, 'Kept');
    await joinRoom(first, member, room);
    await talk(first, speaker, room, 0, 5);
    assert.ok(await caughtUp(member, room));
    await first.accountRooms.save();
    await talk(first, speaker, room, 5, 8);
    await first.broadcaster.drained();
    await first.crash();

    const second = await open();
    const { member: again, peer } = await register(second, 'again', 'acc');
    const found = living(second, room.code);
    assert.deepEqual([found.about.name, found.members.length], ['Kept', 1]);
    assert.ok(await caughtUp(again, found));
    // What was answered after the last writing down may come again, with its number; nothing may be missing.
    assert.deepEqual(peer.texts, numbered(5, 8));
  }));

test('what was not written down before a crash comes again, and nothing is left out', () =>
  withFolder(async (open) => {
    const first = await open();
    const { member: speaker } = await register(first, 'speaker');
    const { member, peer: before } = await register(first, 'reader', 'acc');
    const room = await createRoom(first, speaker);
    await joinRoom(first, member, room);
    await talk(first, speaker, room, 0, 5);
    assert.ok(await caughtUp(member, room));
    await first.crash();
    const second = await open();
    const { member: again, peer } = await register(second, 'again', 'acc');
    assert.ok(await caughtUp(again, living(second, room.code)));
    const seqsOf = ({ messages }: typeof peer) => messages.filter(({ Kind }) => Kind === 'chat').map(({ Seq }) => Seq);
    assert.deepEqual(peer.texts, numbered(0, 5));
    assert.deepEqual(seqsOf(peer), seqsOf(before), 'under the same numbers, so that it is shown once');
  }));

test('writing down costs nothing for rooms in which nothing was read', () =>
  withFolder(async (open) => {
    const hall = await open();
    const { member: speaker } = await register(hall, 'speaker');
    const { member } = await register(hall, 'reader', 'acc');
    const room = await createRoom(hall, speaker);
    await joinRoom(hall, member, room);
    await talk(hall, speaker, room, 0, 3);
    assert.ok(await caughtUp(member, room));
    await hall.accountRooms.save();
    const before = hall.store.lastSeq;
    await hall.accountRooms.save();
    assert.equal(hall.store.lastSeq, before);
    await say(hall, speaker, room, 'one more');
    assert.ok(await caughtUp(member, room));
    await hall.accountRooms.save();
    assert.equal(hall.store.lastSeq, before + 2);
  }));

test('all registrations of an account are in its rooms; the last one to go takes the account out of memory, not out of its rooms', () =>
  withFolder(async (open) => {
    const hall = await open();
    const { member: one } = await register(hall, 'one', 'acc');
    const room = await createRoom(hall, one);
    const { member: two } = await register(hall, 'two', 'acc');
    assert.ok(room.has(two));
    assert.deepEqual(hall.accountRooms.registrations(one), [one, two]);
    assert.deepEqual([two.owned.has(room.code), hall.accountRooms.count('acc')], [true, 1]);
    for (const member of [one, two]) hall.membership.dismiss(member, 'left');
    assert.equal(hall.accountRooms.size, 0);
    await quiet(hall);
    assert.equal(hall.rooms.size, 1);
    const { member: three } = await register(hall, 'three', 'acc');
    assert.deepEqual([living(hall, room.code).has(three), three.owned.has(room.code)], [true, true]);
  }));

test('a guest’s registration that becomes an account’s is in its rooms from then on, stays in its own, and leaves like any other', () =>
  withFolder(async (open) => {
    const hall = await open();
    const { member: first } = await register(hall, 'first', 'acc');
    const shared = await createRoom(hall, first);
    const { member: guest } = await register(hall, 'guest');
    const own = await createRoom(hall, guest);
    const arrival = await hall.accountRooms.expect('acc');
    assert.deepEqual([...hall.membership.carriedOn(guest, arrival).keys()], [shared, own]);
    hall.registry.bind(guest, logInOf('acc'));
    hall.membership.bind(guest, arrival);
    hall.membership.bind(guest, arrival);
    arrival.release();
    assert.deepEqual([guest.accountId, shared.has(guest), own.has(guest)], ['acc', true, true]);
    assert.deepEqual([...guest.owned].sort(), [shared.code, own.code].sort());
    assert.deepEqual(hall.accountRooms.registrations(guest), [guest, first]);
    for (const member of [first, guest]) hall.membership.dismiss(member, 'left');
    assert.equal(hall.accountRooms.size, 0);
  }));

test('a room that an account has left does not come back, even when it was being written down', () =>
  withFolder(async (open) => {
    const hall = await open();
    const { member: speaker } = await register(hall, 'speaker');
    const { member } = await register(hall, 'reader', 'acc');
    const room = await createRoom(hall, speaker);
    await joinRoom(hall, member, room);
    await talk(hall, speaker, room, 0, 3);
    assert.ok(await caughtUp(member, room));
    await Promise.all([hall.accountRooms.left(member, room), hall.accountRooms.save()]);
    hall.membership.leave(member, room);
    hall.membership.dismiss(member, 'left');
    await hall.broadcaster.drained();
    assert.deepEqual([...(await facts(hall, 'member/')), ...(await facts(hall, 'inside/'))], []);
    const { member: again } = await register(hall, 'again', 'acc');
    assert.ok(!room.has(again));
  }));

test('a room that is deleted while an account is away is gone for it, with every fact about it', () =>
  withFolder(async (open) => {
    const hall = await open();
    const { member: speaker } = await register(hall, 'speaker');
    const { member } = await register(hall, 'reader', 'acc');
    const room = await createRoom(hall, speaker);
    await joinRoom(hall, member, room);
    hall.membership.dismiss(member, 'left');
    await hall.broadcaster.drained();
    await remove(hall, room);
    await quiet(hall);
    assert.deepEqual(await allFacts(hall), []);
    const { member: again } = await register(hall, 'again', 'acc');
    assert.deepEqual([...hall.membership.roomsOf(again)], [hall.rooms.lobby]);
  }));

test('an account that is deleted leaves no fact behind, and its rooms go with it', () =>
  withFolder(async (open) => {
    const hall = await open();
    const { member: speaker } = await register(hall, 'speaker');
    const { member } = await register(hall, 'owner', 'acc');
    const [own, other] = [await createRoom(hall, member), await createRoom(hall, speaker)];
    await joinRoom(hall, member, other);
    assert.deepEqual(await hall.accountRooms.ownedBy('acc'), [own.code]);
    await hall.broadcaster.keep(await hall.accountRooms.farewell('acc'));
    for (const code of await hall.accountRooms.ownedBy('acc')) await hall.rooms.using(code, (room) => remove(hall, room));
    hall.membership.dismiss(member, 'its account was deleted');
    await quiet(hall);
    await hall.broadcaster.drained();
    assert.deepEqual(await allFacts(hall), [`room/${other.code}`]);
    assert.equal(hall.rooms.get(own.code), undefined);
  }));

/** As DeleteRoom does. */
const remove = (hall: Hall, room: Room): Promise<void> => destroy({ ...hall, log: silentLog() }, room);

async function allFacts(hall: Hall): Promise<string[]> {
  const kinds = await Promise.all(['room/', 'owned/', 'member/', 'inside/'].map((prefix) => facts(hall, prefix)));
  return kinds.flat();
}
