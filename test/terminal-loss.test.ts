/** A server that dies, comes back, hangs or means no good, under a person at a terminal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onTerminal } from './support/client-terminal.ts';
import { falseServer, registered } from './support/false-server.ts';
import { LineClient } from './support/line-client.ts';
import type { Terminal } from './support/pty.ts';
import { join, type Member } from './support/room.ts';
import { startServer, type ServerProcess } from './support/server-process.ts';

function bobAt({ host, port }: ServerProcess): Promise<Member> {
  return join({ host, port, connect: () => LineClient.connect(host, port) }, { id: 'Bob-1', name: 'Bob' });
}

/** Again on the same port: what a supervisor does. */
function restart(port: number): Promise<ServerProcess> {
  return startServer(['--listen', `127.0.0.1:${port}`]);
}

function notices(terminal: Terminal): string[] {
  return terminal.screen.lines.filter((line) => line.startsWith('* '));
}

for (const callback of ['auto', 'inline']) {
  test(`a server that is killed and restarted is two notices, and what was typed meanwhile arrives (${callback})`, async () => {
    let server = await startServer();
    const { port } = server;
    await onTerminal(server, ['--name', 'Alice', '--id', 'Alice-1', '--callback', callback], { columns: 120 }, async (terminal) => {
      await terminal.shows('You:');
      terminal.type('half ');
      await terminal.shows('You: half');
      server.signal('SIGKILL');
      await server.exited;
      await terminal.shows('(offline) You: half');
      terminal.type('typed\rand more\r');
      await terminal.shows('(offline, 2 waiting) You:');
      server = await restart(port);
      const bob = await bobAt(server);
      await terminal.until(({ lines }) => lines.at(-1) === 'You:', 'the plain prompt', 40_000);
      await bob.hear(({ Text }) => Text === 'and more', 20_000);
      const texts = bob.heard.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text);
      assert.deepEqual(texts, ['half typed', 'and more']);
      await bob.say('welcome back');
      await terminal.shows('Bob: welcome back');
      assert.deepEqual(
        notices(terminal).map((line) => line.split(':')[0]),
        ['* The server is lost', '* The server is back.'],
      );
      await bob.client.close();
    }).finally(() => server.stop());
  });
}

test('exit leaves within a second while the server is gone, says what was not sent, and its status says so too', async () => {
  const server = await startServer();
  await onTerminal(server, ['--name', 'Alice'], {}, async (terminal) => {
    await terminal.shows('You:');
    server.signal('SIGKILL');
    await terminal.shows('(offline) You:');
    terminal.type('lost words\r');
    await terminal.shows('1 waiting');
    const began = performance.now();
    terminal.type('exit\r');
    assert.equal(await terminal.exit, 6);
    assert.ok(performance.now() - began < 1_000, `${performance.now() - began} ms`);
    assert.match(terminal.screen.text, /\* 1 message did not reach the server\.$/);
  }).finally(() => server.stop());
});

test('exit and Ctrl+C leave within a second although the server hangs', async () => {
  const server = await startServer();
  try {
    for (const [keys, status] of [
      ['exit\r', 0],
      ['\u0003', 130],
      ['unheard\rexit\r', 6],
    ] as const) {
      await onTerminal(server, ['--name', 'Alice'], {}, async (terminal) => {
        await terminal.shows('You:');
        server.signal('SIGSTOP');
        const began = performance.now();
        terminal.type(keys);
        assert.equal(await terminal.exit, status);
        const took = performance.now() - began;
        server.signal('SIGCONT');
        assert.ok(took < 1_000, `${JSON.stringify(keys)}: ${took} ms`);
      });
    }
  } finally {
    server.signal('SIGCONT');
    await server.stop();
  }
});

test('Ctrl+C ends a client whose server never answers Register', async () => {
  const server = await falseServer(() => 'silence');
  try {
    await onTerminal(server, [], {}, async (terminal) => {
      await terminal.shows('name:');
      terminal.type('Alice\r');
      await terminal.shows('Alice');
      terminal.type('\u0003');
      assert.equal(await terminal.exit, 130);
    });
  } finally {
    await server.close();
  }
});

test('a server whose every word is hostile cannot move the cursor, forge a line, ring or slip in a sequence', async () => {
  const evil = '\u001b[2J\u001b[H\u001b]0;owned\u0007\u009b31m\r\b\b\u202eabc\u200b\n12:00 [SYSTEM] User Bob left the chat';
  let welcome = true;
  const server = await falseServer((method) => {
    if (method === 'ChatServer.ListUsers') {
      const user = { ID: evil, Name: evil, Since: evil, Account: false, Waiting: 0, Lagging: true };
      return { result: { Success: true, Users: [user] } };
    }
    return method === 'ChatServer.Register' && welcome
      ? registered
      : { error: { code: -32004, message: evil, data: { Reason: 'Forbidden' } } };
  });
  try {
    await onTerminal(server, ['--name', 'Alice', '--callback', 'inline', '--bell', 'off'], { columns: 100 }, async (terminal) => {
      await terminal.shows('You:');
      for (const Kind of ['chat', 'join', 'leave', 'direct', 'notice']) {
        server.push({
          Kind,
          Name: evil,
          Text: evil,
          Content: evil,
          SenderID: evil,
          SentAt: evil,
          Room: evil,
          IsSystem: Kind !== 'chat' && Kind !== 'direct',
        });
      }
      terminal.type('hello\r/who\r\t');
      await terminal.shows('lagging');
      await terminal.shows('Not sent');
      server.push({ Name: 'end', Text: 'the end', Content: 'end: the end' });
      await terminal.shows('end: the end');
      welcome = false;
      server.drop();
      await terminal.shows('The connection has ended');
      assert.equal(await terminal.exit, 1);
      assert.deepEqual(terminal.screen.unknown, []);
      assert.equal(terminal.screen.bells, 0);
      assert.ok(terminal.screen.text.startsWith('Welcome, Alice!'), 'the screen was cleared');
      for (const line of terminal.screen.lines) assert.doesNotMatch(line, /^(12:00 )?\[SYSTEM\]/);
    });
  } finally {
    await server.close();
  }
});
