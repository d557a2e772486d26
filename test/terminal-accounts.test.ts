/** Accounts at a real terminal: passwords that nobody sees, logging in and out, and what is remembered of it. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { HiddenLine } from '../client/terminal/hidden-line.ts';
import { pipedClient } from './support/client-terminal.ts';
import { at } from './support/line-client.ts';
import { keptToken, seen, someone, tokenFiles } from './support/members.ts';
import { callOnce, PASSWORD, signUp } from './support/people.ts';
import { join, startRoom, type Member } from './support/room.ts';
import { endsWith, enter, leaves, prompts, signsUp, talk, whispers } from './support/talkers.ts';

let room: Awaited<ReturnType<typeof startRoom>>;
let eve: Member;

before(async () => {
  room = await startRoom();
  eve = await join(room, { id: 'Eve-1', name: 'Eve' });
});
after(() => room.stop());

test('/signup asks twice, unseen, and logs in under the same name: nobody sees a leave or a join', async () => {
  const name = someone();
  await talk(room, name, async (terminal, state) => {
    await signsUp(terminal, name);
    const member = await seen(eve, name);
    assert.equal(at(member, 'Account'), true);
    const id = at(member, 'ID');
    await eve.hear(({ Kind, SenderID }) => Kind === 'join' && SenderID === id);
    assert.deepEqual(
      eve.heard.filter(({ SenderID }) => SenderID === id).map(({ Kind }) => Kind),
      ['join'],
    );
    const [file = ''] = tokenFiles(state);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    // Neither the screen nor the arrow keys know the password.
    terminal.type('\u001b[A');
    await prompts(terminal, 'You: /signup');
    // There is nothing above it.
    terminal.type('\u001b[A!');
    await prompts(terminal, 'You: !');
    assert.ok(!terminal.raw.includes(PASSWORD));
  });
});

test('who has logged in once is logged in the next time, under any spelling of the name, and with send --user', async () => {
  const name = someone();
  await talk(room, name, async (terminal, state) => {
    await signsUp(terminal, name);
    await leaves(terminal);
    await talk(
      room,
      name.toUpperCase(),
      async (again) => {
        await again.shows(`You are logged in as ${name.toUpperCase()}`);
        assert.equal(at(await seen(eve, name.toUpperCase()), 'Account'), true);
        await leaves(again);
      },
      { state },
    );
    const server = ['--server', `127.0.0.1:${room.port}`];
    const sent = await pipedClient(['send', ...server, '--user', name, 'by the account'], '', { PARTYLINE_STATE: state }).done;
    assert.deepEqual([sent.status, sent.stderr], [0, '']);
    await eve.hear(({ Content }) => Content === `${name}: by the account`);
  });
});

test('no account is opened when the passwords differ, or it was given up; a name that is taken says what to do', async () => {
  const name = someone();
  await signUp(room, 'Taken Name');
  await talk(room, name, async (terminal) => {
    enter(terminal, '/signup');
    await whispers(terminal, `New password for ${name}:`, PASSWORD);
    await whispers(terminal, 'The same once more:', 'another horse');
    await terminal.shows('The two passwords differ; Enter alone gives up.');
    await prompts(terminal, `New password for ${name}:`);
    terminal.type('abc\u0003');
    await terminal.shows('No account was opened: no password was given.');
    await prompts(terminal, 'You:');
    enter(terminal, '/signup Taken Name');
    await prompts(terminal, 'New password for Taken Name:');
    enter(terminal, PASSWORD);
    await prompts(terminal, 'The same once more:');
    enter(terminal, PASSWORD);
    await terminal.shows('If the account is yours, /login; else /signup another name.');
    enter(terminal, '/signup a:b');
    await terminal.shows('/signup NAME takes the name of an account.');
    assert.equal(at(await seen(eve, name), 'Account'), false);
  });
});

test('/login refuses a wrong password, three times, and takes the right one; who is logged in is told to /logout first', async () => {
  const name = someone();
  await signUp(room, `${name} X`);
  await talk(room, name, async (terminal, state) => {
    enter(terminal, `/login ${name} X`);
    await prompts(terminal, `Password of ${name} X:`);
    enter(terminal, 'wrong password', 'wrong again', 'and again');
    await terminal.shows('Try /login again; /signup opens an account.');
    assert.equal(keptToken(state), undefined);
    enter(terminal, `/login ${name} X`);
    await whispers(terminal, `Password of ${name} X:`, PASSWORD);
    await terminal.shows(`You are logged in as ${name} X.`);
    await terminal.shows(`Next time --user "${name} X" joins with this account.`);
    assert.equal(typeof keptToken(state), 'string');
    enter(terminal, '/login');
    await terminal.shows(`You are logged in as ${name} X already. /logout comes first.`);
  });
});

test('a password that is pasted with the command, and what comes behind it, is not sent; the next line is', async () => {
  const name = someone();
  await signUp(room, `${name} X`);
  await talk(room, name, async (terminal) => {
    terminal.type(`/login ${name} X\r${PASSWORD}\rhello there\r`);
    await eve.hear(({ Text }) => Text === 'hello there');
    await terminal.shows(`You are logged in as ${name} X.`);
    terminal.type(`/logout\r`);
    await terminal.shows('You are logged out');
    terminal.type(`/signup ${name} Y\r${PASSWORD}\r${PASSWORD}\rhello again\r`);
    await eve.hear(({ Text }) => Text === 'hello again');
    await terminal.shows(`You are logged in as ${name} Y.`);
    assert.ok(!terminal.raw.includes(PASSWORD));
    assert.ok(!eve.heard.some(({ Text }) => Text.includes(PASSWORD)));
  });
});

test('what others say appears above the question, which stays; the keys of an editor do nothing to what is hidden', async () => {
  const name = someone();
  await signUp(room, `${name} X`);
  await talk(room, name, async (terminal) => {
    enter(terminal, `/login ${name} X`);
    await prompts(terminal, `Password of ${name} X:`);
    terminal.type(`zzz\u0015${PASSWORD.slice(0, 3)}\t${PASSWORD.slice(3, 5)}\u001b[A\u001b[D\u001bOHx\u007f\u0001\t`);
    await eve.say('above the question');
    await endsWith(terminal, 'Eve: above the question', `Password of ${name} X:`);
    enter(terminal, PASSWORD.slice(5));
    await terminal.shows(`You are logged in as ${name} X.`);
  });
});

test('the line under a hidden answer: what each key does to it', () => {
  const typed = (keys: string): readonly [string, string] => {
    const line = new HiddenLine();
    const outcomes = Array.from(keys, (key) => line.press(key));
    return [outcomes.at(-1) ?? '', line.text];
  };
  assert.deepEqual(typed('pässwörd\r'), ['entered', 'pässwörd']);
  assert.deepEqual(typed('ab\u007f\bc\n'), ['entered', 'c']);
  assert.deepEqual(typed('\u007fa\u0015b\r'), ['entered', 'b']);
  assert.deepEqual(typed('a\u001b[1;5Db\u001bOPc\u001b[3~d\u001bxe\r'), ['entered', 'abcde']);
  assert.deepEqual(typed('a\u001b\r'), ['entered', 'a']);
  assert.deepEqual(typed('a\u001b\u0003'), ['interrupted', 'a']);
  assert.deepEqual(typed('a\u0004'), ['more', 'a']);
  assert.deepEqual(typed('\u0004'), ['dropped', '']);
  assert.equal(typed('x'.repeat(5_000))[1].length, 1_024);
});

test('/logout makes a guest again and forgets the log-in; the name of the account is not a guest’s, so its owner leaves', async () => {
  const name = someone();
  await signUp(room, `${name} X`);
  await talk(room, name, async (terminal, state) => {
    enter(terminal, '/logout');
    await terminal.shows('You are not logged in. /login does that.');
    enter(terminal, `/login ${name} X`);
    await whispers(terminal, `Password of ${name} X:`, PASSWORD);
    await terminal.shows('You are logged in');
    const token = keptToken(state);
    enter(terminal, '/logout');
    await terminal.shows(`You are logged out of ${name} X and a guest.`);
    assert.equal(keptToken(state), undefined);
    assert.equal(at(await callOnce(room, 'ListLogIns', { Token: token }), 'error', 'data', 'Reason'), 'Unauthorized');
    assert.equal(at(await seen(eve, name), 'Account'), false);
    enter(terminal, 'still here');
    await eve.hear(({ Text }) => Text === 'still here');
    await signsUp(terminal, name);
    enter(terminal, '/logout');
    assert.equal(await terminal.exit, 0);
    await terminal.shows('You are logged out and have left:');
    assert.equal(keptToken(state), undefined);
  });
});
