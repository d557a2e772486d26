/**
 * What to make of a page that the disk does not give: the messages before the damage, and in place of the damaged ones a
 * notice, so that nobody passes over them without being told. It knows how to read one segment, not how long to try.
 */
import { encodeSegment, type Segment } from './segment.ts';
import { THE_ROOM } from './speaker.ts';
import type { StoredSegment } from './store/store.ts';

/** What is told in place of messages that cannot be read. */
const UNREADABLE = 'Some messages that you missed cannot be read.';

/** One room, as far as it is needed here. */
export interface Damaged {
  readonly room: string;
  /** Reads the one segment that follows on `seq`; rejects where it cannot be read. */
  readonly next: (seq: number) => Promise<readonly StoredSegment[]>;
  /** `Seq` from which on messages are elsewhere than on the disk. */
  readonly through: () => number;
}

/** The segments after `key` up to the damage, `maxBytes` of them or a little more. Empty when it begins at once. */
export async function readUpToDamage({ next }: Damaged, key: number, maxBytes: number): Promise<readonly StoredSegment[]> {
  const whole: StoredSegment[] = [];
  let reached = key;
  for (let bytes = 0; bytes < maxBytes;) {
    const [segment] = await next(reached).catch(() => []);
    if (segment === undefined) break;
    whole.push(segment);
    bytes += segment.bytes.length;
    reached = segment.seqs.at(-1) ?? reached;
  }
  return whole;
}

/**
 * A notice for whoever comes to the damage that begins right after `key`. Its `Seq` is that of the last message that
 * cannot be read, which is found in some fifty small reads at most: twice as far each time, then halving.
 */
export async function noticeOfDamage(damaged: Damaged, key: number): Promise<Segment> {
  const end = Math.max(damaged.through(), key + 1);
  let bad = key;
  let good = key + 1;
  for (let step = 2; good < end && !(await isReadable(damaged, good)); step *= 2) {
    bad = good;
    good = Math.min(good + step, end);
  }
  while (good - bad > 1) {
    const middle = bad + Math.floor((good - bad) / 2);
    if (await isReadable(damaged, middle)) good = middle;
    else bad = middle;
  }
  return encodeSegment(damaged.room, [{ kind: 'notice', speaker: THE_ROOM, text: UNREADABLE }], [good], new Date().toISOString(), 0);
}

/** Whether the store gives what follows on `seq`. */
function isReadable({ next }: Damaged, seq: number): Promise<boolean> {
  return next(seq).then(
    () => true,
    () => false,
  );
}
