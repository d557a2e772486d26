/** The layout that docs/DESIGN.md promises: who may import whom, how long a file may get, what is not written anywhere. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { productSources, readSource, type Source } from './support/sources.ts';

const sources = productSources();

/** What the files below a folder may import, by the beginning of the path; the first row that fits counts. */
const MAY_IMPORT: readonly (readonly [from: string, targets: readonly string[]])[] = [
  ['commons/wire/', ['commons/wire/', 'commons/limits.ts', 'commons/errors.ts', 'commons/text.ts']],
  ['commons/rpc/', ['commons/rpc/', 'commons/wire/', 'commons/limits.ts', 'commons/errors.ts', 'commons/text.ts']],
  ['commons/', ['commons/']],
  // The walk of a message goes down this list: an entry may import itself and what stands below it.
  ['server/chat-server.ts', ['server/', 'commons/']],
  ['server/methods/', ['server/', '!server/chat-server.ts', 'commons/']],
  ['server/delivery/', ['server/', '!server/chat-server.ts', '!server/methods/', '!server/broadcaster.ts', '!server/queue.ts', 'commons/']],
  ['server/store/', ['server/store/', 'commons/']],
  ['server/', ['server/', '!server/chat-server.ts', '!server/methods/', 'commons/']],
  ['client/terminal/', ['client/', 'commons/']],
  ['client/', ['client/', '!client/terminal/', 'commons/']],
  ['server.ts', ['server/', 'commons/']],
  ['client.ts', ['client/', 'commons/']],
];

function mayImport(from: string, target: string): boolean {
  const allowed = MAY_IMPORT.find(([start]) => from.startsWith(start))?.[1] ?? [];
  const refused = allowed.some((rule) => rule.startsWith('!') && target.startsWith(rule.slice(1)));
  return !refused && allowed.some((rule) => target.startsWith(rule));
}

function brokenImports(of: readonly Source[]): readonly string[] {
  return of.flatMap(({ path, imports }) =>
    imports.filter(({ target }) => !mayImport(path, target)).map(({ target }) => `${path} imports ${target}`),
  );
}

/** The first chain of imports, types included, that comes back to where it began. */
function importCycle(of: readonly Source[]): readonly string[] | undefined {
  const targets = new Map(of.map(({ path, imports }) => [path, imports.map(({ target }) => target)]));
  const done = new Set<string>();
  const walk = (path: string, chain: readonly string[]): readonly string[] | undefined => {
    if (chain.includes(path)) return [...chain.slice(chain.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const target of targets.get(path) ?? []) {
      const cycle = walk(target, [...chain, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of targets.keys()) {
    const cycle = walk(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

test('there are sources to look at, and each import of ours leads to one of them', () => {
  const paths = new Set(sources.map(({ path }) => path));
  for (const path of ['commons/protocol.ts', 'commons/wire/connection.ts', 'server.ts', 'client.ts']) assert.ok(paths.has(path), path);
  for (const { path, imports } of sources) for (const { target } of imports) assert.ok(paths.has(target), `${path} imports ${target}`);
});

test('imports point downwards and into commons, wire knows no JSON-RPC, and rpc knows no chat', () => {
  assert.deepEqual(brokenImports(sources), []);
});

test('no chain of imports comes back to where it began, types included', () => {
  assert.equal(importCycle(sources)?.join(' -> '), undefined);
});

test('no file is over 300 lines, and the two programs are tables of contents', () => {
  const most = new Map([
    ['server.ts', 60],
    ['client.ts', 50],
  ]);
  const long = sources.filter(({ path, lines }) => lines > (most.get(path) ?? 300));
  assert.deepEqual(
    long.map(({ path, lines }) => `${path}: ${lines} lines`),
    [],
  );
});

test('no cast, any, non-null assertion, console call or empty catch is in the product', () => {
  assert.deepEqual(
    sources.flatMap(({ path, forbidden }) => forbidden.map((what) => `${path}:${what}`)),
    [],
  );
});

test('these rules catch what they forbid', () => {
  const up = readSource('commons/wire/a.ts', "import { x } from '../rpc/peer.ts'; export * from '../../server/room.ts';");
  assert.deepEqual(brokenImports([up]), ['commons/wire/a.ts imports commons/rpc/peer.ts', 'commons/wire/a.ts imports server/room.ts']);
  const across = readSource('client/a.ts', "const x = await import('../server/room.ts'); type T = import('./terminal/b.ts').T;");
  assert.equal(brokenImports([across]).length, 2);
  const methods = readSource('server/delivery/a.ts', "import { m } from '../methods/session.ts';");
  assert.equal(brokenImports([methods]).length, 1);

  const a = readSource('server/a.ts', "import { b } from './b.ts';");
  const b = readSource('server/b.ts', "import { c } from './c.ts';");
  for (const back of ["export { a } from './a.ts';", "import type { A } from './a.ts';"]) {
    const around = importCycle([a, b, readSource('server/c.ts', back)]);
    assert.deepEqual(around, ['server/a.ts', 'server/b.ts', 'server/c.ts', 'server/a.ts']);
  }
  assert.equal(importCycle([a, b, readSource('server/c.ts', "import { d } from './d.ts';")]), undefined);

  const bad = readSource(
    'a.ts',
    'let a: any;\nb!.c;\nd as string;\n<E>f;\nconsole.log(1);\ntry { g(); } catch {}\nconst h = [1] as const;',
  );
  assert.deepEqual(bad.forbidden, ['1: any', '2: !', '3: as', '4: <T>', '5: console.', '6: empty catch']);
});
