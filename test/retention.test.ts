/** What is kept of a room is the operator's to say, by count, bytes and age; what is gone is told, never silently skipped. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { LevelStore } from '../server/store/level.ts';
import { history, kill, send, texts, withFolder, type Running } from './support/data-folder.ts';
import { join, type Member } from './support/room.ts';

const DAY_MS = 86_400_000;
/** Messages of more than 200 bytes, each stored by itself. */
const SAID = Array.from({ length: 40 }, (_, index) => `said ${index}`);

/** Asks again and again until no more than `most` messages are kept: soon after the start, not only when it is time again (10 s). */
async function trimmed(member: Member, most: number): Promise<unknown[]> {
  const end = performance.now() + 8_000;
  for (;;) {
    const kept = texts(await history(member, { After: 0, Limit: 200 }));
    if (kept.length <= most) return kept;
    assert.ok(performance.now() < end, `${kept.length} messages are still kept`);
  }
}

/** The newest of what was said stay, and who resumes from before them is told of the hole by one notice. */
async function assertKeeps(server: Running, epoch: string, most: number): Promise<void> {
  const reader = await join(server, { id: 'reader' });
  const kept = await trimmed(reader, most);
  assert.ok(kept.length > 0, 'nothing is left');
  assert.deepEqual(kept, SAID.slice(-kept.length));
  const late = await join(server, { id: 'late', more: { ResumeAfter: 1, Epoch: epoch } });
  await late.hear(({ Text }) => Text === SAID.at(-1));
  const heard = late.heard.map(({ Kind, Text }) => (Kind === 'notice' ? 'a notice' : Text));
  assert.deepEqual(
    heard.filter((text) => text === 'a notice' || text.startsWith('said')),
    ['a notice', ...kept],
  );
}

/** Takes all but the newest three messages to have been said two days ago. */
async function age(from: string, to: string): Promise<string> {
  const report = (): void => undefined;
  const [young, old] = [await LevelStore.open({ folder: from, report }), await LevelStore.open({ folder: to, report })];
  const segments = await young.after('lobby', 0, Infinity);
  const since = Date.now() - 2 * DAY_MS;
  for (const [index, segment] of segments.entries()) await old.append([index < segments.length - 3 ? { ...segment, at: since } : segment]);
  await Promise.all([young.close(), old.close()]);
  return old.epoch;
}

test('a room keeps no more than the settings say: by count, by bytes, by age', () =>
  withFolder(async ({ start, path }) => {
    const first = await start();
    const ann = await join(first, { id: 'ann' });
    for (const text of SAID) await send(ann, text);
    await kill(first);
    for (const [setting, value, most] of [
      ['PARTYLINE_LIMIT_KEEP_MESSAGES', '10', 10],
      ['PARTYLINE_LIMIT_KEEP_BYTES', '3000', 15],
    ] as const) {
      const copy = `${path}-${setting}`;
      await cp(path, copy, { recursive: true });
      const server = await start({ [setting]: value }, copy);
      await assertKeeps(server, ann.epoch, most);
      await kill(server);
    }
    const epoch = await age(path, `${path}-old`);
    await assertKeeps(await start({ PARTYLINE_LIMIT_KEEP_DAYS: '1' }, `${path}-old`), epoch, 3);
  }));

test('what is forgotten is forgotten while people talk, and stays so', () =>
  withFolder(async ({ start }) => {
    const env = { PARTYLINE_LIMIT_KEEP_MESSAGES: '10' };
    const first = await start();
    const ann = await join(first, { id: 'ann' });
    for (const text of SAID) await send(ann, text);
    await kill(first);
    const second = await start(env);
    const ben = await join(second, { id: 'ben' });
    const talking = (async () => {
      for (let index = 0; index < 5; index += 1) await send(ben, `more ${index}`);
    })();
    await trimmed(ben, 15);
    await talking;
    await kill(second);
    const kept = await trimmed(await join(await start(env), { id: 'cy' }), 15);
    assert.deepEqual(kept.slice(-5), ['more 0', 'more 1', 'more 2', 'more 3', 'more 4']);
  }));
