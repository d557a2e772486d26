/** What only a disk can do to a store: kills, locks, flipped bits, truncated files, failing and full disks. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ClassicLevel } from 'classic-level';
import { LevelStore } from '../server/store/level.ts';
import { readAfter, readBefore } from '../server/store/reading.ts';
import { decodeRoom, roomKey, segmentKey } from '../server/store/record.ts';
import type { Store } from '../server/store/store.ts';
import { callOf, say, segmentOf, seqsOf } from './support/store-segments.ts';

const WRITER = ['--import', 'tsx', 'test/support/store-writer.ts'];
const REFUSED = { name: 'StoreRefused' };
const FAILED = { name: 'RpcError', reason: 'StorageFailed' };
/** A small journal, so that messages are in tables as well. */
const tuning = { writeBufferBytes: 65_536 };

async function temporary(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'partyline-store-'));
  context.after(() => rm(folder, { recursive: true }));
  return join(folder, 'data');
}

const quiet = (): void => undefined;
const open = (folder: string): Promise<LevelStore> => LevelStore.open({ folder, report: quiet, tuning });

/** Every message of every room, each compared with what was said; the numbers, ascending. */
async function everything(store: Store): Promise<readonly number[]> {
  const all: number[] = [];
  for (const room of store.rooms.keys()) {
    for (const { bytes, ends, seqs } of await store.after(room, 0, Infinity)) {
      seqs.forEach((seq, index) => {
        const call = bytes.toString('utf8', ends[index - 1] ?? 0, ends[index]);
        assert.equal(call.replaceAll('.', ''), callOf(seq), 'a message is not what was said');
        all.push(seq);
      });
    }
  }
  return all.sort((a, b) => a - b);
}

/** Opens, lets `body` work, closes whatever happens. */
async function opened<T>(folder: string, body: (store: LevelStore) => Promise<T>): Promise<T> {
  const store = await open(folder);
  try {
    return await body(store);
  } finally {
    await store.close();
  }
}

/** A store with three rooms and several tables; the numbers in it. */
async function filled(folder: string): Promise<readonly number[]> {
  return opened(folder, async (store) => {
    for (let round = 0; round < 80; round += 1) await say(store, `room ${round % 3}`, 5, { size: 700, ids: true });
    return everything(store);
  });
}

interface Writer {
  readonly process: ChildProcess;
  readonly lines: AsyncIterableIterator<string>;
}

function startWriter(context: TestContext, args: readonly string[], before: readonly string[] = []): Writer {
  const [program = process.execPath, ...rest] = [...before, process.execPath, ...WRITER, ...args];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_V8_COVERAGE: '' } });
  context.after(() => child.kill('SIGKILL'));
  return { process: child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

/** The number in the writer's next line that begins with `word`. */
async function told({ lines }: Writer, word: string): Promise<number> {
  for (;;) {
    const next = await lines.next();
    if (next.done === true) assert.fail(`the writer never said "${word}"`);
    if (next.value.startsWith(`${word} `)) return Number(next.value.slice(word.length));
  }
}

async function allLines({ lines }: Writer): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

async function answersOf(writer: Writer): Promise<readonly string[]> {
  return (await allLines(writer)).filter((line) => /^(acked|failed) /.test(line));
}

function lastAcked(lines: readonly string[]): number {
  return Number(lines.findLast((line) => line.startsWith('acked '))?.slice(6));
}

const modeOf = async (...path: readonly string[]): Promise<string> => ((await stat(join(...path))).mode & 0o777).toString(8);

test('other users of the machine cannot read what is kept; a folder that was there keeps its mode', async (context) => {
  const before = process.umask(0);
  context.after(() => process.umask(before));
  const folder = await temporary(context);
  const made = join(folder, 'of', 'the server');
  await opened(made, async (store) => {
    await say(store, 'room', 1);
    for (const path of [folder, join(folder, 'of'), made, join(made, 'messages')]) assert.equal(await modeOf(path), '700', path);
    for (const file of ['tide', 'holder']) assert.equal(await modeOf(made, file), '600', file);
  });
  const operators = join(folder, 'of the operator');
  await mkdir(operators);
  await chmod(operators, 0o750);
  // The second time there is something to be kept as it was found.
  await opened(operators, (store) => say(store, 'room', 1));
  assert.equal(await modeOf(operators), '750');
  assert.equal(await modeOf(operators, 'messages'), '700');
});

test('a restart keeps the epoch, every message, every state and every message ID', async (context) => {
  const folder = await temporary(context);
  const before = await opened(folder, async (store) => {
    for (let round = 0; round < 80; round += 1) await say(store, `room ${round % 3}`, 5, { size: 700, ids: true });
    await store.trim({ maxCount: 50 }, 0);
    return { epoch: store.epoch, rooms: [...store.rooms], ids: await store.recentIds(0), all: await everything(store) };
  });
  const after = await opened(folder, async (store) => {
    return { epoch: store.epoch, rooms: [...store.rooms], ids: await store.recentIds(0), all: await everything(store) };
  });
  assert.deepEqual(after, before);
  assert.equal(before.ids.length, 150);
});

test('kill -9 at any moment loses nothing that was answered, and the store opens by itself', async (context) => {
  const folder = await temporary(context);
  for (const batches of [1, 40, 200]) {
    const writer = startWriter(context, [folder]);
    let acked = 0;
    for (let batch = 0; batch < batches; batch += 1) acked = await told(writer, 'acked');
    writer.process.kill('SIGKILL');
    acked = Math.max(acked, lastAcked(['acked 0', ...(await answersOf(writer))]));
    await opened(folder, async (store) => {
      assert.ok(store.lastSeq >= acked, `${acked} was answered, ${store.lastSeq} is there`);
      const all = await everything(store);
      assert.deepEqual(
        all,
        all.map((_, index) => index + 2),
        'a number is missing or twice there',
      );
      assert.equal(all.at(-1), store.lastSeq);
    });
  }
});

test('a second server is told who holds the folder, and harms nothing', async (context) => {
  const folder = await temporary(context);
  const writer = startWriter(context, [folder]);
  await told(writer, 'acked');
  const refused = await open(folder).then(
    () => assert.fail('two servers had the same folder'),
    (failure: unknown) => String(failure),
  );
  assert.match(refused, new RegExp(`in use by another server: process ${writer.process.pid} on \\S+ since \\d{4}-`));
  await told(writer, 'acked');
  writer.process.kill('SIGKILL');
  await once(writer.process, 'exit');
  await opened(folder, everything);
});

test('within a process too a folder belongs to one store, and is free after close', async (context) => {
  const folder = await temporary(context);
  await opened(folder, async (store) => {
    await assert.rejects(open(folder), { ...REFUSED, message: new RegExp(`process ${process.pid} `) });
    await say(store, 'a', 1);
  });
  assert.deepEqual(await opened(folder, everything), [2]);
});

test('a first start that was killed before it was done is no damage', async (context) => {
  const folder = await temporary(context);
  await opened(folder, () => Promise.resolve());
  for (const name of ['CURRENT', 'MANIFEST-000002', '000003.log']) await rm(join(folder, 'messages', name));
  await rm(join(folder, 'tide'));
  await writeFile(join(folder, 'messages', 'MANIFEST-000001'), '');
  await opened(folder, (store) => say(store, 'a', 1));
});

/** The database's files with their content. */
async function contents(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(folder)).filter((name) => /^(\d+\.(ldb|log)|MANIFEST-\d+|CURRENT)$/.test(name));
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'latin1')] as const)));
}

/** Asserts that every file of `before` is still there as it was, in its place or in `found`. */
async function assertKept(folder: string, before: ReadonlyMap<string, string>): Promise<void> {
  const places = [await contents(join(folder, 'messages')), await contents(join(folder, 'found')).catch(() => new Map())];
  for (const [name, content] of before)
    assert.ok(
      places.some((place) => place.get(name) === content),
      `${name} was changed or deleted`,
    );
}

/** What becomes of a folder that was damaged: refused as it is, an error when it is read, or every message is there. */
async function outcome(folder: string, all: readonly number[]): Promise<'refused' | 'failed' | 'whole'> {
  const before = await contents(join(folder, 'messages'));
  const store = await open(folder).catch((failure: unknown) => {
    assert.equal(failure instanceof Error ? failure.name : failure, 'StoreRefused', String(failure));
    return undefined;
  });
  if (store === undefined) {
    await assertKept(folder, before);
    return 'refused';
  }
  try {
    assert.deepEqual(await everything(store), all, 'messages were skipped without a word');
    assert.equal((await store.recentIds(0)).length, all.length, 'message IDs were skipped without a word');
    return 'whole';
  } catch (failure) {
    assert.equal(failure instanceof Error ? failure.name : failure, 'RpcError', String(failure));
    return 'failed';
  } finally {
    await store.close();
  }
}

test('a flipped bit, wherever it is, is noticed or does no harm; nothing is skipped or deleted', async (context) => {
  const folder = await temporary(context);
  const all = await filled(folder);
  const names = [...(await contents(join(folder, 'messages'))).keys()].map((name) => join('messages', name));
  assert.ok(names.some((name) => name.endsWith('.ldb')) && names.some((name) => name.endsWith('.log')));
  const outcomes = new Map<string, number>();
  for (const name of [...names, 'tide']) {
    const { size } = await stat(join(folder, name));
    for (const part of [0, 0.07, 0.15, 0.3, 0.4, 0.5, 0.6, 0.77, 0.93, 0.99, 0.9999]) {
      const copy = `${folder}-copy`;
      await cp(folder, copy, { recursive: true });
      const bytes = await readFile(join(copy, name));
      const at = Math.floor(part * size);
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      await writeFile(join(copy, name), bytes);
      const what = await outcome(copy, all);
      outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
      await rm(copy, { recursive: true });
    }
  }
  context.diagnostic(JSON.stringify([...outcomes]));
  assert.ok((outcomes.get('refused') ?? 0) > 5 && (outcomes.get('failed') ?? 0) > 5, 'flips were not noticed');
});

test('a truncated or missing file is noticed, and what is left is kept as it was', async (context) => {
  const folder = await temporary(context);
  const all = await filled(folder);
  for (const name of (await contents(join(folder, 'messages'))).keys()) {
    const { size } = await stat(join(folder, 'messages', name));
    const manifest = name.startsWith('MANIFEST') ? Array.from({ length: size }, (_, length) => length) : [];
    for (const length of [undefined, 0, Math.floor(size / 2), size - 1, ...manifest]) {
      const copy = `${folder}-copy`;
      await cp(folder, copy, { recursive: true });
      if (length === undefined) await rm(join(copy, 'messages', name));
      else await truncate(join(copy, 'messages', name), length);
      const what = await outcome(copy, all);
      const noticed = what === 'refused' || (what === 'failed' && name.endsWith('.ldb'));
      assert.ok(noticed, `${name} of ${length ?? 'no'} bytes: ${what}`);
      await rm(copy, { recursive: true });
    }
  }
});

/** The newest: LevelDB may not have got round to make a table of the one before. */
async function journalOf(folder: string): Promise<string> {
  const names = [...(await contents(join(folder, 'messages'))).keys()].filter((name) => name.endsWith('.log'));
  names.sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10));
  return join(folder, 'messages', names[0] ?? 'no journal');
}

test('a journal that is damaged in its middle is refused before the database is touched', async (context) => {
  const folder = await temporary(context);
  await filled(folder);
  const journal = await journalOf(folder);
  const bytes = await readFile(journal);
  bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
  await writeFile(journal, bytes);
  const before = await contents(join(folder, 'messages'));
  await assert.rejects(open(folder), { ...REFUSED, message: /\d+\.log at byte \d+ is damaged, and what follows it is not/ });
  assert.deepEqual(await contents(join(folder, 'messages')), before);
});

test('half a record at the end of the journal, as a power cut leaves it, is no damage', async (context) => {
  const folder = await temporary(context);
  const all = await filled(folder);
  const journal = await journalOf(folder);
  const bytes = await readFile(journal);
  await writeFile(journal, Buffer.concat([bytes, bytes.subarray(0, 20)]));
  assert.deepEqual(await opened(folder, everything), all);
});

test('a damaged mark does no harm: there are two, and each has a checksum', async (context) => {
  const folder = await temporary(context);
  const all = await filled(folder);
  const tide = join(folder, 'tide');
  for (let at = 0; at < 20; at += 1) {
    const bytes = await readFile(tide);
    const place = (at % 2) * 512 + at;
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    await writeFile(tide, bytes);
    assert.deepEqual(await opened(folder, everything), all);
  }
  await writeFile(tide, Buffer.alloc(1_024));
  await assert.rejects(open(folder), { ...REFUSED, message: /"tide" cannot be read/ });
});

test('a database that has lost its beginning, its middle or its end is not read as if it were whole', async (context) => {
  const folder = await temporary(context);
  await opened(folder, async (store) => {
    for (let round = 0; round < 5; round += 1) await say(store, 'a', 2);
  });
  const encoding = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
  const db = new ClassicLevel<Buffer, Buffer>(join(folder, 'messages'), encoding);
  const record = decodeRoom(roomKey('a'), (await db.get(roomKey('a'))) ?? Buffer.alloc(0));
  for (const last of [3, 7, 11]) {
    const key = segmentKey('a', last);
    const value = (await db.get(key)) ?? assert.fail();
    await db.del(key);
    await assert.rejects(readAfter(db, 'a', record, 0, Infinity), { name: 'Damage' });
    await assert.rejects(readBefore(db, 'a', record, 100, 100), { name: 'Damage' });
    await db.put(key, value);
  }
  assert.equal(seqsOf(await readAfter(db, 'a', record, 0, Infinity)).length, 10);
  await db.del(segmentKey('a', 11));
  await db.close();
  await assert.rejects(open(folder), { ...REFUSED, message: /message number 11 of room a is missing/ });
});

test('a lost end is refused again and again, until the operator lets it go: then a new epoch begins', async (context) => {
  const folder = await temporary(context);
  const all = await filled(folder);
  const epoch = await opened(folder, (store) => say(store, 'room 0', 1).then(() => store.epoch));
  const journal = await journalOf(folder);
  await truncate(journal, 0);
  for (let start = 0; start < 3; start += 1)
    await assert.rejects(open(folder), {
      ...REFUSED,
      message: /number 402 were stored, those after 401 are missing.*delete its file "tide"/,
    });
  assert.equal((await readFile(join(folder, 'found', basename(journal)))).length, 0, 'the journal as it was found');
  await rm(join(folder, 'tide'));
  await opened(folder, async (store) => {
    assert.deepEqual(await everything(store), all);
    assert.notEqual(store.epoch, epoch);
  });
  assert.equal((await readdir(folder)).includes('found'), false);
});

function skipWithout(context: TestContext, program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return false;
  } catch {
    context.skip(`needs ${program}: NOT PROVED HERE`);
    return true;
  }
}

for (const [name, args] of [
  ['lives on', []],
  ['dies at once', ['--until-failed']],
] as const) {
  test(`what failed to reach the disk is answered so and never appears, when the process ${name}`, async (context) => {
    if (skipWithout(context, 'strace')) return;
    const folder = await temporary(context);
    // One thread for all of the disk, so that the syncs can be counted.
    const tracing = ['env', 'UV_THREADPOOL_SIZE=1', 'strace', '-f', '-o', `${folder}.trace`, '-e', 'trace=fdatasync'];
    const writer = startWriter(context, [folder, '6', '3', ...args], [...tracing, '-e', 'inject=fdatasync:error=EIO:when=10']);
    const lines = await answersOf(writer);
    assert.ok(
      lines.some((line) => line.startsWith('failed ')),
      lines.join(),
    );
    await opened(folder, async (store) => {
      assert.equal(store.lastSeq, lastAcked(lines));
      assert.equal((await everything(store)).at(-1), lastAcked(lines));
    });
  });
}

for (const [name, args] of [
  ['lives on', []],
  ['dies at once', ['--until-failed']],
] as const) {
  test(`facts whose batch failed to reach the disk are what they were before it, when the process ${name}`, async (context) => {
    if (skipWithout(context, 'strace')) return;
    const folder = await temporary(context);
    const tracing = ['env', 'UV_THREADPOOL_SIZE=1', 'strace', '-f', '-o', `${folder}.trace`, '-e', 'trace=fdatasync'];
    const writer = startWriter(context, [folder, '6', '3', ...args, '--facts'], [...tracing, '-e', 'inject=fdatasync:error=EIO:when=10']);
    const lines = await answersOf(writer);
    assert.ok(
      lines.some((line) => line.startsWith('failed ')),
      lines.join(),
    );
    await opened(folder, async (store) => {
      assert.equal(store.lastSeq, lastAcked(lines));
      const acked = lines.filter((line) => line.startsWith('acked ')).map((line) => Number(line.slice(6)));
      assert.deepEqual([...(await store.records('last')).values()], [String(acked.at(-1))]);
      const seen = [...(await store.records('seen/')).keys()].map((key) => Number(key.slice(5)));
      assert.deepEqual(
        seen.sort((a, b) => a - b),
        acked,
      );
    });
  });
}

test('facts outlive a restart, and a dropped room stays away', async (context) => {
  const folder = await temporary(context);
  await opened(folder, async (store) => {
    for (let fact = 0; fact < 200; fact += 1) await store.append([], [{ key: `fact/${fact}`, value: 'x'.repeat(2_000) }]);
    await store.append([], [{ key: 'fact/7', value: null }]);
    await say(store, 'a', 2);
    await say(store, 'b', 2);
    await store.drop('a');
  });
  await opened(folder, async (store) => {
    assert.equal((await store.records('fact/')).size, 199);
    assert.equal(store.lastSeq, 206);
    assert.deepEqual([...store.rooms.keys()], ['b']);
  });
});

test('a sync that takes a second delays neither the event loop nor a read', async (context) => {
  if (skipWithout(context, 'strace')) return;
  const folder = await temporary(context);
  const delay = ['strace', '-f', '-o', `${folder}.trace`, '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:delay_enter=1000000:when=8'];
  const writer = startWriter(context, [folder, '60'], delay);
  const lag = await told(writer, 'lag');
  const slow = await told(writer, 'slow');
  assert.ok(slow > 900, `no append met the slow sync: ${slow} ms`);
  assert.ok(lag < 700, `held up for ${lag} ms`);
  await allLines(writer);
});

/** A disk of its own, `size` large; `undefined` when this machine does not let us have one. */
async function ownDisk(context: TestContext, size: string): Promise<string | undefined> {
  const disk = await mkdtemp(join(tmpdir(), 'partyline-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', disk], { stdio: 'ignore' });
  } catch {
    await rm(disk, { recursive: true });
    context.skip('needs the right to mount a tmpfs: NOT PROVED HERE');
    return undefined;
  }
  context.after(async () => {
    execFileSync('umount', [disk]);
    await rm(disk, { recursive: true });
  });
  return disk;
}

test('on a full disk senders are told, reading goes on, and 5 s after there is space messages are stored again', async (context) => {
  const disk = await ownDisk(context, '4m');
  if (disk === undefined) return;
  const folder = join(disk, 'data');
  const store = await open(folder);
  try {
    for (let batch = 0; batch < 50; batch += 1) await say(store, 'a', 5, { size: 1_000 });
    const free = Number(execFileSync('df', ['--output=avail', '-B1', disk]).toString().split('\n')[1]);
    await writeFile(join(disk, 'ballast'), Buffer.alloc(free - 100_000, 1));
    const full = async (): Promise<void> => {
      for (;;) await say(store, 'a', 5, { size: 1_000 });
    };
    await assert.rejects(full(), FAILED);
    const acked = store.lastSeq;
    for (let attempt = 0; attempt < 5; attempt += 1) await assert.rejects(say(store, 'a', 5, { size: 1_000 }), FAILED);
    const numbers = Array.from({ length: acked - 1 }, (_, index) => index + 2);
    assert.deepEqual(await everything(store), numbers, 'a full disk can be read');
    await rm(join(disk, 'ballast'));
    const since = performance.now();
    while (
      !(await say(store, 'b', 1).then(
        () => true,
        () => false,
      ))
    ) {
      assert.ok(performance.now() - since < 5_000, 'nothing is stored although there is space');
      await pause(50);
    }
    assert.deepEqual(await everything(store), [...numbers, acked + 1], 'what was refused appeared, or more is missing');
    await store.close();
    assert.deepEqual(await opened(folder, everything), [...numbers, acked + 1]);
  } finally {
    await store.close();
  }
});

test('a store that dies on a full disk does not show later what it refused', async (context) => {
  const disk = await ownDisk(context, '3m');
  if (disk === undefined) return;
  const folder = join(disk, 'data');
  const writer = startWriter(context, [folder, '300', '1000', '--until-failed']);
  const lines = await answersOf(writer);
  assert.match(lines.at(-1) ?? '', /^failed /, lines.at(-1));
  execFileSync('mount', ['-o', 'remount,size=20m', disk]);
  assert.equal(await opened(folder, async (store) => (await everything(store)).at(-1)), lastAcked(lines));
});

test('100,000 stored messages are open within a second', async (context) => {
  const folder = await temporary(context);
  const fresh = await LevelStore.open({ folder, report: quiet });
  while (fresh.lastSeq < 100_000) await fresh.append([segmentOf(fresh, 'lobby', 500, { size: 300, ids: true })]);
  await fresh.close();
  const began = performance.now();
  const store = await LevelStore.open({ folder, report: quiet });
  const took = performance.now() - began;
  context.diagnostic(`${Math.round(took)} ms`);
  assert.equal(seqsOf(await store.before('lobby', Infinity, 1)).at(-1), store.lastSeq);
  await store.close();
  assert.ok(took < 1_000, `${Math.round(took)} ms`);
});
