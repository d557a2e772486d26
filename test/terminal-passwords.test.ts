/** Passwords that are typed before they are asked for, or wrong: at real terminals, and nobody else hears of them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { at } from './support/line-client.ts';
import { seen, someone } from './support/members.ts';
import { PASSWORD, signUp } from './support/people.ts';
import type { Terminal } from './support/pty.ts';
import { heardIn, join, makeRoom, startRoom, type Member } from './support/room.ts';
import { ScriptedServer } from './support/scripted-server.ts';
import { enter, prompts, talk } from './support/talkers.ts';

let room: Awaited<ReturnType<typeof startRoom>>;
let bob: Member;

before(async () => {
  room = await startRoom();
  bob = await join(room, { id: 'Bob-1', name: 'Bob' });
});
after(() => room.stop());

/** Neither the screen nor the room has it. */
function isSecret(terminal: Terminal, secret: string): void {
  assert.ok(!terminal.raw.includes(secret), 'it was shown');
  assert.ok(!bob.heard.some(({ Text }) => Text.includes(secret)), 'it was said');
}

test('a password that is typed ahead of its question is the answer, also behind commands that take their time', async () => {
  const name = someone();
  await signUp(room, `${name} X`);
  await talk(room, name, async (terminal) => {
    const [locked, other, open] = [
      await makeRoom(bob, 'Locked', PASSWORD),
      await makeRoom(bob, 'Other', PASSWORD),
      await makeRoom(bob, 'Open'),
    ];
    enter(terminal, `/room join ${locked}`, PASSWORD, 'in the locked one');
    await heardIn(bob, locked, 'in the locked one');
    enter(terminal, '/who', `/room join ${other}`, PASSWORD, 'in the other one');
    await heardIn(bob, other, 'in the other one');
    // Without a question what was typed ahead is a line to the room that one has come to.
    enter(terminal, `/room join ${open}`, 'in the open one');
    await heardIn(bob, open, 'in the open one');
    enter(terminal, '/who', '/room leave', `/login ${name} X`, PASSWORD, '/room lobby', 'in the lobby');
    await heardIn(bob, 'lobby', 'in the lobby');
    await terminal.shows(`You are logged in as ${name} X.`);
    isSecret(terminal, PASSWORD);
  });
});

test('a wrong password is asked for again, three times in all; tries that were typed ahead are said to nobody', () =>
  talk(room, 'Ann', async (terminal) => {
    const code = await makeRoom(bob, 'Locked', PASSWORD);
    enter(terminal, `/room join ${code}`, 'wrong one', 'wrong two', 'wrong three', 'wrong four');
    await terminal.shows('What was typed behind it is not sent.');
    assert.equal(terminal.screen.text.split('That is not the password; Enter alone gives up.').length, 3);
    await terminal.shows('Try /room join again, with the password that its owner knows.');
    enter(terminal, `/room join ${code}`, 'wrong five');
    await terminal.until(({ lines }) => /^Password of/.test(lines.at(-1) ?? ''), 'the question again');
    enter(terminal, '', 'in the lobby');
    await heardIn(bob, 'lobby', 'in the lobby');
    await terminal.shows('You are not in Locked: no password was given.');
    isSecret(terminal, 'wrong');
  }));

test('a password that was typed ahead of a question that never comes is said to nobody', () =>
  talk(room, 'Ann', async (terminal) => {
    enter(terminal, '/room join QQQQQQ', PASSWORD);
    await terminal.shows('What was typed behind it is not sent.');
    enter(terminal, 'in the lobby again');
    await heardIn(bob, 'lobby', 'in the lobby again');
    isSecret(terminal, PASSWORD);
  }));

test('Ctrl+C drops what was typed ahead, and leaves where nothing was, while the server says nothing', async () => {
  const server = await ScriptedServer.start(({ method }) => method === 'ChatServer.ListRooms');
  try {
    await talk(server, 'Ann', async (terminal) => {
      enter(terminal, '/room join QQQQQQ');
      await server.asked('ListRooms', 1);
      terminal.type('in vain\r\u0003\u0003');
      assert.equal(await terminal.exit, 130);
      assert.equal(server.of('SendMessage').length, 0);
    });
  } finally {
    await server.die();
  }
});

test('/signup says at once that a password is too short, or that the two differ, and asks again', async () => {
  const name = someone();
  await talk(room, name, async (terminal) => {
    enter(terminal, '/signup');
    await prompts(terminal, `New password for ${name}:`);
    enter(terminal, 'short');
    await terminal.shows('A password must have at least 8 bytes; Enter alone gives up.');
    await prompts(terminal, `New password for ${name}:`);
    enter(terminal, PASSWORD, 'another horse');
    await terminal.shows('The two passwords differ; Enter alone gives up.');
    await prompts(terminal, `New password for ${name}:`);
    enter(terminal, PASSWORD, PASSWORD);
    await terminal.shows(`You are logged in as ${name}.`);
    assert.equal(at(await seen(bob, name), 'Account'), true);
    for (const secret of ['short', PASSWORD, 'another horse']) isSecret(terminal, secret);
  });
});

test('/login asks again after a wrong password', async () => {
  const name = someone();
  await signUp(room, `${name} X`);
  await talk(room, name, async (terminal) => {
    enter(terminal, `/login ${name} X`);
    await prompts(terminal, `Password of ${name} X:`);
    enter(terminal, 'wrong password');
    await terminal.shows('That is not the password; Enter alone gives up.');
    enter(terminal, PASSWORD, 'in the lobby');
    await heardIn(bob, 'lobby', 'in the lobby');
    await terminal.shows(`You are logged in as ${name} X.`);
    for (const secret of ['wrong password', PASSWORD]) isSecret(terminal, secret);
  });
});
