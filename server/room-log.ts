/**
 * What a room said, oldest first: the newest segments in memory, bounded in bytes. Readers hold positions, never copies;
 * it does not know who reads.
 */
import type { History } from './history.ts';
import { indexAfter, type Segment } from './segment.ts';

/** What a segment costs beyond its bytes, with the answers to it in one shape: objects of V8, measured with Node 20, bytes. */
const OVERHEAD_PER_SEGMENT = 1_000;
/** And for each message its numbers, its sender and the answer to it, bytes. */
const OVERHEAD_PER_MESSAGE = 100;

/** What a room said before its log began. */
export interface Older {
  readonly history: History;
  /** How many messages that is. */
  readonly count: number;
}

/** Watches over what several logs hold together. */
export interface MemoryBudget {
  /** `log` was just written to. It may be made to forget its oldest segments, and so may others. */
  used(log: RoomLog): void;
}

/** A segment number for places before those in memory. */
export const BEFORE_MEMORY = -1;

export class RoomLog {
  readonly maxBytes: number;
  /** Where messages are that have left the memory; `undefined` when nowhere. */
  readonly history: History | undefined;
  /** Whether who speaks in it is spared its own words. */
  readonly sparesSpeakers: boolean;
  readonly #budget: MemoryBudget | undefined;
  #segments: (Segment | undefined)[] = [];
  /** Number of the segment at index 0. */
  #base = 0;
  #tail = 0;
  #bytes = 0;
  #count = 0;
  #lastSeq: number;
  #lostThrough: number;

  /**
   * @param maxBytes what it keeps at most, the newest segment aside
   * @param lastSeq the number that the messages in memory begin after
   * @param older what came before them
   * @param budget told of every segment
   * @param sparesSpeakers false for an inbox: all in it is for its reader
   */
  constructor(maxBytes: number, lastSeq: number, older?: Older, budget?: MemoryBudget, sparesSpeakers = true) {
    this.maxBytes = maxBytes;
    this.#lastSeq = lastSeq;
    this.#lostThrough = lastSeq;
    this.#count = older?.count ?? 0;
    this.history = older?.history;
    this.#budget = budget;
    this.sparesSpeakers = sparesSpeakers;
  }

  /** One more than the number of the newest segment. */
  get head(): number {
    return this.#base + this.#segments.length;
  }

  /** Number of the oldest segment that is still here. */
  get tail(): number {
    return this.#tail;
  }

  /** Messages that the room ever had. */
  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** `Seq` of the newest message that is not here any more. */
  get lostThrough(): number {
    return this.#lostThrough;
  }

  /** The segment number `index`; `undefined` when it is trimmed or not yet written. */
  segment(index: number): Segment | undefined {
    return this.#segments[index - this.#base];
  }

  append(segment: Segment): void {
    this.#segments.push(segment);
    this.#bytes += cost(segment);
    this.#count += segment.senders.length;
    this.#lastSeq = segment.lastSeq;
    while (this.#bytes > this.maxBytes && this.#tail < this.head - 1) this.forgetOldest();
    this.#budget?.used(this);
  }

  /** Number of the segment that holds the first message after `seq`, or `head`. `undefined` when messages after it are lost. */
  locate(seq: number): number | undefined {
    if (seq < this.#lostThrough) return undefined;
    let low = this.#tail;
    let high = this.head;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.segment(middle)?.lastSeq ?? 0) <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Messages after `seq`, which is in segment number `index` or between it and the one before. */
  waiting(index: number, seq: number): number {
    if (index >= this.head) return 0;
    const at = this.segment(index) ?? this.segment(this.#tail);
    if (at === undefined) return 0;
    return this.#count - at.ordinal - indexAfter(at.named.seqs, seq);
  }

  /** Forgets the oldest segment, the last one too. */
  forgetOldest(): void {
    if (this.#tail === this.head) return;
    const at = this.#tail - this.#base;
    const oldest = this.#segments[at];
    this.#segments[at] = undefined;
    this.#tail += 1;
    if (oldest !== undefined) {
      this.#bytes -= cost(oldest);
      this.#lostThrough = oldest.lastSeq;
    }
    if (at < 1_024 || at < this.#segments.length / 2) return;
    this.#segments = this.#segments.slice(at + 1);
    this.#base = this.#tail;
  }
}

function cost(segment: Segment): number {
  return segment.named.bytes.length + OVERHEAD_PER_SEGMENT + segment.senders.length * OVERHEAD_PER_MESSAGE;
}
