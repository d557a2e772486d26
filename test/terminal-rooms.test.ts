/** Rooms at real terminals: going in and out, looking from one to another, and what was missed meanwhile. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pipedClient } from './support/client-terminal.ts';
import type { Terminal } from './support/pty.ts';
import { heardIn, join, makeRoom, startRoom, type Member } from './support/room.ts';
import { someone } from './support/members.ts';
import { endsWith, enter, leaves, prompts, signsUp, talk, whispers, withoutClocks } from './support/talkers.ts';

let room: Awaited<ReturnType<typeof startRoom>>;
let bob: Member;

before(async () => {
  room = await startRoom();
  bob = await join(room, { id: 'Bob-1', name: 'Bob' });
});
after(() => room.stop());

async function says(Room: string, ...texts: string[]): Promise<void> {
  for (const Text of texts) await bob.client.call('ChatServer.SendMessage', { UserID: 'Bob-1', Room, Text });
}

/** Makes a room at the terminal, without a password; returns its code. */
async function makesAt(terminal: Terminal, name: string): Promise<string> {
  enter(terminal, `/room new ${name}`);
  await prompts(terminal, `Password for ${name}, Enter for none:`);
  enter(terminal, '');
  await prompts(terminal, `[${name}] You:`);
  return /Others come in with \/room join (\w{6})\./.exec(terminal.screen.text)?.[1] ?? assert.fail('no code');
}

test('what one says goes to the room that one looks at, which the prompt names; in the lobby alone it is the classic one', () =>
  talk(room, 'Ann', async (terminal) => {
    const code = await makeRoom(bob, 'Games');
    await prompts(terminal, 'You:');
    enter(terminal, `/room join ${code.toLowerCase()}`);
    await endsWith(terminal, '--- Games ---', '[Games] You:');
    enter(terminal, 'to the games');
    await heardIn(bob, code, 'to the games');
    enter(terminal, '/room lobby');
    await prompts(terminal, '[Lobby] You:');
    enter(terminal, 'to the lobby');
    await heardIn(bob, 'lobby', 'to the lobby');
    await endsWith(terminal, '[Lobby] You: to the lobby', '[Lobby] You:');
    enter(terminal, '/room leave games');
    await endsWith(terminal, 'You have left Games.', 'You:');
  }));

test('what is typed behind a way into a room goes to that room, however soon it is typed', () =>
  talk(room, 'Ann', async (terminal) => {
    const [games, chess] = [await makeRoom(bob, 'Games'), await makeRoom(bob, 'Chess')];
    terminal.type(`/room join ${games}\rin games\r/room join ${chess}\rin chess\r/room leave\rin the lobby\r`);
    await heardIn(bob, 'lobby', 'in the lobby');
    const said = bob.heard.filter(({ Text }) => ['in games', 'in chess', 'in the lobby'].includes(Text));
    assert.deepEqual(
      said.map(({ Room, Text }) => [Room, Text]),
      [
        [games, 'in games'],
        [chess, 'in chess'],
        ['lobby', 'in the lobby'],
      ],
    );
    await prompts(terminal, '[Lobby] You:');
  }));

test('what is said elsewhere is counted in the prompt, marked and rung for when it speaks of oneself, and shown once when one looks there', () =>
  talk(room, 'Ann', async (terminal) => {
    const [games, chess] = [await makeRoom(bob, 'Games'), await makeRoom(bob, 'Chess')];
    for (const code of [games, chess]) enter(terminal, `/room join ${code}`);
    await prompts(terminal, '[Chess] You:');
    terminal.type('half a line');
    await says(games, 'one');
    await prompts(terminal, '[Chess | Games 1] You: half a line');
    assert.equal(terminal.screen.bells, 0);
    await says(games, 'two, ann?');
    await prompts(terminal, '[Chess | Games 2!] You: half a line');
    await says('lobby', 'three');
    await prompts(terminal, '[Chess | Lobby 1, Games 2!] You: half a line');
    assert.equal(terminal.screen.bells, 1);
    assert.doesNotMatch(terminal.screen.text, /Bob: (?:one|two|three)/);
    terminal.type('\u0003');
    enter(terminal, '/room games');
    await endsWith(terminal, '--- Games ---', '--- new ---', 'Bob: one', 'Bob: two, ann?', '[Games | Lobby 1] You:');
    await says(games, 'live');
    await endsWith(terminal, 'Bob: live', '[Games | Lobby 1] You:');
    enter(terminal, '/room lobby', '/room games');
    await prompts(terminal, '[Games] You:');
    for (const text of ['one', 'two, ann?', 'three', 'live'])
      assert.equal(withoutClocks(terminal).filter((line) => line === `Bob: ${text}`).length, 1, text);
    assert.equal(terminal.screen.text.split('--- new ---').length, 3);
  }));

test('who leaves with something unread is told where', () =>
  talk(room, 'Ann', async (terminal) => {
    const code = await makeRoom(bob, 'Games');
    enter(terminal, `/room join ${code}`);
    await prompts(terminal, '[Games] You:');
    await says('lobby', 'not looked at');
    await prompts(terminal, '[Games | Lobby 1] You:');
    await leaves(terminal);
    assert.match(terminal.screen.text, /\* Not read: Lobby \(1\)\. There \/history shows it\.$/);
  }));

test('a password is asked for where a room has one, unseen; a wrong one is asked for again, and the owner needs none', () =>
  talk(room, 'Ann', async (terminal) => {
    enter(terminal, '/room new Secret');
    await whispers(terminal, 'Password for Secret, Enter for none:', 'sesame opens');
    await terminal.shows('and the password.');
    const code = /\/room join (\w{6}) and the password/.exec(terminal.screen.text)?.[1] ?? '';
    await talk(room, 'Cat', async (other) => {
      enter(other, `/room join ${code}`);
      await prompts(other, 'Password of Secret:');
      enter(other, 'wrong one');
      await other.shows('That is not the password; Enter alone gives up.');
      await prompts(other, 'Password of Secret:');
      other.type('ses\u0003');
      await other.shows('You are not in Secret: no password was given.');
      await prompts(other, 'You:');
      enter(other, `/room join ${code}`);
      await whispers(other, 'Password of Secret:', 'sesame opens');
      await prompts(other, '[Secret] You:');
      enter(other, 'in at last');
      await terminal.shows('Cat: in at last');
    });
    enter(terminal, '/room leave');
    await prompts(terminal, 'You:');
    enter(terminal, `/room join ${code}`);
    await prompts(terminal, '[Secret] You:');
  }));

test('/room list and /room tell which rooms there are and which are one’s own', () =>
  talk(room, 'Ann', async (terminal) => {
    const [open, locked] = [await makeRoom(bob, 'Open'), await makeRoom(bob, 'Locked', 'sesame')];
    const mine = await makesAt(terminal, 'Mine');
    enter(terminal, '/room list');
    await terminal.shows('you are in it');
    for (const row of [
      `lobby +Lobby +\\d people, you are in it`,
      `${open} +Open +1 person`,
      `${locked} +Locked +1 person, password`,
      `${mine} +Mine +1 person, you are here, yours`,
    ])
      assert.match(terminal.screen.text, new RegExp(`^  ${row}$`, 'm'));
    enter(terminal, '/room');
    await endsWith(terminal, 'You are in:', '  lobby   Lobby', `  ${mine}  Mine (here)`, '/room CODE looks at another one.', '[Mine] You:');
    // Tab knows the own rooms.
    terminal.type(`/room leave ${mine.slice(0, 3).toLowerCase()}\t`);
    await prompts(terminal, `[Mine] You: /room leave ${mine}`);
  }));

test('two rooms of one name are told apart by their codes', () =>
  talk(room, 'Ann', async (terminal) => {
    const [one, two] = [await makeRoom(bob, 'Twins'), await makeRoom(bob, 'Twins')];
    enter(terminal, `/room join ${one}`, `/room join ${two}`);
    await prompts(terminal, `[Twins ${two}] You:`);
    enter(terminal, '/room twins');
    await terminal.shows(`Several of your rooms are called twins: say which one by its code, ${one}, ${two}.`);
  }));

test('a room that its owner deletes is told, with what was not read there, and one is in the lobby again', () =>
  talk(room, 'Ann', async (terminal) => {
    const mine = await makesAt(terminal, 'Mine');
    await talk(room, 'Cat', async (other) => {
      enter(other, `/room join ${mine}`);
      await prompts(other, '[Mine] You:');
      await talk(room, 'Dan', async (third) => {
        enter(third, `/room join ${mine}`);
        await prompts(third, '[Mine] You:');
        enter(third, '/room lobby', 'back here');
        await terminal.shows('joined the chat');
        enter(terminal, 'last words');
        await prompts(third, '[Lobby | Mine 1] You:');
        enter(other, `/room delete ${mine}`);
        await other.shows('Only its owner can: /room leave goes out of it.');
        enter(terminal, '/room delete');
        await terminal.shows('/room delete takes the code of a room');
        enter(terminal, '/room delete mine');
        await terminal.shows('Mine is deleted.');
        const gone = '[SYSTEM] The room Mine was deleted by its owner.';
        await endsWith(other, gone, '--- Lobby ---', '--- new ---', 'Dan: back here', 'You:');
        await endsWith(third, '--- Mine ---', '--- new ---', 'Ann: last words', gone, '--- Lobby ---', 'You:');
        await prompts(terminal, 'You:');
      });
    });
  }));

test('what does not work says what to do', () =>
  talk(room, 'Ann', async (terminal) => {
    for (const [line, told] of [
      ['/room join', '/room join takes the code of a room; /room list shows the codes.'],
      ['/room join QQQQQQ', '/room list shows which rooms there are.'],
      ['/room jion QQQQQQ', 'You are in no room jion QQQQQQ. Did you mean /room join?'],
      ['/room Games', 'You are in no room Games. /room join GAMES goes into it, /room list shows them all.'],
      ['/room new', '/room new takes the name that people will call the room: /room new Games.'],
      ['/room leave', '/quit leaves everything.'],
      ['/room leave QQQQQQ', 'You are in no room QQQQQQ.'],
      ['/room lobby', 'You are in Lobby already.'],
      ['/history many', '/history takes a number from 1 to 1000, not "many".'],
      ['/me', '/me takes what you do: /me waves.'],
      ['/receipts perhaps', '/receipts takes on or off, not "perhaps".'],
    ] as const) {
      enter(terminal, line);
      await terminal.shows(told);
    }
    enter(terminal, '/room new a:b');
    await prompts(terminal, 'Password for a:b, Enter for none:');
    enter(terminal, '');
    await terminal.shows('Name must not contain any of : [ ] < >');
  }));

test('/history shows what a room said, own words included, and moves nothing', () =>
  talk(room, 'Ann', async (terminal) => {
    const code = await makeRoom(bob, 'Annals');
    await says(code, 'one', 'two', 'three');
    enter(terminal, `/room join ${code}`, 'four');
    await heardIn(bob, code, 'four');
    enter(terminal, '/history 4');
    await endsWith(terminal, '--- now ---', '[Annals] You:');
    const lines = withoutClocks(terminal);
    const shown = lines.slice(lines.indexOf('--- earlier ---'));
    assert.match(shown[3] ?? '', /^\[SYSTEM\] User Ann-\w+ joined the chat$/);
    assert.deepEqual(
      shown.filter((_, i) => i !== 3),
      ['--- earlier ---', 'Bob: two', 'Bob: three', 'Ann: four', '--- now ---', '[Annals] You:'],
    );
    await says(code, 'five');
    await endsWith(terminal, 'Bob: five', '[Annals] You:');
  }));

test('/me says what one does: other terminals show it so, and every other client as a text that reads so', () =>
  talk(room, 'Ann', async (terminal) => {
    const pipe = pipedClient(['tail', '--server', `127.0.0.1:${room.port}`, '--name', 'Pipe']);
    await terminal.shows('Pipe-');
    await talk(room, 'Cat', async (other) => {
      enter(terminal, '/me  waves  twice');
      await endsWith(terminal, '* Ann waves  twice', 'You:');
      const { Content } = await bob.hear(({ Text }) => Text === '* Ann waves  twice');
      assert.equal(Content, 'Ann: * Ann waves  twice');
      await endsWith(other, '* Ann waves  twice', 'You:');
      // Nobody does things in somebody else's name.
      enter(terminal, '* Cat falls', '* The server is lost');
      await endsWith(other, 'Ann: * Cat falls', 'Ann: * The server is lost', 'You:');
    });
    await pipe.prints('* Ann waves  twice\nAnn: * Cat falls');
    pipe.signal('SIGINT');
    await pipe.done;
  }));

test('--squeeze takes extra blanks out of what is sent; without it they are kept', async () => {
  await talk(room, 'Ann', async (terminal) => {
    enter(terminal, '  two  blanks ');
    await bob.hear(({ Text }) => Text === '  two  blanks ');
  });
  await talk(
    room,
    'Ann',
    async (terminal) => {
      enter(terminal, '  squeezed   blanks ', '/me   waves   to   all', '/msg Bob  a   b');
      await bob.hear(({ Text }) => Text === 'squeezed blanks');
      await bob.hear(({ Text }) => Text === '* Ann waves to all');
      await bob.hear(({ Kind, Text }) => Kind === 'direct' && Text === 'a b');
      await endsWith(terminal, '[direct] You to Bob: a b (delivered)', 'You:');
    },
    { args: ['--squeeze'] },
  );
});

test('with --json every message is an object on stdout, whichever room it is of, and nothing is counted', () =>
  talk(
    room,
    'Ann',
    async (terminal) => {
      const code = await makeRoom(bob, 'Games');
      enter(terminal, `/room join ${code}`);
      await prompts(terminal, '[Games] You:');
      await says('lobby', 'elsewhere');
      await terminal.until(({ lines }) => lines.some((line) => line.includes('"Text":"elsewhere"')), 'the object');
      await prompts(terminal, '[Games] You:');
    },
    { args: ['--json'], columns: 400 },
  ));

test('an account is in its rooms again the next time, and what was said there meanwhile waits under a mark', async () => {
  const name = someone();
  await talk(room, name, async (terminal, state) => {
    const code = await makeRoom(bob, 'Lasting');
    await signsUp(terminal, name);
    enter(terminal, `/room join ${code}`);
    await prompts(terminal, '[Lasting] You:');
    await leaves(terminal);
    await says(code, 'missed one', 'missed two');
    await talk(
      room,
      name,
      async (again) => {
        await prompts(again, '[Lobby | Lasting 2] You:');
        enter(again, '/room lasting');
        await endsWith(again, '--- Lasting ---', '--- new ---', 'Bob: missed one', 'Bob: missed two', '[Lasting] You:');
      },
      { state },
    );
  });
});

test('a line to a room that was left meanwhile says where it went', () =>
  talk(room, 'Ann', async (terminal) => {
    const code = await makeRoom(bob, 'Games');
    enter(terminal, `/room join ${code}`);
    await prompts(terminal, '[Games] You:');
    // Both are entered in one turn: the line is on its way when the room is looked away from.
    terminal.type('to the games\r/room lobby\r');
    await heardIn(bob, code, 'to the games');
    await terminal.until(() => withoutClocks(terminal).includes('[Games] You: to the games'), 'the line of its room');
    await prompts(terminal, '[Lobby] You:');
  }));
