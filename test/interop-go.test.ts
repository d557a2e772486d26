/** A Go program with nothing but net/rpc and net/rpc/jsonrpc is a complete client, its callback server included. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import * as v from 'valibot';
import { compileGo, ForeignProgram, missing } from './support/foreign-program.ts';
import { startServer } from './support/server-process.ts';
import { ROOT } from './support/root.ts';

const SOURCE = path.join(ROOT, 'test/interop/go/client.go');
const Heard = v.object({ Content: v.string(), Seq: v.number(), IsSystem: v.boolean(), Kind: v.string() });
const without = missing('go', 'version') ?? false;
const folder = mkdtempSync(path.join(tmpdir(), 'partyline-go-'));
let client = '';

before(() => {
  if (without === false) client = compileGo(SOURCE, folder);
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function join(port: number, id: string): Promise<ForeignProgram> {
  const program = new ForeignProgram(client, [`127.0.0.1:${port}`, id]);
  const joined = v.parse(v.object({ Success: v.literal(true), Message: v.string() }), await program.next('joined'));
  assert.equal(joined.Message, `Successfully registered as ${id}`);
  return program;
}

const heard = async (program: ForeignProgram) => v.parse(Heard, await program.next('heard'));

test('two Go programs join, talk, list and leave', { skip: without }, async (t) => {
  const server = await startServer(['--rate', '0']);
  t.after(() => server.stop());
  const ann = await join(server.port, 'Ann');
  t.after(() => ann.stop());
  const ben = await join(server.port, 'Ben');
  t.after(() => ben.stop());
  const arrival = await heard(ann);
  assert.deepEqual([arrival.Content, arrival.IsSystem, arrival.Kind], ['User Ben joined the chat', true, 'join']);

  ann.command('say Grüße, Ben ☃ 😀');
  const {
    Success,
    Message,
    Error: error,
  } = v.parse(v.object({ Success: v.boolean(), Message: v.string(), Error: v.string() }), await ann.next('said'));
  assert.deepEqual([Success, Message, error], [true, 'Message sent successfully', '']);
  assert.equal((await heard(ben)).Content, 'Ann: Grüße, Ben ☃ 😀');

  ben.command('who');
  const users = v.parse(v.array(v.object({ ID: v.string(), Name: v.string() })), await ben.next('who'));
  assert.deepEqual(users.map(({ ID }) => ID).sort(), ['Ann', 'Ben']);

  ann.command('leave');
  assert.equal(await ann.next('left'), 'Successfully unregistered');
  assert.equal((await heard(ben)).Content, 'User Ann left the chat');
  assert.equal(await ann.ended, 0);
});

test('a failed call of a Go program leaves its connection usable', { skip: without }, async (t) => {
  const server = await startServer(['--rate', '0']);
  t.after(() => server.stop());
  const ann = await join(server.port, 'Ann');
  t.after(() => ann.stop());
  const ben = await join(server.port, 'Ben');
  t.after(() => ben.stop());

  ann.command('fail Ben');
  assert.match(String(await ann.next('failed')), /session/i);
  ann.command('fail nobody');
  assert.match(String(await ann.next('failed')), /registered/i);
  ann.command('unknown');
  assert.match(String(await ann.next('failed')), /method/i);
  ann.command('say still here');
  v.parse(v.object({ Success: v.literal(true) }), await ann.next('said'));
  assert.equal((await heard(ben)).Content, 'Ann: still here');
});

test(
  '100 pipelined messages reach a Go program in order, though it serves each call in a goroutine of its own',
  { skip: without },
  async (t) => {
    const server = await startServer(['--rate', '0']);
    t.after(() => server.stop());
    const ann = await join(server.port, 'Ann');
    t.after(() => ann.stop());
    const ben = await join(server.port, 'Ben');
    t.after(() => ben.stop());
    ann.command('many hello');
    assert.equal(await ann.next('said'), 100);
    for (let i = 0; i < 100; i++) assert.equal((await heard(ben)).Content, `Ann: hello-${i}`);
  },
);
