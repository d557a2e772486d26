/** Who is registered: one holder an ID, however many try at once; changes of one ID wait for each other and for nobody else. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { Registry } from '../server/registry.ts';
import { Member } from '../server/member.ts';
import { RateLimit } from '../server/rate-limit.ts';
import { answerTo, Peer } from './support/peer.ts';
import { PEERS } from './support/fault-peers.ts';
import { at } from './support/line-client.ts';
import { join, withServer, type RunningServer } from './support/room.ts';

const REGISTER = 'ChatServer.Register';
const reasonOf = (answer: unknown): unknown => (at(answer, 'result', 'Success') === true ? 'ok' : at(answer, 'error', 'data', 'Reason'));

async function register(server: RunningServer, params: object): Promise<unknown> {
  return (await server.connect()).call(REGISTER, params);
}
async function idsIn(server: RunningServer): Promise<unknown[]> {
  const watcher = await join(server, { id: 'watcher', callback: 'none' });
  const users = at(await watcher.client.call('ChatServer.ListUsers', { UserID: 'watcher' }), 'result', 'Users');
  assert.ok(Array.isArray(users));
  return users.map((user) => at(user, 'ID')).filter((id) => id !== 'watcher');
}

/** A callback server that proves itself only when it is let. */
async function patient() {
  const { promise: let_, resolve: go } = gate();
  const peer = await Peer.start({ called: (call, socket) => void let_.then(() => socket.write(answerTo(call))) });
  return { peer, go };
}
function gate() {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((yes) => (resolve = yes));
  return { promise, resolve: () => resolve() };
}

test('of many who register one ID at the same time exactly one wins', () =>
  withServer({}, async (server) => {
    const peer = await PEERS.healthy();
    const tries = Array.from({ length: 12 }, (_, index) => {
      const Callback = index % 2 === 0 ? 'inline' : peer.callback;
      return register(server, { ID: index % 3 === 0 ? 'WANTED' : 'wanted', Name: 'Wanted', Callback });
    });
    const reasons = (await Promise.all(tries)).map(reasonOf).sort();
    assert.deepEqual(reasons, [...Array<string>(11).fill('AlreadyRegistered'), 'ok']);
    assert.equal((await idsIn(server)).length, 1);
    await peer.close();
  }));

test('a registration that waits for its callback keeps nobody else waiting, and its own ID reserved', () =>
  withServer({}, async (server) => {
    const { peer, go } = await patient();
    const slow = register(server, { ID: 'slow', Name: 'slow', Callback: peer.callback, Secret: 's' });
    await peer.heard(({ calls }) => calls.length === 1, 'the proof');
    const rival = register(server, { ID: 'slow', Name: 'slow', Callback: 'inline' });
    for (const id of ['a1', 'a2']) assert.equal(reasonOf(await register(server, { ID: id, Name: id, Callback: 'inline' })), 'ok');
    go();
    assert.deepEqual([reasonOf(await slow), reasonOf(await rival)], ['ok', 'AlreadyRegistered']);
    await peer.close();
  }));

test('a failed registration frees its ID', () =>
  withServer({ limits: { dialMs: 200 } }, async (server) => {
    const gone = await PEERS.healthy();
    await gone.close();
    assert.equal(reasonOf(await register(server, { ID: 'free', Name: 'free', Callback: gone.callback })), 'CallbackFailed');
    assert.deepEqual(await idsIn(server), []);
    assert.equal(reasonOf(await register(server, { ID: 'free', Name: 'free', Callback: 'none' })), 'ok');
  }));

test('an Unregister during a takeover waits for it, and no longer speaks for the registration', () =>
  withServer({}, async (server) => {
    const member = await join(server, { id: 'member' });
    const { peer, go } = await patient();
    const params = { ID: 'member', Name: 'member', Callback: peer.callback, Secret: 's', Session: member.session };
    const takeover = register(server, params);
    await peer.heard(({ calls }) => calls.length === 1, 'the proof');
    const unregistering = member.client.call('ChatServer.Unregister', { ID: 'member' });
    go();
    assert.deepEqual([reasonOf(await takeover), reasonOf(await unregistering)], ['ok', 'Unauthorized']);
    assert.deepEqual(await idsIn(server), ['member']);
    await peer.close();
  }));

test('a takeover of a client that was dropped meanwhile registers it anew', () =>
  withServer({ limits: { callMs: 200, retryCallMs: 50, retryDelaysMs: [10, 10, 10] } }, async (server) => {
    const witness = await join(server, { id: 'witness' });
    const hung = await PEERS.hung();
    const answer = await register(server, { ID: 'member', Name: 'member', Callback: hung.callback });
    const { peer, go } = await patient();
    const params = { ID: 'member', Name: 'member', Callback: peer.callback, Secret: 's', Session: at(answer, 'result', 'Session') };
    const takeover = register(server, params);
    await peer.heard(({ calls }) => calls.length === 1, 'the proof');
    await witness.say('are you there?');
    await witness.hear(({ Kind }) => Kind === 'leave');
    go();
    assert.equal(reasonOf(await takeover), 'ok');
    const told = () => witness.heard.map(({ Kind }) => Kind);
    await witness.hear(() => told().filter((kind) => kind === 'join').length === 2);
    assert.deepEqual(told(), ['join', 'leave', 'join']);
    for (const each of [hung, peer]) await each.close();
  }));

test('changes of one ID come one after the other, of others side by side, and no lock is kept', async () => {
  const registry = new Registry();
  const order: string[] = [];
  const first = gate();
  const one = registry.exclusively('Ann', () => first.promise.then(() => order.push('ann 1')));
  const two = registry.exclusively('ann', () => order.push('ann 2'));
  await registry.exclusively('bob', () => order.push('bob'));
  first.resolve();
  await Promise.all([one, two]);
  assert.deepEqual(order, ['bob', 'ann 1', 'ann 2']);
  await assert.rejects(
    registry.exclusively('ann', () => Promise.reject(new Error('no'))),
    { message: 'no' },
  );
  assert.equal(await registry.exclusively('ann', () => 'goes on'), 'goes on');
});

test('a look-alike of an ID holds it, but is not it; a member that left cannot take another one’s place with it', () => {
  const registry = new Registry();
  const member = (id: string) => new Member({ id, name: id, from: '127.0.0.1:1', rate: new RateLimit(0) });
  const [ann, again] = [member('Ann'), member('Ann')];
  registry.add(ann);
  assert.deepEqual([registry.get('ann'), registry.holder('ann'), registry.size], [undefined, ann, 1]);
  assert.equal(registry.remove(ann), true);
  registry.add(again);
  assert.equal(registry.remove(ann), false);
  assert.equal(registry.get('Ann'), again);
});
