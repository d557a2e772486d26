/**
 * What was answered about an account is on disk: a `kill -9` right behind the answer changes nothing of it. And what is on
 * disk opens nothing. Real processes on real folders.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import test from 'node:test';
import { LevelStore } from '../server/store/level.ts';
import { at, LineClient } from './support/line-client.ts';
import { callOnce, logIn, member, PASSWORD, reasonOf, register, signUp, textOf } from './support/people.ts';
import { join, type RunningServer } from './support/room.ts';
import { startServer } from './support/server-process.ts';

type Running = RunningServer & Awaited<ReturnType<typeof startServer>>;
interface Place {
  readonly folder: string;
  readonly start: (env?: NodeJS.ProcessEnv, args?: readonly string[]) => Promise<Running>;
  /** Kills a server and starts the next one on the same folder. */
  readonly again: (server: Running, env?: NodeJS.ProcessEnv) => Promise<Running>;
}

async function withFolder(use: (place: Place) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path(tmpdir(), 'partyline-'));
  const running = new Set<Running>();
  const start: Place['start'] = async (env = {}, args = []) => {
    const server = await startServer(['--data', folder, '--log-level', 'trace', ...args], env);
    const made = { ...server, connect: () => LineClient.connect(server.host, server.port) };
    running.add(made);
    return made;
  };
  const again: Place['again'] = async (server, env) => {
    server.signal('SIGKILL');
    await server.exited;
    return start(env);
  };
  try {
    await use({ folder, start, again });
  } finally {
    for (const server of running) await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const isLoggedIn = async (server: Running, Token: string): Promise<boolean> =>
  reasonOf(await callOnce(server, 'ListLogIns', { Token })) === 'ok';

test('after each answer a kill -9 changes nothing of it: sign-up, log-in, log-out, password, deletion', () =>
  withFolder(async ({ start, again }) => {
    let server = await start();
    const id = await signUp(server, 'Ann');
    server = await again(server);
    assert.equal(reasonOf(await callOnce(server, 'SignUp', { UserName: 'Ann', Password: PASSWORD })), 'AlreadyRegistered');
    assert.equal(reasonOf(await callOnce(server, 'Register', { ID: 'x', Name: 'ANN', Callback: 'none' })), 'AlreadyRegistered');
    const [first, second] = [await logIn(server, 'Ann'), await logIn(server, 'Ann')];
    assert.ok(first.startsWith(`${id}.`));
    server = await again(server);
    assert.deepEqual([await isLoggedIn(server, first), await isLoggedIn(server, second)], [true, true]);
    const back = await join(server, { id: 'ann', name: 'Ann', more: { Token: first } });
    assert.equal(reasonOf(await back.say('hello')), 'ok');
    await callOnce(server, 'LogOut', { Token: first });
    server = await again(server);
    assert.deepEqual([await isLoggedIn(server, first), await isLoggedIn(server, second)], [false, true]);
    const third = await logIn(server, 'Ann');
    await callOnce(server, 'ChangePassword', { Token: second, Password: PASSWORD, NewPassword: 'another password' });
    server = await again(server);
    assert.deepEqual([await isLoggedIn(server, second), await isLoggedIn(server, third)], [true, false]);
    assert.equal(reasonOf(await callOnce(server, 'LogIn', { UserName: 'Ann', Password: PASSWORD })), 'Unauthorized');
    assert.equal(reasonOf(await callOnce(server, 'LogIn', { UserName: 'Ann', Password: 'another password' })), 'ok');
    await callOnce(server, 'DeleteAccount', { Token: second, Password: 'another password' });
    server = await again(server);
    assert.equal(await isLoggedIn(server, second), false);
    assert.notEqual(await signUp(server, 'Ann'), id);
  }));

test('an account is there or it is not: killed while many sign up, every one that was answered can log in', () =>
  withFolder(async ({ start, again }) => {
    let server = await start({ PARTYLINE_LIMIT_PASSWORD_QUEUE: '64' });
    const answered: string[] = [];
    const clients = await Promise.all(Array.from({ length: 8 }, () => server.connect()));
    let enough = (): void => undefined;
    const killed = new Promise<void>((resolve) => (enough = resolve));
    const signing = clients.map(async (client, index) => {
      for (let often = 0; ; often += 1) {
        const UserName = `member ${index}-${often}`;
        if (reasonOf(await client.call('ChatServer.SignUp', { UserName, Password: PASSWORD })) === 'ok') answered.push(UserName);
        if (answered.length >= 20) enough();
      }
    });
    void killed.then(() => server.signal('SIGKILL'));
    await Promise.allSettled(signing);
    await server.exited;
    server = await again(server);
    assert.ok(answered.length >= 20);
    for (const name of answered) await logIn(server, name);
  }));

test('neither the folder nor the log holds a token, a password or a session', () =>
  withFolder(async ({ folder, start }) => {
    const server = await start();
    const password = 'a password that is nowhere';
    await signUp(server, 'Ann', password);
    const Token = await logIn(server, 'Ann', password);
    const ann = await join(server, { id: 'ann', more: { Token } });
    await ann.say('a word that is kept');
    await callOnce(server, 'LogIn', { UserName: 'Ann', Password: 'wrong and nowhere' });
    await callOnce(server, 'ChangePassword', { Token, Password: password, NewPassword: 'a new one, nowhere too' });
    await server.stop();
    const places = [Buffer.from(server.stdout()), Buffer.from(server.stderr())];
    for (const name of await readdir(folder, { recursive: true }))
      places.push(await readFile(path(folder, name)).catch(() => Buffer.alloc(0)));
    const secrets = [password, 'wrong and nowhere', 'a new one, nowhere too', Token, Token.slice(-43), ann.session];
    for (const secret of secrets) for (const bytes of places) assert.ok(!bytes.includes(secret), secret);
    for (const kept of ['a word that is kept', 'argon2id', 'Ann logged in.'])
      assert.ok(
        places.some((bytes) => bytes.includes(kept)),
        kept,
      );
  }));

test('the lives of tokens are settings: idle, and in all', () =>
  withFolder(async ({ start, again }) => {
    let server = await start({ PARTYLINE_LIMIT_TOKEN_IDLE_MS: '3600000' });
    await signUp(server, 'Ann');
    const hours = async (): Promise<number> => {
      const answer = await callOnce(server, 'LogIn', { UserName: 'Ann', Password: PASSWORD });
      return (Date.parse(String(at(answer, 'result', 'ExpiresAt'))) - Date.now()) / 3_600_000;
    };
    assert.ok(Math.abs((await hours()) - 1) < 0.1);
    server = await again(server, { PARTYLINE_LIMIT_TOKEN_MS: '7200000' });
    assert.ok(Math.abs((await hours()) - 2) < 0.1);
    const long = await logIn(server, 'Ann');
    server = await again(server, { PARTYLINE_LIMIT_TOKEN_MS: '1', PARTYLINE_LIMIT_TOKEN_IDLE_MS: '3600000' });
    // The end is the log-in's own, the idle time the server's.
    assert.equal(await isLoggedIn(server, long), true);
    const short = await logIn(server, 'Ann');
    while (await isLoggedIn(server, short));
    server = await again(server, { PARTYLINE_LIMIT_TOKEN_IDLE_MS: '1' });
    assert.equal(await isLoggedIn(server, long), false);
  }));

test('a registration ends with its token, and the others are told', () =>
  withFolder(async ({ start }) => {
    const server = await start({ PARTYLINE_LIMIT_TOKEN_MS: '2000' });
    const Token = await member(server, 'Ann');
    const witness = await join(server, { id: 'witness' });
    const ann = await join(server, { id: 'ann', name: 'Ann', more: { Token } });
    await ann.client.gone(20_000);
    assert.equal((await witness.hear(({ Kind }) => Kind === 'leave')).SenderID, 'ann');
    assert.equal(reasonOf(await register(await server.connect(), { ID: 'ann', Name: 'Ann', Token })), 'Unauthorized');
    assert.match(server.stdout(), /its token has expired/);
  }));

test('of a deleted account nothing is left on the disk, and its rooms go with it while others keep theirs', () =>
  withFolder(async ({ folder, start }) => {
    const server = await start();
    const [id, Token] = [await signUp(server, 'Ann'), await logIn(server, 'Ann')];
    const ann = await join(server, { id: 'ann', name: 'Ann', more: { Token } });
    const bob = await join(server, { id: 'bob', name: 'Bob', more: { Token: await member(server, 'Bob') } });
    const create = async (owner: typeof ann) =>
      textOf(await owner.client.call('ChatServer.CreateRoom', { UserID: owner.id, Name: 'Den' }), 'Code');
    const [hers, his] = [await create(ann), await create(bob)];
    const enter = (who: typeof ann, Room: string) => who.client.call('ChatServer.JoinRoom', { UserID: who.id, Room });
    for (const [who, room] of [
      [ann, his],
      [bob, hers],
    ] as const)
      assert.equal(reasonOf(await enter(who, room)), 'ok');
    await bob.client.call('ChatServer.SendMessage', { UserID: 'bob', Room: his, Text: 'hello' });
    await ann.hear(({ Text }) => Text === 'hello');
    assert.equal(reasonOf(await callOnce(server, 'DeleteAccount', { Token, Password: PASSWORD })), 'ok');
    await bob.hear(({ Kind, Text }) => Kind === 'notice' && Text.includes('was deleted'));
    assert.equal(reasonOf(await enter(bob, hers)), 'NotFound');
    await server.stop();
    // What the room said is dropped in the background; what a stop left of it, the next start drops.
    await (await start()).stop();
    const store = await LevelStore.open({ folder, report: () => undefined });
    const left = [...(await store.records(''))].filter(([key, value]) => key.includes(id) || value.includes(id) || key.includes(hers));
    const rooms = [...store.rooms.keys()];
    await store.close();
    assert.deepEqual(left, []);
    assert.deepEqual([rooms.includes(hers), rooms.includes(his)], [false, true]);
  }));

test('--members-only keeps guests out of the program, and lets members in', () =>
  withFolder(async ({ start }) => {
    const server = await start({}, ['--members-only']);
    assert.equal(reasonOf(await callOnce(server, 'Register', { ID: 'guest', Name: 'guest', Callback: 'none' })), 'Forbidden');
    const Token = await member(server, 'Ann');
    assert.equal(reasonOf(await callOnce(server, 'Register', { ID: 'ann', Name: 'Ann', Callback: 'none', Token })), 'ok');
  }));
