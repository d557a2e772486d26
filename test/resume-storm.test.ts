/** Many who resume at once, in the short form; `npm run torture -- resume` is the long one. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { resumeStorm } from './torture/resume-storm.ts';
import { talkThroughStorm } from './torture/talking.ts';

const CLIENTS = 200;

test('200 clients that resume at once from the disk share its reads, and miss nothing of what is said meanwhile', async (context) => {
  const { reads, messages, talkedMs } = await resumeStorm(CLIENTS);
  context.diagnostic(`${reads} reads for ${CLIENTS} clients and ${messages} messages; what was said meanwhile took ${talkedMs} ms`);
  assert.ok(reads >= 2, 'nothing was read from the disk');
  assert.ok(reads < CLIENTS / 4, `${reads} reads are not shared`);
});

test('100 clients that come back over 4,000 messages while four talk at full speed get all of it in order, and the talkers go on', async (context) => {
  const { calm, storm, caughtUpMs } = await talkThroughStorm({ clients: CLIENTS / 2, stored: 4_000, said: 1_000 });
  context.diagnostic(`${calm} messages a second with everybody there, ${storm} while they come back, all there after ${caughtUpMs} ms`);
});
