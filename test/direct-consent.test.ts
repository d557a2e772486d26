/** Who may send direct messages to whom, and what those who may not are told. Over real connections. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { call, direct } from './support/direct.ts';
import { at } from './support/line-client.ts';
import { member as account, reasonOf } from './support/people.ts';
import { join, withServer, type Member, type RunningServer } from './support/room.ts';

const send = async (from: Member, To: string): Promise<unknown> => reasonOf(await call(from, 'SendDirect', { To, Text: 'hello' }));
const settings = async (of: Member): Promise<unknown> => {
  const answer = await call(of, 'DirectSettings');
  return ['Policy', 'Notify', 'Allow', 'Block', 'Waiting'].map((field) => at(answer, 'result', field));
};
/** An account, here under its name. */
async function person(server: RunningServer, name: string): Promise<Member> {
  return join(server, { id: name, name, callback: 'none', more: { Token: await account(server, name) } });
}

test('who is blocked is refused and told so, whatever the policy; allowed again, it may', () =>
  withServer({}, async (server) => {
    const [ann, bob, guest] = [await person(server, 'Ann'), await person(server, 'Bob'), await join(server, { id: 'guest' })];
    for (const User of ['Ann', 'guest']) assert.equal(reasonOf(await call(bob, 'Block', { User })), 'ok');
    assert.deepEqual([await send(ann, 'Bob'), await send(guest, 'Bob')], ['Forbidden', 'Forbidden']);
    assert.deepEqual(await settings(bob), ['everyone', true, [], ['Ann', 'guest'], 0]);
    for (const User of ['ann', 'GUEST']) assert.equal(reasonOf(await call(bob, 'Allow', { User })), 'ok');
    assert.deepEqual([await send(ann, 'Bob'), await send(guest, 'Bob')], ['ok', 'ok']);
    assert.deepEqual(await settings(bob), ['everyone', true, ['Ann', 'guest'], [], 2]);
  }));

test('with the policy "allowed" only those on the list may write, and a block wins over the list', () =>
  withServer({}, async (server) => {
    const [ann, bob, cara] = [await person(server, 'Ann'), await person(server, 'Bob'), await person(server, 'Cara')];
    assert.equal(reasonOf(await call(bob, 'SetDirectPolicy', { Policy: 'allowed' })), 'ok');
    assert.deepEqual([await send(ann, 'Bob'), await send(cara, 'Bob')], ['Forbidden', 'Forbidden']);
    await call(bob, 'Allow', { User: 'Ann' });
    assert.deepEqual([await send(ann, 'Bob'), await send(cara, 'Bob')], ['ok', 'Forbidden']);
    await call(bob, 'Block', { User: 'Ann' });
    assert.equal(await send(ann, 'Bob'), 'Forbidden');
    await call(bob, 'SetDirectPolicy', { Policy: 'everyone' });
    assert.deepEqual([await send(ann, 'Bob'), await send(cara, 'Bob')], ['Forbidden', 'ok']);
  }));

test('not allowed and unknown are told apart only by members, or while the recipient is here', () =>
  withServer({}, async (server) => {
    const [ann, bob, guest] = [await person(server, 'Ann'), await person(server, 'Bob'), await join(server, { id: 'guest' })];
    await call(bob, 'SetDirectPolicy', { Policy: 'allowed' });
    assert.deepEqual([await send(ann, 'Bob'), await send(guest, 'Bob')], ['Forbidden', 'Forbidden']);
    await call(bob, 'Unregister');
    await bob.client.call('ChatServer.Unregister', { ID: 'Bob' });
    const told = async (from: Member, To: string): Promise<unknown> => {
      const error = at(await call(from, 'SendDirect', { To, Text: 'x' }), 'error');
      return [at(error, 'code'), at(error, 'data', 'Reason'), String(at(error, 'message')).replace(To, 'NAME')];
    };
    assert.equal(await send(ann, 'Bob'), 'Forbidden');
    assert.deepEqual(await told(guest, 'Bob'), await told(guest, 'Bert'));
    assert.equal(await send(ann, 'Bert'), 'NotFound');
  }));

test('a list counts for an account however it is here, and for a guest as long as the registration lives', () =>
  withServer({}, async (server) => {
    const Token = await account(server, 'Ann');
    const first = await join(server, { id: 'ann-1', name: 'Ann', more: { Token } });
    const bob = await person(server, 'Bob');
    const guest = await join(server, { id: 'guest' });
    for (const each of [bob, guest]) assert.equal(reasonOf(await call(each, 'Block', { User: 'ann-1' })), 'ok');
    const second = await join(server, { id: 'other', name: 'Other', more: { Token } });
    for (const from of [first, second])
      for (const to of ['Bob', 'guest']) assert.equal(await send(from, to), 'Forbidden', `${from.id} to ${to}`);
    await guest.client.call('ChatServer.Unregister', { ID: 'guest' });
    await join(server, { id: 'guest', callback: 'none' });
    assert.equal(await send(first, 'guest'), 'ok');
  }));

test('a guest has the policy "everyone", and is told how to have another', () =>
  withServer({}, async (server) => {
    const guest = await join(server, { id: 'guest' });
    const answer = await call(guest, 'SetDirectPolicy', { Policy: 'allowed' });
    assert.equal(reasonOf(answer), 'Forbidden');
    assert.match(String(at(answer, 'error', 'message')), /SignUp/);
    assert.deepEqual(await settings(guest), ['everyone', true, [], [], 0]);
    assert.equal(reasonOf(await call(guest, 'Block', { User: 'nobody' })), 'NotFound');
  }));

test('what was chosen stays with the account; push that was off is off at its next Register', () =>
  withServer({}, async (server) => {
    const Token = await account(server, 'Bob');
    const ann = await join(server, { id: 'ann' });
    const bob = await join(server, { id: 'bob', name: 'Bob', more: { Token } });
    await call(bob, 'Notify', { Enabled: false });
    await call(bob, 'Block', { User: 'ann' });
    await bob.client.call('ChatServer.Unregister', { ID: 'bob' });
    const back = await join(server, { id: 'bob-2', name: 'Bob', more: { Token } });
    assert.deepEqual(await settings(back), ['everyone', false, [], ['ann'], 0]);
    await call(back, 'Allow', { User: 'ann' });
    assert.equal((await direct(ann, 'Bob', 'quietly')).Delivered, false);
    assert.deepEqual(await settings(back), ['everyone', false, ['ann'], [], 1]);
  }));

test('a choice that changes nothing is not written again', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await person(server, 'Ann'), await person(server, 'Bob')];
    await call(bob, 'Block', { User: 'Ann' });
    const seqOf = async (): Promise<number> => Number(at(await ann.say('x'), 'result', 'Seq'));
    const before = await seqOf();
    for (let index = 0; index < 5; index += 1) {
      assert.equal(reasonOf(await call(bob, 'Block', { User: 'Ann' })), 'ok');
      assert.equal(reasonOf(await call(bob, 'Notify', { Enabled: true })), 'ok');
    }
    // Facts take a number of the one counter.
    assert.equal(await seqOf(), before + 1);
    await call(bob, 'Notify', { Enabled: false });
    assert.equal(await seqOf(), before + 3);
  }));

test('a list is bounded, and says so', () =>
  withServer({}, async (server) => {
    const [bob, other] = [await join(server, { id: 'bob' }), await server.connect()];
    for (let index = 0; index < 1_000; index += 1) {
      await other.call('ChatServer.Register', { ID: `g${index}`, Name: 'G', Callback: 'none' });
      assert.equal(reasonOf(await call(bob, 'Block', { User: `g${index}` })), 'ok');
    }
    await other.call('ChatServer.Register', { ID: 'one-more', Name: 'G', Callback: 'none' });
    const answer = await call(bob, 'Block', { User: 'one-more' });
    assert.equal(reasonOf(answer), 'Forbidden');
    assert.match(String(at(answer, 'error', 'message')), /1000 people/);
    assert.equal(reasonOf(await call(bob, 'Allow', { User: 'g0' })), 'ok');
    assert.equal(reasonOf(await call(bob, 'Block', { User: 'one-more' })), 'ok');
  }));
