/**
 * The broadcast queue: bounded in messages and bytes; who finds it full waits in turn and is told `Busy` when that takes
 * too long; what the room itself has to say is never lost. And a congested room makes its senders wait, then recovers.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { DEFAULT_LIMITS } from '../commons/limits.ts';
import { AnswerShapes } from '../server/answer-shape.ts';
import { Delivery } from '../server/delivery/delivery.ts';
import { Gathering } from '../server/delivery/gathering.ts';
import type { Route } from '../server/delivery/route.ts';
import { Member } from '../server/member.ts';
import { BroadcastQueue, type Broadcast } from '../server/queue.ts';
import { RateLimit } from '../server/rate-limit.ts';
import type { Room } from '../server/room.ts';
import { Speaker, THE_ROOM } from '../server/speaker.ts';
import { roomOf } from './support/segments.ts';
import { at, type LineClient } from './support/line-client.ts';
import { join, listenOn, withServer, type RunningServer } from './support/room.ts';

const room = roomOf([]);
const speaker = new Speaker('a', 'A');
const LIMITS = { queueMessages: 3, queueBytes: 10_000, queueOfferMs: 100 };

/** A message that records what became of it. */
function message(text: string, outcomes: string[] = []): Broadcast {
  return { room, kind: 'chat', speaker, text, refused: ({ reason, data }) => outcomes.push(`${text} ${reason} ${data.RetryAfterMs}`) };
}
/** A member that was sent nothing of what `crowd` said. */
function laggard(crowd: Room): Member {
  const member = new Member({ id: 'slow', name: 'Slow', from: '127.0.0.1:1', rate: new RateLimit(0) });
  const unreachable: Route = { redials: true, open: () => Promise.reject(new Error('nobody is there')), abandon: () => undefined };
  const events = { evicted: () => undefined, declined: () => undefined };
  const means = { shapes: new AnswerShapes(), gathering: new Gathering(), limits: DEFAULT_LIMITS, events };
  member.delivery = new Delivery(means, { id: 'slow', form: 'named', route: unreachable });
  member.delivery.follow(crowd.log, 0, 1);
  return member;
}

/** What the broadcaster does: takes all, then lets in who waits. */
function takeAll(queue: BroadcastQueue): string[] {
  const taken = queue.takeAll();
  queue.letIn();
  return taken.map(({ text }) => text);
}

test('what finds room goes in at once, in order, and the broadcaster is told', () => {
  const told: boolean[] = [];
  const queue = new BroadcastQueue(LIMITS, (urgent) => told.push(urgent));
  for (const text of ['1', '2', '3']) assert.equal(queue.offer(message(text)), undefined);
  assert.deepEqual([takeAll(queue), told, queue.size], [['1', '2', '3'], [true, true, true], 0]);
});

test('a full queue lets senders wait in their order, and in when there is room', async () => {
  const queue = new BroadcastQueue(LIMITS, () => undefined);
  const outcomes: string[] = [];
  const offers = ['1', '2', '3', '4', '5', '6', '7'].map(async (text) => queue.offer(message(text, outcomes)));
  assert.equal(queue.size, 7);
  assert.deepEqual(takeAll(queue), ['1', '2', '3']);
  await Promise.all(offers.slice(3, 6));
  assert.deepEqual(takeAll(queue), ['4', '5', '6']);
  await offers[6];
  assert.deepEqual([takeAll(queue), outcomes], [['7'], []]);
});

test('who comes while others wait does not overtake them', () => {
  const queue = new BroadcastQueue({ ...LIMITS, queueBytes: 3_000 }, () => undefined);
  void queue.offer(message('x'.repeat(900)));
  void queue.offer(message('y'.repeat(900)));
  void queue.offer(message('small'));
  assert.deepEqual(
    takeAll(queue).map((text) => text[0]),
    ['x'],
  );
  assert.deepEqual(
    takeAll(queue).map((text) => text[0]),
    ['y', 's'],
  );
});

test('it is bounded in bytes too, and one message always has room', () => {
  const queue = new BroadcastQueue({ ...LIMITS, queueBytes: 100 }, () => undefined);
  assert.equal(queue.offer(message('longer than all of the bound, and alone')), undefined);
  assert.ok(queue.offer(message('2')) instanceof Promise);
  queue.close();
});

test('a wait that is over is answered with Busy and when to try again, and nothing of it is said', async () => {
  const queue = new BroadcastQueue(LIMITS, () => undefined);
  const outcomes: string[] = [];
  for (const text of ['1', '2', '3']) void queue.offer(message(text, outcomes));
  const began = performance.now();
  await Promise.all([queue.offer(message('4', outcomes)), queue.offer(message('5', outcomes))]);
  assert.ok(performance.now() - began >= LIMITS.queueOfferMs - 2);
  assert.deepEqual(outcomes, ['4 Busy 1000', '5 Busy 1000']);
  assert.deepEqual([takeAll(queue), takeAll(queue)], [['1', '2', '3'], []]);
});

test('notices are never refused, however full it is, and take no room from messages', async () => {
  const told: boolean[] = [];
  const queue = new BroadcastQueue(LIMITS, (urgent) => told.push(urgent));
  for (let index = 0; index < 10; index += 1) queue.offerNotice({ room, kind: 'leave', speaker: THE_ROOM, text: `left ${index}` });
  for (const text of ['1', '2', '3']) assert.equal(queue.offer(message(text)), undefined);
  queue.offerNotice({ room, kind: 'leave', speaker: THE_ROOM, text: 'left last' });
  assert.equal(queue.crowded, true);
  const taken = takeAll(queue);
  assert.deepEqual([taken.length, taken[0], taken.at(-1)], [14, 'left 0', 'left last']);
  assert.deepEqual([queue.crowded, told.slice(0, 10).includes(true)], [false, false]);
});

test('a congested room keeps its own senders waiting and nobody else’s', async () => {
  const queue = new BroadcastQueue({ ...LIMITS, queueOfferMs: 60_000 }, () => undefined);
  const crowd = roomOf([[['a', 'x']]], 1);
  crowd.enter(laggard(crowd));
  assert.equal(crowd.lookForCongestion(), true);
  const stuck = queue.offer({ ...message('stuck'), room: crowd });
  assert.ok(stuck instanceof Promise);
  assert.equal(queue.offer(message('free')), undefined);
  assert.deepEqual(takeAll(queue), ['free']);
  crowd.leave([...crowd.members][0] ?? assert.fail());
  assert.equal(crowd.lookForCongestion(), false);
  queue.letIn();
  await stuck;
  assert.deepEqual(takeAll(queue), ['stuck']);
});

test('a queue that closes refuses all who wait, and keeps no timer', async () => {
  const queue = new BroadcastQueue({ ...LIMITS, queueOfferMs: 60_000 }, () => undefined);
  const outcomes: string[] = [];
  const offers = ['1', '2', '3', '4'].map(async (text) => queue.offer(message(text, outcomes)));
  queue.close();
  await Promise.all(offers);
  void queue.offer(message('5', outcomes));
  assert.deepEqual(
    outcomes.map((outcome) => outcome.split(' ')[1]),
    Array(5).fill('ShuttingDown'),
  );
  assert.equal(queue.size, 0);
});

/** Someone who reads callbacks and answers them only when told to. */
async function joinReluctant(server: RunningServer, id: string): Promise<{ client: LineClient; answerAll: () => void }> {
  const client = await server.connect();
  const answer = await client.call('ChatServer.Register', { ID: id, Name: id, Callback: 'inline' });
  assert.equal(at(answer, 'result', 'Success'), true);
  return { client, answerAll: () => listenOn(client) };
}

test('when most members are stuck the senders wait, then are told Busy, and go on as soon as the members do; nothing is lost', () => {
  const limits = { roomBytes: 40_000, windowCalls: 4, queueMessages: 5, queueOfferMs: 150, callMs: 20_000 };
  return withServer({ limits }, async (server) => {
    const stuck = await Promise.all(['s1', 's2', 's3'].map((id) => joinReluctant(server, id)));
    const sender = await join(server, { id: 'sender' });
    const accepted: string[] = [];
    let busy: unknown;
    for (let index = 0; busy === undefined && index < 500; index += 1) {
      const answer = await sender.say(`${index} ${'x'.repeat(500)}`);
      if (at(answer, 'error', 'data', 'Reason') === 'Busy') busy = answer;
      else accepted.push(`${index}`);
    }
    assert.ok(Number(at(busy, 'error', 'data', 'RetryAfterMs')) > 0, JSON.stringify(busy));
    const ears = stuck.map(({ client }) => listenOn(client));
    for (;;) {
      const answer = await sender.say('after');
      if (at(answer, 'result', 'Success') === true) break;
      assert.equal(at(answer, 'error', 'data', 'Reason'), 'Busy');
    }
    for (const { heard, hear } of ears) {
      await hear(({ Text }) => Text === 'after');
      const texts = heard.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text.split(' ')[0]);
      assert.deepEqual(texts, [...accepted, 'after']);
    }
    assert.deepEqual(server.warnings, []);
  });
});
