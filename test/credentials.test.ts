/**
 * Every method that acts for somebody, against every credential that does not prove it: the right reason, and nothing has
 * happened. The tables follow from the contract, so a new method fails here until it stands in one of them.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import test from 'node:test';
import { SERVER_METHODS, type Caller, type ServerMethod } from '../commons/protocol.ts';
import { at, type LineClient } from './support/line-client.ts';
import { callOnce, logIn, member as account, PASSWORD, reasonOf, signUp, textOf } from './support/people.ts';
import { join, withServer, type Member, type RoomSettings, type RunningServer } from './support/room.ts';

/** The methods that only this kind of caller may call. */
type CalledBy<C extends Caller> = { [M in ServerMethod]: (typeof SERVER_METHODS)[M]['caller'] extends C ? M : never }[ServerMethod];
const namesOf = (caller: Caller): string[] =>
  Object.entries(SERVER_METHODS).flatMap(([name, method]) => (method.caller === caller ? [name] : []));

/** The method of a row needs no further parameters than who calls. */
const NOTHING = {};

/** Each with parameters that do something, when the one that they act for makes the call. */
const ACTING: Readonly<Record<CalledBy<'registered'>, (scene: Scene) => object>> = {
  'ChatServer.SendMessage': () => ({ Text: 'forged', MessageID: 'forged' }),
  'ChatServer.History': () => NOTHING,
  'ChatServer.ListUsers': ({ room }) => ({ Room: room }),
  'ChatServer.SendDirect': () => ({ To: 'witness', Text: 'forged', MessageID: 'forged too' }),
  'ChatServer.Read': () => NOTHING,
  'ChatServer.Notify': () => ({ Enabled: false }),
  'ChatServer.Allow': () => ({ User: 'thief' }),
  'ChatServer.Block': () => ({ User: 'witness' }),
  'ChatServer.SetDirectPolicy': () => ({ Policy: 'allowed' }),
  'ChatServer.DirectSettings': () => NOTHING,
  'ChatServer.CreateRoom': () => ({ Name: 'Forged' }),
  'ChatServer.JoinRoom': ({ other }) => ({ Room: other }),
  'ChatServer.LeaveRoom': ({ other }) => ({ Room: other }),
  'ChatServer.DeleteRoom': ({ room }) => ({ Room: room }),
  'ChatServer.ListRooms': () => NOTHING,
  'ChatServer.Unregister': () => NOTHING,
};

const NEW_PASSWORD = 'taken over by a thief';
/** Each with parameters that do something, when the token is good. */
const OF_ACCOUNTS: Readonly<Record<CalledBy<'account'>, object>> = {
  'ChatServer.ListLogIns': NOTHING,
  'ChatServer.ChangePassword': { Password: PASSWORD, NewPassword: NEW_PASSWORD },
  'ChatServer.LogOut': NOTHING,
  'ChatServer.DeleteAccount': { Password: PASSWORD },
};
const OPEN: readonly CalledBy<'anyone'>[] = [
  'ChatServer.Register',
  'ChatServer.SignUp',
  'ChatServer.LogIn',
  'ChatServer.Info',
  'rpc.discover',
];

/** A server with somebody who has a room, a log-in and a message that waits, and with others. */
interface Scene {
  readonly server: RunningServer;
  /** `Victim`, an account, registered as `victim`; its first session is superseded. */
  readonly victim: Member;
  readonly superseded: string;
  readonly former: LineClient;
  readonly token: string;
  /** A guest, registered on a connection of its own. */
  readonly thief: Member;
  readonly witness: Member;
  /** Session of `gone`, who has left. */
  readonly goneSession: string;
  /** Rooms of the victim and of the witness. */
  readonly room: string;
  readonly other: string;
}

async function setScene(server: RunningServer): Promise<Scene> {
  const token = await account(server, 'Victim');
  const more = { Token: token };
  const first = await join(server, { id: 'victim', name: 'Victim', callback: 'none', more });
  const victim = await join(server, { id: 'victim', name: 'Victim', callback: 'none', more: { ...more, Session: first.session } });
  const thief = await join(server, { id: 'thief', callback: 'none' });
  const witness = await join(server, { id: 'witness', callback: 'none' });
  const gone = await join(server, { id: 'gone', callback: 'none' });
  await gone.client.call('ChatServer.Unregister', ['gone']);
  const room = textOf(await act(victim, 'CreateRoom', { Name: 'Den' }), 'Code');
  const other = textOf(await act(witness, 'CreateRoom', { Name: 'Other' }), 'Code');
  await act(victim, 'SendMessage', { Text: 'said by the victim', Room: room });
  await act(witness, 'SendDirect', { To: 'victim', Text: 'for the victim only' });
  // From its first use on, the new session is the only one.
  const elsewhere = await server.connect();
  assert.equal(reasonOf(await elsewhere.call('ChatServer.ListRooms', { UserID: 'victim', Session: victim.session })), 'ok');
  const [superseded, former, goneSession] = [first.session, first.client, gone.session];
  return { server, victim, superseded, former, token, thief, witness, goneSession, room, other };
}

const act = ({ client, id }: Member, method: string, params: object): Promise<unknown> =>
  client.call(`ChatServer.${method}`, { UserID: id, ...params });

/** All that a call could have changed, as those see it who may. */
async function stateOf({ victim, witness, thief, token, room, other }: Scene): Promise<unknown> {
  const state: unknown[] = [];
  const look = async (member: Member, method: string, params: object = {}): Promise<void> => {
    const answer = await act(member, method, params);
    assert.equal(reasonOf(answer), 'ok', `${method} of ${member.id}: ${JSON.stringify(answer)}`);
    state.push(at(answer, 'result'));
  };
  for (const member of [victim, witness, thief]) for (const method of ['ListRooms', 'DirectSettings']) await look(member, method);
  for (const method of ['ListUsers', 'History']) {
    await look(victim, method);
    await look(victim, method, { Room: room });
    await look(witness, method, { Room: other });
  }
  return [...state, await logInsOf(victim.client, token)];
}

/** The names of an account's log-ins. */
async function logInsOf(client: LineClient, Token: string): Promise<unknown> {
  const answer = await client.call('ChatServer.ListLogIns', { Token });
  const all = at(answer, 'result', 'LogIns');
  assert.ok(Array.isArray(all), JSON.stringify(answer));
  return all.map((one: unknown) => at(one, 'LogIn'));
}

interface Wrong {
  readonly what: string;
  readonly client: LineClient;
  readonly id: string;
  readonly session?: string;
  readonly reason: 'Unauthorized' | 'NotRegistered';
}

function wrongWays({ victim, superseded, former, thief, goneSession }: Scene, stranger: LineClient): readonly Wrong[] {
  const [id, reason] = ['victim', 'Unauthorized'] as const;
  return [
    { what: 'no session, on another connection', client: stranger, id, reason },
    { what: 'no session, on the connection of another ID', client: thief.client, id, reason },
    { what: 'no session, on the connection that was let go', client: former, id, reason },
    { what: 'a guessed session', client: stranger, id, session: 'x'.repeat(43), reason },
    { what: 'a session that lacks its end', client: stranger, id, session: victim.session.slice(0, -1), reason },
    { what: 'a superseded session', client: stranger, id, session: superseded, reason },
    { what: 'the session of another ID', client: thief.client, id, session: thief.session, reason },
    { what: 'an unknown ID', client: victim.client, id: 'nobody', session: victim.session, reason: 'NotRegistered' },
    { what: 'the ID in another spelling', client: victim.client, id: 'Victim', session: victim.session, reason: 'NotRegistered' },
    { what: 'an ID that has left, with its session', client: stranger, id: 'gone', session: goneSession, reason: 'NotRegistered' },
  ];
}

const paramsFor = (method: string, id: string, more: object, session?: string): object => ({
  ...(method === 'ChatServer.Unregister' ? { ID: id } : { UserID: id }),
  ...(session === undefined ? {} : { Session: session }),
  ...more,
});

/** Runs `use` with a scene and a connection that registered nobody. */
const onScene = (settings: RoomSettings, use: (scene: Scene, stranger: LineClient) => Promise<void>): Promise<void> =>
  withServer({ ...settings, limits: { guessesPerAccount: 1_000, ...settings.limits } }, async (server) =>
    use(await setScene(server), await server.connect()),
  );

test('every method of the contract is in one of the tables of this file', () => {
  assert.deepEqual(Object.keys(ACTING).sort(), namesOf('registered').sort());
  assert.deepEqual(Object.keys(OF_ACCOUNTS).sort(), namesOf('account').sort());
  assert.deepEqual([...OPEN].sort(), namesOf('anyone').sort());
});

test('no method acts for an ID without its connection or its session, and nothing happens', () =>
  onScene({}, async (scene, stranger) => {
    const before = await stateOf(scene);
    for (const [method, more] of Object.entries(ACTING)) {
      for (const { what, client, id, session, reason } of wrongWays(scene, stranger)) {
        const answer = await client.call(method, paramsFor(method, id, more(scene), session));
        assert.equal(reasonOf(answer), reason, `${method} with ${what}: ${JSON.stringify(answer)}`);
        assert.deepEqual(await stateOf(scene), before, `${method} with ${what} changed something`);
      }
    }
  }));

test('with the session the same calls do what they do, so those of the test above were refused for the credential alone', () =>
  onScene({}, async (scene, stranger) => {
    for (const [method, more] of Object.entries(ACTING)) {
      const answer = await stranger.call(method, paramsFor(method, 'victim', more(scene), scene.victim.session));
      const done = method === 'ChatServer.Unregister' ? at(answer, 'result') === 'Successfully unregistered' : reasonOf(answer) === 'ok';
      assert.ok(done, `${method}: ${JSON.stringify(answer)}`);
    }
    const users = at(await act(scene.witness, 'ListUsers', {}), 'result', 'Users');
    assert.ok(Array.isArray(users) && users.length === 2);
  }));

/** Tokens that prove nothing, by what they were. */
async function wrongTokens({ server, token }: Scene): Promise<ReadonlyMap<string, string>> {
  const [handle = '', secret = ''] = token.split('.');
  const loggedOut = await logIn(server, 'Victim');
  assert.equal(reasonOf(await callOnce(server, 'LogOut', { Token: loggedOut })), 'ok');
  const [outdated, kept] = [await account(server, 'Changer'), await logIn(server, 'Changer')];
  const change = { Token: kept, Password: PASSWORD, NewPassword: NEW_PASSWORD };
  assert.equal(reasonOf(await callOnce(server, 'ChangePassword', change)), 'ok');
  const deleted = await account(server, 'Deleted');
  assert.equal(reasonOf(await callOnce(server, 'DeleteAccount', { Token: deleted, Password: PASSWORD })), 'ok');
  await signUp(server, 'Deleted');
  return new Map([
    ['garbage', 'garbage'],
    ['the name of a log-in alone', handle],
    ['another secret', `${handle}.${secret.startsWith('A') ? 'B' : 'A'}${secret.slice(1)}`],
    ['another account’s name of a log-in', `${kept.split('.')[0]}.${secret}`],
    ['a token that was logged out', loggedOut],
    ['a token from before the password was changed', outdated],
    ['a token of a deleted account, whose name is somebody else’s now', deleted],
    ['a session', 'x'.repeat(43)],
  ]);
}

test('no method of accounts takes a token that is missing, garbage, revoked, or of a deleted account, and nothing happens', () =>
  onScene({}, async (scene, stranger) => {
    const tokens = await wrongTokens(scene);
    const before = await stateOf(scene);
    for (const [method, more] of Object.entries(OF_ACCOUNTS)) {
      const missing = await stranger.call(method, more);
      assert.deepEqual([reasonOf(missing), at(missing, 'error', 'data', 'Issues', 0, 'Path')], ['InvalidParams', 'Token'], method);
      for (const [what, Token] of tokens) {
        const answer = await stranger.call(method, { ...more, Token });
        assert.equal(reasonOf(answer), 'Unauthorized', `${method} with ${what}: ${JSON.stringify(answer)}`);
        assert.deepEqual(await stateOf(scene), before, `${method} with ${what} changed something`);
      }
    }
  }));

test('the token of another account ends no log-in, changes no password and deletes nobody but its own', () =>
  onScene({}, async (scene, stranger) => {
    const { server, victim, token } = scene;
    await signUp(server, 'Robber', 'the thief’s own password');
    const Token = await logIn(server, 'Robber', 'the thief’s own password');
    const handles: unknown = await logInsOf(victim.client, token);
    assert.ok(Array.isArray(handles));
    const before = await stateOf(scene);
    const tries: readonly (readonly [CalledBy<'account'>, object, string])[] = [
      ['ChatServer.LogOut', { LogIn: at(handles, 0) }, 'NotFound'],
      ['ChatServer.ChangePassword', { Password: PASSWORD, NewPassword: NEW_PASSWORD }, 'Unauthorized'],
      ['ChatServer.DeleteAccount', { Password: PASSWORD }, 'Unauthorized'],
      ['ChatServer.ListLogIns', {}, 'ok'],
      ['ChatServer.LogOut', {}, 'ok'],
    ];
    assert.deepEqual([...new Set(tries.map(([method]) => method))].sort(), namesOf('account').sort());
    for (const [method, more, reason] of tries) {
      const answer = await stranger.call(method, { ...more, Token });
      assert.equal(reasonOf(answer), reason, `${method}: ${JSON.stringify(answer)}`);
      if (method === 'ChatServer.ListLogIns') assert.ok(!JSON.stringify(answer).includes(String(at(handles, 0))), 'it lists its own');
      assert.deepEqual(await stateOf(scene), before, `${method} changed something`);
    }
    await logIn(server, 'Victim');
  }));

test('with the right token the same calls do what they do, so those of the tests above were refused for the token alone', () =>
  onScene({}, async ({ server }, stranger) => {
    for (const [method, more] of Object.entries(OF_ACCOUNTS)) {
      await signUp(server, 'Owner');
      const Token = await logIn(server, 'Owner');
      assert.equal(reasonOf(await stranger.call(method, { ...more, Token })), 'ok', method);
      if (method === 'ChatServer.DeleteAccount') continue;
      const Password = method === 'ChatServer.ChangePassword' ? NEW_PASSWORD : PASSWORD;
      const last = await logIn(server, 'Owner', Password);
      assert.equal(reasonOf(await stranger.call('ChatServer.DeleteAccount', { Token: last, Password })), 'ok');
    }
  }));

test('Register lets nobody in with a token that is void, nor into what is another account’s, and nothing happens', () =>
  onScene({}, async (scene, stranger) => {
    const tokens = await wrongTokens(scene);
    const foreign = await account(scene.server, 'Robber');
    const before = await stateOf(scene);
    const refused = async (what: string, params: object, reason: string): Promise<void> => {
      const answer = await stranger.call('ChatServer.Register', { Callback: 'none', ...params });
      assert.equal(reasonOf(answer), reason, `${what}: ${JSON.stringify(answer)}`);
      assert.deepEqual(await stateOf(scene), before, `${what} changed something`);
    };
    const [guest, takeover] = [
      { ID: 'x', Name: 'x' },
      { ID: 'victim', Name: 'Victim', Session: scene.victim.session },
    ];
    for (const [what, Token] of tokens) {
      await refused(what, { ...guest, Token }, 'Unauthorized');
      await refused(`${what}, for a takeover`, { ...takeover, Token }, 'Unauthorized');
    }
    await refused('another account’s token, for a takeover', { ...takeover, Token: foreign }, 'InvalidParams');
    await refused('another account’s token, for its ID', { ...guest, ID: 'Victim', Token: foreign }, 'AlreadyRegistered');
    await refused('another account’s token, for its name', { ...guest, Name: 'Victim', Token: foreign }, 'AlreadyRegistered');
    await refused('no token, for its name', { ...guest, Name: 'Victim' }, 'AlreadyRegistered');
    for (const Session of ['guessed', scene.superseded, scene.thief.session, scene.goneSession])
      await refused('a wrong session, for a takeover', { ...takeover, Session }, 'AlreadyRegistered');
    await refused('no session, for a takeover', { ID: 'victim', Name: 'Victim', Token: scene.token }, 'AlreadyRegistered');
  }));

test('an expired token opens nothing: no method of accounts, no Register', async () => {
  const dataDir = await mkdtemp(path(tmpdir(), 'partyline-'));
  try {
    const Token = await withServer({ dataDir }, (server) => account(server, 'Victim'));
    await withServer({ dataDir, limits: { tokenIdleMs: 1 } }, async (server) => {
      const calls = { ...OF_ACCOUNTS, 'ChatServer.Register': { ID: 'victim', Name: 'Victim', Callback: 'none' } };
      const client = await server.connect();
      for (const [method, more] of Object.entries(calls))
        assert.equal(reasonOf(await client.call(method, { ...more, Token })), 'Unauthorized', method);
      const witness = await join(server, { id: 'witness', callback: 'none' });
      const users = at(await act(witness, 'ListUsers', {}), 'result', 'Users');
      assert.ok(Array.isArray(users) && users.length === 1);
    });
    // It was neither deleted nor given another password.
    await withServer({ dataDir }, async (server) => void (await logIn(server, 'Victim')));
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});
