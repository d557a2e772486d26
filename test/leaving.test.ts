/** Who answers a callback and leaves at once has answered: the two come on two connections, and the server reads both. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { at, LineClient } from './support/line-client.ts';
import { member as newAccount, textOf } from './support/people.ts';
import { join, withServer, type Member, type RunningServer } from './support/room.ts';

/** So many in a row make a client busy: its answers wait in the kernel, to be read together. */
const MESSAGES = 40;
const ROUNDS = 5;

const call = ({ client, id }: Member, method: string, more: object = {}): Promise<unknown> =>
  client.call(`ChatServer.${method}`, { UserID: id, ...more });

/** Ann answers all that is said in `Room`, and with the last answer unregisters. */
async function listenAndLeave(server: RunningServer, eve: Member, Token: string, Room: string): Promise<void> {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  try {
    listener.once('connection', (socket: net.Socket) => {
      const callbacks = new LineClient(socket);
      callbacks.onCall((incoming) => {
        callbacks.answer(incoming, { Success: true });
        if (at(incoming.params, 0, 'Message', 'Text') !== `${MESSAGES}`) return;
        ann.client.writeFrame({ jsonrpc: '2.0', id: 'left', method: 'ChatServer.Unregister', params: ['ann'] });
      });
    });
    const callback = `127.0.0.1:${String(at(listener.address(), 'port'))}`;
    const ann = await join(server, { id: 'ann', name: 'Ann', callback, more: { Token } });
    await call(ann, 'JoinRoom', { Room });
    for (let count = 1; count <= MESSAGES; count += 1) await call(eve, 'SendMessage', { Room, Text: `${count}` });
    assert.equal(at(await ann.client.next(), 'result'), 'Successfully unregistered');
  } finally {
    listener.close();
  }
}

/** What Ann is told in `Room` when she comes back, up to what is said then. */
async function toldAgain(server: RunningServer, eve: Member, Token: string, Room: string): Promise<readonly string[]> {
  const ann = await join(server, { id: 'ann', name: 'Ann', more: { Token } });
  await call(eve, 'SendMessage', { Room, Text: 'the end' });
  await ann.hear((message) => message.Room === Room && message.Text === 'the end');
  await call(ann, 'LeaveRoom', { Room });
  await ann.client.call('ChatServer.Unregister', ['ann']);
  return ann.heard.filter((message) => message.Room === Room && message.Kind === 'chat').map(({ Text }) => Text);
}

test('of what was answered right before Unregister nothing comes again, though the answers of a busy client gather', () =>
  withServer({}, async (server) => {
    const eve = await join(server, { id: 'eve' });
    const Token = await newAccount(server, 'Ann');
    const rounds: (readonly string[])[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const Room = textOf(await call(eve, 'CreateRoom', { Name: 'Den' }), 'Code');
      await listenAndLeave(server, eve, Token, Room);
      rounds.push(await toldAgain(server, eve, Token, Room));
    }
    // Two connections have no order: now and then the kernel delivers what was written second first.
    const clean = rounds.filter((texts) => texts.join() === 'the end');
    assert.ok(clean.length > ROUNDS / 2, JSON.stringify(rounds));
  }));
