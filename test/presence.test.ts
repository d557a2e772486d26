/** Who comes and goes: a line each in a small room, one notice a second in a large one, never to oneself, never lost. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { Presence } from '../server/presence.ts';
import { BroadcastQueue } from '../server/queue.ts';
import { Member } from '../server/member.ts';
import { RateLimit } from '../server/rate-limit.ts';
import { at } from './support/line-client.ts';
import { join, listenOn, withServer } from './support/room.ts';
import { roomOf } from './support/segments.ts';

const leave = (member: { id: string; client: { call: (method: string, params: unknown) => Promise<unknown> } }) =>
  member.client.call('ChatServer.Unregister', { ID: member.id });

test('in a small room each arrival and departure has its line, for the others', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await join(server, { id: 'Ann-1', name: 'Ann' }), await join(server, { id: 'Bob-2', name: 'Bob' })];
    await leave(bob);
    await ann.hear(({ Kind }) => Kind === 'leave');
    const lines = ann.heard.map(({ Kind, SenderID, Content }) => [Kind, SenderID, Content]);
    assert.deepEqual(lines, [
      ['join', 'Bob-2', 'User Bob-2 joined the chat'],
      ['leave', 'Bob-2', 'User Bob-2 left the chat'],
    ]);
    assert.deepEqual(bob.heard, []);
  }));

test('a message said before an arrival comes before its line, one said after it comes after', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' })];
    await bob.say('before');
    const eve = await join(server, { id: 'eve' });
    await eve.say('after');
    await ann.hear(({ Text }) => Text === 'after');
    assert.deepEqual(
      ann.heard.map(({ Text }) => Text),
      ['User bob joined the chat', 'before', 'User eve joined the chat', 'after'],
    );
    assert.deepEqual(
      eve.heard.map(({ Text }) => Text),
      [],
    );
  }));

test('who arrives while a message waits for its number does not get it', () =>
  withServer({}, async (server) => {
    const ann = await join(server, { id: 'ann' });
    const { client } = await join(server, { id: 'bob', callback: 'none' });
    const ears = listenOn(client);
    const send = { jsonrpc: '2.0', id: 1, method: 'ChatServer.SendMessage', params: { UserID: 'bob', Text: 'before' } };
    const register = { jsonrpc: '2.0', id: 2, method: 'ChatServer.Register', params: { ID: 'eve', Name: 'eve', Callback: 'inline' } };
    client.write(`${JSON.stringify(send)}\n${JSON.stringify(register)}\n`);
    assert.deepEqual([at(await client.next(), 'id'), at(await client.next(), 'id')], [1, 2]);
    await ann.say('after');
    await ears.hear(({ Text }) => Text === 'after');
    assert.deepEqual(
      ears.heard.map(({ Text }) => Text),
      ['after'],
    );
    assert.deepEqual(
      ann.heard.map(({ Text }) => Text),
      ['User bob joined the chat', 'before', 'User eve joined the chat'],
    );
  }));

test('in a large room arrivals and departures of a second are one notice that names three and counts the rest', () =>
  withServer({ limits: { presenceLinesUpTo: 3 } }, async (server) => {
    const ann = await join(server, { id: 'ann' });
    const others = [];
    for (const id of ['b', 'c', 'd', 'e', 'f', 'g']) others.push(await join(server, { id, name: id.toUpperCase() }));
    await leave(others[0] ?? ann);
    const notice = await ann.hear(({ Kind }) => Kind === 'notice');
    assert.equal(notice.Content, 'C, D, E and 2 others joined the chat; B left the chat (6 here)');
    assert.deepEqual(
      ann.heard.map(({ Kind }) => Kind),
      ['join', 'notice'],
    );
    const answer = await ann.client.call('ChatServer.ListUsers', { UserID: 'ann' });
    assert.equal(at(answer, 'result', 'Users', 'length'), 6);
  }));

test('what is gathered is said at once when it is asked for, and no timer is left', () => {
  const queue = new BroadcastQueue({ queueMessages: 1, queueBytes: 1, queueOfferMs: 1 }, () => undefined);
  const presence = new Presence(queue, 0);
  const room = roomOf([]);
  const member = new Member({ id: 'a', name: 'A', from: '127.0.0.1:1', rate: new RateLimit(0) });
  presence.joined(room, member);
  assert.equal(queue.size, 0);
  presence.flush();
  presence.flush();
  assert.deepEqual(
    queue.takeAll().map(({ text }) => text),
    ['A joined the chat (0 here)'],
  );
});
