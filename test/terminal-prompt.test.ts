/** The line at the bottom, on a real terminal against a real room: what a person sees, and what the keys do. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { after, before, test } from 'node:test';
import { onTerminal } from './support/client-terminal.ts';
import type { Terminal, TerminalOptions } from './support/pty.ts';
import { join, startRoom, type Member } from './support/room.ts';

let room: Awaited<ReturnType<typeof startRoom>>;
let bob: Member;
let people = 0;

before(async () => {
  room = await startRoom();
  bob = await join(room, { id: 'Bob-1', name: 'Bob' });
});
after(() => room.stop());

/** Alice at a terminal of her own, her prompt shown. */
function alice(
  use: (terminal: Terminal, id: string) => Promise<void>,
  options: TerminalOptions = {},
  args: readonly string[] = [],
): Promise<void> {
  const id = `Alice-${++people}`;
  return onTerminal(room, ['--name', 'Alice', '--id', id, ...args], options, async (terminal) => {
    await terminal.shows('You:');
    await use(terminal, id);
  });
}

/** The last lines of the screen are these, and the cursor is in the last but `up` of them, at `column`. */
function bottom(terminal: Terminal, lines: readonly string[], up: number, column: number): Promise<void> {
  return terminal.until(
    ({ lines: shown, cursor }) =>
      shown.slice(-lines.length).join('\n') === lines.join('\n') && cursor.line === shown.length - 1 - up && cursor.column === column,
    `at the bottom ${JSON.stringify(lines)}, the cursor ${up} up in column ${column}`,
  );
}

/** Another width, and the program has noticed: what it writes before that is for the old one, as with every program. */
async function resized(terminal: Terminal, columns: number): Promise<void> {
  const before = terminal.raw.length;
  terminal.resize(columns, 24);
  await terminal.until(() => terminal.raw.length > before, 'the line drawn anew');
}

test('a name is asked for until it can be used, then the classic greeting and prompt are shown', () =>
  onTerminal(room, [], {}, async (terminal) => {
    await terminal.shows('Enter your name:');
    terminal.type('system\r');
    await terminal.until(({ text }) => text.split('Enter your name:').length === 3, 'the question again');
    terminal.type('Zoë\r');
    await terminal.shows('You:');
    const [, , , welcome = '', ...rest] = terminal.screen.lines;
    assert.match(welcome, /^Welcome, Zoë! \(ID: Zoë-\w+\)$/);
    assert.deepEqual(rest, [
      `Connected to chat server at 127.0.0.1:${room.port}`,
      "Type your messages below (type 'exit' to quit)",
      'You:',
    ]);
    terminal.type('exit\r');
    assert.equal(await terminal.exit, 0);
  }));

test('Ctrl+C while the name is asked for ends with status 130, Ctrl+D with 2 and what is missing', async () => {
  for (const [key, status] of [
    ['\u0003', 130],
    ['\u0004', 2],
  ] as const) {
    await onTerminal(room, [], {}, async (terminal) => {
      await terminal.shows('Enter your name:');
      terminal.type(key);
      assert.equal(await terminal.exit, status);
      assert.equal(terminal.screen.text.includes('A name is needed'), status === 2);
    });
  }
});

test('what is typed arrives and is shown once; what others say appears above the prompt', () =>
  alice(async (terminal, id) => {
    terminal.type('Hello Bob\r');
    await bob.hear(({ Content, SenderID }) => SenderID === id && Content === 'Alice: Hello Bob');
    await bob.say('Hello everyone!');
    await bottom(terminal, ['You:'], 0, 5);
    await terminal.shows('Bob: Hello everyone!');
    assert.match(terminal.screen.lines.at(-2) ?? '', /^\d\d:\d\d Bob: Hello everyone!$/);
    assert.equal(terminal.screen.text.split('Hello Bob').length, 2);
  }));

test('joins and leaves are shown as lines of the system', () =>
  alice(async (terminal) => {
    const carol = await join(room, { id: 'Carol-1', name: 'Carol' });
    await terminal.shows('[SYSTEM] User Carol-1 joined the chat');
    await carol.client.call('ChatServer.Unregister', { ID: 'Carol-1' });
    await terminal.shows('[SYSTEM] User Carol-1 left the chat');
  }));

test('a half-typed line survives what others say, wherever its cursor is', () =>
  alice(async (terminal) => {
    terminal.type('half a line');
    await bottom(terminal, ['You: half a line'], 0, 16);
    terminal.type('\u001b[D\u001b[D\u001b[D\u001b[D');
    await bottom(terminal, ['You: half a line'], 0, 12);
    await bob.say('first\nsecond');
    await terminal.shows('        second');
    await bottom(terminal, ['You: half a line'], 0, 12);
    terminal.type('very long ');
    await bottom(terminal, ['You: half a very long line'], 0, 22);
  }));

test('a half-typed line of several rows survives too, and no message is erased by it', () =>
  alice(
    async (terminal) => {
      const rows = ['You: a line that is longer tha', 'n the terminal is wide, twice', 'as it happens'];
      terminal.type('a line that is longer than the terminal is wide, twice as it happens');
      await bottom(terminal, rows, 0, 13);
      await bob.say('one');
      await bob.say('two');
      await terminal.shows('Bob: two');
      await bottom(terminal, rows, 0, 13);
      terminal.type('\u001b[D'.repeat(25));
      await bottom(terminal, rows, 1, 18);
      await bob.say('three');
      await terminal.shows('Bob: three');
      await bottom(terminal, rows, 1, 18);
      assert.deepEqual(
        terminal.screen.lines.slice(-6, -3).map((line) => line.slice(6)),
        ['Bob: one', 'Bob: two', 'Bob: three'],
      );
    },
    { columns: 30 },
  ));

test('a window that becomes wider or narrower costs no message', () =>
  alice(
    async (terminal) => {
      await bob.say('above the line');
      await terminal.shows('above the line');
      terminal.type('a line that is longer than the terminal is wide, twice as it happens');
      await bottom(terminal, ['You: a line that is longer tha', 'n the terminal is wide, twice', 'as it happens'], 0, 13);
      await resized(terminal, 100);
      await bob.say('one');
      await terminal.shows('Bob: one');
      await bottom(terminal, ['You: a line that is longer than the terminal is wide, twice as it happens'], 0, 73);
      await resized(terminal, 50);
      await bob.say('two');
      await terminal.shows('Bob: two');
      await bottom(terminal, ['You: a line that is longer than the terminal is wi', 'de, twice as it happens'], 0, 23);
      for (const text of ['above the line', 'Bob: one', 'to quit']) await terminal.shows(text);
    },
    { columns: 30 },
  ));

test('a terminal of size 0 is taken for one of 80 columns', () =>
  alice(
    async (terminal) => {
      terminal.type('x'.repeat(100));
      await bottom(terminal, [`You: ${'x'.repeat(75)}`, 'x'.repeat(25)], 0, 25);
      await bob.say('y'.repeat(80));
      await bottom(terminal, [`        ${'y'.repeat(11)}`, `You: ${'x'.repeat(75)}`, 'x'.repeat(25)], 0, 25);
      assert.doesNotMatch(terminal.raw, /Infinity|NaN/);
      assert.deepEqual(terminal.screen.unknown, []);
    },
    { columns: 0, rows: 0 },
  ));

test('a line that fills its row exactly survives', () =>
  alice(
    async (terminal) => {
      terminal.type('x'.repeat(25));
      await bottom(terminal, [`You: ${'x'.repeat(25)}`, ''], 0, 0);
      await bob.say('between');
      await terminal.shows('Bob: between');
      await bottom(terminal, [`You: ${'x'.repeat(25)}`, ''], 0, 0);
    },
    { columns: 30 },
  ));

test('keys that arrive together are inserted where the cursor is; a pasted tab is blanks', () =>
  alice(async (terminal, id) => {
    terminal.type('ac');
    await bottom(terminal, ['You: ac'], 0, 7);
    terminal.type('\u001b[Db\tb好');
    await bottom(terminal, ['You: ab    b好c'], 0, 14);
    terminal.type('\r');
    await bob.hear(({ SenderID, Text }) => SenderID === id && Text === 'ab    b好c');
  }));

test('lines that are pasted together arrive in their order', () =>
  alice(async (terminal, id) => {
    terminal.type('one\rtwo\rthree\r');
    await bob.hear(({ SenderID, Text }) => SenderID === id && Text === 'three');
    assert.deepEqual(
      bob.heard.filter(({ SenderID, Kind }) => SenderID === id && Kind === 'chat').map(({ Text }) => Text),
      ['one', 'two', 'three'],
    );
  }));

test('Tab completes the name of somebody who was there before and is silent, and commands', () =>
  alice(async (terminal) => {
    terminal.type('bo');
    // The names are asked for when the prompt appears; until the answer is there Tab does nothing.
    const completed = bottom(terminal, ['You: Bob:'], 0, 10);
    const presses = setInterval(() => terminal.type('\t'), 100);
    await completed.finally(() => clearInterval(presses));
    terminal.type('\u0003/w\t');
    await bottom(terminal, ['You: /who'], 0, 10);
  }));

test('/who names everybody, /help every command, /clear clears, an unknown command is explained', () =>
  alice(async (terminal) => {
    terminal.type('/who\r');
    await terminal.until(
      ({ text }) => /people here:\n.*Bob +since \d\d:\d\d/.test(text) && /Alice \(you\) +since/.test(text),
      'both names',
    );
    terminal.type('/help\r');
    await terminal.shows('/quit');
    terminal.type('/cler\r');
    await terminal.shows('Did you mean /clear?');
    terminal.type('/clear\r');
    await terminal.until(({ lines }) => lines.length === 1 && lines[0] === 'You:', 'nothing but the prompt');
  }));

test('/who tells who is behind', () =>
  alice(async (terminal) => {
    const deaf = await room.connect();
    await deaf.call('ChatServer.Register', { ID: 'Deaf-1', Name: 'Deaf', Callback: 'inline' });
    await Promise.all(Array.from({ length: 100 }, (_, i) => bob.say(`message ${i}`)));
    await terminal.shows('message 99');
    terminal.type('/who\r');
    await terminal.until(({ text }) => /Deaf +since \d\d:\d\d +lagging, 10\d waiting/.test(text), 'Deaf lagging');
    assert.doesNotMatch(terminal.screen.text, /Bob.*lagging/);
    await deaf.close();
  }));

test('the arrow keys bring back what was typed', () =>
  alice(async (terminal) => {
    terminal.type('first\rsecond\r');
    await bottom(terminal, ['You: first', 'You: second', 'You:'], 0, 5);
    terminal.type('\u001b[A\u001b[A');
    await bottom(terminal, ['You: first'], 0, 10);
  }));

test('Ctrl+C drops a half-typed line; on an empty one it leaves the room, with status 130', () =>
  alice(async (terminal, id) => {
    terminal.type('never mind\u001b[D\u001b[D');
    await bottom(terminal, ['You: never mind'], 0, 13);
    terminal.type('\u0003');
    await bottom(terminal, ['You:'], 0, 5);
    terminal.type('\u0003');
    assert.equal(await terminal.exit, 130);
    await bob.hear(({ Kind, SenderID }) => Kind === 'leave' && SenderID === id);
    assert.ok(!bob.heard.some(({ Text }) => Text === 'never mind'));
    assert.equal(terminal.screen.cursor.column, 0);
  }));

test('Ctrl+D on an empty line leaves the room, with status 0; on another it does not', () =>
  alice(async (terminal, id) => {
    terminal.type('ab\u001b[D');
    await bottom(terminal, ['You: ab'], 0, 6);
    terminal.type('\u0004');
    await bottom(terminal, ['You: a'], 0, 6);
    terminal.type('\u0003\u0004');
    assert.equal(await terminal.exit, 0);
    await bob.hear(({ Kind, SenderID }) => Kind === 'leave' && SenderID === id);
  }));

test('a message typed just before exit still arrives', () =>
  alice(async (terminal, id) => {
    terminal.type('goodbye\rexit\r');
    assert.equal(await terminal.exit, 0);
    await bob.hear(({ SenderID, Text }) => SenderID === id && Text === 'goodbye');
  }));

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 130],
  ['SIGHUP', 130],
] as const) {
  test(`${signal} makes the client leave the room`, () =>
    alice(async (terminal, id) => {
      terminal.signal(signal);
      assert.equal(await terminal.exit, status);
      await bob.hear(({ Kind, SenderID }) => Kind === 'leave' && SenderID === id);
    }));
}

test('names have colours on a terminal, and nothing has with NO_COLOR or --no-color', async () => {
  const speak = async (terminal: Terminal): Promise<string> => {
    await bob.say('in colour?');
    await terminal.shows('in colour?');
    return terminal.raw;
  };
  const colours = /\u001b\[[\d;]*m/;
  await alice(async (terminal) => assert.match(await speak(terminal), /\u001b\[\d+mBob/));
  await alice(async (terminal) => assert.doesNotMatch(await speak(terminal), colours), { env: { NO_COLOR: '1' } });
  await alice(async (terminal) => assert.doesNotMatch(await speak(terminal), colours), {}, ['--no-color']);
});

test('the terminal rings when the own name is said: --bell off never, --bell all always', async () => {
  const rings = async (terminal: Terminal): Promise<number> => {
    await bob.say('just talking');
    await bob.say('ask alice');
    await terminal.shows('ask alice');
    await terminal.until(({ lines }) => lines.at(-1) === 'You:', 'the prompt');
    return terminal.screen.bells;
  };
  await alice(async (terminal) => assert.equal(await rings(terminal), 1));
  await alice(async (terminal) => assert.equal(await rings(terminal), 0), {}, ['--bell', 'off']);
  await alice(async (terminal) => assert.equal(await rings(terminal), 2), {}, ['--bell', 'all']);
});

test('with stdout in a file, the file has messages only and the rest stays on the terminal', async () => {
  const folder = await mkdtemp(path(tmpdir(), 'terminal-'));
  try {
    const stdout = path(folder, 'out');
    await alice(
      async (terminal) => {
        await bob.say('for the file');
        await bob.say('and its end');
        terminal.type('exit\r');
        assert.equal(await terminal.exit, 0);
        assert.match(terminal.screen.text, /^Welcome[^]*You: exit$/);
        assert.doesNotMatch(terminal.screen.text, /for the file/);
      },
      { stdout },
    );
    assert.equal(await readFile(stdout, 'utf8'), 'Bob: for the file\nBob: and its end\n');
  } finally {
    await rm(folder, { recursive: true });
  }
});
