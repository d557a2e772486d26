/** docs/LIBRARY.md: each program on the page runs against a server of its own and prints what stands below it; the tables are the library's. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as library from '../client/library.ts';
import { ForeignProgram } from './support/foreign-program.ts';
import { codeBlocks, codeSpans, readDocument, tableRows } from './support/markdown.ts';
import { ROOT } from './support/program.ts';
import { startRoom } from './support/room.ts';

const GUIDE = readDocument('docs/LIBRARY.md');
const blocks = codeBlocks(GUIDE);
const programs = blocks.flatMap(({ language, text }, index) => (language === 'ts' ? [{ text, below: blocks[index + 1] }] : []));

/** A project in which the package is installed. */
const project = mkdtempSync(path.join(tmpdir(), 'partyline-guide-'));
after(() => rmSync(project, { recursive: true, force: true }));
mkdirSync(path.join(project, 'node_modules'));
symlinkSync(ROOT, path.join(project, 'node_modules/partyline'));
symlinkSync(path.join(ROOT, 'node_modules/@types'), path.join(project, 'node_modules/@types'));
writeFileSync(path.join(project, 'package.json'), '{ "type": "module" }');
for (const [index, { text }] of programs.entries()) writeFileSync(path.join(project, `program-${index + 1}.ts`), text);

const TSX = pathToFileURL(path.join(ROOT, 'node_modules/tsx/dist/loader.mjs')).href;

for (const [index, { text, below }] of programs.entries()) {
  test(`program ${index + 1} of the guide prints what stands below it`, { timeout: 30_000 }, async (t) => {
    assert.equal(below?.language, 'text');
    const server = await startRoom();
    t.after(() => server.stop());
    const file = path.join(project, `program-${index + 1}.ts`);
    writeFileSync(file, text.replace('9999', String(server.port)));
    const program = new ForeignProgram(process.execPath, ['--import', TSX, file], project);
    t.after(() => program.stop());
    assert.equal(await program.ended, 0, program.printed);
    assert.equal(program.printed, `${below?.text}\n`);
  });
}

test('the programs of the guide have no mistakes of type', () => {
  assert.ok(programs.length >= 5);
  const options = '--noEmit --strict --skipLibCheck --target es2023 --module nodenext --moduleResolution nodenext --types node';
  const files = programs.map((_, index) => `program-${index + 1}.ts`);
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, ...options.split(' '), ...files], { cwd: project, encoding: 'utf8' });
  assert.equal(stdout, '');
});

/** What the spans of a first column name: `send(…)` and `id` alike. */
function named(heading: string): string[] {
  return tableRows(GUIDE, heading)
    .flatMap(([first = '']) => codeSpans(first))
    .map((span) => span.replace(/\(.*/s, ''))
    .sort();
}

test('the tables of the guide have every method, property and error of the library, and no other', () => {
  const own = Object.entries(Object.getOwnPropertyDescriptors(library.ChatClient.prototype));
  const methods = own.flatMap(([name, property]) => (typeof property.value === 'function' && name !== 'constructor' ? [name] : []));
  assert.deepEqual(named('method'), methods.sort());
  const accessors = own.flatMap(([name, property]) => ('get' in property && property.get !== undefined ? [name] : []));
  assert.deepEqual(named('property'), [...accessors, 'name', 'server', 'resumedFrom'].sort());
  const errors = Object.keys(library).filter((name) => name !== 'ChatClient');
  assert.deepEqual(named('error'), errors.sort());
});
