/** Rooms: made by anybody, entered by code, a log and an order each, and gone without a trace when their owner says so. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { at, type IncomingCall } from './support/line-client.ts';
import { join, withServer, type Heard, type Member } from './support/room.ts';

const reasonOf = (answer: unknown): unknown => (at(answer, 'result', 'Success') === true ? 'ok' : at(answer, 'error', 'data', 'Reason'));
const call = ({ client, id }: Member, method: string, more: object = {}): Promise<unknown> =>
  client.call(`ChatServer.${method}`, { UserID: id, ...more });
const say = (member: Member, Room: string, Text: string, more: object = {}): Promise<unknown> =>
  call(member, 'SendMessage', { Room, Text, ...more });
const enter = async (member: Member, Room: string, more: object = {}): Promise<number> => {
  const answer = await call(member, 'JoinRoom', { Room, ...more });
  assert.equal(reasonOf(answer), 'ok', JSON.stringify(answer));
  return Number(at(answer, 'result', 'Seq'));
};
const create = async (member: Member, Name = 'Den', more: object = {}): Promise<string> => {
  const answer = await call(member, 'CreateRoom', { Name, ...more });
  const code = at(answer, 'result', 'Code');
  assert.ok(typeof code === 'string', JSON.stringify(answer));
  return code;
};
const chats = (heard: readonly Heard[]): string[] => heard.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text);
const listed = async (member: Member): Promise<readonly unknown[]> => list(at(await call(member, 'ListRooms'), 'result', 'Rooms'));
const usersIn = async (member: Member, Room: string): Promise<readonly unknown[]> =>
  list(at(await call(member, 'ListUsers', { Room }), 'result', 'Users')).map((user) => at(user, 'ID'));

function list(value: unknown): readonly unknown[] {
  assert.ok(Array.isArray(value), JSON.stringify(value));
  return value;
}

test('a room has a code of six unmistakable characters, its maker as first member, and no joining leaves the lobby', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' })];
    const code = await create(ann);
    assert.match(code, /^[ACDEFGHJKMNPRTVWXY34679]{6}$/);
    assert.deepEqual(await usersIn(ann, code), ['ann']);
    const answer = await call(bob, 'JoinRoom', { Room: code.toLowerCase() });
    assert.deepEqual([at(answer, 'result', 'Room'), at(answer, 'result', 'Name')], [code, 'Den']);
    assert.deepEqual(await usersIn(bob, code.toLowerCase()), ['ann', 'bob']);
    assert.deepEqual(await usersIn(bob, 'LOBBY'), ['ann', 'bob']);
  }));

test('no room has the name of the lobby, nor one that looks like it', () =>
  withServer({}, async (server) => {
    const ann = await join(server, { id: 'ann' });
    for (const Name of [
      'Lobby',
      'LOBBY',
      'lobby',
      'L0bby',
      '1obby',
      'Lo\u0308bby',
      'Lоbby',
      'L o b b y',
      'Lobby.',
      '🏠 Lobby',
      'Ｌｏｂｂｙ',
    ]) {
      const answer = await call(ann, 'CreateRoom', { Name });
      assert.deepEqual([reasonOf(answer), at(answer, 'error', 'data', 'Issues', 0, 'Path')], ['InvalidParams', 'Name'], Name);
    }
    for (const name of ['Lobby of Ann', 'Hobby', 'Lobbies']) await create(ann, name);
  }));

test('what is said in a room is heard by its members in its order, and by nobody else', () =>
  withServer({}, async (server) => {
    const [ann, bob, eve] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' }), await join(server, { id: 'eve' })];
    const code = await create(ann);
    await enter(bob, code);
    for (let index = 0; index < 20; index += 1) {
      await say(ann, code, `in ${index}`);
      await ann.say(`out ${index}`);
    }
    await bob.hear(({ Text }) => Text === 'out 19');
    await eve.hear(({ Text }) => Text === 'out 19');
    const inRoom = bob.heard.filter(({ Room }) => Room === code);
    assert.deepEqual(
      chats(inRoom),
      Array.from({ length: 20 }, (_, index) => `in ${index}`),
    );
    assert.ok(inRoom.every(({ Seq }, index) => index === 0 || Seq > (inRoom[index - 1]?.Seq ?? 0)));
    assert.ok(!eve.heard.some(({ Room }) => Room === code), 'who is not in the room hears nothing of it');
    assert.equal(chats(eve.heard).length, 20);
    const page = at(await call(bob, 'History', { Room: code }), 'result', 'Messages');
    assert.ok(Array.isArray(page));
    assert.equal(page.filter((message) => at(message, 'Kind') === 'chat').length, 20);
  }));

test('who is not in a room is refused, and a room that does not exist is not found, by every call about one', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' })];
    const code = await create(ann);
    for (const [method, more] of [
      ['SendMessage', { Text: 'x' }],
      ['History', {}],
      ['ListUsers', {}],
      ['LeaveRoom', {}],
      ['DeleteRoom', {}],
    ] as const) {
      assert.equal(reasonOf(await call(bob, method, { Room: code, ...more })), 'Forbidden', method);
      assert.equal(reasonOf(await call(bob, method, { Room: 'AAAAAA', ...more })), 'NotFound', method);
    }
    assert.equal(reasonOf(await call(bob, 'JoinRoom', { Room: 'AAAAAA' })), 'NotFound');
    assert.equal(reasonOf(await bob.client.call('ChatServer.JoinRoom', { UserID: 'ann', Room: code })), 'Unauthorized');
    assert.equal(reasonOf(await call(ann, 'LeaveRoom', { Room: 'lobby' })), 'Forbidden');
    assert.equal(reasonOf(await call(ann, 'DeleteRoom', { Room: 'lobby' })), 'Forbidden');
    assert.equal(at(await call(ann, 'CreateRoom', { Name: 'two\nlines' }), 'error', 'data', 'Issues', 0, 'Path'), 'Name');
  }));

test('a password keeps strangers out, and who guesses is slowed, in that room only', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' })];
    const [code, other] = [await create(ann, 'Safe', { Password: 'right' }), await create(ann, 'Safe 2', { Password: 'right' })];
    assert.equal(reasonOf(await call(bob, 'JoinRoom', { Room: code })), 'Forbidden');
    for (let guess = 0; guess < 5; guess += 1)
      assert.equal(reasonOf(await call(bob, 'JoinRoom', { Room: code, Password: `wrong ${guess}` })), 'Forbidden');
    const slowed = await call(bob, 'JoinRoom', { Room: code, Password: 'right' });
    assert.equal(reasonOf(slowed), 'RateLimited');
    assert.ok(Number(at(slowed, 'error', 'data', 'RetryAfterMs')) > 0);
    assert.deepEqual(await usersIn(ann, code), ['ann']);
    await enter(bob, other, { Password: 'right' });
    assert.deepEqual(await usersIn(ann, other), ['ann', 'bob']);
    await call(ann, 'LeaveRoom', { Room: code });
    await enter(ann, code);
  }));

test('many guesses at the same time are as many, not one', () =>
  withServer({}, async (server) => {
    const ann = await join(server, { id: 'ann' });
    const code = await create(ann, 'Safe', { Password: 'right' });
    const guessers = await Promise.all(Array.from({ length: 12 }, (_, index) => join(server, { id: `g${index}`, callback: 'none' })));
    const reasons = await Promise.all(
      guessers.map(async (guesser) => reasonOf(await call(guesser, 'JoinRoom', { Room: code, Password: 'x' }))),
    );
    assert.ok(reasons.filter((reason) => reason === 'Forbidden').length <= 5, String(reasons));
    assert.ok(reasons.includes('RateLimited'));
  }));

test('who leaves a room hears nothing more of it, speaks there no more, and the others are told once', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' })];
    const code = await create(ann);
    await enter(bob, code);
    assert.equal(reasonOf(await call(bob, 'LeaveRoom', { Room: code })), 'ok');
    await say(ann, code, 'after');
    await ann.say('the end');
    await bob.hear(({ Text }) => Text === 'the end');
    assert.deepEqual(chats(bob.heard), ['the end']);
    assert.equal(reasonOf(await say(bob, code, 'x')), 'Forbidden');
    await ann.hear(({ Kind, Room }) => Kind === 'leave' && Room === code);
    assert.deepEqual(
      ann.heard.filter(({ Room }) => Room === code).map(({ Content }) => Content),
      ['User bob joined the chat', 'User bob left the chat'],
    );
    assert.equal(ann.heard.filter(({ Kind, Room }) => Kind === 'leave' && Room === 'lobby').length, 0);
  }));

test('only the owner deletes a room; each member is told with one notice, even one that is far behind, and nothing is left', () =>
  withServer({ limits: { windowCalls: 2 } }, async (server) => {
    const [ann, bob, slow] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' }), await join(server, { id: 'slow' })];
    const code = await create(ann);
    await enter(bob, code);
    await enter(slow, code);
    // It reads, and answers nothing: two calls are open, eight messages are behind.
    const waiting: IncomingCall[] = [];
    slow.client.onCall((each) => waiting.push(each));
    for (let index = 0; index < 10; index += 1) await say(ann, code, `${index}`);
    assert.equal(reasonOf(await call(bob, 'DeleteRoom', { Room: code })), 'Forbidden');
    assert.equal(reasonOf(await call(ann, 'DeleteRoom', { Room: code })), 'ok');
    const notice = await bob.hear(({ Kind }) => Kind === 'notice');
    assert.deepEqual([notice.Room, notice.Text], [code, 'The room Den was deleted by its owner.']);
    const texts: unknown[] = [];
    const answer = (each: IncomingCall) => {
      texts.push(at(each.params, 0, 'Message', 'Text'));
      slow.client.answer(each, { Success: true });
    };
    slow.client.onCall(answer);
    for (const each of waiting) answer(each);
    const told = await call(bob, 'SendMessage', { Text: 'to all', Wait: 'delivered' });
    assert.deepEqual(at(told, 'result', 'Receipt'), { Delivered: 2, Pending: [], Failed: 0 });
    assert.deepEqual(texts, ['0', '1', 'The room Den was deleted by its owner.', 'to all']);
    assert.equal(bob.heard.filter(({ Kind }) => Kind === 'notice').length, 1);
    assert.ok(!ann.heard.some(({ Kind, Room }) => Kind === 'leave' && Room === code), 'nobody leaves a room that is gone');
    for (const method of ['JoinRoom', 'LeaveRoom', 'DeleteRoom', 'History'])
      assert.equal(reasonOf(await call(ann, method, { Room: code })), 'NotFound', method);
    assert.ok(!(await listed(ann)).some((room) => at(room, 'Room') === code));
  }));

test('a guest owns its room as long as its registration lives, and not longer', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' })];
    const code = await create(ann);
    await enter(bob, code);
    await call(ann, 'LeaveRoom', { Room: code });
    assert.equal(
      at(
        (await listed(ann)).find((room) => at(room, 'Room') === code),
        'Owned',
      ),
      true,
    );
    await ann.client.call('ChatServer.Unregister', { ID: 'ann' });
    const again = await join(server, { id: 'ann' });
    assert.equal(reasonOf(await call(again, 'DeleteRoom', { Room: code })), 'Forbidden');
    assert.deepEqual(await usersIn(bob, code), ['bob']);
  }));

test('the list has the caller’s rooms first, then the most populated, then those that nobody is in, and says which are protected', () =>
  withServer({}, async (server) => {
    const [ann, bob, eve] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' }), await join(server, { id: 'eve' })];
    const [small, large, empty] = [await create(ann, 'small'), await create(ann, 'large', { Password: 'x' }), await create(bob, 'empty')];
    await enter(bob, large, { Password: 'x' });
    await call(bob, 'LeaveRoom', { Room: empty });
    const mine = await create(eve, 'mine');
    const rows = (await listed(eve)).map((room) => ['Room', 'Name', 'Members', 'Protected', 'Joined', 'Owned'].map((key) => at(room, key)));
    assert.deepEqual(rows, [
      ['lobby', 'Lobby', 3, false, true, undefined],
      [mine, 'mine', 1, false, true, true],
      [large, 'large', 2, true, undefined, undefined],
      [small, 'small', 1, false, undefined, undefined],
      [empty, 'empty', 0, false, undefined, undefined],
    ]);
  }));

test('every bound on rooms refuses with a sentence that names it', () =>
  withServer({ limits: { roomsPerOwner: 2, roomsPerMember: 3, rooms: 4 } }, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' })];
    const codes = [await create(ann), await create(ann), await create(bob), await create(bob)];
    const sentence = (answer: unknown) => String(at(answer, 'error', 'message'));
    assert.match(sentence(await call(ann, 'CreateRoom', { Name: 'x' })), /^You own 2 rooms/);
    const eve = await join(server, { id: 'eve' });
    const full = await call(eve, 'CreateRoom', { Name: 'x' });
    assert.deepEqual([reasonOf(full), sentence(full)], ['Busy', 'There are 4 rooms already, which is the most here.']);
    for (const code of codes.slice(0, 3)) await enter(eve, code);
    assert.match(sentence(await call(eve, 'JoinRoom', { Room: codes[3] })), /^You are in 3 rooms/);
    await call(eve, 'LeaveRoom', { Room: codes[0] });
    await enter(eve, codes[3] ?? '');
    await call(ann, 'DeleteRoom', { Room: codes[0] });
    await create(eve, 'there is room again').then(
      () => assert.fail('it is in three rooms'),
      () => undefined,
    );
    await create(ann, 'there is room again');
  }));

test('many rooms made in one breath do not go over the bound', () =>
  withServer({ limits: { roomsPerOwner: 3 } }, async (server) => {
    const ann = await join(server, { id: 'ann' });
    const others = await Promise.all(Array.from({ length: 8 }, () => server.connect()));
    const params = { UserID: 'ann', Session: ann.session, Name: 'x', Password: 'slow to hash' };
    const answers = await Promise.all(others.map((client) => client.call('ChatServer.CreateRoom', params)));
    assert.equal(answers.filter((answer) => reasonOf(answer) === 'ok').length, 3);
  }));

test('many rooms joined in one breath do not go over the bound, and a room joined twice in one is announced once', () =>
  withServer({ limits: { roomsPerMember: 3 } }, async (server) => {
    const codes: string[] = [];
    const makers = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' }), await join(server, { id: 'cid' })];
    for (const maker of makers) codes.push(await create(maker), await create(maker));
    const eve = await join(server, { id: 'eve' });
    const others = await Promise.all(Array.from({ length: 12 }, () => server.connect()));
    const answers = await Promise.all(
      others.map((client, index) => client.call('ChatServer.JoinRoom', { UserID: 'eve', Session: eve.session, Room: codes[index % 6] })),
    );
    const entered = answers.flatMap((answer) => at(answer, 'result', 'Room') ?? []);
    assert.equal(new Set(entered).size, 3, JSON.stringify(entered));
    for (const maker of makers) await say(maker, codes[2 * makers.indexOf(maker)] ?? '', 'end', { Wait: 'delivered' });
    for (const [index, maker] of makers.entries()) {
      await makers[(index + 1) % 3]?.say(`marker for ${maker.id}`);
      await maker.hear(({ Text }) => Text === `marker for ${maker.id}`);
      const arrivals = maker.heard
        .filter(({ Kind, Room, SenderID }) => Kind === 'join' && Room !== 'lobby' && SenderID === 'eve')
        .map(({ Room }) => Room);
      assert.equal(new Set(arrivals).size, arrivals.length, String(arrivals));
    }
  }));

test('in a large room arrivals are one notice, while a small one beside it has its lines', () =>
  withServer({ limits: { presenceLinesUpTo: 4 } }, async (server) => {
    const ann = await join(server, { id: 'ann' });
    const [large, small] = [await create(ann), await create(ann)];
    const others = [];
    for (const id of ['b', 'c', 'd', 'e', 'f']) others.push(await join(server, { id, callback: 'none' }));
    for (const other of others) await enter(other, large);
    const [first] = others;
    if (first !== undefined) await enter(first, small);
    const notice = await ann.hear(({ Kind, Room }) => Kind === 'notice' && Room === large);
    assert.equal(notice.Content, 'd, e and f joined the chat (6 here)'.replace(' and f', ', f'));
    assert.deepEqual(
      ann.heard.filter(({ Room }) => Room === small).map(({ Content }) => Content),
      ['User b joined the chat'],
    );
  }));
