/** One client, many rooms: none starves another, none is skipped or doubled, wherever it begins again and whoever takes over. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { at, type IncomingCall } from './support/line-client.ts';
import { join, listenOn, withServer, type Heard, type Member } from './support/room.ts';

const call = ({ client, id }: Member, method: string, more: object = {}): Promise<unknown> =>
  client.call(`ChatServer.${method}`, { UserID: id, ...more });
const seqOf = (answer: unknown): number => Number(at(answer, 'result', 'Seq'));
const say = async (member: Member, Room: string, Text: string, more: object = {}): Promise<number> =>
  seqOf(await call(member, 'SendMessage', { Room, Text, ...more }));
const create = async (member: Member): Promise<string> => String(at(await call(member, 'CreateRoom', { Name: 'Den' }), 'result', 'Code'));
const enter = async (member: Member, Room: string, more: object = {}): Promise<number> => {
  const answer = await call(member, 'JoinRoom', { Room, ...more });
  assert.equal(at(answer, 'result', 'Success'), true, JSON.stringify(answer));
  return seqOf(answer);
};
const textsIn = (heard: readonly Heard[], room: string): string[] =>
  heard.filter(({ Kind, Room }) => Kind === 'chat' && Room === room).map(({ Text }) => Text);
const numbered = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => `${from + index}`);
const textOf = ({ params }: IncomingCall): unknown => at(params, 0, 'Message', 'Text');

/** Answers nothing from now on; `go` answers what waits and everything after. */
function pause({ client }: Member): { readonly waiting: readonly IncomingCall[]; readonly go: () => void } {
  const waiting: IncomingCall[] = [];
  client.onCall((each) => waiting.push(each));
  const go = (): void => {
    for (const each of waiting) client.answer(each, { Success: true });
    client.onCall((each) => {
      waiting.push(each);
      client.answer(each, { Success: true });
    });
  };
  return { waiting, go };
}

/** A room with a speaker and a listener in it. */
async function den(server: Parameters<typeof join>[0]) {
  const [speaker, listener] = [await join(server, { id: 'speaker' }), await join(server, { id: 'listener' })];
  const code = await create(speaker);
  await enter(listener, code);
  return { speaker, listener, code };
}

test('a busy room does not starve the others of a slow client', () =>
  withServer({ limits: { windowCalls: 4 } }, async (server) => {
    const { speaker, listener, code: busy } = await den(server);
    const quiet = await create(speaker);
    await enter(listener, quiet);
    const { waiting, go } = pause(listener);
    for (let index = 0; index < 100; index += 1) await say(speaker, busy, `${index}`);
    await say(speaker, quiet, 'in between');
    await speaker.say('in the lobby');
    go();
    await call(speaker, 'SendMessage', { Room: busy, Text: 'last', Wait: 'delivered' });
    const texts = waiting.map(textOf);
    assert.deepEqual(
      texts.filter((text) => text !== 'in between' && text !== 'in the lobby'),
      [...numbered(0, 100), 'last'],
    );
    for (const text of ['in between', 'in the lobby']) assert.ok(texts.indexOf(text) < 20, `${text} was number ${texts.indexOf(text)}`);
  }));

test('who comes back to a room gets exactly what was missed there, then what is said now', () =>
  withServer({}, async (server) => {
    const { speaker, listener, code } = await den(server);
    for (let index = 0; index < 10; index += 1) await say(speaker, code, `${index}`);
    const seen = await listener.hear(({ Text }) => Text === '9');
    await call(listener, 'LeaveRoom', { Room: code });
    for (let index = 10; index < 20; index += 1) await say(speaker, code, `${index}`);
    const talking = (async () => {
      for (let index = 20; index < 80; index += 1) await say(speaker, code, `${index}`);
    })();
    assert.equal(await enter(listener, code, { ResumeAfter: seen.Seq, Epoch: listener.epoch }), seen.Seq);
    await talking;
    await listener.hear(({ Text }) => Text === '79');
    assert.deepEqual(textsIn(listener.heard, code), numbered(0, 80));
    assert.ok(!listener.heard.some(({ Kind }) => Kind === 'notice'));
  }));

test('a room that everybody has left is entered again with its history, its order and its place to resume', () =>
  withServer({}, async (server) => {
    const { speaker, listener, code } = await den(server);
    const first = await say(speaker, code, '0');
    for (let index = 1; index < 5; index += 1) await say(speaker, code, `${index}`);
    for (const member of [speaker, listener]) await call(member, 'LeaveRoom', { Room: code });
    const again = await join(server, { id: 'again' });
    assert.equal(await enter(again, code, { ResumeAfter: first }), first);
    await enter(speaker, code);
    await say(speaker, code, '5');
    await again.hear(({ Text }) => Text === '5');
    assert.deepEqual(textsIn(again.heard, code), numbered(1, 6));
  }));

test('beginning again in a room one is in repeats from there, once what was in flight is answered, and holds up nothing', () =>
  withServer({}, async (server) => {
    const { speaker, listener, code } = await den(server);
    const { waiting, go } = pause(listener);
    const seqs: number[] = [];
    for (let index = 0; index < 6; index += 1) seqs.push(await say(speaker, code, `${index}`));
    // Both are answered although six calls are open; the later one counts.
    assert.equal(await enter(listener, code, { ResumeAfter: seqs[0] }), seqs[0]);
    assert.equal(await enter(listener, code, { ResumeAfter: seqs[2] }), seqs[2]);
    await say(speaker, code, '6');
    go();
    const told = await call(speaker, 'SendMessage', { Room: code, Text: '7', Wait: 'delivered' });
    assert.deepEqual(at(told, 'result', 'Receipt'), { Delivered: 1, Pending: [], Failed: 0 });
    assert.deepEqual(waiting.map(textOf), [...numbered(0, 6), ...numbered(3, 8)]);
  }));

test('a place that is not kept is told with one notice in that room before anything else', () =>
  withServer({ limits: { roomBytes: 4_000 } }, async (server) => {
    const { speaker, listener, code } = await den(server);
    const first = await say(speaker, code, '0');
    for (let index = 1; index < 40; index += 1) await say(speaker, code, `${index}`);
    for (const [id, more, isKeptInPart] of [
      ['early', { ResumeAfter: first }, true],
      ['elsewhere', { ResumeAfter: first, Epoch: 'another' }, false],
      ['future', { ResumeAfter: first + 1_000_000 }, false],
    ] as const) {
      const member = await join(server, { id });
      const place = await enter(member, code, more);
      await say(speaker, code, `to ${id}`);
      await member.hear(({ Text }) => Text === `to ${id}`);
      const [notice, ...rest] = member.heard.filter(({ Room }) => Room === code);
      assert.deepEqual([notice?.Kind, notice?.Seq], ['notice', place + 1], id);
      const texts = textsIn(rest, code).filter((text) => !text.startsWith('to '));
      assert.deepEqual(texts, isKeptInPart ? numbered(40 - texts.length, 40) : [], id);
      assert.ok(!isKeptInPart || (texts.length > 1 && texts.length < 39), `${id} got ${texts.length}`);
      assert.ok(!rest.some(({ Kind }) => Kind === 'notice'), id);
      await call(member, 'LeaveRoom', { Room: code });
    }
    assert.ok(textsIn(listener.heard, code).length > 0);
  }));

test('a takeover goes on in every room after the last answered message', () =>
  withServer({ limits: { windowCalls: 3 } }, async (server) => {
    const { speaker, listener, code } = await den(server);
    const other = await create(speaker);
    await enter(listener, other);
    for (const room of [code, other]) await say(speaker, room, 'heard');
    await listener.hear(({ Text, Room }) => Text === 'heard' && Room === other);
    pause(listener);
    for (let index = 0; index < 10; index += 1) for (const room of [code, other, 'lobby']) await say(speaker, room, `${index}`);
    const client = await server.connect();
    const ears = listenOn(client);
    const params = { ID: 'listener', Name: 'listener', Callback: 'inline', Session: listener.session };
    assert.equal(at(await client.call('ChatServer.Register', params), 'result', 'Success'), true);
    for (const room of [code, other, 'lobby']) await say(speaker, room, '10');
    for (const room of [code, other, 'lobby']) {
      await ears.hear(({ Text, Room }) => Text === '10' && Room === room);
      assert.deepEqual(textsIn(ears.heard, room), numbered(0, 11), room);
    }
    assert.ok(!speaker.heard.some(({ Kind }) => Kind === 'leave'));
  }));

test('a receipt counts the members of its room; one who leaves with the message unanswered is no longer waited for', () =>
  withServer({}, async (server) => {
    const { speaker, listener, code } = await den(server);
    await join(server, { id: 'elsewhere' });
    const delivered = await call(speaker, 'SendMessage', { Room: code, Text: 'x', Wait: 'delivered' });
    assert.deepEqual(at(delivered, 'result', 'Receipt'), { Delivered: 1, Pending: [], Failed: 0 });
    const { waiting, go } = pause(listener);
    speaker.client.writeFrame({
      jsonrpc: '2.0',
      id: 'receipt',
      method: 'ChatServer.SendMessage',
      params: { UserID: 'speaker', Room: code, Text: 'open', Wait: 'delivered', TimeoutMs: 30_000 },
    });
    await say(await join(server, { id: 'another' }), 'lobby', 'marker');
    while (!waiting.some((each) => textOf(each) === 'marker')) await call(listener, 'ListRooms');
    await call(listener, 'LeaveRoom', { Room: code });
    go();
    const receipt = await speaker.client.next();
    assert.deepEqual([at(receipt, 'id'), at(receipt, 'result', 'Receipt')], ['receipt', { Delivered: 1, Pending: [], Failed: 0 }]);
  }));

test('the receipt of a message that was not even sent to one who leaves says that it failed', () =>
  withServer({ limits: { windowCalls: 1 } }, async (server) => {
    const { speaker, listener, code } = await den(server);
    const { waiting, go } = pause(listener);
    await say(speaker, code, 'first');
    const params = { UserID: 'speaker', Room: code, Text: 'never', Wait: 'delivered', TimeoutMs: 30_000 };
    speaker.client.writeFrame({ jsonrpc: '2.0', id: 'receipt', method: 'ChatServer.SendMessage', params });
    while (at(await call(listener, 'History', { Room: code, Limit: 1 }), 'result', 'Messages', 0, 'Text') !== 'never');
    await call(listener, 'LeaveRoom', { Room: code });
    go();
    const receipt = await speaker.client.next();
    assert.deepEqual(at(receipt, 'result', 'Receipt'), { Delivered: 0, Pending: [], Failed: 1 });
    await call(speaker, 'SendMessage', { Text: 'end', Wait: 'delivered' });
    assert.deepEqual(waiting.map(textOf), ['first', 'end']);
  }));

test('a client that closes after every answer, and one of dialect 1.0, follow many rooms too', () =>
  withServer({}, async (server) => {
    const speaker = await join(server, { id: 'speaker' });
    const classic = await join(server, { id: 'classic', classic: true });
    const codes = [await create(speaker), await create(speaker), await create(speaker)];
    for (const Room of codes) {
      classic.client.writeFrame({ id: 1, method: 'ChatServer.JoinRoom', params: [{ UserID: 'classic', Room }] });
      assert.equal(at(await classic.client.next(), 'result', 'Room'), Room);
    }
    for (let index = 0; index < 10; index += 1) for (const room of codes) await say(speaker, room, `${index}`);
    for (const room of codes) {
      await classic.hear(({ Text, Room }) => Text === '9' && Room === room);
      assert.deepEqual(textsIn(classic.heard, room), numbered(0, 10));
    }
  }));
