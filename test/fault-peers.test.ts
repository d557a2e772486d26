/** Among every kind of faulty callback server the healthy miss nothing, and what is legal, however odd, stays a member. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { ANSWER_SHAPES, PEERS, type AnswerShape } from './support/fault-peers.ts';
import type { Peer } from './support/peer.ts';
import { startServer } from './support/server-process.ts';
import { Caller, Refusal, register } from './support/traffic.ts';

/** A call that hangs counts 5 s, and at most 10 s later the client is gone; the rest is the machine's. */
const GONE_MS = 17_000;
const TEXTS = Array.from({ length: 40 }, (_, i) => `text ${i}`);

const FAULTY: Readonly<Record<string, () => Promise<Peer>>> = {
  hung: PEERS.hung,
  'half-open': PEERS.halfOpen,
  trickling: () => PEERS.trickling(),
  resetting: () => PEERS.resetting(),
  'resetting-midway': () => PEERS.resetting(9),
  'closing-after-accept': PEERS.closesAfterAccept,
  'wrong-id': PEERS.wrongId,
  'no-json': () => PEERS.garbage(),
  'no-answer': () => PEERS.garbage('42'),
  'no-utf8': () => PEERS.garbage(Buffer.of(0xff, 0xfe, 0x00, 0xc3)),
  endless: PEERS.endless,
  erring: PEERS.erring,
};

const LEGAL: Readonly<Record<string, () => Promise<Peer>>> = {
  ...Object.fromEntries(
    Object.keys(ANSWER_SHAPES)
      .filter(isShape)
      .map((shape) => [`shape-${shape}`, () => PEERS.healthy(shape)]),
  ),
  bytewise: PEERS.bytewise,
  slow: () => PEERS.slow(20),
  'one-connection-per-call': PEERS.closesAfterEachAnswer,
  refusing: PEERS.refusing,
};

function isShape(name: string): name is AnswerShape {
  return name in ANSWER_SHAPES;
}

async function room(t: TestContext) {
  const server = await startServer(['--rate', '0', '--log-level', 'warn']);
  t.after(() => server.stop());
  const caller = await Caller.dial(server.host, server.port);
  t.after(() => caller.close());
  const start = async (id: string, begin: () => Promise<Peer>): Promise<Peer> => {
    const peer = await begin();
    t.after(() => peer.close());
    await register(caller, id, peer.callback).catch((error: unknown) => {
      if (!(error instanceof Refusal && id === 'closing-after-accept')) throw error; // who closes at once may be refused
    });
    return peer;
  };
  return {
    start,
    log: () => server.stdout(),
    say: (text: string) => caller.call('ChatServer.SendMessage', { UserID: 'witness', Text: text }),
  };
}

test('faulty callback servers are dropped with a reason and a leave line; the healthy and the odd miss nothing', async (t) => {
  const { start, say, log } = await room(t);
  const witness = await start('witness', () => PEERS.healthy());
  const legal = new Map<string, Peer>();
  for (const [id, begin] of Object.entries(LEGAL)) legal.set(id, await start(id, begin));
  for (const [id, begin] of Object.entries(FAULTY)) await start(id, begin);
  for (const text of TEXTS) await say(text);
  for (const [id, peer] of legal) {
    await peer.heard(({ texts }) => texts.length >= TEXTS.length, `${id} to hear all`, GONE_MS);
    assert.deepEqual(peer.texts, TEXTS, id);
  }
  const left = (id: string) => witness.messages.some(({ Kind, Content }) => Kind === 'leave' && Content === `User ${id} left the chat`);
  const bad = Object.keys(FAULTY).filter((id) => id !== 'closing-after-accept');
  await witness
    .heard(() => bad.every(left), 'leave lines of the faulty', GONE_MS)
    .catch((error: unknown) => {
      assert.fail(`${String(error)}: still there ${bad.filter((id) => !left(id)).join(', ')}`);
    });
  for (const id of bad) assert.match(log(), new RegExp(`Dropped ${id}: [^"]+`));
  await say('still together?');
  for (const [id, peer] of legal) await peer.heard(({ texts }) => texts.includes('still together?'), `${id} to hear the last`);
  assert.deepEqual(Object.keys(LEGAL).filter(left), []);
});

test('a client that vanishes and comes back on its port before the last try misses nothing', async (t) => {
  const { start, say } = await room(t);
  await start('witness', () => PEERS.healthy());
  const peer = await start('flapping', () => PEERS.healthy());
  await say('before');
  await peer.heard(({ texts }) => texts.includes('before'), 'before');
  await peer.vanish();
  for (const text of TEXTS) await say(text);
  await peer.comeBack();
  await say('after');
  await peer.heard(({ texts }) => texts.includes('after'), 'after');
  assert.deepEqual(peer.texts, ['before', ...TEXTS, 'after']);
});
