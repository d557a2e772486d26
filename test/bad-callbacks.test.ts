/**
 * Bad callbacks among healthy ones: the healthy lose nothing and keep their order, the bad are gone within 10 s of their
 * first failure, with a leave notice and one line in the log, and cost bounded memory meanwhile.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { check } from './support/checker.ts';
import { PEERS } from './support/fault-peers.ts';
import { at, type LineClient } from './support/line-client.ts';
import { answerTo, Peer } from './support/peer.ts';
import { join, listenOn, withServer, type Member, type RoomServer, type RunningServer } from './support/room.ts';

/** The same rules, ten times as fast. */
const QUICK = { callMs: 500, retryCallMs: 100, retryDelaysMs: [50, 100, 200], dialMs: 300, pingIdleMs: 3_000 };

async function register(server: RunningServer, id: string, peer: Peer, more: object = {}): Promise<unknown> {
  const answer = await (await server.connect()).call('ChatServer.Register', { ID: id, Name: id, Callback: peer.callback, ...more });
  assert.equal(at(answer, 'result', 'Success'), true, JSON.stringify(answer));
  return answer;
}
const leaves = (id: string) => (message: { Content: string }) => message.Content === `User ${id} left the chat`;

/** Talks until stopped; what was said, with its numbers. */
function talk(member: Member, everyMs: number) {
  const sends: { text: string; seq: number }[] = [];
  let stopped = false;
  const done = (async () => {
    while (!stopped) {
      const text = `${member.id}-${sends.length}`;
      sends.push({ text, seq: Number(at(await member.say(text), 'result', 'Seq')) });
      await pause(everyMs);
    }
  })();
  const stop = async () => {
    stopped = true;
    await done;
    return sends;
  };
  return { stop };
}

async function waitingOf(asker: Member, id: string): Promise<unknown> {
  const users = at(await asker.client.call('ChatServer.ListUsers', { UserID: asker.id }), 'result', 'Users');
  assert.ok(Array.isArray(users));
  return at(
    users.find((user) => at(user, 'ID') === id),
    'Waiting',
  );
}

const BAD = {
  hung: () => PEERS.hung(),
  trickling: () => PEERS.trickling(),
  'half-open': () => PEERS.halfOpen(),
  resetting: () => PEERS.resetting(),
  'resetting-mid-answer': () => PEERS.resetting(20),
  'wrong-id': () => PEERS.wrongId(),
  garbage: () => PEERS.garbage(),
  'empty-object': () => PEERS.garbage('{}'),
  'not-utf8': () => PEERS.garbage(Uint8Array.of(0xff, 0xfe, 0xfd)),
  endless: () => PEERS.endless(),
  erring: () => PEERS.erring(),
  'closes-after-accept': () => PEERS.closesAfterAccept(),
  vanished: () => PEERS.healthy(),
} as const;
/** Those that fail by silence: their first failure is the end of a call's deadline. */
const SILENT = new Set(['hung', 'trickling', 'half-open']);

/** All of them at once among healthy ones; how long after its first failure each was gone, milliseconds. */
async function ordeal(server: RoomServer, callMs: number, deadlineMs: number): Promise<Map<string, number>> {
  const healthy = [await PEERS.healthy(), await PEERS.healthy('spaced'), await PEERS.bytewise(), await PEERS.closesAfterEachAnswer()];
  for (const [index, peer] of healthy.entries()) await register(server, `healthy-${index}`, peer);
  const talker = await join(server, { id: 'talker' });
  const bad = new Map<string, Peer>();
  for (const [id, start] of Object.entries(BAD)) bad.set(id, await start());
  for (const [id, peer] of bad) await register(server, id, peer);
  await bad.get('vanished')?.vanish();
  const began = performance.now();
  const talking = talk(talker, 20);
  const gone = new Map<string, number>();
  const departures = [...bad.keys()].map(async (id) => {
    await talker.hear(leaves(id), deadlineMs);
    gone.set(id, performance.now() - began - (SILENT.has(id) ? callMs : 0));
  });
  await Promise.all(departures);
  const sends = await talking.stop();
  const last = sends.at(-1)?.text ?? '';
  for (const peer of healthy) await peer.heard(({ texts }) => texts.includes(last), 'the last message');
  const receivers = healthy.map(({ messages }, index) => ({
    id: `healthy-${index}`,
    since: 0,
    owed: true,
    deliveries: messages.map(({ Seq, Kind, Text }) => ({ seq: Seq, text: Kind === 'chat' ? Text : undefined })),
  }));
  const verdict = check([{ id: 'talker', sends }], receivers);
  assert.deepEqual(verdict.faults, []);
  for (const id of bad.keys()) {
    assert.equal(talker.heard.filter(leaves(id)).length, 1, `one leave notice for ${id}`);
    const lines = server.warnings.filter((line) => line.includes(`Dropped ${id}: `));
    assert.equal(lines.length, 1, `one line for ${id}: ${lines.join('')}`);
    assert.match(lines[0] ?? '', /: (no answer|the connection was closed|its callback address|the callback answered|an answer with)/);
  }
  assert.equal(server.warnings.length, bad.size, server.warnings.join(''));
  for (const peer of [...healthy, ...bad.values()]) await peer.close();
  return gone;
}

test('every kind of bad callback at once, by the defaults: healthy ones lose nothing, each bad one is gone 10 s after it first failed', () =>
  withServer({}, async (server) => {
    for (const [id, ms] of await ordeal(server, 5_000, 20_000))
      assert.ok(ms <= 10_000, `${id} was there ${Math.round(ms)} ms after its first failure`);
  }));

test('settings decide how long a bad callback is tried', () =>
  withServer({ limits: QUICK }, async (server) => {
    for (const [id, ms] of await ordeal(server, QUICK.callMs, 10_000)) assert.ok(ms <= 2_500, `${id} took ${Math.round(ms)} ms`);
  }));

test('one that answers everything but one message is dropped: the others’ answers do not excuse it', () =>
  withServer({ limits: QUICK }, async (server) => {
    const talker = await join(server, { id: 'talker' });
    const peer = await Peer.start({ called: (call, socket) => void (call.message?.Text === 'talker-3' || socket.write(answerTo(call))) });
    await register(server, 'choosy', peer);
    const talking = talk(talker, 5);
    await talker.hear(leaves('choosy'), 10_000);
    await talking.stop();
    await peer.close();
  }));

test('one that is back in time has lost nothing, in order', () =>
  withServer({ limits: { ...QUICK, retryDelaysMs: [200, 400, 400] } }, async (server) => {
    const talker = await join(server, { id: 'talker' });
    const peer = await PEERS.healthy();
    await register(server, 'flapping', peer);
    const talking = talk(talker, 2);
    for (let times = 0; times < 3; times += 1) {
      const seen = peer.texts.length;
      await peer.heard(({ texts }) => texts.length > seen + 5, 'some messages');
      await peer.vanish();
      await talker.say(`while away ${times}`);
      await peer.comeBack();
    }
    const sends = await talking.stop();
    await talker.say('end');
    await peer.heard(({ texts }) => texts.includes('end'), 'the end');
    const own = peer.texts.filter((text) => text.startsWith('talker-'));
    assert.deepEqual(
      own,
      sends.map(({ text }) => text),
    );
    for (let times = 0; times < 3; times += 1) assert.ok(peer.texts.includes(`while away ${times}`));
    assert.deepEqual(server.warnings, []);
    await peer.close();
  }));

test('a slow client that answers is served at its own pace, delays nobody, and gets everything in order', () =>
  withServer({ limits: { ...QUICK, windowCalls: 8 } }, async (server) => {
    const slow = await PEERS.slow(5);
    await register(server, 'slow', slow);
    const [talker, listener] = [await join(server, { id: 'talker' }), await join(server, { id: 'listener' })];
    for (let index = 0; index < 300; index += 1) await talker.say(`${index}`);
    await listener.hear(({ Text }) => Text === '299');
    assert.ok(Number(await waitingOf(talker, 'slow')) > 50, 'it is behind, and everybody can see it');
    await slow.heard(({ texts }) => texts.length === 300, 'all of them', 20_000);
    assert.deepEqual(
      slow.texts,
      Array.from({ length: 300 }, (_, index) => `${index}`),
    );
    assert.deepEqual(server.warnings, []);
    await slow.close();
  }));

test('what is on its way to a client that does not answer is bounded by its window, on each try', () => {
  const windowBytes = 20_000;
  return withServer({ limits: { ...QUICK, windowBytes, retryDelaysMs: [] } }, async (server) => {
    let bytes = 0;
    const hung = await Peer.start({ accepted: (socket) => void socket.on('data', (chunk: Buffer | string) => (bytes += chunk.length)) });
    await register(server, 'hung', hung);
    const talker = await join(server, { id: 'talker' });
    for (let index = 0; index < 200; index += 1) await talker.say(`${index} ${'x'.repeat(500)}`);
    assert.ok(Number(await waitingOf(talker, 'hung')) >= 200);
    await talker.hear(leaves('hung'));
    assert.ok(bytes > windowBytes / 2 && bytes < windowBytes + 2_000, `${bytes} bytes`);
    await hung.close();
  });
});

test('a client that falls out of the room’s memory is dropped with the reason, and comes back with one notice', () =>
  withServer({ limits: { ...QUICK, roomBytes: 20_000, windowCalls: 2 } }, async (server) => {
    const slow = await PEERS.slow(100);
    const answer = await register(server, 'slow', slow);
    const [talker, listener] = [await join(server, { id: 'talker' }), await join(server, { id: 'listener' })];
    for (let index = 0; index < 100; index += 1) await talker.say(`${index} ${'x'.repeat(500)}`);
    await talker.hear(leaves('slow'));
    assert.match(server.warnings.join(''), /Dropped slow: it fell out of what the room remembers\./);
    assert.equal(server.warnings.length, 1);
    await slow.close();
    const more = { ResumeAfter: slow.messages.at(-1)?.Seq, Epoch: at(answer, 'result', 'Epoch') };
    const back = await join(server, { id: 'slow', more });
    await talker.say('welcome back');
    await back.hear(({ Text }) => Text === 'welcome back');
    assert.deepEqual(
      back.heard.map(({ Kind }) => Kind).filter((kind, index) => index === 0 || kind === 'notice'),
      ['notice'],
    );
    assert.equal(listener.heard.filter(({ Kind }) => Kind === 'chat').length, 101);
  }));

/** Registers inline and answers nothing. */
async function joinMute(server: RunningServer, id: string): Promise<LineClient> {
  const client = await server.connect();
  const answer = await client.call('ChatServer.Register', { ID: id, Name: id, Callback: 'inline' });
  assert.equal(at(answer, 'result', 'Success'), true);
  return client;
}

test('inline clients that hang, stop reading or hang up are dropped like all others, with the true reason', () =>
  withServer({ limits: QUICK }, async (server) => {
    const talker = await join(server, { id: 'talker' });
    await joinMute(server, 'mute');
    (await joinMute(server, 'deaf')).socket.pause();
    await (await joinMute(server, 'gone')).close();
    const talking = talk(talker, 5);
    for (const id of ['mute', 'deaf', 'gone']) await talker.hear(leaves(id), 10_000);
    await talking.stop();
    const reasons = ['mute', 'deaf', 'gone'].map((id) => server.warnings.find((line) => line.includes(id)) ?? '');
    assert.match(reasons[0] ?? '', /no answer/);
    assert.match(reasons[1] ?? '', /no answer/);
    assert.match(reasons[2] ?? '', /the connection was closed/);
    assert.equal(server.warnings.length, 3);
  }));

test('an inline client that reads nothing is not written to again and again, and its connection is closed when it is dropped', () =>
  withServer({ limits: { ...QUICK, windowBytes: 16_777_216, windowCalls: 100_000 } }, async (server) => {
    const talker = await join(server, { id: 'talker' });
    const deaf = await joinMute(server, 'deaf');
    deaf.socket.pause();
    const text = 'x'.repeat(4_000);
    for (let index = 0; index < 1_500; index += 1) await talker.say(text);
    await talker.hear(leaves('deaf'), 10_000);
    deaf.socket.resume();
    await deaf.gone();
    assert.ok(deaf.socket.bytesRead < 14_000_000, `${deaf.socket.bytesRead} bytes`);
  }));

test('a registration that is being retried does not take the connection from the one that has it now', () =>
  withServer({ limits: { ...QUICK, retryDelaysMs: [1_000, 50, 50] } }, async (server) => {
    const talker = await join(server, { id: 'talker' });
    const client = await joinMute(server, 'first');
    await talker.say('nobody answers this');
    await client.nextCall();
    const calls: string[] = [];
    let reply: unknown;
    do reply = await client.call('ChatServer.Register', { ID: 'second', Name: 'second', Callback: 'inline' });
    while (at(reply, 'result', 'Success') !== true);
    const ears = listenOn(client);
    await talker.hear(leaves('first'), 10_000);
    await talker.say('for the second');
    await ears.hear(({ Text }) => Text === 'for the second');
    calls.push(...server.warnings);
    assert.equal(calls.length, 1, calls.join(''));
  }));

/** What keeps this process alive: sockets, listeners and timers. */
const resources = (): string[] =>
  process
    .getActiveResourcesInfo()
    .filter((name) => /^(TCP|Timeout|Immediate)/.test(name))
    .sort();

test('a server that was stopped in the middle of everything leaves no timer and no socket behind', async () => {
  const before = resources();
  const limits = {
    ...QUICK,
    callMs: 30_000,
    dialMs: 400,
    presenceLinesUpTo: 4,
    roomBytes: 20_000,
    windowCalls: 2,
    queueMessages: 2,
    drainMs: 100,
  };
  const peers = [await PEERS.hung(), await PEERS.hung(), await PEERS.hung(), await PEERS.erring()];
  await withServer({ limits }, async (server) => {
    for (const [index, peer] of peers.entries()) await register(server, `peer-${index}`, peer);
    const talker = await join(server, { id: 'talker' });
    for (let index = 0; index < 60; index += 1) {
      const params = { UserID: 'talker', Text: `${index} ${'x'.repeat(800)}`, Wait: 'delivered', TimeoutMs: 30_000 };
      talker.client.writeFrame({ jsonrpc: '2.0', id: index, method: 'ChatServer.SendMessage', params });
    }
    const late = await PEERS.hung();
    peers.push(late);
    const params = { ID: 'late', Name: 'late', Callback: late.callback, Secret: 'never answered' };
    (await server.connect()).writeFrame({ jsonrpc: '2.0', id: 1, method: 'ChatServer.Register', params });
    await late.heard(({ calls }) => calls.length === 1, 'the proof');
  });
  for (const peer of peers) await peer.close();
  const end = Date.now() + 2_000;
  while (resources().length > before.length && Date.now() < end) await pause(20);
  assert.deepEqual(resources(), before);
});
