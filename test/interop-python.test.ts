/** A Python program with nothing but its standard library is a complete client, its callback server included. */
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import * as v from 'valibot';
import { ForeignProgram, missing } from './support/foreign-program.ts';
import { startServer } from './support/server-process.ts';
import { ROOT } from './support/root.ts';

const CLIENT = path.join(ROOT, 'test/interop/python/client.py');
const Heard = v.object({ Content: v.string(), Seq: v.number(), IsSystem: v.boolean() });
const without = missing('python3', '--version') ?? false;

async function join(port: number, id: string): Promise<ForeignProgram> {
  const program = new ForeignProgram('python3', [CLIENT, '127.0.0.1', String(port), id]);
  v.parse(v.object({ Success: v.literal(true), ID: v.literal(id), Session: v.string() }), await program.next('joined'));
  return program;
}

const heard = async (program: ForeignProgram) => v.parse(Heard, await program.next('heard'));

test('two Python programs join, talk, list, fail and leave', { skip: without }, async (t) => {
  const server = await startServer(['--rate', '0']);
  t.after(() => server.stop());
  const ann = await join(server.port, 'Ann');
  t.after(() => ann.stop());
  const ben = await join(server.port, 'Ben');
  t.after(() => ben.stop());
  assert.equal((await heard(ann)).Content, 'User Ben joined the chat');

  ann.command('say Grüße, Ben ☃ 😀');
  assert.equal(v.parse(v.object({ Message: v.string() }), await ann.next('said')).Message, 'Message sent successfully');
  const greeting = await heard(ben);
  assert.deepEqual([greeting.Content, greeting.IsSystem], ['Ann: Grüße, Ben ☃ 😀', false]);

  ben.command('fail Ann');
  assert.equal(await ben.next('failed'), '-32003 Unauthorized');
  ben.command('fail nobody');
  assert.equal(await ben.next('failed'), '-32001 NotRegistered');
  ben.command('who');
  const users = v.parse(v.array(v.object({ ID: v.string() })), await ben.next('who'));
  assert.deepEqual(users.map(({ ID }) => ID).sort(), ['Ann', 'Ben']);

  ann.command('leave');
  assert.equal(await ann.next('left'), 'Successfully unregistered');
  assert.equal((await heard(ben)).Content, 'User Ann left the chat');
  assert.equal(await ann.ended, 0);
});

test('100 messages reach a Python callback server in order', { skip: without }, async (t) => {
  const server = await startServer(['--rate', '0']);
  t.after(() => server.stop());
  const ann = await join(server.port, 'Ann');
  t.after(() => ann.stop());
  const ben = await join(server.port, 'Ben');
  t.after(() => ben.stop());
  for (let i = 0; i < 100; i++) ann.command(`say ${i}`);
  for (let i = 0; i < 100; i++) assert.equal((await heard(ben)).Content, `Ann: ${i}`);
});
