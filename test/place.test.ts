/** Where a client left off, on real disks: for its owner only, whole or not at all, and shared without confusion. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import test, { type TestContext } from 'node:test';
import { RememberedPlace, type Visit } from '../client/place.ts';
import { pathOf, type Owner } from '../client/place-file.ts';
import { ROOT } from './support/root.ts';

const OWNER: Owner = { server: '127.0.0.1:9999', name: 'Ann', id: undefined };
const VISIT: Visit = { ID: 'Ann-1', Session: 'proof', Epoch: 'e', Cursors: { lobby: 7 } };

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'partyline-place-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'made', 'by us');
}

interface Kept {
  readonly place: RememberedPlace;
  readonly troubles: string[];
  /** What the next write is to hold. */
  visit: Visit;
  /** How often it was asked for. */
  writes: number;
}

/** A process's place, registered; let go when the test ends. */
function keep(t: TestContext, folder: string, visit = VISIT, owner: Owner = OWNER): Kept {
  const kept: Kept = { place: new RememberedPlace(folder, owner), troubles: [], visit, writes: 0 };
  kept.place.follow(
    () => {
      kept.writes++;
      return kept.visit;
    },
    ({ message }) => kept.troubles.push(message),
  );
  kept.place.joined();
  t.after(() => kept.place.close());
  return kept;
}

const file = (folder: string) => `${pathOf(folder, OWNER)}.json`;
const lockOf = (folder: string) => `${pathOf(folder, OWNER)}.lock`;

test('the next visit finds what the last one left, and nobody else may read it', (t) => {
  const folder = folderOf(t);
  const first = keep(t, folder);
  assert.equal(first.place.identity, undefined);
  first.place.close();
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(statSync(file(folder)).mode & 0o777, 0o600);
  const second = new RememberedPlace(folder, OWNER);
  t.after(() => second.close());
  assert.deepEqual(second.identity, { id: 'Ann-1', session: 'proof' });
  assert.deepEqual(second.cursor('lobby'), { after: 7, epoch: 'e' });
  assert.equal(second.cursor('elsewhere'), undefined);
});

test('each server, name and ID that was asked for has a place of its own, and no file is left beside them', (t) => {
  const folder = folderOf(t);
  const owners = [OWNER, { ...OWNER, server: '[::1]:9999' }, { ...OWNER, name: '../../Ann' }, { ...OWNER, id: 'Ann' }];
  for (const owner of owners) keep(t, folder, VISIT, owner).place.close();
  assert.equal(new Set(owners.map((owner) => pathOf(folder, owner))).size, owners.length);
  for (const name of readdirSync(folder)) assert.match(name, /^[\w.-]+-[0-9a-f]{16}\.json$/);
});

test('a file that is damaged, endless or about somebody else is ignored, told once, and replaced', async (t) => {
  for (const damage of ['', '{"Server":', '[]', 'null', '{"Cursors":{"lobby":-1}}', `"${'x'.repeat(300_000)}"`]) {
    const folder = folderOf(t);
    keep(t, folder).place.close();
    writeFileSync(file(folder), damage);
    const kept = keep(t, folder);
    assert.equal(kept.place.cursor('lobby'), undefined, damage.slice(0, 30));
    await turn();
    assert.match(kept.troubles.join('|'), /^Where you left off is not known: [^|]+$/);
    kept.place.close();
    assert.deepEqual(new RememberedPlace(folder, OWNER).cursor('lobby'), { after: 7, epoch: 'e' });
  }
  const folder = folderOf(t);
  keep(t, folder).place.close();
  writeFileSync(file(folder), readFileSync(file(folder), 'utf8').replace('"Ann"', '"Eve"'));
  assert.equal(new RememberedPlace(folder, OWNER).identity, undefined);
});

test('a folder that cannot be is told once, and everything else goes on', async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, '..', '..', 'a file'), '');
  const kept = keep(t, join(folder, '..', '..', 'a file', 'below'));
  await turn();
  kept.place.changed();
  kept.place.close();
  assert.equal(kept.troubles.length, 1);
  assert.match(kept.troubles[0] ?? '', /^Where you left off cannot be kept: .*ENOTDIR/);
});

test('a write that fails leaves the former place whole, and the next one is tried', (t) => {
  const folder = folderOf(t);
  const kept = keep(t, folder);
  const inTheWay = `${pathOf(folder, OWNER)}.${process.pid}.tmp`;
  mkdirSync(inTheWay);
  kept.visit = { ...VISIT, Cursors: { lobby: 8 } };
  kept.place.joined();
  assert.match(readFileSync(file(folder), 'utf8'), /"lobby":7/);
  rmdirSync(inTheWay);
  kept.place.joined();
  assert.match(readFileSync(file(folder), 'utf8'), /"lobby":8/);
});

test('a flood of messages is a handful of writes, and the last place is the one that is kept', async (t) => {
  const folder = folderOf(t);
  const kept = keep(t, folder);
  const began = performance.now();
  for (let seq = 1; seq <= 2_000; seq++) {
    kept.visit = { ...VISIT, Cursors: { lobby: seq } };
    kept.place.changed();
    await turn();
  }
  const most = 2 + (performance.now() - began) / 250;
  assert.ok(kept.writes <= most, `${kept.writes} writes, at most ${most}`);
  kept.place.close();
  assert.match(readFileSync(file(folder), 'utf8'), /"lobby":2000/);
});

/** Runs a program that holds the place as OWNER and prints its identity, until its stdin ends. */
function another(t: TestContext, folder: string) {
  const place = join(ROOT, 'client/place.ts');
  const code = `import { RememberedPlace } from '${place}';
    const place = new RememberedPlace(process.argv[1], ${JSON.stringify({ server: OWNER.server, name: OWNER.name })});
    process.stdout.write(JSON.stringify(place.identity ?? null) + '\\n'); process.stdin.resume();`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code, '--', folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

test('of two processes of one person the first has the identity, and a killed one leaves it to the next', async (t) => {
  const folder = folderOf(t);
  keep(t, folder).place.close();
  const other = another(t, folder);
  const printed: unknown[] = await once(other.stdout.setEncoding('utf8'), 'data');
  assert.deepEqual(JSON.parse(String(printed[0])), { id: 'Ann-1', session: 'proof' });
  const second = keep(t, folder, { ...VISIT, ID: 'Ann-2', Session: 'other', Cursors: { lobby: 9 } });
  assert.equal(second.place.identity, undefined);
  assert.deepEqual(second.place.cursor('lobby'), { after: 7, epoch: 'e' });
  second.place.close();
  other.kill('SIGKILL');
  await once(other, 'exit');
  const third = new RememberedPlace(folder, OWNER);
  t.after(() => third.close());
  assert.deepEqual(third.identity, { id: 'Ann-1', session: 'proof' });
  assert.deepEqual(third.cursor('lobby'), { after: 9, epoch: 'e' });
});

test('of the same history the newest cursor wins, of another one the present', (t) => {
  const folder = folderOf(t);
  const one = keep(t, folder, { ...VISIT, Cursors: { lobby: 5, A: 9 } });
  const two = keep(t, folder, { ...VISIT, Cursors: { lobby: 8, B: 2 } });
  one.place.joined();
  const rooms = () => Object.fromEntries(['lobby', 'A', 'B'].map((room) => [room, new RememberedPlace(folder, OWNER).cursor(room)?.after]));
  assert.deepEqual(rooms(), { lobby: 8, A: 9, B: 2 });
  two.visit = { ...VISIT, Epoch: 'another', Cursors: { lobby: 1 } };
  two.place.joined();
  assert.deepEqual(rooms(), { lobby: 1, A: undefined, B: undefined });
});

test('a lock of a dead process is taken away, one of another machine is not, and one without a name only when it is old', (t) => {
  const folder = folderOf(t);
  keep(t, folder).place.close();
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  for (const [holder, ours] of [
    [`${pid} 1 ${hostname()}`, true],
    [`${process.pid} 1 ${hostname()}`, true],
    [`${process.pid} ${Math.round(performance.timeOrigin)} ${hostname()}`, false],
    [`${process.ppid} 1 ${hostname()}`, false],
    [`${pid} 1 another-machine`, false],
    ['', false],
  ] as const) {
    writeFileSync(lockOf(folder), holder);
    const place = new RememberedPlace(folder, OWNER);
    assert.equal(place.identity !== undefined, ours, holder);
    place.close();
    assert.equal(readdirSync(folder).includes(`${pathOf('', OWNER)}.lock`), !ours, holder);
  }
  writeFileSync(lockOf(folder), '');
  utimesSync(lockOf(folder), 0, 0);
  const place = new RememberedPlace(folder, OWNER);
  t.after(() => place.close());
  assert.notEqual(place.identity, undefined);
});
