/** Messages as they stand in answers: JSON, oldest first, as many as fit a frame. */
import { restore } from '../history.ts';
import type { StoredSegment } from '../store/store.ts';

/** JSON of the messages in one answer at most, bytes, so that it fits a frame; a single message always comes. */
export const ANSWER_BYTES = 49_152;

/** A message's number, and the JSON that a client gets. */
export interface Body {
  readonly seq: number;
  readonly json: string;
}

/** The messages of `segments` whose number is `wanted`, ascending. */
export function bodiesOf(segments: readonly StoredSegment[], wanted: (seq: number) => boolean): Body[] {
  return segments
    .map(restore)
    .flatMap((segment) => segment.named.seqs.flatMap((seq, index) => (wanted(seq) ? [{ seq, json: segment.body(index).toString() }] : [])));
}

/** As many of the first as one answer holds. */
export function fitting(bodies: readonly Body[]): readonly Body[] {
  let bytes = 0;
  const tooMuch = bodies.findIndex(({ json }, index) => (bytes += Buffer.byteLength(json)) > ANSWER_BYTES && index > 0);
  return tooMuch < 0 ? bodies : bodies.slice(0, tooMuch);
}
