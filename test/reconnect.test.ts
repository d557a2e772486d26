/** When the client tries again: the bounds of its pauses, and which refusals are final. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { RpcError } from '../commons/errors.ts';
import { NoAnswer } from '../commons/rpc/caller.ts';
import { CallbackUnusable, ClientClosed, ServerUnreachable } from '../client/errors.ts';
import { Backoff, pause, worthRetrying } from '../client/reconnect.ts';

test('pauses are random below a bound that doubles from 0.5 s to 30 s, and start small again after a success', () => {
  const longest = new Backoff(() => 1);
  const pauses = Array.from({ length: 9 }, () => longest.next());
  assert.deepEqual(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  assert.equal(longest.attempt, 9);
  longest.reset();
  assert.equal(longest.next(), 500);
  assert.equal(new Backoff(() => 0).next(), 0);
});

test('random pauses of many clients are spread over the whole range', () => {
  const firsts = Array.from({ length: 1_000 }, () => new Backoff().next());
  for (let tenth = 0; tenth < 10; tenth++) {
    const inside = firsts.filter((ms) => ms >= tenth * 50 && ms <= (tenth + 1) * 50).length;
    assert.ok(inside > 40, `${inside} of 1,000 between ${tenth * 50} and ${(tenth + 1) * 50} ms`);
  }
});

test('a pause that the server asks for is kept, but none is longer than 30 s', () => {
  assert.equal(new Backoff(() => 0).next(1_234), 1_234);
  assert.equal(new Backoff(() => 1).next(100), 500);
  assert.equal(new Backoff(() => 0).next(3_600_000), 30_000);
});

test('losses, ghosts and servers that are busy are worth another try; what the server will never allow, and a void token, are not', () => {
  const worth = [new NoAnswer('x'), new ServerUnreachable('x'), new CallbackUnusable('x')];
  const reasons = ['AlreadyRegistered', 'Busy', 'RateLimited', 'ShuttingDown', 'CallbackFailed', 'InternalError'] as const;
  for (const error of [...worth, ...reasons.map((reason) => new RpcError(reason))]) assert.equal(worthRetrying(error), true, error.message);
  const final = (['Forbidden', 'InvalidParams', 'MethodNotFound', 'Unauthorized'] as const).map((reason) => new RpcError(reason));
  for (const error of [...final, new ClientClosed('x'), new TypeError('x')]) assert.equal(worthRetrying(error), false, error.message);
});

test('a pause ends at once when the client leaves', async () => {
  const stop = new AbortController();
  const waiting = assert.rejects(pause(60_000, stop.signal), ClientClosed);
  stop.abort();
  await waiting;
  await assert.rejects(pause(1, stop.signal), ClientClosed);
});
