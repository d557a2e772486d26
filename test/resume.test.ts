/** A client that comes back gets everything after what it has seen, then what is said now: no gap, no repeat, never a silent hole. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { at } from './support/line-client.ts';
import { join, listenOn, withServer, type Heard, type Member, type RunningServer } from './support/room.ts';

const chats = (heard: readonly Heard[]): string[] => heard.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text);
const notices = (heard: readonly Heard[]): Heard[] => heard.filter(({ Kind }) => Kind === 'notice');
const numbered = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => `${from + index}`);

async function say(member: Member, from: number, to: number): Promise<number> {
  let seq = 0;
  for (let index = from; index < to; index += 1) seq = Number(at(await member.say(`${index}`), 'result', 'Seq'));
  return seq;
}

/** Leaves without a word: the registration is taken back, the connection closed. */
async function leave(member: Member): Promise<void> {
  assert.equal(at(await member.client.call('ChatServer.Unregister', { ID: member.id }), 'result'), 'Successfully unregistered');
  await member.client.close();
}
const resume = (member: Member, after: number, epoch = member.epoch) => ({ more: { ResumeAfter: after, Epoch: epoch } });
const rising = (heard: readonly Heard[]): boolean => heard.every(({ Seq }, index) => index === 0 || Seq > (heard[index - 1]?.Seq ?? 0));

test('it gets exactly what it missed, then what is said now, while others go on talking', () =>
  withServer({}, async (server) => {
    const speaker = await join(server, { id: 'speaker' });
    const first = await join(server, { id: 'back' });
    await say(speaker, 0, 10);
    const seen = await first.hear(({ Text }) => Text === '9');
    await leave(first);
    await say(speaker, 10, 20);
    const talking = say(speaker, 20, 120);
    const second = await join(server, { id: 'back', ...resume(first, seen.Seq) });
    await talking;
    await second.hear(({ Text }) => Text === '119');
    assert.deepEqual(chats(second.heard), numbered(10, 120));
    assert.ok(rising(second.heard));
    assert.deepEqual(notices(second.heard), []);
    assert.ok(!second.heard.some(({ SenderID }) => SenderID === 'back'), 'neither own messages nor own joins');
  }));

test('everything after 0 is everything, own messages aside', () =>
  withServer({}, async (server) => {
    const speaker = await join(server, { id: 'speaker' });
    await say(speaker, 0, 5);
    const other = await join(server, { id: 'other' });
    await other.say('mine');
    await leave(other);
    await say(speaker, 5, 7);
    const again = await join(server, { id: 'other', ...resume(other, 0) });
    await again.hear(({ Text }) => Text === '6');
    assert.deepEqual(chats(again.heard), numbered(0, 7));
    assert.deepEqual(notices(again.heard), []);
  }));

test('a cursor of another life of the history, or of the future, is answered with one notice and what is said now', () =>
  withServer({}, async (server) => {
    const speaker = await join(server, { id: 'speaker' });
    const last = await say(speaker, 0, 5);
    const cases = [
      { id: 'elsewhere', ...resume(speaker, last, 'another-epoch') },
      { id: 'future', ...resume(speaker, last + 1000) },
    ];
    for (const [index, joining] of cases.entries()) {
      const member = await join(server, joining);
      await say(speaker, 10 + index, 11 + index);
      await member.hear(({ Text }) => Text === `${10 + index}`);
      assert.equal(member.heard[0]?.Kind, 'notice');
      assert.equal(notices(member.heard).length, 1);
      assert.deepEqual(chats(member.heard), [`${10 + index}`]);
      assert.ok(rising(member.heard));
    }
  }));

test('a trimmed history is told with one notice, then begins with the oldest that is kept', () =>
  withServer({ limits: { roomBytes: 20_000 } }, async (server) => {
    const speaker = await join(server, { id: 'speaker' });
    const seq = await say(speaker, 0, 1);
    await say(speaker, 1, 50);
    for (const [id, after] of [
      ['early', seq],
      ['whole', 0],
    ] as const) {
      const member = await join(server, { id, ...resume(speaker, after) });
      await speaker.say(`to ${id}`);
      await member.hear(({ Text }) => Text === `to ${id}`);
      assert.equal(member.heard[0]?.Kind, 'notice', `${id} is told first`);
      assert.equal(notices(member.heard).length, 1);
      const kept = chats(member.heard).filter((text) => !text.startsWith('to '));
      assert.ok(kept.length > 3 && kept.length < 49);
      assert.deepEqual(kept, numbered(50 - kept.length, 50));
      assert.ok(rising(member.heard));
    }
  }));

/** Registers again on a connection of its own with the session of `member`; what is heard there. */
async function takeOver(server: RunningServer, { id, session }: Pick<Member, 'id' | 'session'>, more: object = {}) {
  const client = await server.connect();
  const ears = listenOn(client);
  const params = { ID: id, Name: id, Callback: 'inline', Session: session, ...more };
  const answer = await client.call('ChatServer.Register', params);
  assert.equal(at(answer, 'result', 'Success'), true, JSON.stringify(answer));
  return { client, ...ears, session: String(at(answer, 'result', 'Session')) };
}

/** Registers and answers no callback; returns when the first has come. */
async function silently(server: RunningServer, id: string, more: object) {
  const client = await server.connect();
  const called = new Promise<void>((resolve) => client.onCall(() => resolve()));
  const answer = await client.call('ChatServer.Register', { ID: id, Name: id, Callback: 'inline', ...more });
  await called;
  const [Seq, Epoch, session] = [at(answer, 'result', 'Seq'), at(answer, 'result', 'Epoch'), at(answer, 'result', 'Session')];
  return { id, Seq: Number(Seq), Epoch: String(Epoch), session: String(session) };
}

test('a takeover carries on after the last answered message: no gap, no join, no leave', () =>
  withServer({}, async (server) => {
    const speaker = await join(server, { id: 'speaker' });
    const member = await join(server, { id: 'member' });
    await say(speaker, 0, 10);
    await member.hear(({ Text }) => Text === '9');
    // From here on it reads and does not answer.
    member.client.onCall(() => undefined);
    await say(speaker, 10, 20);
    const talking = say(speaker, 20, 60);
    const heir = await takeOver(server, member);
    await talking;
    await heir.hear(({ Text }) => Text === '59');
    assert.deepEqual(chats(heir.heard), numbered(10, 60));
    assert.deepEqual(
      speaker.heard.map(({ Content }) => Content),
      ['User member joined the chat'],
    );
  }));

test('the notice of what is gone outlives a connection that is lost before it was answered, and is told once', () =>
  withServer({ limits: { roomBytes: 5_000 } }, async (server) => {
    const speaker = await join(server, { id: 'speaker' });
    const first = await say(speaker, 0, 1);
    await say(speaker, 1, 50);
    const holes = [
      { id: 'elsewhere', resumption: { ResumeAfter: first, Epoch: 'another-epoch' } },
      { id: 'trimmed', resumption: { ResumeAfter: first, Epoch: speaker.epoch } },
    ];
    // What comes back: the session alone; with it what Register answered; with it the cursor that it had before.
    const ways = ['alone', 'answered', 'before'] as const;
    for (const { id, resumption } of holes) {
      for (const way of ways) {
        const deaf = await silently(server, `${id}-${way}`, resumption);
        const { Seq, Epoch } = deaf;
        const more = { alone: {}, answered: { ResumeAfter: Seq, Epoch }, before: resumption }[way];
        const heir = await takeOver(server, deaf, more);
        await speaker.say(`to ${deaf.id}`);
        await heir.hear(({ Text }) => Text === `to ${deaf.id}`);
        assert.equal(heir.heard[0]?.Kind, 'notice', `${deaf.id} is told first`);
        if (id === 'elsewhere' && way !== 'before') assert.equal(heir.heard[0]?.Seq, Seq + 1);
        assert.equal(notices(heir.heard).length, 1, deaf.id);
        assert.ok(rising(heir.heard), deaf.id);
        const again = await takeOver(server, { ...deaf, session: heir.session });
        await speaker.say('all was told');
        await again.hear(({ Text }) => Text === 'all was told');
        assert.deepEqual(notices(again.heard), [], 'what was answered is not told again');
      }
    }
  }));

test('who comes back once more as it came, its registration long gone, is told of the same hole again', () =>
  withServer({}, async (server) => {
    const speaker = await join(server, { id: 'speaker' });
    const last = await say(speaker, 0, 5);
    for (let time = 0; time < 2; time += 1) {
      const member = await join(server, { id: 'back', ...resume(speaker, last, 'another-epoch') });
      await member.hear(({ Kind }) => Kind === 'notice');
      await leave(member);
    }
  }));

test('that a room was deleted is told to who takes over before it has answered that', () =>
  withServer({}, async (server) => {
    const owner = await join(server, { id: 'owner' });
    const code = at(await owner.client.call('ChatServer.CreateRoom', { UserID: 'owner', Name: 'Den' }), 'result', 'Code');
    const member = await join(server, { id: 'member' });
    assert.equal(at(await member.client.call('ChatServer.JoinRoom', { UserID: 'member', Room: code }), 'result', 'Success'), true);
    const told = new Promise<void>((resolve) => member.client.onCall(() => resolve()));
    assert.equal(at(await owner.client.call('ChatServer.DeleteRoom', { UserID: 'owner', Room: code }), 'result', 'Success'), true);
    await told;
    const heir = await takeOver(server, member);
    const farewell = await heir.hear(({ Kind }) => Kind === 'notice');
    assert.deepEqual([farewell.Room, farewell.Text], [code, 'The room Den was deleted by its owner.']);
  }));

test('a takeover on the very same inline connection is not confused by answers to the calls before it', () =>
  withServer({ limits: { retryDelaysMs: [] } }, async (server) => {
    const speaker = await join(server, { id: 'speaker' });
    const member = await join(server, { id: 'member' });
    const late: (() => void)[] = [];
    member.client.onCall((call) => late.push(() => member.client.answer(call, { Success: true })));
    const seq = await say(speaker, 0, 10);
    const params = { ID: 'member', Name: 'member', Callback: 'inline', Session: member.session, ResumeAfter: seq };
    const answer = await member.client.call('ChatServer.Register', params);
    assert.equal(at(answer, 'result', 'Seq'), seq);
    for (const answerLate of late) answerLate();
    const ears = listenOn(member.client);
    await say(speaker, 10, 20);
    await ears.hear(({ Text }) => Text === '19');
    assert.deepEqual(chats(ears.heard), numbered(10, 20));
    assert.deepEqual(server.warnings, []);
  }));

test('on an inline connection Register is answered before anything is replayed', () =>
  withServer({}, async (server) => {
    const speaker = await join(server, { id: 'speaker' });
    await say(speaker, 0, 20);
    const client = await server.connect();
    const lines: string[] = [];
    const done = new Promise<void>((resolve) => {
      let text = '';
      client.socket.on('data', (chunk) => {
        text += chunk.toString();
        lines.splice(0, lines.length, ...text.split('\n'));
        if (text.includes('"Text":"19"')) resolve();
      });
    });
    const params = { ID: 'inline', Name: 'inline', Callback: 'inline', ResumeAfter: 0, Epoch: speaker.epoch };
    client.writeFrame({ jsonrpc: '2.0', id: 'the register', method: 'ChatServer.Register', params });
    await done;
    assert.equal(at(JSON.parse(lines[0] ?? ''), 'id'), 'the register');
    assert.equal(lines.filter((line) => line.includes('the register')).length, 1);
  }));
