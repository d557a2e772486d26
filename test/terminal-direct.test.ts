/** Direct messages at real terminals: to whom they go, what the sender learns, who may send them, and the inbox. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startRoom, join, type Member } from './support/room.ts';
import { someone } from './support/members.ts';
import { endsWith, enter, leaves, prompts, signsUp, talk, withoutClocks } from './support/talkers.ts';

let room: Awaited<ReturnType<typeof startRoom>>;
let bob: Member;

before(async () => {
  room = await startRoom();
  bob = await join(room, { id: 'Bob-1', name: 'Bob' });
});
after(() => room.stop());

test('/msg reaches one person, set apart and with a bell, in whichever room that one is; /reply answers', () =>
  talk(room, 'Ann', async (terminal) => {
    await talk(room, 'Mary Jane', async (other) => {
      enter(other, '/room new Den');
      await prompts(other, 'Password for Den, Enter for none:');
      enter(other, '');
      await prompts(other, '[Den] You:');
      enter(terminal, '/msg Mary Jane psst  there');
      await endsWith(other, '[direct] Ann: psst  there', '[Den] You:');
      assert.equal(other.screen.bells, 1);
      await endsWith(terminal, '[direct] You to Mary Jane: psst  there (delivered)', 'You:');
      enter(other, '/reply psst yourself');
      await endsWith(terminal, '[direct] Mary Jane: psst yourself', 'You:');
      enter(terminal, '/reply  and on');
      await endsWith(other, '[direct] Ann: and on', '[Den] You:');
      assert.match(other.raw, /\u001b\[35m\[direct\] /, 'in a colour of its own');
    });
    assert.ok(!bob.heard.some(({ Text }) => Text.includes('psst')));
  }));

test('Tab completes whom it is for', () =>
  talk(room, 'Ann', async (terminal) => {
    terminal.type('/msg bo');
    const completed = prompts(terminal, 'You: /msg Bob');
    const presses = setInterval(() => terminal.type('\t'), 100);
    await completed.finally(() => clearInterval(presses));
  }));

test('an ID works too, and of several people of one name the IDs are told', () =>
  talk(room, 'Ann', async (terminal) => {
    const [one, two] = [await join(room, { id: 'Max-1', name: 'Max' }), await join(room, { id: 'Max-2', name: 'Max' })];
    enter(terminal, '/msg Max hello');
    await terminal.shows('2 people are called Max: say which one by its ID, Max-1, Max-2.');
    enter(terminal, '/msg Max-2 hello two');
    await two.hear(({ Kind, Text }) => Kind === 'direct' && Text === 'hello two');
    assert.ok(!one.heard.some(({ Kind }) => Kind === 'direct'));
    for (const { client, id } of [one, two]) await client.call('ChatServer.Unregister', { ID: id });
  }));

test('somebody who is away gets it the next time, once, however often that one comes; the sender learns that it waits', async () => {
  const name = someone();
  await talk(room, name, async (terminal, state) => {
    await signsUp(terminal, name);
    await leaves(terminal);
    await talk(room, 'Ann', async (ann) => {
      enter(ann, `/msg "${name}" one`, `/msg "${name.toUpperCase()}" two`);
      await endsWith(
        ann,
        `[direct] You to ${name}: one (waits in the inbox)`,
        `[direct] You to ${name.toUpperCase()}: two (waits in the inbox)`,
        'You:',
      );
      await leaves(ann);
    });
    for (const expected of [['[direct] Ann: one', '[direct] Ann: two'], []]) {
      await talk(
        room,
        name,
        async (again) => {
          await bob.say('after the inbox');
          await endsWith(again, 'Bob: after the inbox', 'You:');
          assert.deepEqual(
            withoutClocks(again).filter((line) => line.startsWith('[direct]')),
            expected,
          );
          await leaves(again);
        },
        { state },
      );
    }
  });
});

test('/notify off lets them wait, across visits, until /inbox takes each once; on shows them again', async () => {
  const name = someone();
  await talk(room, name, async (terminal, state) => {
    await signsUp(terminal, name);
    enter(terminal, '/notify off');
    await terminal.shows('Direct messages wait until you type /inbox.');
    await talk(room, 'Ann', async (ann) => {
      enter(ann, `/msg "${name}" one`, `/msg "${name}" two`);
      await ann.shows(`${name}: two (waits in the inbox)`);
      assert.doesNotMatch(terminal.screen.text, /\[direct\]/);
      enter(terminal, '/notify');
      await terminal.shows('2 messages wait.');
      await leaves(terminal);
      await talk(
        room,
        name,
        async (again) => {
          await again.shows('2 messages in your inbox: /inbox shows them.');
          enter(again, '/inbox');
          await endsWith(again, '[direct] Ann: one', '[direct] Ann: two', 'You:');
          enter(again, '/inbox');
          await endsWith(again, 'You: /inbox', 'Nothing waits in your inbox.', 'You:');
          enter(again, '/notify on');
          await again.shows('Direct messages are shown when they come.');
          enter(ann, `/msg "${name}" three`);
          await endsWith(again, '[direct] Ann: three', 'You:');
          enter(again, '/reply got it');
          await ann.shows(`[direct] ${name}: got it`);
        },
        { state },
      );
    });
  });
});

test('/block and /allow, and the policy of an account; who is refused learns it', async () => {
  const name = someone();
  await talk(room, name, async (terminal) => {
    await signsUp(terminal, name);
    await talk(room, 'Ann', async (ann) => {
      const refused = async (text: string, told: string) => {
        enter(ann, `/msg "${name}" ${text}`);
        await ann.shows(`[direct] You to ${name}: ${text} (not sent)`);
        await ann.shows(told);
      };
      enter(terminal, '/block Ann');
      await terminal.shows('Ann cannot write to you any more.');
      await refused('one', `* Not sent: ${name} takes no direct messages of yours.`);
      enter(terminal, '/allow Ann', '/policy allowed');
      await terminal.until(
        ({ text }) => /Only those that you allow may write to you\.\n {2}allowed {3}ann-\w+\n {2}blocked {3}nobody/.test(text),
        'both lists',
      );
      enter(ann, `/msg "${name}" two`);
      await terminal.shows('[direct] Ann: two');
      await talk(room, 'Cat', async (cat) => {
        enter(cat, `/msg "${name}" three`);
        await cat.shows(`${name} takes direct messages only of those that ${name} allows.`);
      });
      enter(terminal, '/policy everyone');
      await terminal.shows('Everyone may write to you.');
      // One command waits for the one before it, however many questions that has for the server.
      enter(terminal, '/policy allowed', '/notify on');
      await terminal.until(
        ({ text }) => /waiting {3}\d+ messages?\nDirect messages are shown when they come\./.test(text),
        'both, in turn',
      );
      assert.doesNotMatch(terminal.screen.text, /\[direct\] (?:Ann: one|Cat)/);
    });
  });
});

test('what does not work says what to do', () =>
  talk(room, 'Ann', async (terminal) => {
    for (const [line, told] of [
      ['/reply hello', 'Nobody has written to you yet. /msg WHO TEXT writes to somebody.'],
      ['/msg', '/msg takes who it is for and what you say: /msg Alice Hello.'],
      ['/msg Bob', '/msg takes who it is for and what you say: /msg Alice Hello.'],
      ['/msg Nobody hello', '* Not sent: There is nobody called "Nobody". /who shows who is here.'],
      ['/msg Ann hello', '* Not sent: To must be somebody else.'],
      ['/policy allowed', 'Everyone may write to a guest: SignUp and LogIn for a policy of your own. Type /signup or /login.'],
      ['/policy sometimes', '/policy takes everyone or allowed, not "sometimes".'],
      ['/notify maybe', '/notify takes on or off, not "maybe".'],
      ['/allow', '/allow takes the name of somebody: /allow Alice.'],
      ['/block Nobody', 'an account that is away is named as its owner spells it.'],
      ['/inbox', 'Nothing waits in your inbox.'],
    ] as const) {
      enter(terminal, line);
      await terminal.shows(told);
    }
    enter(terminal, '/msg Bob one');
    await bob.hear(({ Kind, Text }) => Kind === 'direct' && Text === 'one');
    assert.doesNotMatch(terminal.screen.text, /You: \/(?:msg|reply) /, 'what speaks is shown as what it says');
  }));
