/**
 * Accounts over the wire: opened, proved by a password, then by a token, listed, revoked and deleted; and what becomes of
 * the registrations that were made with them.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { at, keysOf } from './support/line-client.ts';
import { callOnce, logIn, member, PASSWORD, reasonOf, register, signUp, textOf } from './support/people.ts';
import { join, withServer, type RoomServer } from './support/room.ts';

const logIns = async (server: RoomServer, Token: string): Promise<readonly unknown[]> => {
  const list = at(await callOnce(server, 'ListLogIns', { Token }), 'result', 'LogIns');
  assert.ok(Array.isArray(list));
  return list.map((one: unknown) => one);
};

test('who signs up and logs in gets a token, and is a member with it', () =>
  withServer({}, async (server) => {
    const signedUp = await callOnce(server, 'SignUp', { UserName: 'Ann', Password: PASSWORD });
    assert.deepEqual(keysOf(at(signedUp, 'result')), ['CreatedAt', 'Success', 'UserID']);
    assert.ok(Math.abs(Date.parse(textOf(signedUp, 'CreatedAt')) - Date.now()) < 60_000);
    const loggedIn = await callOnce(server, 'LogIn', { UserName: 'Ann', Password: PASSWORD });
    assert.deepEqual(keysOf(at(loggedIn, 'result')), ['ExpiresAt', 'Success', 'Token']);
    const days = (Date.parse(textOf(loggedIn, 'ExpiresAt')) - Date.now()) / 86_400_000;
    assert.ok(days > 29.9 && days < 30.1, `${days}`);
    const ann = await join(server, { id: 'Ann', more: { Token: textOf(loggedIn, 'Token') } });
    const guest = await join(server, { id: 'guest' });
    assert.equal(at(await ann.say('hello'), 'result', 'Success'), true);
    assert.equal((await guest.hear(({ Kind }) => Kind === 'chat')).Content, 'Ann: hello');
    const users = at(await guest.client.call('ChatServer.ListUsers', { UserID: 'guest' }), 'result', 'Users');
    assert.ok(Array.isArray(users));
    assert.deepEqual(
      users.map((user) => [at(user, 'ID'), at(user, 'Account')]),
      [
        ['Ann', true],
        ['guest', false],
      ],
    );
  }));

test('one logs in however the name is spelt, and only with the right password', () =>
  withServer({}, async (server) => {
    await signUp(server, 'Zoë Müller', 'pässwörd 🔑');
    for (const UserName of ['Zoë Müller', 'zoë müller', 'ZOE\u0308 MÜLLER'])
      assert.equal(reasonOf(await callOnce(server, 'LogIn', { UserName, Password: 'pässwörd 🔑' })), 'ok', UserName);
    for (const Password of ['Pässwörd 🔑', 'pässwörd 🔑 ', 'x', 'pa\u0308sswo\u0308rd 🔑'])
      assert.equal(reasonOf(await callOnce(server, 'LogIn', { UserName: 'Zoë Müller', Password })), 'Unauthorized', Password);
  }));

test('two devices of one account are here at the same time', () =>
  withServer({}, async (server) => {
    const first = await member(server, 'Ann');
    const second = await logIn(server, 'Ann');
    const laptop = await join(server, { id: 'ann-laptop', name: 'Ann', more: { Token: first } });
    const phone = await join(server, { id: 'ann-phone', name: 'Ann', more: { Token: second } });
    const tablet = await join(server, { id: 'ann-tablet', name: 'Ann', more: { Token: second } });
    await laptop.say('from the laptop');
    for (const other of [phone, tablet]) assert.equal((await other.hear(({ Kind }) => Kind === 'chat')).Text, 'from the laptop');
  }));

test('what a name, a password and their fields must be is said by name', () =>
  withServer({}, async (server) => {
    const good = { UserName: 'Ann', Password: PASSWORD };
    const bad: readonly (readonly [method: string, params: object, field: string])[] = [
      ['SignUp', { Password: PASSWORD }, 'UserName'],
      ['SignUp', { ...good, UserName: 'system' }, 'UserName'],
      ['SignUp', { ...good, UserName: 'a:b' }, 'UserName'],
      ['SignUp', { ...good, UserName: 'x'.repeat(33) }, 'UserName'],
      ['SignUp', { ...good, UserName: `user-${'0'.repeat(24)}` }, 'UserName'],
      ['SignUp', { ...good, Password: 'seven77' }, 'Password'],
      ['SignUp', { ...good, Password: 'x'.repeat(1_025) }, 'Password'],
      ['SignUp', { ...good, Password: 12_345_678 }, 'Password'],
      ['LogIn', { UserName: 'Ann', Password: '' }, 'Password'],
      ['LogIn', { Password: PASSWORD }, 'UserName'],
      ['LogOut', {}, 'Token'],
      ['ChangePassword', { Token: 'x', Password: PASSWORD, NewPassword: 'short' }, 'NewPassword'],
    ];
    for (const [method, params, field] of bad) {
      const answer = await callOnce(server, method, params);
      assert.equal(at(answer, 'error', 'data', 'Issues', 0, 'Path'), field, JSON.stringify(answer));
      assert.ok(String(at(answer, 'error', 'message')).includes(field), JSON.stringify(answer));
    }
    for (const Password of ['eight888', 'é'.repeat(4), 'x'.repeat(1_024), '\u0000\n\u202e12345'])
      assert.equal(
        reasonOf(await callOnce(server, 'SignUp', { UserName: `n${Buffer.byteLength(Password)}${Password.length}`, Password })),
        'ok',
      );
  }));

test('after LogOut the token is void, its registrations are gone and told, and the others stay', () =>
  withServer({}, async (server) => {
    const [first, second] = [await member(server, 'Ann'), await logIn(server, 'Ann')];
    const gone = await join(server, { id: 'one', more: { Token: first } });
    const stays = await join(server, { id: 'two', more: { Token: second } });
    const witness = await join(server, { id: 'witness' });
    assert.equal(reasonOf(await callOnce(server, 'LogOut', { Token: first })), 'ok');
    assert.equal((await witness.hear(({ Kind }) => Kind === 'leave')).SenderID, 'one');
    await gone.client.gone();
    const back = await server.connect();
    const answer = await back.call('ChatServer.SendMessage', { UserID: 'one', Text: 'x', Session: gone.session });
    assert.equal(reasonOf(answer), 'NotRegistered');
    assert.equal(reasonOf(await register(back, { ID: 'one', Name: 'one', Token: first })), 'Unauthorized');
    assert.equal(reasonOf(await callOnce(server, 'LogOut', { Token: first })), 'Unauthorized');
    assert.equal(reasonOf(await stays.say('still here')), 'ok');
  }));

test('who logs out on the connection of the registration keeps the connection', () =>
  withServer({}, async (server) => {
    const Token = await member(server, 'Ann');
    const ann = await join(server, { id: 'ann', more: { Token } });
    assert.equal(reasonOf(await ann.client.call('ChatServer.LogOut', { Token })), 'ok');
    assert.equal(reasonOf(await ann.say('x')), 'NotRegistered');
    assert.equal(reasonOf(await register(ann.client, { ID: 'guest', Name: 'guest' })), 'ok');
  }));

test('log-ins are listed, newest first, without anything that opens one, and another one can be ended', () =>
  withServer({}, async (server) => {
    const [first, second] = [await member(server, 'Ann'), await logIn(server, 'Ann')];
    const device = await join(server, { id: 'device', more: { Token: first } });
    const list = await logIns(server, second);
    assert.deepEqual(
      list.map((one) => at(one, 'Current')),
      [true, false],
    );
    for (const one of list) assert.deepEqual(keysOf(one), ['CreatedAt', 'Current', 'ExpiresAt', 'From', 'LogIn', 'UsedAt']);
    assert.equal(at(list[0], 'From'), '127.0.0.1');
    const text = JSON.stringify(list);
    for (const token of [first, second]) assert.ok(!text.includes(token.slice(-43)));
    assert.equal(reasonOf(await callOnce(server, 'LogOut', { Token: second, LogIn: 'unknown' })), 'NotFound');
    assert.equal(reasonOf(await callOnce(server, 'LogOut', { Token: second, LogIn: at(list[1], 'LogIn') })), 'ok');
    await device.client.gone();
    assert.deepEqual((await logIns(server, second)).length, 1);
    assert.equal(reasonOf(await callOnce(server, 'ListLogIns', { Token: first })), 'Unauthorized');
  }));

test('nobody ends the log-in of somebody else', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await member(server, 'Ann'), await member(server, 'Bob')];
    const handle = at((await logIns(server, bob))[0], 'LogIn');
    assert.equal(reasonOf(await callOnce(server, 'LogOut', { Token: ann, LogIn: handle })), 'NotFound');
    assert.equal((await logIns(server, bob)).length, 1);
  }));

test('a new password voids every other token and its registrations, and the old password', () =>
  withServer({}, async (server) => {
    const [mine, other] = [await member(server, 'Ann'), await logIn(server, 'Ann')];
    const here = await join(server, { id: 'this-one', more: { Token: mine } });
    const there = await join(server, { id: 'other-one', more: { Token: other } });
    const change = { Token: mine, Password: PASSWORD, NewPassword: 'another password' };
    assert.equal(reasonOf(await callOnce(server, 'ChangePassword', { ...change, Password: 'not the password' })), 'Unauthorized');
    assert.equal((await logIns(server, mine)).length, 2);
    assert.equal(reasonOf(await callOnce(server, 'ChangePassword', change)), 'ok');
    await there.client.gone();
    assert.equal(reasonOf(await callOnce(server, 'ListLogIns', { Token: other })), 'Unauthorized');
    assert.equal(reasonOf(await here.say('still here')), 'ok');
    assert.equal((await logIns(server, mine)).length, 1);
    assert.equal(reasonOf(await callOnce(server, 'LogIn', { UserName: 'Ann', Password: PASSWORD })), 'Unauthorized');
    await logIn(server, 'Ann', 'another password');
  }));

test('a deleted account frees its name and ends all its registrations and tokens', () =>
  withServer({}, async (server) => {
    const [first, second] = [await member(server, 'Ann'), await logIn(server, 'Ann')];
    const one = await join(server, { id: 'one', more: { Token: first } });
    const two = await join(server, { id: 'two', more: { Token: second } });
    const witness = await join(server, { id: 'witness' });
    const wrong = await callOnce(server, 'DeleteAccount', { Token: first, Password: 'not the password' });
    assert.equal(reasonOf(wrong), 'Unauthorized');
    assert.equal(reasonOf(await one.say('still here')), 'ok');
    assert.equal(reasonOf(await callOnce(server, 'DeleteAccount', { Token: first, Password: PASSWORD })), 'ok');
    await Promise.all([one.client.gone(), two.client.gone()]);
    for (const id of ['one', 'two']) await witness.hear(({ Kind, SenderID }) => Kind === 'leave' && SenderID === id);
    for (const Token of [first, second]) assert.equal(reasonOf(await callOnce(server, 'ListLogIns', { Token })), 'Unauthorized');
    assert.equal(reasonOf(await callOnce(server, 'LogIn', { UserName: 'Ann', Password: PASSWORD })), 'Unauthorized');
    const next = await server.connect();
    assert.equal(reasonOf(await register(next, { ID: 'Ann', Name: 'Ann' })), 'ok');
    const again = await next.call('ChatServer.SignUp', { UserName: 'Ann', Password: PASSWORD });
    assert.notEqual(textOf(again, 'UserID'), first.split('.')[0]);
  }));

test('a token takes no part in another account: every acting call needs a valid one', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await member(server, 'Ann'), await member(server, 'Bob')];
    const [head = '', tail = ''] = ann.split('.');
    const [bobs = ''] = bob.split('.');
    const flipped = `${head}.${tail.startsWith('A') ? 'B' : 'A'}${tail.slice(1)}`;
    const wrong = [
      'x',
      head,
      `${head}.`,
      tail,
      `${bobs}.${tail}`,
      flipped,
      `${ann}x`,
      ` ${ann}`,
      ann.toUpperCase(),
      '__proto__',
      '../'.repeat(20),
    ];
    const calls: readonly (readonly [method: string, params: object])[] = [
      ['Register', { ID: 'thief', Name: 'thief', Callback: 'none' }],
      ['LogOut', {}],
      ['LogOut', { LogIn: 'any' }],
      ['ListLogIns', {}],
      ['ChangePassword', { Password: PASSWORD, NewPassword: 'taken over' }],
      ['DeleteAccount', { Password: PASSWORD }],
    ];
    const client = await server.connect();
    for (const [method, params] of calls) {
      for (const Token of wrong) {
        const answer = await client.call(`ChatServer.${method}`, { ...params, Token });
        assert.equal(reasonOf(answer), 'Unauthorized', `${method} ${Token}`);
        assert.equal(at(answer, 'error', 'message'), 'The Token is not valid, or not any more. LogIn gives a new one.');
      }
    }
    for (const Token of [ann, bob]) assert.equal((await logIns(server, Token)).length, 1);
    await logIn(server, 'Ann');
  }));

test('with its Token and its Session a living guest becomes a member, and nobody sees it leave', () =>
  withServer({}, async (server) => {
    const witness = await join(server, { id: 'witness' });
    const guest = await join(server, { id: 'Ann' });
    const up = await guest.client.call('ChatServer.SignUp', { UserName: 'Ann', Password: PASSWORD });
    assert.equal(reasonOf(up), 'ok');
    const Token = textOf(await guest.client.call('ChatServer.LogIn', { UserName: 'Ann', Password: PASSWORD }), 'Token');
    const bound = await join(server, { id: 'Ann', more: { Token, Session: guest.session } });
    assert.equal(reasonOf(await bound.say('a member now')), 'ok');
    await witness.hear(({ Text }) => Text === 'a member now');
    assert.deepEqual(
      witness.heard.map(({ Kind }) => Kind),
      ['join', 'chat'],
    );
    const other = await member(server, 'Bob');
    const stolen = await callOnce(server, 'Register', { ID: 'Ann', Name: 'Ann', Callback: 'none', Token: other, Session: bound.session });
    assert.equal(at(stolen, 'error', 'data', 'Issues', 0, 'Path'), 'Token');
    // A takeover by the session alone leaves it the account's.
    const back = await join(server, { id: 'Ann', more: { Session: bound.session } });
    await callOnce(server, 'LogOut', { Token });
    await back.client.gone();
  }));

test('LogIn lifts the limit of frames on its connection, as Register does', () =>
  withServer({}, async (server) => {
    await signUp(server, 'Ann');
    const [stranger, known] = [await server.connect(), await server.connect()];
    assert.equal(reasonOf(await known.call('ChatServer.LogIn', { UserName: 'Ann', Password: PASSWORD })), 'ok');
    assert.equal(reasonOf(await known.call('ChatServer.Info', { x: 'x'.repeat(20_000) })), 'ok');
    assert.equal(reasonOf(await stranger.call('ChatServer.LogIn', { UserName: 'Ann', Password: 'not the password' })), 'Unauthorized');
    assert.equal(reasonOf(await stranger.call('ChatServer.Info', { x: 'x'.repeat(20_000) }, null)), 'TooLarge');
  }));

test('on a server for members only, guests are told what to do, and members are in', () =>
  withServer({ membersOnly: true }, async (server) => {
    const refused = await callOnce(server, 'Register', { ID: 'guest', Name: 'guest', Callback: 'none' });
    assert.equal(reasonOf(refused), 'Forbidden');
    assert.match(String(at(refused, 'error', 'message')), /SignUp, then LogIn, then Register with the Token/);
    const ann = await join(server, { id: 'ann', more: { Token: await member(server, 'Ann') } });
    assert.equal(reasonOf(await ann.say('hello')), 'ok');
    const again = await join(server, { id: 'ann', more: { Session: ann.session } });
    assert.equal(reasonOf(await again.say('a takeover needs no token')), 'ok');
  }));

test('an account has so many tokens, and the one used longest ago makes room', () =>
  withServer({ limits: { tokensPerAccount: 3 } }, async (server) => {
    const tokens = [await member(server, 'Ann')];
    const device = await join(server, { id: 'oldest', more: { Token: tokens[0] } });
    for (let more = 0; more < 3; more += 1) tokens.push(await logIn(server, 'Ann'));
    await device.client.gone();
    const valid = await Promise.all(tokens.map(async (Token) => reasonOf(await callOnce(server, 'ListLogIns', { Token }))));
    assert.deepEqual(valid, ['Unauthorized', 'ok', 'ok', 'ok']);
  }));
