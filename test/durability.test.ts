/**
 * A message that was acknowledged is on disk: after a stop, a `kill -9` or a long absence it is there, once, in order,
 * and what is missing is told. Real processes on real folders.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { history, send, seqs, texts, withFolder } from './support/data-folder.ts';
import { at, LineClient } from './support/line-client.ts';
import { join, type Heard } from './support/room.ts';
import { startServer } from './support/server-process.ts';

test('what was said is there after a stop, under the same epoch, and numbers go on', () =>
  withFolder(async ({ start }) => {
    const first = await start();
    const ann = await join(first, { id: 'ann' });
    const last = await send(ann, 'before the stop');
    await first.stop();
    const second = await start();
    const again = await join(second, { id: 'ann' });
    assert.equal(again.epoch, ann.epoch);
    assert.deepEqual(texts(await history(again)), ['before the stop']);
    assert.ok((await send(again, 'after it')) > last);
  }));

test('a message acknowledged before a kill -9 is delivered, once and in order, to who resumes', () =>
  withFolder(async ({ start }) => {
    const first = await start();
    const sender = await join(first, { id: 'sender' });
    const reader = await join(first, { id: 'reader' });
    const seen = await send(sender, 'seen');
    await reader.hear(({ Text }) => Text === 'seen');
    const acknowledged: string[] = [];
    const frames = Array.from({ length: 2_000 }, (_, id) =>
      JSON.stringify({ jsonrpc: '2.0', id, method: 'ChatServer.SendMessage', params: { UserID: 'sender', Text: `m${id}` } }),
    );
    sender.client.write(`${frames.join('\n')}\n`);
    while (acknowledged.length < 500) {
      const answer = await sender.client.next();
      if (at(answer, 'result', 'Success') === true) acknowledged.push(`m${String(at(answer, 'id'))}`);
    }
    first.signal('SIGKILL');
    await first.exited;
    const second = await start();
    const back = await join(second, { id: 'reader', more: { ResumeAfter: seen, Epoch: reader.epoch } });
    await back.hear(({ Text }) => Text === acknowledged.at(-1));
    const heard = back.heard.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text);
    assert.deepEqual(heard.slice(0, acknowledged.length), acknowledged);
    assert.deepEqual(
      heard,
      frames.slice(0, heard.length).map((_, id) => `m${id}`),
    );
    assert.ok(isAscending(back.heard));
    assert.ok(!back.heard.some(({ Kind }) => Kind === 'notice'));
  }));

test('who comes back from far gets what has left the memory from the disk, without gap or repeat, while others talk', () =>
  withFolder(async ({ start }) => {
    const server = await start({ PARTYLINE_LIMIT_ROOM_BYTES: '16384' });
    const talker = await join(server, { id: 'talker' });
    for (let index = 0; index < 300; index += 1) await send(talker, `old ${index}`);
    const talking = (async () => {
      for (let index = 0; index < 100; index += 1) await send(talker, `new ${index}`);
    })();
    const resume = { ResumeAfter: 0, Epoch: talker.epoch };
    const readers = await Promise.all(['r1', 'r2', 'r3'].map((id) => join(server, { id, more: resume })));
    await talking;
    for (const reader of readers) {
      await reader.hear(({ Text }) => Text === 'new 99', 20_000);
      const chats = reader.heard.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text);
      assert.deepEqual(chats, [...Array.from({ length: 300 }, (_, i) => `old ${i}`), ...Array.from({ length: 100 }, (_, i) => `new ${i}`)]);
      assert.ok(isAscending(reader.heard));
    }
  }));

test('History reads in both directions, a page at a time', () =>
  withFolder(async ({ start }) => {
    const server = await start();
    const ann = await join(server, { id: 'ann' });
    const numbers: number[] = [];
    for (let index = 0; index < 30; index += 1) numbers.push(await send(ann, `t${index}`));
    assert.deepEqual(seqs(await history(ann, { Limit: 3 })), numbers.slice(-3));
    assert.deepEqual(seqs(await history(ann, { After: numbers[4], Limit: 5 })), numbers.slice(5, 10));
    assert.deepEqual(seqs(await history(ann, { Before: numbers[10], Limit: 5 })), numbers.slice(5, 10));
    assert.deepEqual(seqs(await history(ann, { After: numbers.at(-1) })), []);
    assert.deepEqual(seqs(await history(ann, { Before: 0 })), []);
    const both = await ann.client.call('ChatServer.History', { UserID: 'ann', After: 1, Before: 2 });
    assert.equal(at(both, 'error', 'data', 'Issues', 0, 'Path'), 'Before');
    const far = await ann.client.call('ChatServer.History', { UserID: 'ann', Limit: 201 });
    assert.equal(at(far, 'error', 'data', 'Issues', 0, 'Path'), 'Limit');
  }));

test('a page of long messages stays inside a frame, and the next one follows on it', () =>
  withFolder(async ({ start }) => {
    const server = await start();
    const ann = await join(server, { id: 'ann' });
    const numbers: number[] = [];
    for (let index = 0; index < 40; index += 1) numbers.push(await send(ann, `${index} ${'é'.repeat(2_000)}`));
    const read: unknown[] = [];
    while (read.length < numbers.length) {
      const page = await history(ann, { After: read.at(-1) ?? (numbers[0] ?? 0) - 1, Limit: 200 });
      assert.ok(Buffer.byteLength(JSON.stringify(page)) < 65_536);
      assert.ok(seqs(page).length > 0);
      read.push(...seqs(page));
    }
    assert.deepEqual(read, numbers);
  }));

test('a repetition after a restart is known, and said once', () =>
  withFolder(async ({ start }) => {
    const first = await start();
    const seq = await send(await join(first, { id: 'ann' }), 'once', { MessageID: 'line-1' });
    first.signal('SIGKILL');
    await first.exited;
    const second = await start();
    const again = await join(second, { id: 'ann' });
    const answer = await again.client.call('ChatServer.SendMessage', { UserID: 'ann', Text: 'once', MessageID: 'line-1' });
    assert.deepEqual([at(answer, 'result', 'Seq'), at(answer, 'result', 'Duplicate')], [seq, true]);
    assert.deepEqual(texts(await history(again)), ['once']);
  }));

test('a folder that another server holds is refused in a sentence that says whose it is', () =>
  withFolder(async ({ start }) => {
    const first = await start();
    await assert.rejects(start(), new RegExp(String(first.pid)));
  }));

test('on a full disk nothing is acknowledged, the room goes on, and 5 s after there is space messages are accepted again', async (t) => {
  const disk = await mkdtemp(path(tmpdir(), 'partyline-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', disk], { stdio: 'ignore' });
  } catch {
    await rm(disk, { recursive: true, force: true });
    return t.skip('needs the right to mount a tmpfs: NOT PROVED HERE');
  }
  const server = await startServer(['--data', path(disk, 'data'), '--rate', '0', '--log-level', 'fatal']);
  t.after(async () => {
    await server.stop();
    execFileSync('umount', [disk]);
    await rm(disk, { recursive: true, force: true });
  });
  const running = { ...server, connect: () => LineClient.connect(server.host, server.port) };
  const [ann, ben] = [await join(running, { id: 'ann' }), await join(running, { id: 'ben' })];
  const say = (text: string) => ann.client.call('ChatServer.SendMessage', { UserID: 'ann', Text: text });
  const first = await send(ann, 'before');
  const free = Number(execFileSync('df', ['--output=avail', '-B1', disk]).toString().split('\n')[1]);
  await writeFile(path(disk, 'ballast'), Buffer.alloc(free - 50_000, 1));
  const accepted: unknown[] = [];
  let answer = await say('x'.repeat(4_000));
  for (; at(answer, 'result', 'Success') === true; answer = await say('x'.repeat(4_000))) accepted.push(at(answer, 'result', 'Seq'));
  assert.deepEqual([at(answer, 'error', 'code'), at(answer, 'error', 'data', 'Reason')], [-32009, 'StorageFailed']);
  await ben.hear(({ Seq }) => Seq === (accepted.at(-1) ?? first));
  assert.deepEqual(seqs(await history(ann, { Limit: 1 })), [accepted.at(-1) ?? first]);
  await rm(path(disk, 'ballast'));
  const freed = performance.now();
  do answer = await say('after');
  while (at(answer, 'result', 'Success') !== true && performance.now() - freed < 10_000);
  assert.equal(at(answer, 'result', 'Success'), true, JSON.stringify(answer));
  await ben.hear(({ Text }) => Text === 'after');
  assert.deepEqual(
    ben.heard.filter(({ Kind }) => Kind === 'chat').map(({ Seq }) => Seq),
    [first, ...accepted, at(answer, 'result', 'Seq')],
  );
});

function isAscending(messages: readonly Heard[]): boolean {
  return messages.every(({ Seq }, index) => Seq > (messages[index - 1]?.Seq ?? 0));
}
