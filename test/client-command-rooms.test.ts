/** `partyline send` and `tail` in rooms and to one person: where it goes, who may, and where an account is afterwards. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { after, before, test } from 'node:test';
import { pipedClient } from './support/client-terminal.ts';
import { at } from './support/line-client.ts';
import { member as account, PASSWORD } from './support/people.ts';
import { join, makeRoom, startRoom, type Member } from './support/room.ts';

let room: Awaited<ReturnType<typeof startRoom>>;
let bob: Member;
let people = 0;

before(async () => {
  room = await startRoom();
  bob = await join(room, { id: 'Bob-1', name: 'Bob' });
});
after(() => room.stop());

function someone(command: string, ...more: string[]): [args: string[], id: string] {
  const id = `Script-${++people}`;
  return [[command, '--server', `127.0.0.1:${room.port}`, '--name', 'Script', '--id', id, ...more], id];
}

test('send --room says it there, goes out again, and tells when it may not go in; PARTYLINE_ROOM_PASSWORD opens the door', async () => {
  const [open, locked] = [await makeRoom(bob, 'Open'), await makeRoom(bob, 'Locked', 'sesame')];
  const [args, id] = someone('send', '--room', open.toLowerCase(), 'in the room');
  assert.deepEqual(await pipedClient(args).done, { status: 0, stdout: '', stderr: '' });
  await bob.hear(({ Kind, Room, SenderID }) => Kind === 'leave' && Room === open && SenderID === id);
  assert.deepEqual(
    bob.heard.filter(({ SenderID, Room }) => SenderID === id && Room === open).map(({ Kind, Text }) => (Kind === 'chat' ? Text : Kind)),
    ['join', 'in the room', 'leave'],
  );
  const [secret] = someone('send', '--room', locked, 'behind the door');
  const shut = await pipedClient(secret).done;
  assert.equal(shut.status, 4);
  assert.match(shut.stderr, /password/);
  assert.equal((await pipedClient(secret, undefined, { PARTYLINE_ROOM_PASSWORD: 'sesame' }).done).status, 0);
  await bob.hear(({ Room, Text }) => Room === locked && Text === 'behind the door');
  const [nowhere] = someone('send', '--room', 'QQQQQQ', 'x');
  assert.equal((await pipedClient(nowhere).done).status, 4);
});

test('send --user --room leaves the account in the rooms that it was in, and in no others', async () => {
  const [mine, other] = [await makeRoom(bob, 'Mine'), await makeRoom(bob, 'Other')];
  const Token = await account(room, 'Scribe');
  const scribe = await join(room, { id: 'scribe-1', name: 'Scribe', more: { Token } });
  await scribe.client.call('ChatServer.JoinRoom', { UserID: 'scribe-1', Room: mine });
  const state = mkdtempSync(path(tmpdir(), 'partyline-scribe-'));
  for (const code of [mine, other]) {
    const args = ['send', '--server', `127.0.0.1:${room.port}`, '--user', 'Scribe', '--room', code, `to ${code}`];
    assert.equal((await pipedClient(args, undefined, { PARTYLINE_STATE: state, PARTYLINE_PASSWORD: PASSWORD }).done).status, 0);
    await bob.hear(({ Room, Text }) => Room === code && Text === `to ${code}`);
  }
  rmSync(state, { recursive: true });
  const rooms = at(await scribe.client.call('ChatServer.ListRooms', { UserID: 'scribe-1' }), 'result', 'Rooms');
  const joined = Array.isArray(rooms) ? rooms.filter((one) => at(one, 'Joined') === true).map((one) => at(one, 'Room')) : [];
  assert.deepEqual(joined, ['lobby', mine]);
});

test('send --to says it to one person only, by ID or name; that it waits is fine, that nobody is called so is 6', async () => {
  await account(room, 'Away');
  for (const to of ['Bob-1', 'bob', 'Away']) {
    const [args] = someone('send', '--to', to);
    assert.deepEqual(await pipedClient(args, `one to ${to}\ntwo to ${to}\n`).done, { status: 0, stdout: '', stderr: '' });
  }
  for (const text of ['one to Bob-1', 'two to Bob-1', 'one to bob', 'two to bob'])
    await bob.hear(({ Kind, Text }) => Kind === 'direct' && Text === text);
  const [nobody] = someone('send', '--to', 'Nobody', 'x');
  const { status, stderr } = await pipedClient(nobody).done;
  assert.equal(status, 6);
  assert.match(stderr, /^\* The message was not accepted: There is nobody called "Nobody"/);
  const [both] = someone('send', '--to', 'Bob', '--room', 'lobby', 'x');
  assert.equal((await pipedClient(both).done).status, 2);
});

test('--squeeze takes extra blanks out of what send and a pipe say', async () => {
  const [args] = someone('send', '--squeeze', 'three   blanks  ', ' here');
  assert.equal((await pipedClient(args).done).status, 0);
  await bob.hear(({ Text }) => Text === 'three blanks here');
  const pipe = ['--server', `127.0.0.1:${room.port}`, '--name', 'Pipe', '--squeeze'];
  assert.equal((await pipedClient(pipe, '  a \t b  \n').done).status, 0);
  await bob.hear(({ Text }) => Text === 'a b');
});

test('tail --room prints what is said there and to oneself, and nothing of the lobby; --history and --since work there', async () => {
  for (const [more, expected] of [
    [() => ['--history', '1'], ['three']],
    [(seq: number) => ['--since', String(seq)], ['two', 'three']],
    [() => [], []],
  ] as const) {
    const code = await makeRoom(bob, 'Tailed');
    const say = (Text: string, Room = code) => bob.client.call('ChatServer.SendMessage', { UserID: 'Bob-1', Text, Room });
    const one = Number(at(await say('one'), 'result', 'Seq'));
    for (const text of ['two', 'three']) await say(text);
    const [args, id] = someone('tail', '--room', code, ...more(one));
    const client = pipedClient(args);
    await bob.hear(({ Kind, Room, SenderID }) => Kind === 'join' && Room === code && SenderID === id);
    await say('in the lobby', 'lobby');
    await bob.client.call('ChatServer.SendDirect', { UserID: 'Bob-1', To: id, Text: 'to you' });
    await client.prints('to you');
    await say('live');
    await client.prints('Bob: live');
    client.signal('SIGINT');
    const { status, stdout, stderr } = await client.done;
    assert.deepEqual([status, stderr], [130, '']);
    const lines = stdout
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('[SYSTEM]'));
    // What is said to oneself has an order of its own.
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('[direct]')),
      [...expected.map((text) => `Bob: ${text}`), 'Bob: live'],
    );
    assert.deepEqual(
      lines.filter((line) => line.startsWith('[direct]')),
      ['[direct] Bob: to you'],
    );
    await bob.hear(({ Kind, Room, SenderID }) => Kind === 'leave' && Room === code && SenderID === id);
  }
});
