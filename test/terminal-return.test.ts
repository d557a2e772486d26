/** Coming to a room for the first time and coming back, on a real terminal: what was said before, what is new, and nothing twice. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join as path } from 'node:path';
import { test } from 'node:test';
import { newcomer, onTerminal, type Where } from './support/client-terminal.ts';
import { at, LineClient } from './support/line-client.ts';
import type { Terminal } from './support/pty.ts';
import { join, startRoom, type Member, type RoomSettings } from './support/room.ts';
import { said, ScriptedServer } from './support/scripted-server.ts';
import { startServer } from './support/server-process.ts';

type Room = Awaited<ReturnType<typeof startRoom>>;

/** A room of its own with Bob in it, who speaks. */
async function inRoom(use: (room: Room, bob: Member) => Promise<void>, settings: RoomSettings = {}): Promise<void> {
  const room = await startRoom(settings);
  try {
    await use(room, await join(room, { id: 'Bob-1', name: 'Bob' }));
  } finally {
    await room.stop();
  }
}

async function says(bob: Member, ...texts: string[]): Promise<void> {
  for (const text of texts) await bob.say(text);
}

/** One visit of Alice: `use` begins when the prompt is there, and she leaves after it. */
async function visit(
  room: Where,
  env: Readonly<Record<string, string>>,
  use: (terminal: Terminal) => Promise<void>,
  args: readonly string[] = [],
): Promise<string> {
  return onTerminal(room, ['--name', 'Alice', ...args], { env, rows: 50 }, async (terminal) => {
    await terminal.shows('You:');
    await use(terminal);
    terminal.type('\u0004');
    assert.equal(await terminal.exit, 0);
    return terminal.screen.text;
  });
}

/** What stands below the greeting, the clocks taken away, without prompts. */
function below(screen: string): string[] {
  const [, rest = ''] = screen.split("(type 'exit' to quit)\n");
  return rest
    .split('\n')
    .map((line) => line.replace(/^\d\d:\d\d /, ''))
    .filter((line) => line !== 'You:' && line !== '');
}

const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `Alice, line ${from + i}`);

test('the first visit begins with the last 20 lines, which do not ring; then comes what is said now', () =>
  inRoom(async (room, bob) => {
    await says(bob, ...numbered(0, 25));
    const screen = await visit(room, newcomer(), async (terminal) => {
      await terminal.shows('--- now ---');
      await says(bob, 'Alice, live');
      await terminal.shows('Alice, live');
      assert.equal(terminal.screen.bells, 1);
      assert.match(terminal.raw, /\u001b\[2m\d\d:\d\d Bob: Alice, line 5\u001b\[22m/);
    });
    assert.deepEqual(below(screen), [
      '--- earlier ---',
      ...numbered(5, 25).map((text) => `Bob: ${text}`),
      '--- now ---',
      'Bob: Alice, live',
    ]);
  }));

test('--history says how many lines come first, more than a page of them too; with 0 there are none', () =>
  inRoom(async (room, bob) => {
    await says(bob, ...numbered(0, 230));
    for (const history of [3, 215, 0]) {
      const screen = await visit(
        room,
        newcomer(),
        async (terminal) => {
          await says(bob, 'live');
          await terminal.shows('Bob: live');
        },
        ['--history', String(history)],
      );
      const lines = below(screen);
      assert.equal(lines.indexOf('--- earlier ---'), history === 0 ? -1 : 0);
      assert.equal(lines.indexOf('--- now ---'), history === 0 ? -1 : history + 1);
      const said = lines.filter((line) => line.startsWith('Bob: Alice, line'));
      assert.deepEqual(said, said.length === 0 ? [] : numbered(230 - said.length, 230).map((text) => `Bob: ${text}`));
    }
  }));

test('who comes back sees what was missed under one mark, nothing twice, and it rings once; where nothing is new there is no mark', () =>
  inRoom(async (room, bob) => {
    const env = newcomer();
    await visit(room, env, async (terminal) => {
      await says(bob, 'seen, Alice');
      await terminal.shows('seen, Alice');
      terminal.type('my own words\r');
      await bob.hear(({ Text }) => Text === 'my own words');
    });
    await says(bob, 'missed, Alice', 'missed too');
    const second = await visit(room, env, async (terminal) => {
      await terminal.shows('missed too');
      await says(bob, 'live');
      await terminal.shows('Bob: live');
      assert.equal(terminal.screen.bells, 1);
    });
    assert.deepEqual(below(second), ['--- new ---', 'Bob: missed, Alice', 'Bob: missed too', 'Bob: live']);
    const third = await visit(room, env, async (terminal) => {
      await says(bob, 'at last');
      await terminal.shows('at last');
      assert.equal(terminal.screen.bells, 0);
    });
    assert.deepEqual(below(third), ['Bob: at last']);
  }));

test('--history at a later visit shows what was seen before above the mark', () =>
  inRoom(async (room, bob) => {
    const env = newcomer();
    await visit(room, env, async (terminal) => {
      await says(bob, 'one', 'two', 'three');
      await terminal.shows('three');
    });
    await says(bob, 'four');
    const screen = await visit(room, env, (terminal) => terminal.shows('four'), ['--history', '6']);
    const [head, ...lines] = below(screen);
    assert.equal(head, '--- earlier ---');
    assert.deepEqual(
      lines.filter((line) => line.startsWith('Bob: ')),
      ['Bob: one', 'Bob: two', 'Bob: three', 'Bob: four'],
    );
    assert.deepEqual(lines.slice(-2), ['--- new ---', 'Bob: four']);
  }));

test('messages that come while the history is read wait for it, and none is lost or shown twice', async () => {
  const server = await ScriptedServer.start(({ method }) => method === 'ChatServer.History');
  try {
    server.seq = 5;
    await onTerminal(server, ['--name', 'Alice', '--callback', 'inline'], { env: newcomer() }, async (terminal) => {
      const asked = await server.asked('History', 1);
      assert.deepEqual([at(asked.params, 'Before'), at(asked.params, 'Limit')], [6, 20]);
      for (const seq of [6, 7]) await asked.client.call('ClientCallback.ReceiveMessage', said(seq));
      const page = [4, 5].map((seq) => at(said(seq), 'Message'));
      asked.ok({ Success: true, Messages: page, Epoch: server.epoch });
      (await server.asked('History', 2)).ok({ Success: true, Messages: [], Epoch: server.epoch });
      await terminal.shows('text 7');
      assert.deepEqual(below(terminal.screen.text), [
        '--- earlier ---',
        'Eve: text 4',
        'Eve: text 5',
        '--- now ---',
        'Eve: text 6',
        'Eve: text 7',
      ]);
    });
  } finally {
    await server.die();
  }
});

test('a server that does not know its history is told of, and what is said is shown all the same', async () => {
  const server = await ScriptedServer.start();
  try {
    await onTerminal(server, ['--name', 'Alice', '--callback', 'inline'], { env: newcomer() }, async (terminal) => {
      await terminal.shows('What was said before cannot be shown');
      await (await server.asked('Register', 1)).client.call('ClientCallback.ReceiveMessage', said(6));
      await terminal.shows('text 6');
    });
  } finally {
    await server.die();
  }
});

test('what is not kept any more is told under the mark', async () => {
  let server = await startServer();
  const { port } = server;
  const env = newcomer();
  try {
    await visit(server, env, async () => undefined);
    await server.stop();
    server = await startServer(['--listen', `127.0.0.1:${port}`]);
    const { host } = server;
    const bob = await join({ host, port, connect: () => LineClient.connect(host, port) }, { id: 'Bob-1', name: 'Bob' });
    await says(bob, 'in the new life');
    const screen = await visit(server, env, async (terminal) => {
      await terminal.shows('not kept any more');
      await says(bob, 'live');
      await terminal.shows('Bob: live');
    });
    await bob.client.close();
    const shown = below(screen);
    assert.deepEqual(shown.slice(-3), ['--- new ---', '[SYSTEM] Some messages that you missed are not kept any more.', 'Bob: live']);
    assert.equal(shown.filter((line) => line === 'Bob: in the new life').length, 1);
  } finally {
    await server.stop();
  }
});

/** A server that waits for a dead client until it is back, however long a busy machine takes to start one. */
const PATIENT: RoomSettings = { limits: { retryDelaysMs: [60_000, 60_000] } };

test('a client that is killed takes its own registration over: nobody sees it leave, and it sees only what is new', () =>
  inRoom(async (room, bob) => {
    const env = newcomer();
    await onTerminal(room, ['--name', 'Alice'], { env }, async (terminal) => {
      await terminal.shows('You:');
      await remembered(env.PARTYLINE_STATE, Number(at(await bob.say('seen'), 'result', 'Seq')));
      terminal.signal('SIGKILL');
      assert.equal(await terminal.exit, 137);
    });
    await says(bob, 'missed');
    const screen = await visit(room, env, (terminal) => terminal.shows('Bob: missed'));
    assert.deepEqual(below(screen), ['--- new ---', 'Bob: missed']);
    await bob.hear(({ Kind }) => Kind === 'leave');
    assert.deepEqual(
      bob.heard.filter(({ Kind }) => Kind !== 'chat').map(({ Kind }) => Kind),
      ['join', 'leave'],
    );
  }, PATIENT));

/** Until the folder says that Alice has been shown everything up to `seq`. */
async function remembered(folder: string, seq: number): Promise<void> {
  const seen = () =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .some((name) => Number(at(JSON.parse(readFileSync(path(folder, name), 'utf8')), 'Cursors', 'lobby')) >= seq);
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('nothing was remembered within 10 s')), 10_000);
    const watcher = watch(folder, () => look());
    const look = (): void => {
      if (!seen()) return;
      clearTimeout(timer);
      watcher.close();
      resolve();
    };
    look();
  });
}

test('two terminals of one person at the same time each show everything once, and so does the next one', () =>
  inRoom(async (room, bob) => {
    const env = newcomer();
    await visit(room, env, async (one) => {
      const other = await visit(room, env, async (two) => {
        await says(bob, 'for both');
        await Promise.all([one.shows('for both'), two.shows('for both')]);
      });
      assert.equal(other.split('for both').length, 2);
      await says(bob, 'for one');
      await one.shows('for one');
    });
    await says(bob, 'for the next');
    const screen = await visit(room, env, (terminal) => terminal.shows('for the next'));
    const shown = below(screen);
    assert.equal(shown[0], '--- new ---');
    assert.deepEqual(
      shown.filter((line) => line.startsWith('Bob: ')),
      ['Bob: for the next'],
    );
  }));

test('a place that is damaged is told once, and the visit is a first one', () =>
  inRoom(async (room, bob) => {
    const env = newcomer();
    await says(bob, 'before');
    await visit(room, env, (terminal) => terminal.shows('--- now ---'));
    for (const name of readdirSync(env.PARTYLINE_STATE)) writeFileSync(path(env.PARTYLINE_STATE, name), 'damaged');
    const screen = await visit(room, env, (terminal) => terminal.shows('--- now ---'));
    assert.equal(screen.split('Where you left off is not known').length, 2);
  }));

test('a folder that cannot be made costs nothing but the memory of it', () =>
  inRoom(async (room, bob) => {
    const screen = await visit(room, { ...newcomer(), PARTYLINE_STATE: '/dev/null/here' }, async (terminal) => {
      await says(bob, 'one', 'two');
      await terminal.shows('Bob: two');
    });
    assert.equal(screen.split('Where you left off cannot be kept').length, 2);
  }));
