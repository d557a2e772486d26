/** One's own lines on a real terminal: marked until they are confirmed, then among the messages; and who has got them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { OwnLines } from '../client/terminal/own-lines.ts';
import { receiptWords } from '../client/terminal/words.ts';
import { columnsOf } from '../client/terminal/columns.ts';
import { onTerminal } from './support/client-terminal.ts';
import { falseServer, registered } from './support/false-server.ts';
import type { Terminal } from './support/pty.ts';
import { join, startRoom, type Member } from './support/room.ts';
import { at } from './support/line-client.ts';
import { said, ScriptedServer } from './support/scripted-server.ts';

let room: Awaited<ReturnType<typeof startRoom>>;
let bob: Member;
let people = 0;

before(async () => {
  room = await startRoom();
  bob = await join(room, { id: 'Bob-1', name: 'Bob' });
});
after(() => room.stop());

function alice(use: (terminal: Terminal, id: string) => Promise<void>, columns = 80): Promise<void> {
  const id = `Own-${++people}`;
  return onTerminal(room, ['--name', 'Alice', '--id', id], { columns }, async (terminal) => {
    await terminal.shows('You:');
    await use(terminal, id);
  });
}

/** A server that answers no SendMessage until the test does. */
async function withSlowServer(use: (terminal: Terminal, server: ScriptedServer) => Promise<void>, columns = 80): Promise<void> {
  const server = await ScriptedServer.start(({ method }) => method === 'ChatServer.SendMessage');
  try {
    await onTerminal(server, ['--name', 'Alice', '--callback', 'inline'], { columns }, async (terminal) => {
      await terminal.shows('You:');
      await use(terminal, server);
    });
  } finally {
    await server.die();
  }
}

const endsWith = (terminal: Terminal, ...lines: string[]) =>
  terminal.until(
    ({ lines: shown }) => shown.slice(-lines.length).join('\n') === lines.join('\n'),
    `at the bottom ${JSON.stringify(lines)}`,
  );

test('a line is marked until the server has accepted it, what others say meanwhile comes above it, and typing goes on', () =>
  withSlowServer(async (terminal, server) => {
    terminal.type('hello\r');
    await endsWith(terminal, 'You: hello (not yet confirmed)', 'You:');
    terminal.type('half a li');
    const { client } = await server.asked('Register', 1);
    await client.call('ClientCallback.ReceiveMessage', said(5, 'in between'));
    await terminal.shows('Eve: in between');
    await endsWith(terminal, 'You: hello (not yet confirmed)', 'You: half a li');
    server.accepted(await server.asked('SendMessage', 1));
    await endsWith(terminal, 'You: hello', 'You: half a li');
    assert.match(terminal.screen.lines.at(-3) ?? '', /Eve: in between$/);
    assert.equal(terminal.screen.text.split('hello').length, 2);
    assert.match(terminal.raw, /\u001b\[2mYou: hello \(not yet confirmed\)\u001b\[22m/);
  }));

test('of many lines that wait the newest are shown and the others counted; each takes its place in turn', () =>
  withSlowServer(async (terminal, server) => {
    for (let i = 1; i <= 6; i++) terminal.type(`line ${i}\r`);
    const marked = (from: number) => [from, from + 1, from + 2, from + 3].map((i) => `You: line ${i} (not yet confirmed)`);
    await endsWith(terminal, '… 2 more (not yet confirmed)', ...marked(3), 'You:');
    for (let nth = 1; nth <= 2; nth++) server.accepted(await server.asked('SendMessage', nth));
    await endsWith(terminal, 'You: line 1', 'You: line 2', ...marked(3), 'You:');
    for (let nth = 3; nth <= 6; nth++) server.accepted(await server.asked('SendMessage', nth));
    await endsWith(terminal, ...[1, 2, 3, 4, 5, 6].map((i) => `You: line ${i}`), 'You:');
  }));

test('a line of several rows is marked in one and confirmed whole, and costs no message, wherever its cursor was', () =>
  withSlowServer(async (terminal, server) => {
    const { client } = await server.asked('Register', 1);
    await client.call('ClientCallback.ReceiveMessage', said(5, 'above'));
    await terminal.shows('Eve: above');
    const text = 'a line that is longer than this terminal is wide, three times or so';
    terminal.type(`${text}${'\u001b[D'.repeat(40)}\r`);
    await endsWith(terminal, 'You: a … (not yet confirmed)', 'You:');
    assert.match(terminal.screen.lines.at(-3) ?? '', /Eve: above$/);
    // Exactly as long as a row is.
    terminal.type(`${'x'.repeat(25)}\r`);
    await endsWith(terminal, 'You: a … (not yet confirmed)', 'You: xx… (not yet confirmed)', 'You:');
    server.accepted(await server.asked('SendMessage', 1));
    server.accepted(await server.asked('SendMessage', 2));
    await endsWith(
      terminal,
      'You: a line that is longer th',
      'an this terminal is wide, thr',
      'ee times or so',
      `You: ${'x'.repeat(24)}`,
      'x',
      'You:',
    );
    assert.match(terminal.screen.lines.at(-7) ?? '', /Eve: above$/);
  }, 29));

test('a window that becomes narrower wraps the marked lines and costs no message', () =>
  withSlowServer(async (terminal, server) => {
    terminal.type('one line that is marked\rand one more line\r');
    await endsWith(terminal, 'You: one line that is marked (not yet confirmed)', 'You: and one more line (not yet confirmed)', 'You:');
    const before = terminal.raw.length;
    terminal.resize(30, 24);
    await terminal.until(() => terminal.raw.length > before, 'the line drawn anew');
    server.accepted(await server.asked('SendMessage', 1));
    server.accepted(await server.asked('SendMessage', 2));
    await endsWith(terminal, 'You: one line that is marked', 'You: and one more line', 'You:');
    assert.match(terminal.screen.text, /to quit\)\nYou: one line/);
  }));

test('a line that is refused says so, and why', async () => {
  const server = await falseServer((method) =>
    method === 'ChatServer.Register' ? registered : { error: { code: -32004, message: 'Not here.', data: { Reason: 'Forbidden' } } },
  );
  try {
    await onTerminal(server, ['--name', 'Alice', '--callback', 'inline'], {}, async (terminal) => {
      await terminal.shows('You:');
      terminal.type('hello\r');
      await endsWith(terminal, 'You: hello (not sent)', '* Not sent: Not here.', 'You:');
    });
  } finally {
    await server.close();
  }
});

test('a line that a server with another history perhaps said already is not sent again, and the person is told', () =>
  withSlowServer(async (terminal, server) => {
    terminal.type('hello\r');
    const { client } = await server.asked('SendMessage', 1);
    server.epoch = 'epoch-2';
    await client.close();
    await terminal.shows('You: hello (perhaps not sent)');
    await terminal.shows('Perhaps not sent: The server has lost its history');
    assert.equal(server.of('SendMessage').length, 1);
  }));

test('who leaves with lines that are not confirmed sees which', () =>
  withSlowServer(async (terminal) => {
    terminal.type('lost words\rexit\r');
    assert.equal(await terminal.exit, 6);
    assert.match(terminal.screen.text, /You: exit\nYou: lost words \(not confirmed\)\n\* 1 message did not reach the server\.$/);
  }));

test('/receipts on tells who has got each line, off tells nothing any more', () =>
  alice(async (terminal) => {
    terminal.type('/receipts on\rfirst\r');
    await endsWith(terminal, 'You: first', '* delivered to 1: first', 'You:');
    terminal.type('/receipts\r');
    await terminal.shows('Receipts are on');
    terminal.type('/receipts off\rsecond\r');
    await bob.hear(({ Text }) => Text === 'second');
    await endsWith(terminal, 'You: /receipts off', 'Receipts are off.', 'You: second', 'You:');
    terminal.type('/receipts maybe\r');
    await terminal.shows('/receipts takes on or off, not "maybe"');
    // It holds for the line behind it, whatever else is still being carried out.
    terminal.type('/receipts on\r/who\r/receipts off\rthird\r');
    await bob.hear(({ Text }) => Text === 'third');
    terminal.type('/receipts on\rfourth\r');
    await terminal.shows('* delivered to 1: fourth');
    assert.doesNotMatch(terminal.screen.text, /\* .*: (second|third)/);
  }));

test('somebody who does not answer is named after a while, and the next line does not wait for that', () =>
  alice(async (terminal) => {
    const deaf = await room.connect();
    await deaf.call('ChatServer.Register', { ID: 'Deaf-1', Name: 'Deaf', Callback: 'inline' });
    terminal.type('/receipts on\rone\rtwo\r');
    await terminal.until(({ text }) => /^You: one$[^]*^You: two$/m.test(text), 'both lines confirmed');
    assert.doesNotMatch(terminal.screen.text, /waiting for/);
    await terminal.shows('* delivered to 1, waiting for Deaf: one', 20_000);
    await terminal.shows('* delivered to 1, waiting for Deaf: two', 20_000);
    await deaf.close();
  }));

test('a receipt is in words that fit a line, whoever the others are', () => {
  const words = (Delivered: number, Pending: string[], Failed = 0) => receiptWords({ Delivered, Pending, Failed });
  assert.equal(words(12, []), 'delivered to 12');
  assert.equal(words(0, []), 'delivered to 0');
  assert.equal(words(0, ['bob']), 'waiting for bob');
  assert.equal(words(1, ['a', 'b\u001b'], 2), 'delivered to 1, waiting for a, b‹U+001B›, 2 did not answer and are gone');
  const many = Array.from({ length: 20 }, (_, i) => `p${i}`);
  assert.equal(words(0, many), 'waiting for p0, p1, p2, p3, p4 and 15 or more others');
  assert.equal(words(0, many.slice(0, 7)), 'waiting for p0, p1, p2, p3, p4 and 2 others');
});

test('no row of lines that wait is wider than the terminal, however narrow it is', () => {
  const own = new OwnLines();
  for (const text of ['short', '好'.repeat(100), 'x'.repeat(500), 'tab\there', 'y', 'z']) own.add(text);
  for (const columns of [1, 2, 10, 30, 80, 200]) {
    const rows = own.rows(columns);
    assert.equal(rows.length, 5);
    for (const row of rows) assert.ok(columnsOf(row) < Math.max(columns, 3), `${columns}: ${row}`);
  }
});

test('a repetition is the same message, said once', () =>
  withSlowServer(async (terminal, server) => {
    terminal.type('hello\r');
    const first = await server.asked('SendMessage', 1);
    await first.client.close();
    const second = await server.asked('SendMessage', 2, 20_000);
    assert.equal(at(second.params, 'MessageID'), at(first.params, 'MessageID'));
    server.accepted(second);
    await endsWith(terminal, 'You: hello', 'You:');
  }));
