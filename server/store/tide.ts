/**
 * The high-water mark: a small file beside the database that remembers the highest number that was committed, so that a
 * database which lost its end behind our back is noticed. It knows numbers only.
 *
 * It is overwritten in place, in turn in two places, because that needs no space on a full disk and leaves the other
 * place whole if it is torn. It may lag behind by `PATIENCE_MS`, never be ahead.
 */
import { crc32 } from 'node:zlib';
import { open, type FileHandle } from 'node:fs/promises';
import { Mutex } from 'async-mutex';
import { OWN_FILE } from './folder.ts';
import { Damage } from './record.ts';

/** One sector: a disk writes it whole or not at all. */
const PLACE_BYTES = 512;
/** How long a commit may wait for its mark, milliseconds. */
const PATIENCE_MS = 250;
const MARK = /^tide 1 (\d+) (\d+) (open|sealed) (\S+) ([0-9a-f]{8})\n/;

export interface Mark {
  readonly lastSeq: number;
  /** Whether nothing above `lastSeq` was ever answered with success, so that what is found there has to go. */
  readonly sealed: boolean;
  readonly epoch: string;
}

export class Tide {
  readonly #file: FileHandle;
  readonly #report: (failure: unknown) => void;
  /** Keeps the order of the marks; spans the write of one. */
  readonly #writing = new Mutex();
  #mark: Mark;
  #generation: number;
  #timer: NodeJS.Timeout | undefined;

  private constructor(file: FileHandle, mark: Mark, generation: number, report: (failure: unknown) => void) {
    this.#file = file;
    this.#mark = mark;
    this.#generation = generation;
    this.#report = report;
  }

  /** The last mark in the file; `undefined` when there is no file. @throws Damage when neither place can be read */
  static async read(path: string): Promise<(Mark & { readonly generation: number }) | undefined> {
    const file = await open(path, 'r').catch((failure: unknown) => {
      if (failure instanceof Error && 'code' in failure && failure.code === 'ENOENT') return undefined;
      throw failure;
    });
    if (file === undefined) return undefined;
    try {
      const bytes = Buffer.alloc(2 * PLACE_BYTES);
      await file.read(bytes, 0, bytes.length, 0);
      const marks = [0, 1].flatMap((place) => parseMark(bytes.toString('latin1', place * PLACE_BYTES, (place + 1) * PLACE_BYTES)) ?? []);
      const [newest] = marks.sort((a, b) => b.generation - a.generation);
      if (newest === undefined) throw new Damage('the file "tide" cannot be read');
      return newest;
    } finally {
      await file.close();
    }
  }

  /** Writes `mark` to the disk and keeps the file open. @param report gets the failures of marks that nobody waits for */
  static async write(path: string, mark: Mark, generation: number, report: (failure: unknown) => void): Promise<Tide> {
    const file = await open(path, generation === 0 ? 'w+' : 'r+', OWN_FILE);
    const tide = new Tide(file, mark, generation, report);
    try {
      if (generation === 0) await file.write(Buffer.alloc(2 * PLACE_BYTES, '\n'), 0, 2 * PLACE_BYTES, 0);
      await tide.#put(mark, true);
      return tide;
    } catch (failure) {
      await file.close();
      throw failure;
    }
  }

  /** Remembers soon that everything up to `lastSeq` is committed. */
  rise(lastSeq: number): void {
    this.#mark = { ...this.#mark, lastSeq };
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#put(this.#mark, false).catch(this.#report);
    }, PATIENCE_MS).unref();
  }

  /** On disk when it resolves: nothing above the last number was committed (`true`), or the store takes appends again. */
  async seal(sealed: boolean): Promise<void> {
    await this.#put({ ...this.#mark, sealed }, true);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      await this.#put(this.#mark, true);
    } finally {
      await this.#file.close();
    }
  }

  #put(mark: Mark, sync: boolean): Promise<void> {
    this.#mark = mark;
    return this.#writing.runExclusive(async () => {
      this.#generation += 1;
      const said = `tide 1 ${this.#generation} ${mark.lastSeq} ${mark.sealed ? 'sealed' : 'open'} ${mark.epoch} `;
      const line = Buffer.alloc(PLACE_BYTES, '\n');
      line.write(`${said}${crc32(said).toString(16).padStart(8, '0')}\n`);
      await this.#file.write(line, 0, PLACE_BYTES, (this.#generation % 2) * PLACE_BYTES);
      if (sync) await this.#file.datasync();
    });
  }
}

function parseMark(line: string): (Mark & { readonly generation: number }) | undefined {
  const [whole = '', generation, lastSeq, state, epoch = '', sum] = MARK.exec(line) ?? [];
  if (sum === undefined || crc32(whole.slice(0, -9)) !== Number.parseInt(sum, 16)) return undefined;
  return { generation: Number(generation), lastSeq: Number(lastSeq), sealed: state === 'sealed', epoch };
}
