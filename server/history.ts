/**
 * What a room said before its log's memory, page by page from the store: many who resume at once share the reads. It
 * knows stored segments and numbers, not who reads.
 */
import type { Store, StoredSegment } from './store/store.ts';
import { Segment, View } from './segment.ts';

/** Readers that begin within so many numbers of each other begin with the same page. */
const PAGE_SEQS = 1_024;
/** What one read brings at most, bytes; a segment that is larger comes whole. */
const PAGE_BYTES = 262_144;
/** Pages of all rooms kept at most; the one that was read longest ago goes first. */
const PAGES = 128;

/** One page: what follows on its key, ascending and without a gap. */
type Page = readonly Segment[];

/** The pages of all rooms that are at hand. */
export class HistoryPages {
  readonly #pages = new Map<string, Page>();

  /** The page of `room` that begins after `key`. */
  get(room: string, key: number): Page | undefined {
    return this.#pages.get(`${key} ${room}`);
  }

  set(room: string, key: number, page: Page): void {
    this.#pages.set(`${key} ${room}`, page);
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

  /** Resolves when `segmentAfter(seq)` has an answer. @throws RpcError `StorageFailed` */
  async load(seq: number): Promise<void> {
    for (let { segment, missing } = this.#find(seq); segment === undefined; { segment, missing } = this.#find(seq)) {
      if (!(await this.#read(missing))) return;
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
  async #read(key: number): Promise<boolean> {
    const reading = this.#loading.get(key) ?? this.#fetch(key);
    this.#loading.set(key, reading);
    try {
      await reading;
    } finally {
      this.#loading.delete(key);
    }
    return this.#pages.get(this.#room, key) !== undefined;
  }

  async #fetch(key: number): Promise<void> {
    const stored = await this.#store.after(this.#room, key, PAGE_BYTES);
    if (stored.length === 0) return;
    this.#pages.set(this.#room, key, stored.map(restore));
  }
}

/** A stored segment as it was when it was said. */
export function restore({ bytes, ends, seqs, senders, ordinal }: StoredSegment): Segment {
  return new Segment(new View(bytes, ends, seqs), senders, ordinal);
}
