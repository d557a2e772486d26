/** What a message to a large room may cost everybody else: others have their turn in between, and whoever leaves meanwhile disturbs nobody. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { MEMBERS_A_TURN } from '../server/hand-out.ts';
import { caughtUp, openHall, register, say, type Hall } from './support/hall.ts';
import type { Peer } from './support/peer.ts';

/** Turns that it takes to set all deliveries going. */
const TURNS = 3;

async function withCrowd(use: (hall: Hall, crowd: readonly Awaited<ReturnType<typeof register>>[]) => Promise<void>): Promise<void> {
  const hall = await openHall(null, { presenceLinesUpTo: 0 });
  try {
    const crowd: Awaited<ReturnType<typeof register>>[] = [];
    while (crowd.length < TURNS * MEMBERS_A_TURN) crowd.push(await register(hall, `member${crowd.length}`));
    // Nothing is left to say that would bring a second round.
    hall.presence.flush();
    await hall.broadcaster.drained();
    for (const { member } of crowd) assert.ok(await caughtUp(member, hall.rooms.lobby));
    await use(hall, crowd);
  } finally {
    await hall.crash();
  }
}

/** What people said to it, as often as it came. */
function said({ messages }: Peer): readonly string[] {
  return messages.filter(({ Kind }) => Kind === 'chat').map(({ Text }) => Text);
}

test('a message to a large room is handed out in several turns of the event loop', () =>
  withCrowd(async (hall, crowd) => {
    const { lobby } = hall.rooms;
    let turn = 0;
    const turns = new Set<number>();
    for (const { peer } of crowd) peer.on('call', () => turns.add(turn));
    const next = (): void => {
      turn += 1;
      counting = setImmediate(next);
    };
    let counting = setImmediate(next);
    try {
      await say(hall, crowd[0]?.member ?? assert.fail(), lobby, 'to all of you');
      for (const { member } of crowd) assert.ok(await caughtUp(member, lobby));
    } finally {
      clearImmediate(counting);
    }
    assert.ok(turns.size >= TURNS, `they got it in ${turns.size} turns`);
  }));

test('whoever stays gets a message, and once, when others leave while it is handed out', () =>
  withCrowd(async (hall, crowd) => {
    const { lobby } = hall.rooms;
    const [speaker, last] = [crowd[0]?.member ?? assert.fail(), crowd.at(-1) ?? assert.fail()];
    const leaving = crowd.filter((_, index) => index % 5 === 1);
    const staying = crowd.filter((_, index) => index % 5 !== 1 && index > 0);
    // The last member is the first one that the message goes out to; nothing is said of who leaves.
    last.peer.once('call', () => {
      for (const { member } of leaving) lobby.leave(member);
    });
    await say(hall, speaker, lobby, 'to all of you');
    await Promise.all(staying.map(({ peer, member }) => peer.heard(() => said(peer).length > 0, `${member.id} never got it`)));
    for (const { member } of staying) assert.ok(await caughtUp(member, lobby));
    for (const { peer, member } of staying) assert.deepEqual(said(peer), ['to all of you'], member.id);
    const got = leaving.filter(({ peer }) => said(peer).length > 0).length;
    assert.ok(got > 0 && got < leaving.length, `${got} of ${leaving.length} who left had got it: they left too early or too late`);
  }));
