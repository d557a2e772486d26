/** What a typed line means, what Tab offers for it, and how lines of a pipe are told apart. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import test from 'node:test';
import { addressed, meant } from '../client/terminal/addressee.ts';
import { columnsOf } from '../client/terminal/columns.ts';
import { COMMANDS, help, parseLine, type Known } from '../client/terminal/commands.ts';
import { complete } from '../client/terminal/completion.ts';
import { statusOfRefusal } from '../client/terminal/exit-status.ts';
import { labelOf } from '../client/terminal/label.ts';
import { linesOf } from '../client/terminal/lines.ts';
import { Loss } from '../client/terminal/loss.ts';
import { Roster } from '../client/terminal/roster.ts';
import { squeezed } from '../client/terminal/squeeze.ts';
import { Unread } from '../client/terminal/unread.ts';
import { type User } from '../commons/protocol.ts';

function known(...names: string[]): Known {
  const roster = new Roster();
  roster.replace(names);
  return {
    roster,
    rooms: new Map([
      ['K7MHPA', 'Games'],
      ['K9WXYZ', 'Chess'],
    ]),
  };
}

/** Which command a line is, and what it is told. */
function command(line: string): readonly [name: string, argument: string] {
  const meaning = parseLine(line);
  return meaning.kind === 'command' ? [meaning.command.name, meaning.argument] : [meaning.kind, ''];
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const taken: string[] = [];
  for await (const line of lines) taken.push(line);
  return taken;
}

test('a line is a text unless it is a command; two slashes send one', () => {
  assert.deepEqual(parseLine('Hello'), { kind: 'text', text: 'Hello' });
  assert.deepEqual(parseLine(' indented  text '), { kind: 'text', text: ' indented  text ' });
  assert.deepEqual(parseLine('//etc/hosts is a file'), { kind: 'text', text: '/etc/hosts is a file' });
  assert.deepEqual(parseLine('exit the building'), { kind: 'text', text: 'exit the building' });
  assert.deepEqual(parseLine('  '), { kind: 'nothing' });
  assert.deepEqual(parseLine(''), { kind: 'nothing' });
});

test('a command is known in any case and with blanks around it; of one word or two; its argument stays as it was typed', () => {
  for (const line of ['exit', ' EXIT ']) assert.deepEqual(command(line), ['exit', '']);
  for (const line of ['/quit', '/Quit', ' /quit ']) assert.deepEqual(command(line), ['/quit', '']);
  assert.deepEqual(command('/msg Alice  two  blanks '), ['/msg', 'Alice  two  blanks ']);
  assert.deepEqual(command('/room'), ['/room', '']);
  assert.deepEqual(command('/room  JOIN  K7MHPA'), ['/room join', 'K7MHPA']);
  assert.deepEqual(command('/room new Two  Words'), ['/room new', 'Two  Words']);
  assert.deepEqual(command('/room joint'), ['/room', 'joint']);
});

test('/help lists every command of the table, or explains the one asked for', () => {
  const list = help('');
  for (const { usage, summary } of COMMANDS) assert.ok(list.includes(`  ${usage}`) && list.includes(`  ${summary}`), usage);
  for (const argument of ['who', '/who']) assert.match(help(argument), /^ {2}\/who +who is here[^\n]*$/);
  assert.deepEqual(
    help('room')
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/)[0]),
    COMMANDS.filter(({ name }) => name.startsWith('/room')).map(({ usage }) => usage),
  );
  assert.match(help('room join'), /^ {2}\/room join CODE +[^\n]*$/);
  assert.match(help('hwo'), /no command hwo/);
});

test('every command has a help of its own that fits a terminal, and a usage that begins with its name', () => {
  for (const { name, usage, summary } of COMMANDS) {
    assert.ok(usage === name || usage.startsWith(`${name} `), name);
    assert.match(summary, /^[a-z/]/, name);
    assert.ok(
      help(name)
        .split('\n')
        .some((line) => line.includes(summary)),
      name,
    );
  }
  for (const line of help('').split('\n')) assert.ok(columnsOf(line) < 80, line);
});

test('an unknown command is not sent but answered with the nearest one', () => {
  const meant = parseLine('/hlep me');
  assert.equal(meant.kind, 'unknown');
  assert.match(meant.kind === 'unknown' ? meant.hint : '', /\/hlep.*Did you mean \/help\?.*\/\//);
});

test('Tab completes commands from the same table, and what may follow them', () => {
  assert.deepEqual(complete('/w', known()), [['/who '], '/w']);
  assert.deepEqual(complete('/', known())[0], [
    ...new Set(COMMANDS.filter(({ name }) => name.startsWith('/')).map(({ name }) => `${name.split(' ')[0]} `)),
  ]);
  assert.deepEqual(complete('/help /cl', known()), [['/clear'], '/cl']);
  assert.deepEqual(complete('/who Al', known('Alice')), [[], 'Al']);
  assert.deepEqual(complete('/room j', known()), [['join '], 'j']);
  assert.deepEqual(complete('/room leave k', known()), [['K7MHPA', 'K9WXYZ'], 'k']);
  assert.deepEqual(complete('/room ', known())[0], ['new ', 'join ', 'leave ', 'list ', 'delete ', 'lobby', 'K7MHPA', 'K9WXYZ']);
  assert.deepEqual(complete('/msg al', known('Alice', 'Alan')), [['Alan ', 'Alice '], 'al']);
  for (const name of ['/notify', '/receipts']) assert.deepEqual(complete(`${name} o`, known())[0], ['on', 'off']);
  assert.deepEqual(complete('/policy a', known()), [['allowed'], 'a']);
  for (const name of ['/allow', '/block']) assert.deepEqual(complete(`${name} al`, known('Alice'))[0], ['Alice ']);
});

test('Tab completes names in any case: with a colon at the start of a line, also behind @ and with blanks in them', () => {
  const here = known('Alice', 'Mary Ann');
  assert.deepEqual(complete('al', here), [['Alice: '], 'al']);
  assert.deepEqual(complete('ask al', here), [['Alice '], 'al']);
  assert.deepEqual(complete('ask @Al', here), [['Alice '], 'Al']);
  assert.deepEqual(complete('ask mary a', here), [['Mary Ann '], 'mary a']);
  assert.deepEqual(complete('ask zoe', here)[0], []);
  assert.deepEqual(complete('', here)[0], []);
});

function person(ID: string, Name: string, Account = false): User {
  return { ID, Name, Since: '', Account, Waiting: 0 };
}

test('a direct message is for somebody here by ID or name, blanks and all, else for the account that is named', () => {
  const people = [person('a1', 'Alice'), person('m1', 'Mary'), person('m2', 'Mary Ann'), person('Bob-7', 'Robert')];
  assert.deepEqual(addressed('alice  two  blanks', people), { to: 'a1', label: 'Alice', text: ' two  blanks' });
  assert.deepEqual(addressed('Mary Ann hello', people), { to: 'm2', label: 'Mary Ann', text: 'hello' });
  assert.deepEqual(addressed('Mary Annabel', people), { to: 'm1', label: 'Mary', text: 'Annabel' });
  assert.deepEqual(addressed('"Mary" Ann is here', people), { to: 'm1', label: 'Mary', text: 'Ann is here' });
  assert.deepEqual(addressed('Bob-7 hi', people), { to: 'Bob-7', label: 'Robert', text: 'hi' });
  assert.deepEqual(addressed('Zoë hi\nthere', people), { to: 'Zoë', label: 'Zoë', text: 'hi\nthere' });
  assert.deepEqual(addressed('"Big Ben" hi', people), { to: 'Big Ben', label: 'Big Ben', text: 'hi' });
  assert.deepEqual(addressed('Alice', people), { to: 'a1', label: 'Alice', text: '' });
});

test('of several people of one name the IDs are told; an account that is here twice is one person', () => {
  const guests = [person('a1', 'Alice'), person('a2', 'alice', true)];
  assert.throws(() => meant('Alice', guests), /2 people are called Alice.*a1, a2\.$/);
  assert.deepEqual(meant('a2', guests), { to: 'a2', label: 'alice' });
  assert.deepEqual(meant('alice', [person('a1', 'Alice', true), person('a2', 'Alice', true)]), { to: 'Alice', label: 'Alice' });
  const many = Array.from({ length: 30 }, (_, i) => person(`x${i}`, 'Max\u001b'));
  assert.throws(() => meant('Max\u001b', many), /30 people are called Max‹U\+001B›.*x9 and 20 more\.$/);
});

test('squeezing takes extra blanks out and nothing else', () => {
  assert.equal(squeezed('  two  words\tand\u00a0 more  '), 'two words and more');
  assert.equal(squeezed(' a  b \n\n  c\t\td '), 'a b\n\nc d');
  assert.equal(squeezed('as it is'), 'as it is');
});

test('the prompt is the classic one in the lobby alone; else it names the room and what waits elsewhere, however much that is', () => {
  const elsewhere = [
    { name: 'Games', count: 3, mentioned: false },
    { name: 'Chess', count: 12, mentioned: true },
  ];
  const label = (room: string | undefined, others = elsewhere, offline?: number) => labelOf({ room, elsewhere: others, offline }, 80);
  assert.equal(label(undefined, []), 'You: ');
  assert.equal(label(undefined, [], 2), '(offline, 2 waiting) You: ');
  assert.equal(label(undefined, [], 0), '(offline) You: ');
  assert.equal(label('Lobby', []), '[Lobby] You: ');
  assert.equal(label('Lobby'), '[Lobby | Games 3, Chess 12!] You: ');
  assert.equal(label('Lobby', elsewhere, 1), '(offline, 1 waiting) [Lobby | Games 3, Chess 12!] You: ');
  const many = Array.from({ length: 100 }, (_, i) => ({ name: `Room\u001b${i}`, count: 1, mentioned: false }));
  assert.equal(label('Lobby', many), '[Lobby | Room‹U+001B›0 1, Room‹U+001B›1 1, 98 more] You: ');
});

test('what is missed elsewhere is counted, joins and leaves aside, and the newest of it kept', () => {
  const unread = new Unread();
  const message = { SenderID: 'e', Content: '', IsSystem: false, Name: 'Eve', Text: '', SentAt: '' };
  const say = (Room: string, Seq: number, mentions = false, Kind: 'chat' | 'join' = 'chat') =>
    unread.add({ ...message, Room, Seq, Kind }, mentions);
  say('A', 1);
  say('B', 2, true);
  say('A', 3, false, 'join');
  say('A', 4);
  assert.deepEqual(unread.counts, [
    { room: 'A', count: 2, mentioned: false },
    { room: 'B', count: 1, mentioned: true },
  ]);
  for (let Seq = 5; Seq < 305; Seq++) say('B', Seq);
  const missed = unread.take('B');
  assert.equal(missed.forgotten, 101);
  assert.deepEqual(
    missed.messages.map(({ Seq }) => Seq),
    Array.from({ length: 200 }, (_, i) => 105 + i),
  );
  assert.deepEqual(unread.take('B'), { messages: [], forgotten: 0 });
  assert.deepEqual(
    unread.counts.map(({ room }) => room),
    ['A'],
  );
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
