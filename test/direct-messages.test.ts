/** Direct messages: to whom they go, by which way they come, and what the sender learns. Over real connections. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { begin, call, direct, directTexts, read } from './support/direct.ts';
import { at, type IncomingCall } from './support/line-client.ts';
import { member as account, reasonOf } from './support/people.ts';
import { join, withServer } from './support/room.ts';

const numbered = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => `${from + index}`);

test('a direct message reaches the one it is for and nobody else, and the sender learns that it did', () =>
  withServer({}, async (server) => {
    const [ann, bob, cara] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' }), await join(server, { id: 'cara' })];
    const { Delivered, Seq } = await direct(ann, 'bob', 'psst');
    assert.equal(Delivered, true);
    const heard = await bob.hear(({ Kind }) => Kind === 'direct');
    assert.deepEqual([heard.SenderID, heard.Text, heard.Content, heard.Seq], ['ann', 'psst', 'ann: psst', Seq]);
    assert.match(heard.Room, /^@/);
    await ann.say('to all');
    for (const each of [bob, cara]) await each.hear(({ Text }) => Text === 'to all');
    assert.deepEqual([directTexts(cara.heard), directTexts(ann.heard)], [[], []]);
  }));

test('of an account it is pushed to the newest registration alone, and to the next one when that goes', () =>
  withServer({}, async (server) => {
    const Token = await account(server, 'Bob');
    const ann = await join(server, { id: 'ann' });
    const desk = await join(server, { id: 'bob-desk', name: 'Bob', more: { Token } });
    assert.deepEqual((await direct(ann, 'Bob', '0')).Delivered, true);
    const phone = await join(server, { id: 'bob-phone', name: 'Bob', more: { Token } });
    assert.equal((await direct(ann, 'bob', '1')).Delivered, true);
    assert.equal((await direct(ann, 'bob-desk', '2')).Delivered, true);
    await phone.client.call('ChatServer.Unregister', { ID: 'bob-phone' });
    assert.equal((await direct(ann, 'bob-desk', '3')).Delivered, true);
    assert.deepEqual(
      [directTexts(desk.heard), directTexts(phone.heard)],
      [
        ['0', '3'],
        ['1', '2'],
      ],
    );
  }));

test('who is away gets it at the next Register, once, in order, whether the sender is still there or not', () =>
  withServer({}, async (server) => {
    const Token = await account(server, 'Bob');
    const ann = await join(server, { id: 'ann' });
    for (const text of numbered(0, 30)) assert.equal((await direct(ann, 'Bob', text)).Delivered, false);
    await ann.client.close();
    const bob = await join(server, { id: 'bob', name: 'Bob', more: { Token } });
    await bob.hear(({ Text }) => Text === '29');
    assert.deepEqual(directTexts(bob.heard), numbered(0, 30));
    await bob.client.call('ChatServer.Unregister', { ID: 'bob' });
    const again = await join(server, { id: 'bob', name: 'Bob', more: { Token } });
    const other = await join(server, { id: 'other' });
    await direct(other, 'bob', 'now');
    assert.deepEqual(directTexts(again.heard), ['now']);
  }));

test('with push off it waits for Read, which takes each once; with push on again it is pushed', () =>
  withServer({}, async (server) => {
    const Token = await account(server, 'Bob');
    const ann = await join(server, { id: 'ann' });
    const bob = await join(server, { id: 'bob', name: 'Bob', more: { Token } });
    assert.equal(reasonOf(await call(bob, 'Notify', { Enabled: false })), 'ok');
    for (const text of numbered(0, 5)) assert.equal((await direct(ann, 'bob', text)).Delivered, false);
    assert.deepEqual(await read(bob, 2), { texts: ['0', '1'], remaining: 3 });
    assert.deepEqual(await read(bob, 2), { texts: ['2', '3'], remaining: 1 });
    assert.equal(reasonOf(await call(bob, 'Notify', { Enabled: true })), 'ok');
    await bob.hear(({ Text }) => Text === '4');
    assert.equal((await direct(ann, 'bob', '5')).Delivered, true);
    assert.deepEqual(await read(bob), { texts: [], remaining: 0 });
    assert.deepEqual(directTexts(bob.heard), ['4', '5']);
  }));

test('a client that is not called back pulls, and what it pulled is never pushed', () =>
  withServer({}, async (server) => {
    const Token = await account(server, 'Bob');
    const ann = await join(server, { id: 'ann' });
    const pulling = await join(server, { id: 'bob', name: 'Bob', callback: 'none', more: { Token } });
    for (const text of numbered(0, 3)) await direct(ann, 'bob', text);
    assert.deepEqual(await read(pulling, 1), { texts: ['0'], remaining: 2 });
    const called = await join(server, { id: 'bob-2', name: 'Bob', more: { Token } });
    await called.hear(({ Text }) => Text === '2');
    assert.deepEqual(await read(pulling), { texts: [], remaining: 0 });
    assert.deepEqual(directTexts(called.heard), ['1', '2']);
  }));

test('push is off only when nothing is in flight any more: what was sent by then does not come again', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' })];
    const calls: IncomingCall[] = [];
    const arrived = new Promise<void>((resolve) => {
      bob.client.onCall((each) => {
        calls.push(each);
        resolve();
      });
    });
    const sent = begin(ann, 'SendDirect', { To: 'bob', Text: 'in flight' });
    await arrived;
    const off = begin(bob, 'Notify', { Enabled: false });
    // The server is not held up by a call that waits for this very client.
    assert.equal(reasonOf(await call(bob, 'ListUsers')), 'ok');
    const [first] = calls;
    assert.ok(first !== undefined);
    bob.client.answer(first, { Success: true });
    assert.equal(reasonOf(await off()), 'ok');
    assert.equal(at(await sent(), 'result', 'Delivered'), true);
    assert.equal((await direct(ann, 'bob', 'later')).Delivered, false);
    assert.deepEqual(await read(bob), { texts: ['later'], remaining: 0 });
    assert.equal(calls.length, 1);
  }));

test('a repetition under the same MessageID is answered as the first was and said once', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob', callback: 'none' })];
    const first = await direct(ann, 'bob', 'once', { MessageID: 'm' });
    const again = await call(ann, 'SendDirect', { To: 'bob', Text: 'once', MessageID: 'm' });
    assert.deepEqual(at(again, 'result'), { Success: true, Delivered: false, Seq: first.Seq, Duplicate: true });
    assert.deepEqual(await read(bob), { texts: ['once'], remaining: 0 });
    const read1 = await call(ann, 'SendDirect', { To: 'bob', Text: 'once', MessageID: 'm' });
    assert.equal(at(read1, 'result', 'Delivered'), true);
    await bob.client.call('ChatServer.Unregister', { ID: 'bob' });
    assert.equal(at(await call(ann, 'SendDirect', { To: 'bob', Text: 'once', MessageID: 'm' }), 'result', 'Seq'), first.Seq);
  }));

test('a client that hangs costs the sender the wait for its answer and no more, and a later call overtakes it', () =>
  withServer({ limits: { callMs: 600, retryDelaysMs: [50], retryCallMs: 100 } }, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' })];
    bob.client.onCall(() => undefined);
    const sent = begin(ann, 'SendDirect', { To: 'bob', Text: 'hello?' });
    assert.equal(reasonOf(await ann.say('meanwhile')), 'ok');
    // It is dropped, so nobody will answer.
    assert.equal(at(await sent(), 'result', 'Delivered'), false);
    assert.equal(reasonOf(await call(ann, 'SendDirect', { To: 'bob', Text: 'gone?' })), 'NotFound');
  }));

test('who takes a registration over goes on where the former left off', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob' })];
    await direct(ann, 'bob', '0');
    bob.client.onCall(() => undefined);
    const sent = direct(ann, 'bob', '1');
    await bob.client.call('ChatServer.ListUsers', { UserID: 'bob' });
    const heir = await join(server, { id: 'bob', more: { Session: bob.session } });
    assert.equal((await sent).Delivered, true);
    assert.equal((await direct(ann, 'bob', '2')).Delivered, true);
    assert.deepEqual(directTexts(heir.heard), ['1', '2']);
  }));

test('a guest that becomes an account keeps what it was sent as a guest', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'guest-7', callback: 'none' })];
    await direct(ann, 'guest-7', 'to the guest');
    const Token = await account(server, 'Bob');
    await direct(ann, 'Bob', 'to the account');
    const params = { ID: 'guest-7', Name: 'guest-7', Callback: 'none', Session: bob.session, Token };
    assert.equal(reasonOf(await bob.client.call('ChatServer.Register', params)), 'ok');
    assert.equal(at(await call(bob, 'DirectSettings'), 'result', 'Waiting'), 2);
    assert.deepEqual((await read(bob)).texts, ['to the guest']);
    assert.deepEqual((await read(bob)).texts, ['to the account']);
  }));

test('bad calls are refused with the field and the rule', () =>
  withServer({}, async (server) => {
    const ann = await join(server, { id: 'ann' });
    const broken = async (method: string, params: object): Promise<unknown> =>
      at(await call(ann, method, params), 'error', 'data', 'Issues', 0, 'Path');
    assert.equal(await broken('SendDirect', { Text: 'x' }), 'To');
    assert.equal(await broken('SendDirect', { To: 'ann', Text: 'to myself' }), 'To');
    assert.equal(await broken('SendDirect', { To: 'bob', Text: '' }), 'Text');
    assert.equal(await broken('Read', { Max: 0 }), 'Max');
    assert.equal(await broken('Read', { Max: 201 }), 'Max');
    assert.equal(await broken('Notify', {}), 'Enabled');
    assert.equal(await broken('Allow', { User: 'ann' }), 'User');
    assert.equal(await broken('SetDirectPolicy', { Policy: 'nobody' }), 'Policy');
    assert.equal(reasonOf(await call(ann, 'SendDirect', { To: 'nobody', Text: 'x' })), 'NotFound');
    assert.equal(reasonOf(await call(ann, 'SendDirect', { To: 'ann', Text: 'x'.repeat(4_097) })), 'TooLarge');
  }));

test('a full inbox tells the sender, and takes more when something was read', () =>
  withServer({ limits: { inboxMessages: 3 } }, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob', callback: 'none' })];
    const answers = await Promise.all(numbered(0, 5).map((Text) => call(ann, 'SendDirect', { To: 'bob', Text })));
    assert.deepEqual(answers.map(reasonOf), ['ok', 'ok', 'ok', 'Busy', 'Busy']);
    assert.match(String(at(answers[4], 'error', 'message')), /inbox of bob is full/);
    assert.deepEqual(await read(bob, 1), { texts: ['0'], remaining: 2 });
    await direct(ann, 'bob', 'more');
    assert.deepEqual(await read(bob), { texts: ['1', '2', 'more'], remaining: 0 });
  }));

test('an answer of Read fits a frame, and what does not fit remains', () =>
  withServer({}, async (server) => {
    const [ann, bob] = [await join(server, { id: 'ann' }), await join(server, { id: 'bob', callback: 'none' })];
    for (let index = 0; index < 30; index += 1) await direct(ann, 'bob', `${index} ${'x'.repeat(4_000)}`);
    const taken: unknown[] = [];
    for (let page = await read(bob); page.texts.length > 0; page = await read(bob)) {
      assert.ok(page.texts.length < 30);
      taken.push(...page.texts);
      assert.equal(page.remaining, 30 - taken.length);
    }
    assert.deepEqual(
      taken.map((text) => String(text).split(' ')[0]),
      numbered(0, 30),
    );
  }));

test('a message of somebody who had the same ID before is not mistaken for an own one', () =>
  withServer({}, async (server) => {
    const Token = await account(server, 'Bob');
    const stranger = await join(server, { id: 'x' });
    await direct(stranger, 'Bob', 'from x');
    await stranger.client.call('ChatServer.Unregister', { ID: 'x' });
    const bob = await join(server, { id: 'x', name: 'Bob', more: { Token } });
    assert.equal((await bob.hear(({ Kind }) => Kind === 'direct')).Text, 'from x');
  }));
