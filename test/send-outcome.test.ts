/**
 * A line whose answer died with the server: said once where the next server remembers what was said, and never said a
 * second time where it does not. The library against real processes that are killed.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { ChatClient, OutcomeUnknown, type Sent } from '../client/chat-client.ts';
import { CuttableRelay } from './support/cuttable-relay.ts';
import { everythingSaid, kill, withFolder, type Running } from './support/data-folder.ts';
import { LineClient } from './support/line-client.ts';
import { join } from './support/room.ts';
import { startServer } from './support/server-process.ts';

interface Crashed {
  /** What became of the line that the first server said and did not confirm, and of the one that waited behind it. */
  readonly outcomes: readonly PromiseSettledResult<Sent>[];
  /** All that was said to the second server, as somebody else reads it there. */
  readonly said: readonly unknown[];
}

/** Kills the server after it has said a line and before the client learns of it; then the client finds the next one. */
async function crash(start: () => Promise<Running>): Promise<Crashed> {
  const first = await start();
  const relay = await CuttableRelay.start(first);
  const { host, port } = relay;
  const client = await ChatClient.connect({ host, port, name: 'Ann', id: 'ann', callback: 'inline' });
  try {
    const bob = await join(first, { id: 'bob' });
    relay.passes = (text) => !text.includes('unanswered');
    const outcomes = Promise.allSettled([client.send('unanswered'), client.send('waited')]);
    await bob.hear(({ Text }) => Text === 'unanswered');
    relay.cut();
    await kill(first);
    const second = await start();
    relay.passes = () => true;
    relay.server = second;
    relay.mend();
    return { outcomes: await outcomes, said: await everythingSaid(await join(second, { id: 'cy' })) };
  } finally {
    await client.disconnect(200);
    relay.close();
  }
}

const valueOf = (outcome: PromiseSettledResult<Sent> | undefined) => (outcome?.status === 'fulfilled' ? outcome.value : undefined);

test('over a kill -9 a line without an answer is repeated, recognised and said once', () =>
  withFolder(async ({ start }) => {
    const { outcomes, said } = await crash(start);
    assert.equal(valueOf(outcomes[0])?.Duplicate, true);
    assert.equal(valueOf(outcomes[1])?.Success, true);
    assert.deepEqual(said, ['unanswered', 'waited']);
  }));

test('a server that has forgotten everything is not given the line again: its outcome is unknown, the next line is said', async (t) => {
  const start = async (): Promise<Running> => {
    const server = await startServer(['--rate', '0', '--log-level', 'error']);
    t.after(() => server.stop());
    return { ...server, connect: () => LineClient.connect(server.host, server.port) };
  };
  const { outcomes, said } = await crash(start);
  assert.ok(outcomes[0]?.status === 'rejected' && outcomes[0].reason instanceof OutcomeUnknown, JSON.stringify(outcomes[0]));
  assert.equal(valueOf(outcomes[1])?.Success, true);
  assert.deepEqual(said, ['waited']);
});
