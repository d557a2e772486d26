/** A data folder that was damaged behind the server's back, met by the program: it says so and what to do, skips nothing and deletes nothing. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { cp, open, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join as path } from 'node:path';
import { everythingSaid, history, kill, send, withFolder, type DataFolder } from './support/data-folder.ts';
import { at } from './support/line-client.ts';
import { join, type Heard, type Member } from './support/room.ts';

const FILE = /^(\d+\.(ldb|log)|MANIFEST-\d+|CURRENT)$/;

async function contents(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => FILE.test(name));
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(path(folder, name), 'latin1')] as const)));
}

/** The largest of the files whose names end so. */
async function fileOf(folder: string, end: string): Promise<string> {
  const files = [...(await contents(path(folder, 'messages')))].filter(([name]) => name.includes(end));
  const [name] = files.sort(([, a], [, b]) => b.length - a.length)[0] ?? assert.fail(`there is no ${end}`);
  return path(folder, 'messages', name);
}

/** @param count bytes in a row that lose a bit each: of a compressed table one alone says nothing in 3 of 100 places */
async function flip(file: string, share: number, count = 1): Promise<void> {
  const bytes = await readFile(file);
  const place = Math.floor(bytes.length * share);
  for (let at = place; at < place + count; at += 1) bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  await writeFile(file, bytes);
}

/** In place: the server has mapped the file, which must not be shorter for a moment. */
async function overwrite(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(bytes);
  await file.close();
}

const half = async (file: string): Promise<void> => truncate(file, Math.floor((await readFile(file)).length / 2));

const DAMAGES: readonly (readonly [what: string, harm: (folder: string) => Promise<void>, said: RegExp])[] = [
  [
    'the journal lost its end',
    async (folder) => half(await fileOf(folder, '.log')),
    /up to number \d+ were stored, those after \d+ are missing/,
  ],
  ['a bit of the journal is flipped', async (folder) => flip(await fileOf(folder, '.log'), 0.5), /\.log at byte \d+ is damaged/],
  ['a table was truncated', async (folder) => half(await fileOf(folder, '.ldb')), /\d+\.ldb has \d+ bytes instead of \d+/],
  ['the manifest was truncated', async (folder) => half(await fileOf(folder, 'MANIFEST')), /is damaged: /],
];

test('the program refuses a damaged folder with status 1, names it, says what to do, and leaves every file as it was', () =>
  withFolder(async ({ start, path: data }) => {
    // The second start makes a table of the journal.
    for (const id of ['ann', 'ben']) {
      const server = await start();
      const member = await join(server, { id });
      for (let index = 0; index < 40; index += 1) await send(member, `${id} ${index} ${'x'.repeat(500)}`);
      // The mark of how far was committed lags behind a little: until it was written once more.
      const mark = await readFile(path(data, 'tide'));
      while (mark.equals(await readFile(path(data, 'tide')))) await send(member, 'more');
      await kill(server);
    }
    await Promise.all(
      DAMAGES.map(async ([what, harm, said], index) => {
        const copy = `${data}-${index}`;
        await cp(data, copy, { recursive: true });
        await harm(copy);
        const before = await contents(path(copy, 'messages'));
        const failure = await start({}, copy).then(
          () => assert.fail(`${what}: served`),
          (error: unknown) => String(error),
        );
        assert.match(failure, /the server ended with 1 before it served/, what);
        assert.match(failure, said, what);
        assert.ok(failure.includes(`The data folder ${copy} is damaged`), failure);
        assert.match(
          failure,
          /Nothing was repaired or deleted;.*Restore a backup, or move the folder away and start anew;.*delete its file "tide"/s,
        );
        const places = [await contents(path(copy, 'messages')), await contents(path(copy, 'found'))];
        for (const [name, content] of before)
          assert.ok(
            places.some((place) => place.get(name) === content),
            `${what}: ${name} was changed or deleted`,
          );
      }),
    );
  }));

/** What is read is from the disk, and what was said last is not looked through at the start, where it would be noticed. */
const LATE = { PARTYLINE_LIMIT_ROOM_BYTES: '1024', PARTYLINE_LIMIT_MESSAGE_ID_MS: '0' };

/** A folder in which 64 bytes of a table have lost a bit each, in the middle of what ann said. */
async function harm({
  start,
  path: data,
}: DataFolder): Promise<{ epoch: string; table: string; healthy: Buffer; said: readonly string[] }> {
  const first = await start();
  const ann = await join(first, { id: 'ann' });
  const said = Array.from({ length: 200 }, (_, index) => `${index} ${Math.random()}`.padEnd(300, String(index)));
  for (const text of said) await send(ann, text);
  await kill(first);
  // Makes a table of the journal.
  await kill(await start());
  const table = await fileOf(data, '.ldb');
  const healthy = await readFile(table);
  await flip(table, 0.3, 64);
  return { epoch: ann.epoch, table, healthy, said };
}

const texts = ({ heard }: Member, kind: string): readonly string[] => heard.filter(({ Kind }) => Kind === kind).map(({ Text }) => Text);

test('messages that cannot be read back are an error for who asks; who resumes is told of them by one notice and goes on; the file stays', () =>
  withFolder(async (folder) => {
    const { epoch, table, said } = await harm(folder);
    const harmed = await readFile(table);
    const advice =
      /with 1 before.*data folder .* is damaged: what was said last cannot be read.* Restore a backup, or move the folder away/s;
    await assert.rejects(folder.start(), advice, 'repetitions of what was said last would not be known');
    const server = await folder.start({ ...LATE, PARTYLINE_LIMIT_UNREADABLE_MS: '200' });
    const ben = await join(server, { id: 'ben' });
    await assert.rejects(everythingSaid(ben));
    const page = await ben.client.call('ChatServer.History', { UserID: 'ben', After: 0, Limit: 200 });
    assert.deepEqual([at(page, 'error', 'code'), at(page, 'error', 'data', 'Reason')], [-32009, 'StorageFailed']);
    const live = await send(ben, 'the room goes on');
    assert.deepEqual(at(await history(ben, { Limit: 1 }), 'Messages', 0, 'Seq'), live);
    const readers = await Promise.all(['cy', 'dan', 'eve'].map((id) => join(server, { id, more: { ResumeAfter: 0, Epoch: epoch } })));
    for (const reader of readers) {
      await reader.hear(({ Text }) => Text === 'the room goes on', 20_000);
      const [before, after] = halves(reader.heard);
      assert.deepEqual(texts(reader, 'notice'), ['Some messages that you missed cannot be read.']);
      assert.ok(before.length > 10 && after.length > 10, `${before.length} before the notice, ${after.length} after it`);
      assert.deepEqual(before, said.slice(0, before.length));
      assert.deepEqual(after, [...said.slice(said.length + 1 - after.length), 'the room goes on']);
      const missing = said.length + 1 - before.length - after.length;
      // The messages of one damaged block of 16 KiB, or of two.
      assert.ok(missing > 0 && missing < 70, `${missing} messages are missing`);
      assert.ok(reader.heard.every(({ Seq }, index) => Seq > (reader.heard[index - 1]?.Seq ?? 0)));
    }
    assert.equal(server.stdout().match(/Stored messages of room lobby cannot be read\..*/g)?.length, 1, server.stdout());
    assert.deepEqual(await readFile(table), harmed);
  }));

test('who resumes waits for a disk that can be read again in time, and then misses nothing', () =>
  withFolder(async (folder) => {
    const { epoch, table, healthy, said } = await harm(folder);
    const server = await folder.start({ ...LATE, PARTYLINE_LIMIT_UNREADABLE_MS: '60000' });
    const cy = await join(server, { id: 'cy', more: { ResumeAfter: 0, Epoch: epoch } });
    await server.prints(/Stored messages of room lobby cannot be read/);
    const ben = await join(server, { id: 'ben' });
    // Each reads the disk: time enough for whoever would not wait.
    for (let read = 0; read < 200; read += 1) await ben.client.call('ChatServer.History', { UserID: 'ben', After: 0, Limit: 1 });
    await cy.client.call('ChatServer.Info', {});
    assert.deepEqual(texts(cy, 'chat'), []);
    await overwrite(table, healthy);
    await cy.hear(({ Text }) => Text === said.at(-1), 20_000);
    assert.deepEqual(texts(cy, 'chat'), said);
    assert.deepEqual(texts(cy, 'notice'), []);
  }));

/** What people said before the first notice, and after it. */
function halves(heard: readonly Heard[]): readonly [string[], string[]] {
  const notice = heard.findIndex(({ Kind }) => Kind === 'notice');
  const chats = (part: readonly Heard[]): string[] => part.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text);
  return [chats(heard.slice(0, notice)), chats(heard.slice(notice))];
}
