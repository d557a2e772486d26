/** As whom one is there from the start: the account that is named, a password from anywhere but a flag, a log-in that is void. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { after, before, test } from 'node:test';
import { newcomer, onTerminal, pipedClient } from './support/client-terminal.ts';
import { at } from './support/line-client.ts';
import { keptToken, seen, someone, tokenFiles } from './support/members.ts';
import { callOnce, member as account, PASSWORD, signUp } from './support/people.ts';
import type { Terminal } from './support/pty.ts';
import { join, startRoom, type Member } from './support/room.ts';
import { enter, leaves, prompts, signsUp, talk, whispers } from './support/talkers.ts';

let room: Awaited<ReturnType<typeof startRoom>>;
let eve: Member;
const folder = mkdtempSync(path(tmpdir(), 'partyline-log-in-'));

before(async () => {
  room = await startRoom();
  eve = await join(room, { id: 'Eve-1', name: 'Eve' });
});
after(async () => {
  await room.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A client with no prompt to wait for: it asks something else first, or ends. */
function starting(args: readonly string[], state: string, use: (terminal: Terminal) => Promise<void>): Promise<void> {
  return onTerminal(room, args, { columns: 160, rows: 50, env: { PARTYLINE_STATE: state } }, use);
}

test('--user asks for the password before it joins, unseen, and remembers the log-in; Ctrl+C there is 130, Ctrl+D 4', async () => {
  const name = someone();
  await signUp(room, name);
  const { PARTYLINE_STATE: state } = newcomer();
  for (const [key, status] of [
    ['ab\u0003', 130],
    ['\u0004', 4],
  ] as const) {
    await starting(['--user', name], state, async (terminal) => {
      await prompts(terminal, `Password of ${name}:`);
      terminal.type(key);
      assert.equal(await terminal.exit, status);
      assert.equal(terminal.screen.text.includes('is needed'), status === 4);
    });
  }
  await starting(['--user', name], state, async (terminal) => {
    await whispers(terminal, `Password of ${name}:`, PASSWORD);
    await prompts(terminal, 'You:');
    assert.match(terminal.screen.text, new RegExp(`Welcome, ${name}!.*\nConnected.*\nYou are logged in as ${name}\n`));
    enter(terminal, 'typed after it');
    await eve.hear(({ Content }) => Content === `${name}: typed after it`);
    await leaves(terminal);
  });
  await starting(['--user', name], state, async (terminal) => {
    await prompts(terminal, 'You:');
    await leaves(terminal);
  });
});

test('a password comes from the environment, a file or stdin; a wrong one is 4, and so is none', async () => {
  const name = someone();
  await signUp(room, name);
  const [right, empty] = [path(folder, 'right'), path(folder, 'empty')];
  writeFileSync(right, `${PASSWORD}\r\nnot this\n`);
  writeFileSync(empty, '\n');
  const rows: readonly (readonly [args: string[], env: Record<string, string>, input: string, status: number, told: RegExp])[] = [
    [[], { PARTYLINE_PASSWORD: PASSWORD }, 'from the environment', 0, /^$/],
    [['--password-file', right], {}, 'from a file', 0, /^$/],
    [['--password-file', '-'], {}, `${PASSWORD}\nfrom stdin`, 0, /^$/],
    [[], { PARTYLINE_PASSWORD_FILE: right }, 'from the file of the environment', 0, /^$/],
    [['--password-file', right], { PARTYLINE_PASSWORD: 'wrong password' }, 'the flag wins', 0, /^$/],
    [[], { PARTYLINE_PASSWORD: 'wrong password' }, 'x', 4, /password/],
    [['--password-file', empty], {}, 'x', 4, /is needed.*empty begins with an empty line/],
    [['--password-file', '-'], {}, '', 4, /is needed.*Stdin/],
    [['--password-file', path(folder, 'none')], {}, 'x', 4, /cannot be read.*ENOENT/],
    [[], {}, 'x', 4, /is needed.*--password-file FILE, or set PARTYLINE_PASSWORD/],
  ];
  for (const [args, env, input, status, told] of rows) {
    const { PARTYLINE_STATE } = newcomer();
    const all = ['send', '--server', `127.0.0.1:${room.port}`, '--user', name, ...args];
    const done = await pipedClient(all, input, { PARTYLINE_STATE, ...env }).done;
    assert.equal(done.status, status, done.stderr);
    assert.match(done.stderr, told);
    assert.ok(!done.stderr.includes(PASSWORD) && !done.stderr.includes('wrong password'));
    if (status === 0) await eve.hear(({ Content }) => Content === `${name}: ${input.split('\n').at(-1)}`);
    assert.equal(typeof keptToken(PARTYLINE_STATE), status === 0 ? 'string' : 'undefined');
  }
});

test('lines of a pipe that follow on the password are said, each by its number, and stdout has messages only', async () => {
  const name = someone();
  await signUp(room, name);
  const { PARTYLINE_STATE } = newcomer();
  const args = ['--server', `127.0.0.1:${room.port}`, '--user', name, '--password-file', '-'];
  const done = await pipedClient(args, `${PASSWORD}\nfirst\nsecond\n`, { PARTYLINE_STATE }).done;
  assert.deepEqual([done.status, done.stdout], [0, '']);
  assert.match(done.stderr, new RegExp(`You are logged in as ${name}`));
  await eve.hear(({ Content }) => Content === `${name}: second`);
  assert.ok(!eve.heard.some(({ Text }) => Text.includes(PASSWORD)));
});

test('a log-in that is void is told and forgotten; one logs in again, or goes on as a guest where the name is free', async () => {
  const name = someone();
  const Token = await account(room, name);
  await talk(
    room,
    `${name} guest`,
    async (terminal, state) => {
      enter(terminal, `/login ${name}`);
      await whispers(terminal, `Password of ${name}:`, PASSWORD);
      await terminal.shows('You are logged in');
      await leaves(terminal);
      const revoked = keptToken(state);
      await callOnce(room, 'LogOut', { Token: revoked });
      await starting(['--name', name], state, async (again) => {
        await whispers(again, `Password of ${name}, Enter to join as a guest:`, PASSWORD);
        await prompts(again, 'You:');
        assert.match(again.screen.text, new RegExp(`The log-in of ${name} has ended\\.`));
        assert.notEqual(keptToken(state), revoked);
        await leaves(again);
      });
      await callOnce(room, 'DeleteAccount', { Token, Password: PASSWORD });
      await starting(['--name', name], state, async (guest) => {
        await prompts(guest, `Password of ${name}, Enter to join as a guest:`);
        enter(guest, '');
        await prompts(guest, 'You:');
        assert.equal(at(await seen(eve, name), 'Account'), false);
        assert.equal(keptToken(state), undefined);
        await leaves(guest);
      });
    },
    { state: newcomer().PARTYLINE_STATE },
  );
});

test('with --user a void log-in is 4 where nobody can be asked', async () => {
  const name = someone();
  await signUp(room, name);
  const { PARTYLINE_STATE } = newcomer();
  const send = (env = {}) =>
    pipedClient(['send', '--server', `127.0.0.1:${room.port}`, '--user', name, 'x'], '', { PARTYLINE_STATE, ...env }).done;
  assert.equal((await send({ PARTYLINE_PASSWORD: PASSWORD })).status, 0);
  await callOnce(room, 'LogOut', { Token: keptToken(PARTYLINE_STATE) });
  const refused = await send();
  assert.equal(refused.status, 4);
  assert.match(refused.stderr, /The log-in of .* has ended\.\n\* The password of .* is needed/);
  assert.equal(keptToken(PARTYLINE_STATE), undefined);
});

test('a log-in that others may read is not used, and what to do is told', async () => {
  const name = someone();
  await talk(room, name, async (terminal, state) => {
    await signsUp(terminal, name);
    await leaves(terminal);
    const [file = ''] = tokenFiles(state);
    chmodSync(file, 0o644);
    await starting(['--name', name], state, async (again) => {
      assert.equal(await again.exit, 4);
      assert.match(again.screen.text.replaceAll('\n', ''), /is not used: others may read it\. Make it yours alone \(chmod 600\)/);
      assert.match(again.screen.text, new RegExp(`If that account is yours, join with --user "${name}"\\.`));
    });
  });
});

test('where there are members only, a guest is told how to open an account, and --sign-up opens it', async () => {
  const club = await startRoom({ membersOnly: true });
  try {
    const name = someone();
    const { PARTYLINE_STATE: state } = newcomer();
    const server = ['--server', `127.0.0.1:${club.port}`];
    const guest = await pipedClient(['--name', name, ...server], '').done;
    assert.equal(guest.status, 4);
    assert.match(guest.stderr, new RegExp(`Join with --user "${name}"; with --sign-up too, if you have no account yet`));
    const args = ['--user', name, '--sign-up'];
    const env = { PARTYLINE_STATE: state };
    await onTerminal(club, args, { columns: 120, env }, async (terminal) => {
      await whispers(terminal, `New password for ${name}:`, PASSWORD);
      await whispers(terminal, 'The same once more:', 'another horse');
      assert.equal(await terminal.exit, 4);
      assert.match(terminal.screen.text, /No account was opened: the two passwords differ/);
    });
    await onTerminal(club, args, { columns: 120, env }, async (terminal) => {
      await whispers(terminal, `New password for ${name}:`, PASSWORD);
      await whispers(terminal, 'The same once more:', PASSWORD);
      await terminal.shows(`You are logged in as ${name}`);
      assert.match(terminal.screen.text, new RegExp(`The account ${name} is open`));
      await leaves(terminal);
    });
    assert.equal((await pipedClient(['send', ...server, '--user', name, 'kept'], '', env).done).status, 0);
    const twice = await pipedClient(['send', ...server, ...args, 'x'], '', { ...env, PARTYLINE_PASSWORD: PASSWORD }).done;
    assert.equal(twice.status, 4);
    assert.match(twice.stderr, /If that account is yours, join without --sign-up/);
    const piped = await pipedClient(['send', ...server, '--user', someone(), '--sign-up', 'x'], '', {
      ...env,
      PARTYLINE_PASSWORD: PASSWORD,
    }).done;
    assert.deepEqual([piped.status, piped.stderr.includes('is open')], [0, true]);
  } finally {
    await club.stop();
  }
});

test('a password without an account is wrong usage, and so are two from one place', async () => {
  const usage = async (args: string[], env: Record<string, string> = {}) => {
    const done = await pipedClient(['--name', 'x', ...args], '', env).done;
    assert.equal(done.status, 2);
    return done.stderr;
  };
  assert.match(
    await usage([], { PARTYLINE_PASSWORD: 'hunter22' }),
    /^PARTYLINE_PASSWORD is the password of an account: name it with --user/,
  );
  assert.match(await usage(['--password-file', 'x']), /^--password-file is the password of an account/);
  assert.match(await usage(['--user', 'a'], { PARTYLINE_PASSWORD: 'hunter22', PARTYLINE_PASSWORD_FILE: 'y' }), /exclude each other/);
  assert.match(await usage(['--password', 'hunter22']), /--password is not a flag.*PARTYLINE_PASSWORD/);
  assert.match(await usage(['--token', 'hunter22']), /--token is not a flag.*see --user/);
  assert.match(await usage(['--sign-up']), /^--sign-up opens an account: name it with --user/);
});
