/** Many who resume at once, in the short form; `npm run torture -- resume` is the long one. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { resumeStorm } from './torture/resume-storm.ts';

const CLIENTS = 200;

test('200 clients that resume at once from the disk share its reads, and miss nothing of what is said meanwhile', async (context) => {
  const { reads, messages, talkedMs } = await resumeStorm(CLIENTS);
  context.diagnostic(`${reads} reads for ${CLIENTS} clients and ${messages} messages; what was said meanwhile took ${talkedMs} ms`);
  assert.ok(reads >= 2, 'nothing was read from the disk');
  assert.ok(reads < CLIENTS / 4, `${reads} reads are not shared`);
});
