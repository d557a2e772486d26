/** Rooms that say things without a server: for the parts that stand between the broadcaster and a client. */
import { Room } from '../../server/room.ts';
import { encodeSegment, type Segment } from '../../server/segment.ts';
import { Speaker } from '../../server/speaker.ts';

/** A message: who says what. */
export type Line = readonly [sender: string, text: string];

export const SENT_AT = '2026-01-02T03:04:05.678Z';

/** One segment of `lines`, numbered from `firstSeq` in steps of `step`. */
export function segmentOf(lines: readonly Line[], firstSeq: number, ordinal = 0, step = 1): Segment {
  const drafts = lines.map(([sender, text]) => ({ kind: 'chat' as const, speaker: new Speaker(sender, `Name of ${sender}`), text }));
  const seqs = lines.map((_, index) => firstSeq + index * step);
  return encodeSegment('lobby', drafts, seqs, SENT_AT, ordinal);
}

/** A room that begins after `Seq` 1, has room for `maxBytes`, and says each batch as one segment. */
export function roomOf(batches: readonly (readonly Line[])[], maxBytes = 1_000_000): Room {
  const room = new Room('lobby', maxBytes, 1);
  for (const batch of batches) say(room, batch);
  return room;
}

export function say({ log }: Room, lines: readonly Line[]): void {
  log.append(segmentOf(lines, log.lastSeq + 1, log.count));
}
