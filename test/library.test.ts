/** The library's methods against a real server: accounts, rooms, direct messages, and the order of what is said. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { ChatClient, type Message } from '../client/library.ts';
import { join, member, open, PASSWORD, type Where } from './support/chat.ts';
import { at } from './support/line-client.ts';
import { startRoom, type RoomSettings } from './support/room.ts';
import { said, ScriptedServer, type Asked, type Script } from './support/scripted-server.ts';

async function serve(t: TestContext, settings: RoomSettings = {}): Promise<Where> {
  const server = await startRoom(settings);
  t.after(() => server.stop());
  return server;
}

async function script(t: TestContext, says: Script): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(says);
  t.after(() => server.die());
  return server;
}

const presence = (messages: readonly Message[]) => messages.filter(({ Kind }) => Kind === 'join' || Kind === 'leave');
const isSend = (method: string) => method === 'ChatServer.SendMessage';

for (const callback of ['auto', 'inline'] as const) {
  test(`a guest opens an account and logs in: the registration is the account’s, and nobody sees a leave or a join (${callback})`, async (t) => {
    const server = await serve(t);
    const bob = await join(t, server, 'Bob');
    const ann = await join(t, server, 'Ann', { callback });
    await bob.hears(({ Kind }) => Kind === 'join');
    const { UserID, CreatedAt } = await ann.client.createAccount('Ann', PASSWORD);
    assert.match(UserID, /^user-/);
    assert.ok(Date.parse(CreatedAt) > 0);
    const { Token, ExpiresAt } = await ann.client.logIn('Ann', PASSWORD);
    assert.ok(Token.length > 20 && Date.parse(ExpiresAt) > Date.now());
    assert.equal(ann.client.account, 'Ann');
    await ann.client.send('I am one now');
    await bob.hears('I am one now');
    assert.equal(presence(bob.shown).length, 1);
    await bob.client.send('hello');
    await ann.hears('hello');
    const users = await bob.client.listUsers();
    assert.deepEqual(
      users.map(({ ID, Account }) => [ID, Account]),
      [
        [bob.client.id, false],
        [ann.client.id, true],
      ],
    );
  });
}

test('a wrong password, or a token of somebody else’s account, leaves everything as it was', async (t) => {
  const server = await serve(t);
  await Promise.all([open(server, 'Ann'), open(server, 'Eve')]);
  const ann = await member(t, server, 'Ann');
  await assert.rejects(ann.client.logIn('Ann', 'wrong'), { reason: 'Unauthorized' });
  await assert.rejects(ann.client.logIn('Eve', PASSWORD), { reason: 'InvalidParams' });
  assert.equal(ann.client.account, 'Ann');
  assert.equal((await ann.client.listUsers())[0]?.Account, true);
  await assert.rejects(join(t, server, 'Ann'), { reason: 'AlreadyRegistered' });
  await assert.rejects(member(t, server, 'Ann', { logIn: { userName: 'Ann', password: 'wrong' } }), { reason: 'Unauthorized' });
});

test('a token from another time will do instead of the password; a void one is refused in clear words', async (t) => {
  const server = await serve(t);
  await open(server, 'Ann');
  const first = await join(t, server, 'Gast');
  const { Token } = await first.client.logIn('Ann', PASSWORD);
  const second = await join(t, server, 'Ann', { token: Token });
  assert.equal(second.client.account, 'Ann');
  await first.client.logOut();
  assert.equal(first.client.account, undefined);
  await assert.rejects(join(t, server, 'Ann', { token: Token }), {
    reason: 'Unauthorized',
    message: /log-in of Ann is not valid any more/,
  });
});

test('who logs out is a guest again, in the lobby only, and the others see it', async (t) => {
  const server = await serve(t);
  await open(server, 'Ann');
  const [ann, bob] = [await join(t, server, 'Gast'), await join(t, server, 'Bob')];
  await ann.client.logIn('Ann', PASSWORD);
  const code = await ann.client.createRoom('Den');
  await ann.client.logOut();
  assert.deepEqual([ann.client.account, ann.client.rooms.size, ann.client.state.kind], [undefined, 0, 'connected']);
  await ann.client.send('as a guest');
  await bob.hears('as a guest');
  assert.deepEqual(
    presence(bob.shown).map(({ Kind }) => Kind),
    ['leave', 'join'],
  );
  await assert.rejects(ann.client.send('?', { room: code }), { reason: 'Forbidden' });
});

test('who logs out under a name that only the account may have has ended, and is told why', async (t) => {
  const server = await serve(t);
  await open(server, 'Ann');
  const ann = await member(t, server, 'Ann');
  await ann.client.logOut();
  const { state } = ann.client;
  assert.ok(state.kind === 'closed' && /belongs to an account/.test(state.reason), JSON.stringify(state));
});

test('where guests may not join, an account is opened from outside and joins', async (t) => {
  const server = await serve(t, { membersOnly: true });
  await assert.rejects(join(t, server, 'Ann'), { reason: 'Forbidden' });
  await open(server, 'Ann');
  await assert.rejects(open(server, 'Ann'), { reason: 'AlreadyRegistered' });
  assert.equal((await member(t, server, 'Ann')).client.account, 'Ann');
});

test('a room is made, found, entered with its password, left and deleted; what it says comes with its code', async (t) => {
  const server = await serve(t);
  const [ann, bob] = [await join(t, server, 'Ann'), await join(t, server, 'Bob', { callback: 'inline' })];
  const code = await ann.client.createRoom('Den', { password: 'sesame' });
  assert.deepEqual([...ann.client.rooms], [[code, 'Den']]);
  const listed = (await bob.client.listRooms()).find(({ Room }) => Room === code);
  assert.deepEqual(listed, { Room: code, Name: 'Den', Members: 1, Protected: true });
  await assert.rejects(bob.client.joinRoom(code, { password: 'wrong' }), { reason: 'Forbidden' });
  assert.equal(bob.client.rooms.size, 0);
  assert.equal((await bob.client.joinRoom(code.toLowerCase(), { password: 'sesame' })).Name, 'Den');
  assert.deepEqual([...bob.client.rooms], [[code, 'Den']]);
  await ann.client.send('psst', { room: code });
  assert.equal((await bob.hears('psst')).Room, code);
  assert.deepEqual(
    (await bob.client.listUsers(code)).map(({ Name }) => Name),
    ['Ann', 'Bob'],
  );
  await bob.client.leaveRoom(code.toLowerCase());
  assert.equal(bob.client.rooms.size, 0);
  await assert.rejects(bob.client.deleteRoom(code), { reason: 'Forbidden' });
  await bob.client.joinRoom(code, { password: 'sesame' });
  await ann.client.deleteRoom(code);
  await bob.hears('The room Den was deleted by its owner.');
  assert.deepEqual([ann.client.rooms.size, bob.client.rooms.size], [0, 0]);
});

test('what a room said before is handed out to who enters it when that is asked for, and not otherwise', async (t) => {
  const server = await serve(t);
  const ann = await join(t, server, 'Ann');
  const code = await ann.client.createRoom('Den');
  for (const text of ['one', 'two']) await ann.client.send(text, { room: code });
  const [all, none] = [await join(t, server, 'Bob'), await join(t, server, 'Cy')];
  await all.client.joinRoom(code, { replay: { after: 0 } });
  await none.client.joinRoom(code);
  await ann.client.send('three', { room: code });
  await Promise.all([all.hears('three'), none.hears('three')]);
  assert.deepEqual([all.texts(code), none.texts(code)], [['one', 'two', 'three'], ['three']]);
  await assert.rejects(none.client.joinRoom(code, { replay: 'missed' }), TypeError);
});

test('all clients of an account are in a room that one of them enters, and know its name', async (t) => {
  const server = await serve(t);
  await open(server, 'Ann');
  const [one, two, bob] = [await member(t, server, 'Ann'), await member(t, server, 'Ann'), await join(t, server, 'Bob')];
  const code = await bob.client.createRoom('Den');
  await one.client.joinRoom(code);
  await bob.client.send('hello both', { room: code });
  await Promise.all([one.hears('hello both'), two.hears('hello both')]);
  await two.client.listRooms();
  assert.deepEqual([...two.client.rooms], [[code, 'Den']]);
  assert.deepEqual([...(await member(t, server, 'Ann')).client.rooms], [[code, 'Den']]);
});

test('a direct message comes to the person alone, pushed or pulled, as that person chose', async (t) => {
  const server = await serve(t);
  await open(server, 'Ann');
  const [ann, bob, eve] = [await member(t, server, 'Ann'), await join(t, server, 'Bob'), await join(t, server, 'Eve')];
  assert.deepEqual(await bob.client.sendDirect('Ann', 'between us').then(({ Delivered }) => Delivered), true);
  const heard = await ann.hears('between us');
  assert.deepEqual([heard.Kind, heard.SenderID], ['direct', bob.client.id]);
  await ann.client.notify(false);
  assert.equal((await bob.client.sendDirect('Ann', 'for later')).Delivered, false);
  assert.equal((await ann.client.directSettings()).Waiting, 1);
  const { Messages, Remaining } = await ann.client.readInbox();
  assert.deepEqual([Messages.map(({ Text }) => Text), Remaining], [['for later'], 0]);
  await ann.client.block(bob.client.id);
  await assert.rejects(bob.client.sendDirect('Ann', 'hello?'), { reason: 'Forbidden' });
  await ann.client.allow(bob.client.id);
  await ann.client.setDirectPolicy('allowed');
  await bob.client.sendDirect('Ann', 'thank you');
  await assert.rejects(eve.client.sendDirect('Ann', 'me too'), { reason: 'Forbidden' });
  const { Policy, Notify, Allow, Block } = await ann.client.directSettings();
  assert.deepEqual([Policy, Notify, Allow, Block], ['allowed', false, [bob.client.id.toLowerCase()], []]);
  assert.deepEqual([ann.texts(), eve.texts()], [['between us'], []]);
});

test('what a room says before it is known that one is in it waits for that, so that its name is known', async (t) => {
  let joining: Asked | undefined;
  const server = await script(t, (call) => call.method === 'ChatServer.JoinRoom' && ((joining = call), true));
  const ann = await join(t, server, 'Ann', { callback: 'inline' });
  const names: (string | undefined)[] = [];
  ann.client.on('message', ({ Room }) => names.push(ann.client.rooms.get(Room)));
  const joined = ann.client.joinRoom('den');
  const { client } = await server.asked('JoinRoom', 1);
  const early = client.call('ClientCallback.ReceiveMessage', said(5, 'early', { Room: 'DEN' }));
  // Its answer comes behind the message.
  await ann.client.listUsers();
  assert.deepEqual(names, []);
  joining?.ok({ Success: true, Room: 'DEN', Name: 'Den', Seq: 4 });
  await joined;
  await early;
  assert.deepEqual(names, ['Den']);
});

test('who connects as an account hears all that comes from then on, however long the rooms take', async (t) => {
  const room = { Room: 'DEN', Name: 'Den', Members: 1, Protected: false, Joined: true };
  const server = await script(t, (call) => {
    if (call.method === 'ChatServer.Register') {
      server.register(call);
      call.client.writeFrame({ jsonrpc: '2.0', id: 7, method: 'ClientCallback.ReceiveMessage', params: said(7, 'early') });
    } else if (call.method === 'ChatServer.ListRooms') call.ok({ Success: true, Rooms: [room] });
    // A turn of the event loop later, as a real server would.
    else if (call.method === 'ChatServer.History')
      setImmediate(() => setImmediate(() => call.ok({ Success: true, Messages: [], Epoch: server.epoch })));
    else return false;
    return true;
  });
  const ann = await join(t, server, 'Ann', { callback: 'inline', token: 'token' });
  await ann.hears('early');
  assert.deepEqual([...ann.client.rooms], [['DEN', 'Den']]);
  assert.equal(at((await server.asked('Register', 1)).params, 'Token'), 'token');
});

test('what is said is sent in the order of the calls, to rooms and persons, and a refused line stops no other', async (t) => {
  const server = await script(t, (call) => at(call.params, 'Room') === 'LOCKED' && (call.refuse(-32004, 'Forbidden'), true));
  const ann = await join(t, server, 'Ann');
  const direct = ann.client.sendDirect('Bob', 'b').catch(() => undefined);
  const outcomes = await Promise.allSettled([
    ann.client.send('a'),
    ann.client.send('c', { room: 'LOCKED' }),
    ann.client.send('d', { room: 'OPEN' }),
    ann.client.send('e'),
  ]);
  await direct;
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  );
  const texts = server.calls.filter(({ method }) => /Send/.test(method)).map(({ params }) => at(params, 'Text'));
  assert.deepEqual(texts, ['b', 'a', 'c', 'd', 'e']);
});

test('what a busy room keeps waiting holds up the lines to it, in their order, and no others', async (t) => {
  const server = await script(t, (call) => {
    if (at(call.params, 'Room') !== 'BUSY' || server.of('SendMessage').length > 3) return false;
    call.refuse(-32000, 'Busy', { RetryAfterMs: 300 });
    return true;
  });
  const ann = await join(t, server, 'Ann');
  const busy = ['b1', 'b2'].map((text) => ann.client.send(text, { room: 'BUSY' }));
  const free = ['f1', 'f2'].map((text) => ann.client.send(text));
  await Promise.all(free);
  await Promise.all(busy);
  assert.deepEqual(
    server.of('SendMessage').map(({ params }) => at(params, 'Text')),
    ['b1', 'f1', 'f2', 'b1', 'b2'],
  );
});

test('a direct message that is long in being answered holds up those to the same person only', async (t) => {
  const server = await script(t, ({ method }) => method === 'ChatServer.SendDirect');
  const ann = await join(t, server, 'Ann');
  const direct = ['one', 'two'].map((text) => ann.client.sendDirect('Bob', text));
  await ann.client.send('to all');
  const [first] = server.of('SendDirect');
  assert.equal(server.of('SendDirect').length, 1);
  first?.ok({ Success: true, Delivered: true, Seq: 7 });
  assert.equal((await direct[0])?.Seq, 7);
  (await server.asked('SendDirect', 2)).ok({ Success: true, Delivered: false, Seq: 8 });
  assert.equal((await direct[1])?.Delivered, false);
});

test('a full inbox is told to the sender at once, not waited for', async (t) => {
  const server = await script(t, (call) => {
    if (call.method !== 'ChatServer.SendDirect') return false;
    call.refuse(-32000, 'Busy', { RetryAfterMs: 60_000 });
    return true;
  });
  const ann = await join(t, server, 'Ann');
  await assert.rejects(ann.client.sendDirect('Bob', 'hello'), { reason: 'Busy' });
  assert.equal(server.of('SendDirect').length, 1);
});

test('a direct message whose answer was lost is repeated under its MessageID', async (t) => {
  const server = await script(t, ({ method, nth }) => method === 'ChatServer.SendDirect' && nth === 1);
  const ann = await join(t, server, 'Ann', { callback: 'inline' });
  const sent = ann.client.sendDirect('Bob', 'once');
  const first = await server.asked('SendDirect', 1);
  await first.client.close();
  const again = await server.asked('SendDirect', 2);
  assert.equal(at(again.params, 'MessageID'), at(first.params, 'MessageID'));
  await assert.rejects(sent, { reason: 'MethodNotFound' });
});

test('a client knows nothing of a call that was refused, and says so', async (t) => {
  const server = await serve(t);
  const ann = await join(t, server, 'Ann');
  await assert.rejects(ann.client.joinRoom('AAAAAA'), { reason: 'NotFound' });
  await assert.rejects(ann.client.leaveRoom('lobby'), { reason: 'Forbidden' });
  await assert.rejects(ann.client.sendDirect('nobody-there', 'x'), { reason: 'NotFound' });
  await assert.rejects(ann.client.setDirectPolicy('allowed'), { reason: 'Forbidden' });
  await ann.client.disconnect();
  await assert.rejects(ann.client.createRoom('Den'), { name: 'ClientClosed' });
  await assert.rejects(ChatClient.createAccount({ host: '127.0.0.1', port: 1 }, 'Ann', PASSWORD), { name: 'ServerUnreachable' });
});

test('lines that waited are sent in their order when the server is back, before any that come later', async (t) => {
  const server = await script(t, ({ method, nth }) => isSend(method) && nth === 1);
  const ann = await join(t, server, 'Ann', { callback: 'inline' });
  const sends = [ann.client.send('1'), ann.client.send('2', { room: 'ELSE' }), ann.client.send('3')];
  await (await server.asked('SendMessage', 1)).client.close();
  await Promise.all(sends);
  assert.deepEqual(
    server.of('SendMessage').map(({ params }) => at(params, 'Text')),
    ['1', '1', '2', '3'],
  );
});
