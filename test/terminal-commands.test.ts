/** What a typed line means, what Tab offers for it, and how lines of a pipe are told apart. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import test from 'node:test';
import { COMMANDS, parseLine, type Chat } from '../client/terminal/commands.ts';
import { complete } from '../client/terminal/completion.ts';
import { statusOfRefusal } from '../client/terminal/exit-status.ts';
import { linesOf } from '../client/terminal/lines.ts';
import { Loss } from '../client/terminal/loss.ts';
import { Roster } from '../client/terminal/roster.ts';

function roster(...names: string[]): Roster {
  const known = new Roster();
  known.replace(names);
  return known;
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const taken: string[] = [];
  for await (const line of lines) taken.push(line);
  return taken;
}

/** What a command tells; `left` and `cleared` are told as words. */
async function told(line: string): Promise<string> {
  const meant = parseLine(line);
  assert.equal(meant.kind, 'command');
  if (meant.kind !== 'command') return '';
  const said: string[] = [];
  const chat: Chat = {
    id: 'me',
    listUsers: () => Promise.resolve([{ ID: 'me', Name: 'Alice', Since: '', Account: false, Waiting: 0 }]),
    tell: (text) => said.push(text),
    clear: () => said.push('cleared'),
    leave: () => said.push('left'),
    receipts: false,
  };
  await meant.command.run(chat, meant.argument);
  return said.join();
}

test('a line is a text unless it is a command; two slashes send one', () => {
  assert.deepEqual(parseLine('Hello'), { kind: 'text', text: 'Hello' });
  assert.deepEqual(parseLine(' indented  text '), { kind: 'text', text: ' indented  text ' });
  assert.deepEqual(parseLine('//etc/hosts is a file'), { kind: 'text', text: '/etc/hosts is a file' });
  assert.deepEqual(parseLine('exit the building'), { kind: 'text', text: 'exit the building' });
  assert.deepEqual(parseLine('  '), { kind: 'nothing' });
  assert.deepEqual(parseLine(''), { kind: 'nothing' });
});

test('exit and /quit leave, in any case and with blanks around them', async () => {
  for (const line of ['exit', ' EXIT ', '/quit', '/Quit']) assert.equal(await told(line), 'left');
});

test('/help lists every command of the table, or explains the one asked for', async () => {
  const list = await told('/help');
  for (const { usage, summary } of COMMANDS) assert.match(list, new RegExp(`${usage.replaceAll(/[[\]]/g, '\\$&')} +${summary}`));
  for (const line of ['/help who', '/help /who']) assert.match(await told(line), /^ {2}\/who +who is here[^\n]*$/);
  assert.match(await told('/help hwo'), /no command hwo/);
});

test('an unknown command is not sent but answered with the nearest one', () => {
  const meant = parseLine('/hlep me');
  assert.equal(meant.kind, 'unknown');
  assert.match(meant.kind === 'unknown' ? meant.hint : '', /\/hlep.*Did you mean \/help\?.*\/\//);
});

test('Tab completes commands from the same table, and what may follow them', () => {
  assert.deepEqual(complete('/w', roster()), [['/who '], '/w']);
  assert.deepEqual(
    complete('/', roster())[0],
    COMMANDS.filter(({ name }) => name.startsWith('/')).map(({ name }) => `${name} `),
  );
  assert.deepEqual(complete('/help /cl', roster()), [['/clear'], '/cl']);
  assert.deepEqual(complete('/who Al', roster('Alice')), [[], 'Al']);
});

test('Tab completes names in any case: with a colon at the start of a line, also behind @ and with blanks in them', () => {
  const known = roster('Alice', 'Mary Ann');
  assert.deepEqual(complete('al', known), [['Alice: '], 'al']);
  assert.deepEqual(complete('ask al', known), [['Alice '], 'al']);
  assert.deepEqual(complete('ask @Al', known), [['Alice '], 'Al']);
  assert.deepEqual(complete('ask mary a', known), [['Mary Ann '], 'mary a']);
  assert.deepEqual(complete('ask zoe', known)[0], []);
  assert.deepEqual(complete('', known)[0], []);
});

test('names come with who speaks or joins, go with who leaves, and are harmless and bounded', () => {
  const known = new Roster();
  const message = { SenderID: '', Content: '', IsSystem: false, Seq: 1, Room: 'lobby', Text: '', SentAt: '' };
  known.heard({ ...message, Kind: 'chat', Name: 'Al\u001bice' });
  assert.deepEqual(known.startingWith('al'), ['Al‹U+001B›ice']);
  known.heard({ ...message, Kind: 'join', Name: 'Alan' });
  known.heard({ ...message, Kind: 'leave', Name: 'Al\u001bice' });
  assert.deepEqual(known.startingWith('al'), ['Alan']);
  for (let i = 0; i < 2_000; i++) known.heard({ ...message, Kind: 'chat', Name: `Bot${i}` });
  assert.equal(known.startingWith('bot').length, 1_000);
  assert.equal(known.startingWith('bot')[0], 'Bot1999');
  assert.deepEqual(known.startingWith('al'), []);
});

test('lines are told apart however the bytes arrive, and an endless one costs no memory', async () => {
  const bytes = Buffer.from('one\r\ntwö\n\nlast');
  const taken = await all(linesOf(Readable.from(Array.from(bytes, (byte) => Buffer.of(byte))), 10));
  assert.deepEqual(taken, ['one', 'twö', '', 'last']);
  const endless = Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(1_000, 'x')).concat(Buffer.from('\nnext\n')));
  const [first = '', next] = await all(linesOf(endless, 10));
  assert.equal(first.length, 11);
  assert.equal(next, 'next');
});

test('a loss is one notice, however many tries follow, and the return is one', () => {
  const loss = new Loss();
  const lost = { kind: 'lost', reason: 'it hung up.', retryInMs: 1, attempt: 1 } as const;
  assert.match(loss.noticeOf(lost) ?? '', /lost: it hung up\. What/);
  assert.equal(loss.noticeOf({ kind: 'connecting' }), undefined);
  assert.equal(loss.noticeOf({ ...lost, attempt: 2 }), undefined);
  assert.equal(loss.lost, true);
  assert.match(loss.noticeOf({ kind: 'connected' }) ?? '', /back/);
  assert.equal(loss.noticeOf({ kind: 'connected' }), undefined);
  assert.equal(loss.lost, false);
});

test('a refused Register ends with 4, a server without time for us with 5', () => {
  assert.equal(statusOfRefusal('AlreadyRegistered'), 4);
  assert.equal(statusOfRefusal('Unauthorized'), 4);
  assert.equal(statusOfRefusal('ShuttingDown'), 5);
  assert.equal(statusOfRefusal('InternalError'), 1);
});
