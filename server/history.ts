/**
 * What a room said before its log's memory, page by page from the store: many who resume at once share the reads. A page
 * that cannot be read is tried for a while; then what is readable of it is taken, and a notice stands for the rest. It knows
 * stored segments and numbers, not who reads.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { DEFAULT_LIMITS } from '../commons/limits.ts';
import { noticeOfDamage, readUpToDamage, type Damaged } from './salvage.ts';
import type { Store, StoredSegment } from './store/store.ts';
import { Segment, View } from './segment.ts';

/** Readers that begin within so many numbers of each other begin with the same page. */
const PAGE_SEQS = 1_024;
/** What one read brings at most, bytes; a segment that is larger comes whole. */
const PAGE_BYTES = 262_144;
/** Pages of all rooms kept at most; the one that was read longest ago goes first. */
const PAGES = 128;

/** Pause between two tries to read a page, milliseconds. */
const AGAIN_MS = 500;
/** How long damage is believed in, milliseconds; then the disk is given time again. */
const BELIEVED_MS = 60_000;

/** What follows on a page's key, ascending and without a gap; of what cannot be read, a notice. */
type Page = readonly Segment[];

interface Kept {
  readonly page: Page;
  /** When it is no longer true, as of `performance.now()`. */
  readonly until: number;
}

/** The pages of all rooms that are at hand. */
export class HistoryPages {
  /** How long a page is tried that cannot be read, milliseconds. */
  readonly patienceMs: number;
  readonly #pages = new Map<string, Kept>();

  constructor(patienceMs = DEFAULT_LIMITS.unreadableMs) {
    this.patienceMs = patienceMs;
  }

  /** The page of `room` that begins after `key`. */
  get(room: string, key: number): Page | undefined {
    const kept = this.#pages.get(`${key} ${room}`);
    return kept === undefined || performance.now() > kept.until ? undefined : kept.page;
  }

  /** @param until as of `performance.now()` */
  set(room: string, key: number, page: Page, until = Infinity): void {
    this.#pages.set(`${key} ${room}`, { page, until });
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= PAGES) return;
      this.#pages.delete(oldest);
    }
  }
}

export class History {
  readonly #store: Store;
  readonly #room: string;
  readonly #pages: HistoryPages;
  /** When a page of this room was last given up, as of `performance.now()`: the damage goes on, and is not tried as long again. */
  #gaveUpAt = -Infinity;
  /** By the number that a page begins after. */
  readonly #loading = new Map<number, Promise<void>>();

  constructor(store: Store, room: string, pages: HistoryPages) {
    this.#store = store;
    this.#room = room;
    this.#pages = pages;
  }

  /** `Seq` of the newest message that is not kept any more. */
  get lostThrough(): number {
    return this.#store.rooms.get(this.#room)?.lostThrough ?? 0;
  }

  /** The segment with the first message after `seq`, when it is at hand; else ask for it with `load`. */
  segmentAfter(seq: number): Segment | undefined {
    return this.#find(seq).segment;
  }

  /**
   * Resolves when `segmentAfter(seq)` has an answer; after `patienceMs` that is a notice where messages cannot be read.
   * @param through the `Seq` from which on messages are in memory
   */
  async load(seq: number, through: () => number): Promise<void> {
    for (let { segment, missing } = this.#find(seq); segment === undefined; { segment, missing } = this.#find(seq)) {
      if (!(await this.#read(missing, through))) return;
    }
  }

  /** Follows the pages from the one that `seq` may be in; tells which of them has to be read when one is missing. */
  #find(seq: number): { readonly segment: Segment | undefined; readonly missing: number } {
    let key = Math.max(seq - (seq % PAGE_SEQS), Math.min(seq, this.lostThrough));
    for (;;) {
      const page = this.#pages.get(this.#room, key);
      const last = page?.at(-1);
      if (page === undefined || last === undefined) return { segment: undefined, missing: key };
      if (last.lastSeq > seq) return { segment: page.find((segment) => segment.lastSeq > seq), missing: key };
      key = last.lastSeq;
    }
  }

  /** Reads the page after `key`, once for all who wait for it. Whether there was anything. */
  async #read(key: number, through: () => number): Promise<boolean> {
    const reading = this.#loading.get(key) ?? this.#fetch(key, through);
    this.#loading.set(key, reading);
    await reading.finally(() => this.#loading.delete(key));
    return this.#pages.get(this.#room, key) !== undefined;
  }

  async #fetch(key: number, through: () => number): Promise<void> {
    const began = performance.now();
    for (;;) {
      const stored = await this.#store.after(this.#room, key, PAGE_BYTES).catch(() => undefined);
      if (stored !== undefined) return this.#keep(key, stored.map(restore), Infinity);
      const now = performance.now();
      if (now - began >= this.#pages.patienceMs) this.#gaveUpAt = now;
      if (now - this.#gaveUpAt < BELIEVED_MS) return this.#salvage(key, through);
      await pause(Math.min(AGAIN_MS, this.#pages.patienceMs), undefined, { ref: false });
    }
  }

  /** Goes up to the damage, or past it. */
  async #salvage(key: number, through: () => number): Promise<void> {
    const next = (seq: number): Promise<readonly StoredSegment[]> => this.#store.after(this.#room, seq, 1);
    const damaged: Damaged = { room: this.#room, next, through };
    const before = await readUpToDamage(damaged, key, PAGE_BYTES);
    const page = before.length > 0 ? before.map(restore) : [await noticeOfDamage(damaged, key)];
    this.#keep(key, page, performance.now() + BELIEVED_MS);
  }

  #keep(key: number, page: Page, until: number): void {
    if (page.length > 0) this.#pages.set(this.#room, key, page, until);
  }
}

/** A stored segment as it was when it was said. */
export function restore({ bytes, ends, seqs, senders, ordinal }: StoredSegment): Segment {
  return new Segment(new View(bytes, ends, seqs), senders, ordinal);
}
