/** What others wrote is shown inert, in rows that nobody can take for somebody else's. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Chalk } from 'chalk';
import fc from 'fast-check';
import { colorOf } from '../client/terminal/palette.ts';
import { columnsOf, wrap } from '../client/terminal/columns.ts';
import { mentions, renderJson, renderMessage, type Look } from '../client/terminal/render.ts';
import { whoLines } from '../client/terminal/who.ts';
import { type Message } from '../commons/protocol.ts';
import { Screen } from './support/screen.ts';

const SENT_AT = '2026-02-03T04:05:06.000Z';
const CLOCK = `${String(new Date(SENT_AT).getHours()).padStart(2, '0')}:05`;

function said(Text: string, more: Partial<Message> = {}): Message {
  const Name = more.Name ?? 'Alice';
  const base = { SenderID: 'Alice-1', Content: `${Name}: ${Text}`, IsSystem: false, Seq: 1, Room: 'lobby', Name, Text, SentAt: SENT_AT };
  return { ...base, Kind: 'chat', ...more };
}

function look(more: Partial<Look> = {}): Look {
  return { chalk: new Chalk({ level: 0 }), self: 'Bob', clock: true, columns: 80, ...more };
}

/** What a terminal of that width shows. */
function onScreen(text: string, columns = 80): Screen {
  const screen = new Screen(columns, 50);
  screen.write(text.replaceAll('\n', '\r\n'));
  return screen;
}

/** Texts that try something: escapes, controls, direction, wide and combining characters, new lines. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '\u001b[2J',
        '\u001b]0;x\u0007',
        '\u009b31m',
        '\r',
        '\b',
        '\n[SYSTEM] User Bob left the chat',
        '\u202e',
        'e\u0301',
        '好',
        '👩‍💻',
        '\t',
        ' ',
      ),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''));

test('the classic lines are shown, with the time in front', () => {
  assert.equal(renderMessage(said('Hello everyone!'), look()), `${CLOCK} Alice: Hello everyone!\n`);
  const join = said('', { IsSystem: true, Kind: 'join', Content: 'User Alice-123 joined the chat' });
  assert.equal(renderMessage(join, look()), `${CLOCK} [SYSTEM] User Alice-123 joined the chat\n`);
  assert.equal(renderMessage(said('Hello'), look({ clock: false })), 'Alice: Hello\n');
});

test('a time that is none is shown as none', () => {
  assert.equal(renderMessage(said('x', { SentAt: '\u001b[31m' }), look()), '--:-- Alice: x\n');
});

test('nothing that others wrote moves the cursor, rings or turns a line around', () => {
  fc.assert(
    fc.property(hostile, hostile, fc.integer({ min: 30, max: 100 }), (text, name, columns) => {
      const shown = renderMessage(said(text, { Name: name }), look({ columns }));
      const screen = onScreen(shown, columns);
      assert.deepEqual(screen.unknown, []);
      assert.equal(screen.bells, 0);
      assert.doesNotMatch(shown.replaceAll(/[\n\u200c\u200d]/g, ''), /[\p{C}\p{Zl}\p{Zp}]/u);
    }),
  );
});

test('no row but the first begins at the left edge, whatever the text and the width', () => {
  fc.assert(
    fc.property(hostile, fc.integer({ min: 40, max: 100 }), (text, columns) => {
      const [, ...later] = onScreen(renderMessage(said(text), look({ columns })), columns).text.split('\n');
      for (const row of later) assert.match(row, /^( {8}|$)/);
    }),
  );
  const forged = `${'x'.repeat(67)}[SYSTEM] User Bob left the chat`;
  assert.equal(onScreen(renderMessage(said(forged), look())).lines[1], '        [SYSTEM] User Bob left the chat');
});

test('a long text is broken at blanks, none of it is lost, and no row is too long', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'b', ' ', '好', 'e\u0301') }), fc.integer({ min: 10, max: 30 }), (line, width) => {
      const rows = wrap(line, width - 2, width);
      assert.equal(rows.join(''), line);
      for (const row of rows) assert.ok(columnsOf(row) <= width, JSON.stringify(row));
    }),
  );
  assert.deepEqual(wrap('one two three', 9, 9), ['one two ', 'three']);
});

test('a name has the same colour everywhere, and different names mostly different ones', () => {
  assert.equal(colorOf('Alice'), colorOf('ALICE'));
  const colors = new Set(['Alice', 'Bob', 'Carol', 'Dave', 'Eve', 'Frank', 'Grace', 'Heidi'].map(colorOf));
  assert.ok(colors.size >= 4, [...colors].join());
});

test('the own name is highlighted and rings as a word of its own only', () => {
  const chalk = new Chalk({ level: 1 });
  const shown = renderMessage(said('bob, Bobby and BOB!'), look({ chalk }));
  assert.deepEqual(
    Array.from(shown.matchAll(/\u001b\[7m(.*?)\u001b\[27m/g), ([, word]) => word),
    ['bob', 'BOB'],
  );
  assert.ok(mentions(said('ask Bob.'), 'Bob'));
  assert.ok(!mentions(said('ask Bobby'), 'Bob'));
  assert.ok(!mentions(said('Bob', { IsSystem: true }), 'Bob'));
  assert.ok(mentions(said('a (b) c'), '(b)'));
});

test('without colours no escape sequence is written', () => {
  assert.doesNotMatch(renderMessage(said('Hello Bob'), look()), /\u001b/);
});

test('a message as JSON is one harmless line with the very same value', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const message = said(text);
      const line = renderJson(message);
      assert.deepEqual(JSON.parse(line), message);
      assert.match(line, /^[^\p{C}\p{Zl}\p{Zp}]*\n$/u);
    }),
  );
});

test('the list of people marks the own line and who is behind, in straight columns', () => {
  const user = { Since: SENT_AT, Account: false, Waiting: 0 };
  const lines = whoLines(
    [
      { ...user, ID: '1', Name: 'Alice' },
      { ...user, ID: '2', Name: '好\u001b' },
      { ...user, ID: '3', Name: 'Bo', Lagging: true, Waiting: 37 },
    ],
    '1',
  );
  assert.equal(
    lines,
    [
      '3 people here:',
      `  Alice (you)  since ${CLOCK}`,
      `  好‹U+001B›   since ${CLOCK}`,
      `  Bo           since ${CLOCK}  lagging, 37 waiting`,
    ].join('\n'),
  );
});
