/** `for await (… of client.messages())`: nothing is lost or repeated, a slow loop is a slow client, and what is not done comes again. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { ClientClosed, type ChatClient, type Message } from '../client/library.ts';
import { Readers } from '../client/readers.ts';
import { becomes, join, member, open, type Where } from './support/chat.ts';
import { at } from './support/line-client.ts';
import { startRoom, type RoomSettings } from './support/room.ts';
import { said, ScriptedServer, type Asked, type Script } from './support/scripted-server.ts';

async function serve(t: TestContext, settings: RoomSettings = {}): Promise<Where> {
  const server = await startRoom(settings);
  t.after(() => server.stop());
  return server;
}

async function script(t: TestContext, says?: Script): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(says);
  t.after(() => server.die());
  return server;
}

/** Delivers a message on the connection that registered; resolves with whether it was answered with success. */
async function deliver({ client }: Asked, ...message: Parameters<typeof said>): Promise<unknown> {
  return at(await client.call('ClientCallback.ReceiveMessage', said(...message)), 'result', 'Success');
}

/** The first `count` texts that people say. */
async function take(client: ChatClient, count: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const { Kind, Text } of client.messages()) {
    if (Kind === 'chat' && texts.push(Text) === count) break;
  }
  return texts;
}

test('a loop hears each message once and in order, and several loops hear the same', async (t) => {
  const server = await serve(t);
  const [ann, bob] = [await join(t, server, 'Ann'), await join(t, server, 'Bob')];
  const lines = Array.from({ length: 300 }, (_, i) => `line ${i}`);
  const loops = Promise.all([take(ann.client, 300), take(ann.client, 300)]);
  await Promise.all(lines.map((line) => bob.client.send(line)));
  assert.deepEqual(await loops, [lines, lines]);
});

test('a message is answered when the loop comes back for the next one, and then counts as delivered', async (t) => {
  const server = await serve(t);
  const [ann, bob] = [await join(t, server, 'Ann', { callback: 'inline' }), await join(t, server, 'Bob')];
  const loop = ann.client.messages();
  await loop.next();
  const first = loop.next();
  await bob.client.send('in hand');
  assert.equal((await first).value?.Text, 'in hand');
  assert.deepEqual((await bob.client.send('behind', { wait: 'delivered', timeoutMs: 0 })).Receipt?.Pending, ['Ann']);
  const delivered = bob.client.send('last', { wait: 'delivered' });
  for (let next = await loop.next(); next.value?.Text !== 'last'; next = await loop.next()) assert.equal(next.value?.Text, 'behind');
  void loop.next();
  assert.deepEqual((await delivered).Receipt, { Delivered: 1, Pending: [], Failed: 0 });
});

for (const callback of ['auto', 'inline'] as const) {
  test(`a loop may speak while thousands of messages wait for it (${callback})`, async (t) => {
    const server = await serve(t, { limits: { windowBytes: 4_194_304 } });
    const [ann, bob] = [await join(t, server, 'Ann', { callback }), await join(t, server, 'Bob')];
    const loop = ann.client.messages();
    const states: string[] = [];
    ann.client.on('state', ({ kind }) => states.push(kind));
    const flood = Array.from({ length: 3_000 }, (_, i) => i);
    const sent = flood.reduce((before, i) => before.then(() => bob.client.send(`${i}`)), Promise.resolve<unknown>(undefined));
    await sent;
    const heard: string[] = [];
    for await (const { Kind, Text } of loop) {
      if (Kind !== 'chat') continue;
      if (Text === '0') await ann.client.send('I am reading');
      if (heard.push(Text) === flood.length) break;
    }
    assert.deepEqual(heard, flood.map(String));
    await bob.hears('I am reading');
    assert.deepEqual(states, [], 'no connection was given up over it');
  });
}

test('a loop that takes long over one message is neither dropped nor hears anything twice', async (t) => {
  const server = await script(t);
  const ann = await join(t, server, 'Ann', { callback: 'inline' });
  const loop = ann.client.messages();
  const asked = await server.asked('Register', 1);
  const answers = [deliver(asked, 1), deliver(asked, 2), deliver(asked, 1)];
  assert.equal((await loop.next()).value?.Seq, 1);
  // The loop does not come back; the server, which would wait for 5 s, is answered before that.
  assert.equal(await answers[0], true);
  assert.equal((await loop.next()).value?.Seq, 2);
  void loop.next();
  assert.deepEqual(await Promise.all(answers), [true, true, true]);
});

test('a loop that is left leaves the others alone, and nothing waits for it', async (t) => {
  const server = await script(t);
  const ann = await join(t, server, 'Ann', { callback: 'inline' });
  const [stays, leaves] = [ann.client.messages(), ann.client.messages()];
  const asked = await server.asked('Register', 1);
  const answers = [deliver(asked, 1), deliver(asked, 2)];
  await leaves.next();
  await leaves.return?.();
  assert.equal((await leaves.next()).done, true);
  assert.deepEqual([(await stays.next()).value?.Seq, (await stays.next()).value?.Seq], [1, 2]);
  await stays.return?.();
  assert.deepEqual(await Promise.all(answers), [true, true]);
  assert.equal(await deliver(asked, 3), true, 'nobody listens any more');
});

test('disconnecting ends the loop at once; what it has in its hands is done with', async (t) => {
  const server = await script(t);
  const ann = await join(t, server, 'Ann', { callback: 'inline' });
  const asked = await server.asked('Register', 1);
  const answered = deliver(asked, 1);
  void deliver(asked, 2).catch(() => undefined);
  const seen: number[] = [];
  for await (const { Seq } of ann.client.messages()) {
    seen.push(Seq);
    await ann.client.disconnect();
  }
  assert.deepEqual(seen, [1]);
  assert.equal(await answered, true);
  assert.equal((await ann.client.messages().next()).done, true);
});

test('a client that is closed against its will ends the loop with the reason, after what was there', async (t) => {
  const server = await script(t);
  const ann = await join(t, server, 'Ann', { callback: 'inline', reconnect: false });
  const loop = ann.client.messages();
  const asked = await server.asked('Register', 1);
  for (const seq of [1, 2]) void deliver(asked, seq).catch(() => undefined);
  assert.equal((await loop.next()).value?.Seq, 1);
  await asked.client.close();
  await becomes(ann.client, 'closed');
  assert.equal((await loop.next()).value?.Seq, 2);
  await assert.rejects(loop.next(), ClientClosed);
  assert.equal((await loop.next()).done, true);
});

test('what was not done when the connection was lost is neither lost nor handed out twice', async (t) => {
  const server = await script(t);
  const ann = await join(t, server, 'Ann', { callback: 'inline' });
  const loop = ann.client.messages();
  const first = await server.asked('Register', 1);
  for (const seq of [1, 2]) void deliver(first, seq).catch(() => undefined);
  assert.equal((await loop.next()).value?.Seq, 1);
  await first.client.close();
  const second = await server.asked('Register', 2);
  assert.equal(at(second.params, 'ResumeAfter'), 2);
  const answered: number[] = [];
  const again = deliver(second, 2).then((success) => (answered.push(2), success));
  const next = deliver(second, 3);
  await becomes(ann.client, 'connected');
  await ann.client.listUsers();
  assert.deepEqual(answered, [], 'it waits for the loop, as it did before');
  assert.deepEqual([(await loop.next()).value?.Seq, (await loop.next()).value?.Seq], [2, 3]);
  assert.equal(await again, true);
  await loop.return?.();
  assert.equal(await next, true);
});

test('with a folder, what a loop had not done when its process ended comes again in the next one', async (t) => {
  const server = await serve(t);
  const folder = mkdtempSync(path.join(tmpdir(), 'partyline-loop-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const options = { stateFolder: folder, replay: 'missed' } as const;
  const bob = await join(t, server, 'Bob');
  const first = await join(t, server, 'Ann', options);
  // A loop that never comes: nothing is done.
  first.client.messages();
  for (const text of ['done', 'in hand', 'waiting']) await bob.client.send(text);
  await first.hears('waiting');
  await first.client.disconnect();
  const done: string[] = [];
  const second = await join(t, server, 'Ann', options);
  for await (const { Text, Kind } of second.client.messages()) {
    if (Kind === 'chat' && done.push(Text) === 1) await second.client.disconnect();
  }
  const third = await join(t, server, 'Ann', options);
  await third.hears('waiting');
  assert.deepEqual([done, third.texts()], [['done'], ['in hand', 'waiting']]);
});

test('a loop may read its inbox and turn the push off while direct messages wait for it', async (t) => {
  const server = await serve(t);
  await open(server, 'Ann');
  const [ann, bob, eve] = [await member(t, server, 'Ann'), await join(t, server, 'Bob'), await join(t, server, 'Eve')];
  await ann.hears(({ Name }) => Name === 'Eve');
  const loop = ann.client.messages();
  const sent = [bob.client.sendDirect('Ann', 'one'), eve.client.sendDirect('Ann', 'two')];
  const { value: inHand } = await loop.next();
  await Promise.all([ann.hears('one'), ann.hears('two')]);
  await ann.client.notify(false);
  assert.equal((await bob.client.sendDirect('Ann', 'three')).Delivered, false);
  const pulled = (await ann.client.readInbox()).Messages.map(({ Text }) => Text);
  const { value: next } = await loop.next();
  assert.deepEqual([[inHand?.Text, next?.Text].sort(), pulled], [['one', 'two'], ['three']]);
  assert.deepEqual(
    (await Promise.all(sent)).map(({ Delivered }) => Delivered),
    [true, true],
  );
});

function message(Seq: number): Message {
  const text = { SenderID: 'a', Content: '', IsSystem: false, Name: 'a', Text: '', Kind: 'chat', SentAt: '' } as const;
  return { ...text, Seq, Room: 'lobby' };
}

test('what is answered in advance, and what waits, has a bound: then the client ends with a reason', async (t) => {
  // The timer of the loops keeps no process alive: the connection does.
  const alive = setInterval(() => undefined, 1_000);
  t.after(() => clearInterval(alive));
  const reasons: string[] = [];
  const done: number[] = [];
  const told = { done: ({ Seq }: Message) => void done.push(Seq), overwhelmed: (reason: string) => void reasons.push(reason) };
  const hasty = new Readers({ ...told, patienceMs: 0, inAdvance: 3 });
  const loop = hasty.open();
  const answered = new Set<number>();
  await new Promise<void>((resolve) => {
    for (let seq = 1; seq <= 5; seq++)
      hasty.hear(message(seq), () => {
        answered.add(seq);
        if (answered.size === 4) setImmediate(resolve);
      });
  });
  assert.deepEqual([[...answered], done, reasons.length], [[1, 2, 3, 4], [], 1]);
  assert.match(reasons[0] ?? '', /3 messages were answered before they were taken/);
  assert.equal((await loop.next()).value?.Seq, 1);
  await loop.return?.();
  assert.deepEqual(done, [1, 2, 3, 4, 5]);

  const patient = new Readers(told);
  patient.open();
  for (let seq = 1; seq <= 10_001; seq++) patient.hear(message(seq), () => undefined);
  assert.match(reasons.at(-1) ?? '', /10000 messages were not taken/);
  patient.end(undefined);
});
