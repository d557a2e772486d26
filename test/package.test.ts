/**
 * The package as its users get it: packed, installed into an empty project without a network, imported from JavaScript and from
 * TypeScript, and started by the names of its programs.
 */
import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import * as v from 'valibot';
import { ForeignProgram } from './support/foreign-program.ts';
import { ROOT } from './support/program.ts';

const Packed = v.pipe(
  v.string(),
  v.parseJson(),
  v.tuple([v.object({ filename: v.string(), files: v.array(v.object({ path: v.string() })) })]),
);
const PORT = /running on 127\.0\.0\.1:(\d+)/;
const project = mkdtempSync(path.join(tmpdir(), 'partyline-package-'));
let files: string[] = [];

function run(command: string, args: readonly string[], cwd = project): SpawnSyncReturns<string> {
  return spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 55_000 });
}

function succeed(command: string, args: readonly string[], cwd?: string): string {
  const { status, stdout, stderr } = run(command, args, cwd);
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

/** What `npm install` would fetch; here it lies where it would be put, so that nothing has to be. */
function provideDependencies(): void {
  const listed = succeed('npm', ['ls', '--omit=dev', '--all', '--parseable'], ROOT).trim().split('\n');
  const modules = path.join(ROOT, 'node_modules');
  const typesOfNode = ['@types/node', 'undici-types'].map((name) => path.join(modules, name));
  const needed = listed.filter((folder) => path.dirname(folder).startsWith(modules) && path.basename(folder) !== 'typescript');
  for (const folder of new Set([...needed, ...typesOfNode]))
    cpSync(folder, path.join(project, 'node_modules', path.relative(modules, folder)), { recursive: true });
}

before(() => {
  const [packed] = v.parse(Packed, succeed('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], ROOT));
  files = packed.files.map((file) => file.path);
  writeFileSync(path.join(project, 'package.json'), '{ "private": true, "type": "module" }');
  provideDependencies();
  succeed('npm', ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', path.join(project, packed.filename)]);
});
after(() => rmSync(project, { recursive: true, force: true }));

test('the package holds what is run and read, and nothing else', () => {
  for (const file of ['dist/client.js', 'dist/server.js', 'dist/client/library.d.ts', 'docs/PROTOCOL.md', 'LICENSE', 'README.md'])
    assert.ok(files.includes(file), file);
  assert.ok(files.includes('dist/server/accounts/password-worker.js'), 'the thread that hashes');
  const strange = files.filter(
    (file) => !/^(dist\/.*\.(js|d\.ts)|docs\/[A-Z]+\.md|examples\/bot\.\w+|[A-Z]+(\.md)?|package\.json)$/.test(file),
  );
  assert.deepEqual(strange, []);
});

test('both programs have their names, a member and a server of the package talk, and the library hears them', async (t) => {
  const server = new ForeignProgram(
    path.join(project, 'node_modules/.bin/partyline-server'),
    ['--listen', '127.0.0.1:0', '--memory'],
    project,
  );
  t.after(() => server.stop());
  await server.prints(() => PORT.test(server.printed), 'the port');
  const [, port = ''] = PORT.exec(server.printed) ?? [];
  writeFileSync(
    path.join(project, 'member.js'),
    `import { ChatClient, RpcError } from 'partyline';
const where = { host: '127.0.0.1', port: Number(process.argv[2]) };
const client = await ChatClient.connect({ ...where, name: 'Ann', id: 'ann' });
await ChatClient.connect({ ...where, name: 'Eve', id: 'ann' }).catch((error) => console.log(JSON.stringify({ refused: error instanceof RpcError })));
console.log(JSON.stringify({ joined: client.id }));
for await (const { Kind } of client.messages()) {
  if (Kind === 'chat') await client.send('heard');
  // Bob has his receipt: only then does he leave.
  if (Kind === 'leave') break;
}
await client.disconnect();
console.log(JSON.stringify({ left: true }));`,
  );
  const ann = new ForeignProgram(process.execPath, ['member.js', port], project);
  t.after(() => ann.stop());
  assert.equal(await ann.next('refused'), true);
  assert.equal(await ann.next('joined'), 'ann');
  const partyline = path.join(project, 'node_modules/.bin/partyline');
  succeed(partyline, ['send', '--server', `127.0.0.1:${port}`, '--name', 'Bob', '--wait-delivered', 'hello']);
  assert.equal(await ann.next('left'), true);
  assert.equal(await ann.ended, 0, ann.printed);
  await server.prints(() => server.printed.includes('Ann: heard'), 'what Ann said');
});

test('a server can run inside a program', () => {
  writeFileSync(
    path.join(project, 'embedded.js'),
    `import { ChatClient } from 'partyline';
import { ChatServer } from 'partyline/server';
const server = await ChatServer.start({ host: '127.0.0.1', port: 0, dataDir: null, logLevel: 'silent' });
const client = await ChatClient.connect({ ...server.address, name: 'Ann' });
console.log((await client.listUsers()).length);
await client.disconnect();
await server.stop();`,
  );
  assert.equal(succeed(process.execPath, ['embedded.js']), '1\n');
});

test('what is not exported cannot be imported', () => {
  const { status, stderr } = run(process.execPath, ['--input-type=module', '-e', "import 'partyline/dist/client/inbox.js'"]);
  assert.notEqual(status, 0);
  assert.match(stderr, /ERR_PACKAGE_PATH_NOT_EXPORTED/);
});

test('a TypeScript project finds every type, and its mistakes', () => {
  writeFileSync(
    path.join(project, 'right.ts'),
    `import { ChatClient, RpcError, type ChatClientOptions, type ConnectionState, type Cursor, type Message, type Sent } from 'partyline';
import { ChatServer } from 'partyline/server';
const server: ChatServer = await ChatServer.start({ port: 0, dataDir: null });
const options: ChatClientOptions = { ...server.address, name: 'Bot', replay: { after: 0 } };
const client: ChatClient = await ChatClient.connect(options);
client.on('message', (message: Message) => message.Seq.toFixed()).on('state', (state: ConnectionState) => state.kind === 'lost' && state.retryInMs);
const sent: Sent = await client.send('hello', { wait: 'delivered' });
const cursor: Cursor = client.cursor;
for await (const { Kind, Text } of client.messages()) if (Kind === 'direct') Text.trim();
try { await client.joinRoom('ACDEFG', { password: 'sesame' }); } catch (error) { if (error instanceof RpcError && error.reason === 'NotFound') error.code.toFixed(); }
export const figures: number[] = [sent.Seq, sent.Receipt?.Delivered ?? 0, cursor.after, client.rooms.size];`,
  );
  writeFileSync(
    path.join(project, 'wrong.ts'),
    `import { ChatClient } from 'partyline';
const client = await ChatClient.connect({ host: 'localhost', name: 'Bot' });
await client.send(5);
client.on('massage', () => undefined);
await client.setDirectPolicy('nobody');
for await (const { Text } of client.messages()) Text.toFixed();
const { Seq } = await client.send('hello');
Seq.trim();`,
  );
  // As a new project has them; checking the declarations of all packages would take a quarter of a minute.
  const options = '--noEmit --strict --skipLibCheck --target es2023 --module nodenext --moduleResolution nodenext --types node';
  const { stdout } = run(process.execPath, [
    path.join(ROOT, 'node_modules/typescript/bin/tsc'),
    ...options.split(' '),
    'right.ts',
    'wrong.ts',
  ]);
  const mistakes = [...stdout.matchAll(/^(\w+\.ts)\((\d+)/gm)].map(([, file, line]) => `${file} ${line}`);
  assert.deepEqual(
    mistakes,
    [2, 3, 4, 5, 6, 8].map((line) => `wrong.ts ${line}`),
    stdout,
  );
});

test('the programs begin with the line that makes them programs', () => {
  for (const name of ['client', 'server'])
    assert.match(readFileSync(path.join(project, 'node_modules/partyline/dist', `${name}.js`), 'utf8'), /^#!\/usr\/bin\/env node\n/);
});
