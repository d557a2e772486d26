/** Steps in rooms: making, entering, leaving and deleting them, speaking there, and looking around. */
import assert from 'node:assert/strict';
import { at } from '../line-client.ts';
import type { Stage } from './stage.ts';
import { answers, anyone, anyRoom, ask, flush, numberOf, step, wordOf, type Step } from './steps.ts';
import { entry, shownIn, Stream, type Entry } from './stream.ts';
import type { Registration, Room, World } from './world.ts';

const KEY = 'the key';

export const createRoom = (who: number, isProtected: boolean): Step =>
  step('CreateRoom', [who, isProtected], (world) => {
    const registration = anyone(world, who);
    if (registration === undefined || world.rooms.length > 4) return undefined;
    return async (stage) => {
      const name = `Room ${world.rooms.length}`;
      const answer = await ask(stage, registration, 'CreateRoom', { Name: name, ...(isProtected ? { Password: KEY } : {}) });
      answers(answer, 'ok');
      world.commit();
      world.created({ code: wordOf(answer, 'Code'), name, password: isProtected ? KEY : undefined }, registration);
    };
  });

function isOwner({ account }: Registration, registration: Registration, room: Room): boolean {
  return room.owner !== undefined && (room.owner === account || room.owner === registration);
}

/** @param given whether the password is right, where there is one */
export const joinRoom = (who: number, which: number, given: boolean, resumes: boolean): Step =>
  step('JoinRoom', [who, which, given, resumes], (world) => {
    const [registration, room] = [anyone(world, who), anyRoom(world, which)];
    if (registration === undefined || room === undefined || room === world.lobby) return undefined;
    // Who left with something unanswered begins again once it is answered.
    if (world.registrationsOf(registration.person).some(({ hangs }) => hangs)) return undefined;
    const isThere = room.members.has(registration);
    // What may still come of the former place cannot be told from what comes again.
    if (isThere && resumes && registration.streams.get(room)?.isCertain !== true) return undefined;
    const mayEnter = isThere || isOwner(registration, registration, room) || room.password === undefined || given;
    return async (stage) => {
      const place = resumes ? (world.seen.get(registration.id)?.get(room) ?? 0) : undefined;
      const more = {
        ...(given ? { Password: KEY } : { Password: 'a wrong guess' }),
        ...(place === undefined ? {} : { ResumeAfter: room.log[place - 1]?.seq ?? 0 }),
      };
      const answer = await ask(stage, registration, 'JoinRoom', { Room: room.code.toLowerCase(), ...more });
      answers(answer, room.isGone ? 'NotFound' : mayEnter ? 'ok' : 'Forbidden');
      if (room.isGone || !mayEnter) return;
      assert.deepEqual([wordOf(answer, 'Room'), wordOf(answer, 'Name')], [room.code, room.name]);
      if (!isThere) world.joined(registration, room, place ?? room.log.length);
      else if (place !== undefined) registration.streams.set(room, new Stream(room.log, registration.id, place));
    };
  });

export const leaveRoom = (who: number, which: number): Step =>
  step('LeaveRoom', [who, which], (world) => {
    const [registration, room] = [anyone(world, who), anyRoom(world, which)];
    if (registration === undefined || room === undefined) return undefined;
    return async (stage) => {
      const may = room !== world.lobby && room.members.has(registration);
      answers(await ask(stage, registration, 'LeaveRoom', { Room: room.code }), room.isGone ? 'NotFound' : may ? 'ok' : 'Forbidden');
      if (may) world.left(registration, room);
    };
  });

export const deleteRoom = (who: number, which: number): Step =>
  step('DeleteRoom', [who, which], (world) => {
    const [registration, room] = [anyone(world, who), anyRoom(world, which)];
    if (registration === undefined || room === undefined) return undefined;
    return async (stage) => {
      const may = isOwner(registration, registration, room);
      answers(await ask(stage, registration, 'DeleteRoom', { Room: room.code }), room.isGone ? 'NotFound' : may ? 'ok' : 'Forbidden');
      if (!room.isGone && may) world.deleted(room);
    };
  });

/** What a sender calls a message, if anything; few, so that they are used again. */
export const idOf = (number: number): string | undefined => (number < 3 ? `message ${number}` : undefined);

export const sendMessage = (who: number, which: number, number: number): Step =>
  step('SendMessage', [who, which, number], (world) => {
    const [registration, room] = [anyone(world, who), anyRoom(world, which)];
    if (registration === undefined || room === undefined) return undefined;
    return async (stage) => {
      const [Text, MessageID] = [world.text(), idOf(number)];
      const answer = await ask(stage, registration, 'SendMessage', {
        Text,
        Room: room.code,
        ...(MessageID === undefined ? {} : { MessageID }),
      });
      answers(answer, room.isGone ? 'NotFound' : room.members.has(registration) ? 'ok' : 'Forbidden');
      if (room.members.has(registration)) said(world, room.log, entry('chat', registration.id, Text), MessageID, answer);
    };
  });

/** A send was answered: it is a new message, or the repetition of one that was said before. */
export function said(world: World, log: Entry[], sent: Entry, messageId: string | undefined, answer: unknown): void {
  const seq = numberOf(answer);
  const key = `${sent.sender} ${messageId}`;
  const first = messageId === undefined ? undefined : world.sent.get(key);
  const isRepeated = at(answer, 'result', 'Duplicate') === true;
  if (first?.fate === 'unknown') first.fate = isRepeated ? 'said' : 'unsaid';
  assert.equal(isRepeated, first?.fate === 'said', `a repetition? ${JSON.stringify(answer)}`);
  if (first !== undefined && isRepeated) {
    assert.equal(seq, (first.seq ??= seq));
    return;
  }
  world.commit();
  assert.ok(seq > world.lastSeq, `${seq} was given after ${world.lastSeq}`);
  sent.seq = seq;
  world.say(log, sent);
  if (messageId !== undefined) world.sent.set(key, sent);
}

export const history = (who: number, which: number): Step =>
  step('History', [who, which], (world) => {
    const [registration, room] = [anyone(world, who), anyRoom(world, which)];
    if (registration === undefined || room === undefined) return undefined;
    return (stage) => readHistory(stage, registration, room);
  });

/** All that was said in a room is there, in its order, and nothing else. */
export async function readHistory(stage: Stage, registration: Registration, room: Room): Promise<void> {
  await flush(stage, registration);
  const answer = await ask(stage, registration, 'History', { Room: room.code, After: 0, Limit: 200 });
  answers(answer, room.isGone ? 'NotFound' : room.members.has(registration) ? 'ok' : 'Forbidden');
  const messages = at(answer, 'result', 'Messages');
  if (!Array.isArray(messages)) return;
  const stream = new Stream(room.log, undefined, 0);
  for (const message of messages) stream.take(shownIn(message), true);
  assert.equal(stream.missing, undefined, `${room.code} has lost something`);
}

/** What a client sees of rooms and people is what there is. */
export const look = (who: number, which: number): Step =>
  step('Look', [who, which], (world) => {
    const [registration, room] = [anyone(world, who), anyRoom(world, which)];
    if (registration === undefined || room === undefined) return undefined;
    return async (stage) => {
      const listed = at(await ask(stage, registration, 'ListRooms'), 'result', 'Rooms');
      assert.ok(Array.isArray(listed));
      const bySort = (rows: string[]): string[] => rows.sort();
      const facts = ['Room', 'Name', 'Members', 'Protected', 'Joined', 'Owned'] as const;
      assert.deepEqual(
        bySort(listed.map((each: unknown) => facts.map((field) => JSON.stringify(at(each, field) ?? false)).join(' '))),
        bySort(world.rooms.filter(({ isGone }) => !isGone).map((each) => rowOf(each, registration))),
      );
      const answer = await ask(stage, registration, 'ListUsers', { Room: room.code });
      answers(answer, room.isGone ? 'NotFound' : room.members.has(registration) ? 'ok' : 'Forbidden');
      const users = at(answer, 'result', 'Users');
      if (!Array.isArray(users)) return;
      assert.deepEqual(
        users.map((user: unknown) => [at(user, 'ID'), at(user, 'Account')]),
        [...world.registrations.values()].filter((each) => room.members.has(each)).map(({ id, account }) => [id, account !== undefined]),
      );
    };
  });

function rowOf(room: Room, registration: Registration): string {
  const [joined, owned] = [room.members.has(registration), isOwner(registration, registration, room)];
  return [room.code, room.name, room.members.size, room.password !== undefined, joined, owned]
    .map((fact) => JSON.stringify(fact))
    .join(' ');
}
