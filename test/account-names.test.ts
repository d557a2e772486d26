/**
 * The name of an account belongs to it alone: no guest and no other account gets it, nor one that people would take for it,
 * whoever is faster.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { skeleton } from '../commons/text.ts';
import { Names, nameKey } from '../server/accounts/names.ts';
import { at } from './support/line-client.ts';
import { answerTo, Peer } from './support/peer.ts';
import { callOnce, logIn, member, PASSWORD, reasonOf, register, signUp } from './support/people.ts';
import { join, withServer } from './support/room.ts';

const LOOK_ALIKES = [
  'Alice',
  'alice',
  'ALICE',
  'Аlice',
  'AIice',
  'A1ice',
  'Al1ce',
  'Ali|ce'.replace('|', ''),
  'A.l.i.c.e',
  'Álicé',
  'Ａｌｉｃｅ',
  'Al ice',
  'alice👑',
];
const OTHERS = ['Alicia', 'Alic', 'Alice-2', 'Malice', 'Alíce B'];

test('a guest gets neither the name of an account nor a look-alike of it, for a name or an ID', () =>
  withServer({}, async (server) => {
    await signUp(server, 'Alice');
    const guest = await server.connect();
    for (const label of LOOK_ALIKES) {
      for (const params of [
        { ID: label, Name: 'guest' },
        { ID: 'guest', Name: label },
      ]) {
        const answer = await register(guest, params);
        assert.equal(reasonOf(answer), 'AlreadyRegistered', JSON.stringify(params));
        assert.match(String(at(answer, 'error', 'message')), /belongs to an account.*LogIn and Register with the Token/);
      }
    }
    for (const label of OTHERS) assert.equal(reasonOf(await register(guest, { ID: label, Name: label })), 'ok', label);
  }));

test('a refused name costs no dial', () =>
  withServer({}, async (server) => {
    await signUp(server, 'Alice');
    const peer = await Peer.start({ called: (call, socket) => void socket.write(answerTo(call)) });
    const answer = await callOnce(server, 'Register', { ID: 'Alice', Name: 'Alice', Callback: peer.callback, Secret: 's' });
    assert.equal(reasonOf(answer), 'AlreadyRegistered');
    const allowed = await callOnce(server, 'Register', { ID: 'Bob', Name: 'Bob', Callback: peer.callback, Secret: 't' });
    assert.equal(reasonOf(allowed), 'ok');
    await peer.heard(({ calls }) => calls.length > 0, 'the proof');
    assert.deepEqual(
      peer.calls.map((call) => at(call, 'params', 'Secret')),
      ['t'],
    );
    await peer.close();
  }));

test('an account may be called as it is, look-alikes included, and by any name that is nobody’s', () =>
  withServer({}, async (server) => {
    const Token = await member(server, 'Alice');
    await signUp(server, 'Bob');
    const client = await server.connect();
    for (const [index, Name] of ['Alice', 'ALICE', 'Al1ce', 'Ally'].entries())
      assert.equal(reasonOf(await register(client, { ID: `alice-${index}`, Name, Token })), 'ok', Name);
    assert.equal(reasonOf(await register(client, { ID: 'alice', Name: 'Alice', Token })), 'ok');
    assert.equal(reasonOf(await register(client, { ID: 'alice-9', Name: 'B0b', Token })), 'AlreadyRegistered');
  }));

test('no second account gets the name or a look-alike, and a name is one’s own for good', () =>
  withServer({}, async (server) => {
    await signUp(server, 'Alice');
    for (const UserName of LOOK_ALIKES)
      assert.equal(reasonOf(await callOnce(server, 'SignUp', { UserName, Password: PASSWORD })), 'AlreadyRegistered', UserName);
    await logIn(server, 'Alice');
  }));

test('nobody’s identity is taken from under them: who is here keeps the name, and may sign up for it', () =>
  withServer({}, async (server) => {
    const alice = await join(server, { id: 'alice-7', name: 'Alice' });
    const bob = await join(server, { id: 'Bob', name: 'Robert' });
    for (const UserName of ['Alice', 'ALlCE', 'Bob', 'robert', 'alice-7'])
      assert.equal(reasonOf(await callOnce(server, 'SignUp', { UserName, Password: PASSWORD })), 'AlreadyRegistered', UserName);
    assert.equal(reasonOf(await alice.client.call('ChatServer.SignUp', { UserName: 'Alice', Password: PASSWORD })), 'ok');
    await bob.client.call('ChatServer.Unregister', ['Bob']);
    await signUp(server, 'Bob');
    // She was here before, and still is: the session goes on without the token.
    const back = await join(server, { id: 'alice-7', name: 'Alice', more: { Session: alice.session } });
    assert.equal(reasonOf(await back.say('still here')), 'ok');
    await back.client.call('ChatServer.Unregister', ['alice-7']);
    assert.equal(reasonOf(await register(back.client, { ID: 'alice-7', Name: 'Alice' })), 'AlreadyRegistered');
  }));

test('of many who sign up for one name at once exactly one wins, and only its password opens it', () =>
  withServer({}, async (server) => {
    const tries = Array.from({ length: 12 }, (_, index) =>
      callOnce(server, 'SignUp', { UserName: index % 2 === 0 ? 'Alice' : 'A1ice', Password: `password ${index}` }),
    );
    const reasons = (await Promise.all(tries)).map(reasonOf);
    assert.deepEqual(reasons.toSorted(), [...Array<string>(11).fill('AlreadyRegistered'), 'ok']);
    const winner = reasons.indexOf('ok');
    await logIn(server, 'Alice', `password ${winner}`);
    assert.equal(
      reasonOf(await callOnce(server, 'LogIn', { UserName: 'Alice', Password: `password ${(winner + 1) % 12}` })),
      'Unauthorized',
    );
  }));

test('a guest whose callback is still being dialled does not get a name that became an account’s meanwhile', () =>
  withServer({}, async (server) => {
    let go = (): void => undefined;
    const let_ = new Promise<void>((resolve) => (go = resolve));
    const peer = await Peer.start({ called: (call, socket) => void let_.then(() => socket.write(answerTo(call))) });
    const slow = callOnce(server, 'Register', { ID: 'slow', Name: 'Alice', Callback: peer.callback, Secret: 's' });
    await peer.heard(({ calls }) => calls.length === 1, 'the proof');
    await signUp(server, 'Alice');
    go();
    assert.equal(reasonOf(await slow), 'AlreadyRegistered');
    await peer.close();
  }));

test('of a guest and a new account that want one name at the same time, exactly one gets it', () =>
  withServer({}, async (server) => {
    const [guest, account] = [await server.connect(), await server.connect()];
    const winners = new Set<string>();
    for (let round = 0; round < 60 || (winners.size < 2 && round < 1_000); round += 1) {
      const name = `round ${round}`;
      const signing = account.call('ChatServer.SignUp', { UserName: name, Password: PASSWORD });
      let signed = false;
      void signing.then(() => (signed = true));
      // The hash takes a while: the guest tries at another moment of it in each round.
      for (let wait = 0; !signed && wait < round; wait += 1) await guest.call('ChatServer.Info');
      const registered = reasonOf(await register(guest, { ID: `guest-${round}`, Name: name })) === 'ok';
      const isAccount = reasonOf(await signing) === 'ok';
      assert.notEqual(registered, isAccount, name);
      winners.add(registered ? 'guest' : 'account');
    }
    assert.deepEqual([...winners].toSorted(), ['account', 'guest']);
  }));

test('leave to use a name stands until somebody signs up, and waits for who is about to', async () => {
  const kept = new Map<string, string>();
  const names = new Names((prefix) => Promise.resolve(new Map([...kept].filter(([key]) => key.startsWith(prefix)))));
  const leave = names.leave(['Alice', 'alice-1'], undefined);
  assert.equal(leave.stands(), false);
  await leave.ask();
  assert.equal(leave.stands(), true);
  let give = (): void => undefined;
  const claimed = names.claim('A1ice', () => new Promise<void>((resolve) => (give = resolve)));
  await Promise.resolve();
  assert.equal(leave.stands(), false);
  const order: string[] = [];
  const asking = leave.ask().then(
    () => order.push('free'),
    () => order.push('taken'),
  );
  kept.set(nameKey('Alice'), 'user-1');
  order.push('given');
  give();
  await Promise.all([claimed, asking]);
  assert.deepEqual(order, ['given', 'taken']);
  await names.leave(['Alice'], 'user-1').ask();
});

test('one skeleton for what people take for one name, another for what they tell apart', () => {
  for (const name of LOOK_ALIKES) assert.equal(skeleton(name), skeleton('Alice'), name);
  for (const name of OTHERS) assert.notEqual(skeleton(name), skeleton('Alice'), name);
  const apart: readonly (readonly [string, string])[] = [
    ['राम', 'रमा'],
    ['はは', 'ばば'],
    ['👩', '👨'],
    ['Анна', 'Инна'],
    ['한글', '한국'],
  ];
  for (const [one, other] of apart) assert.notEqual(skeleton(one), skeleton(other), `${one} ${other}`);
  assert.equal(skeleton('محمد'), skeleton('مُحَمَّد'));
  assert.equal(nameKey('ﷺ'.repeat(32)).length, nameKey('a').length);
});
