/**
 * What stands beside LevelDB's own files in the data folder: who holds it, the files as they were found before LevelDB
 * touched them, and a try whether the disk takes data. It knows files, not messages.
 */
import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

const CHUNK = Buffer.alloc(65_536, 1);
/** LevelDB's files: it writes each of them once and never changes it when it opens a database. */
const LEVEL_FILE = /^(?:\d+\.(?:ldb|sst|log)|MANIFEST-\d+|CURRENT)$/;
const TABLE = /^\d+\.(?:ldb|sst)$/;
/** Password hashes and direct messages are nobody else's. What exists keeps its mode: that is the operator's choice. */
const OWN_FOLDER = 0o700;
/** Of files beside LevelDB's, which lie in a folder of the operator's where there was one. */
export const OWN_FILE = 0o600;

export class Folder {
  readonly path: string;
  /** Where LevelDB keeps its files. */
  readonly level: string;
  readonly tide: string;
  /** Where the files are kept as they were before LevelDB opened them, until it is known that nothing is missing. */
  readonly found: string;
  readonly #holder: string;

  constructor(path: string) {
    this.path = path;
    this.level = join(path, 'messages');
    this.tide = join(path, 'tide');
    this.found = join(path, 'found');
    this.#holder = join(path, 'holder');
  }

  /** The names of LevelDB's files; the folders are made when they are missing. */
  async levelFiles(): Promise<readonly string[]> {
    await mkdir(this.level, { recursive: true, mode: OWN_FOLDER });
    return (await readdir(this.level)).filter((name) => LEVEL_FILE.test(name));
  }

  /** The first of LevelDB's tables that is not as long as it should be; `undefined` when all are, or are missing. @param sizes by number, bytes */
  async wrongTable(sizes: ReadonlyMap<number, number>): Promise<string | undefined> {
    for (const name of await this.levelFiles()) {
      const size = TABLE.test(name) ? sizes.get(Number.parseInt(name, 10)) : undefined;
      if (size === undefined) continue;
      const found = (await stat(join(this.level, name))).size;
      if (found !== size) return `${name} has ${found} bytes instead of ${size}`;
    }
    return undefined;
  }

  /** Names this process as the one that holds the folder. */
  async hold(): Promise<void> {
    await writeFile(this.#holder, `process ${process.pid} on ${hostname()} since ${new Date().toISOString()}\n`, { mode: OWN_FILE });
  }

  async letGo(): Promise<void> {
    await rm(this.#holder, { force: true });
  }

  /** Who holds the folder, as words for people. */
  async heldBy(): Promise<string> {
    const said = await readFile(this.#holder, 'latin1').catch(() => '');
    return /^process \d+ on [\w.-]+ since [\w:.-]+$/m.exec(said)?.[0] ?? 'a process that left no name';
  }

  /**
   * Keeps LevelDB's files in `found`; what is there already stays. Those that LevelDB knows get a second name (a hard
   * link, or a copy where there are none). A table that it does not know is moved there: LevelDB might give its number to
   * another one and write that into the same file, second name or not.
   * @param known the tables that the manifest names, by number
   */
  async keepAsFound(known: ReadonlyMap<number, number>): Promise<void> {
    await mkdir(this.found, { recursive: true, mode: OWN_FOLDER });
    const kept = new Set(await readdir(this.found));
    for (const name of await this.levelFiles()) {
      if (kept.has(name)) continue;
      const [from, to] = [join(this.level, name), join(this.found, name)];
      if (TABLE.test(name) && !known.has(Number.parseInt(name, 10))) await rename(from, to);
      else await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_EXCL));
    }
  }

  /** Whether tables are gone, moved away, or replaced by others of their number: see `keepAsFound`. Copies count as such. */
  async lacksTables(): Promise<boolean> {
    const found = (await readdir(this.found).catch(() => [])).filter((name) => TABLE.test(name));
    for (const name of found) {
      const [before, now] = [await fileAt(join(this.found, name)), await fileAt(join(this.level, name))];
      if (before !== now) return true;
    }
    return false;
  }

  async forgetFound(): Promise<void> {
    await rm(this.found, { recursive: true, force: true });
  }

  /** Rejects unless the disk takes what LevelDB writes when it opens its journal again. */
  async tryDisk(): Promise<void> {
    const path = join(this.path, 'try');
    const journals = (await this.levelFiles()).filter((name) => name.endsWith('.log'));
    let left = 4 * CHUNK.length;
    for (const name of journals) left += (await stat(join(this.level, name))).size;
    const file = await open(path, 'w', OWN_FILE);
    try {
      for (; left > 0; left -= CHUNK.length) await file.write(CHUNK);
      await file.datasync();
    } finally {
      await file.close();
      await rm(path, { force: true });
    }
  }
}

/** What tells the file behind a name from others; `undefined` when there is none. */
async function fileAt(path: string): Promise<bigint | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found?.ino;
}

/** The `code` of a failure or of its cause; the system and LevelDB both name their failures so. */
export function codeOf(failure: unknown): string | undefined {
  if (!(failure instanceof Error)) return undefined;
  if (failure.cause !== undefined) return codeOf(failure.cause);
  return 'code' in failure && typeof failure.code === 'string' ? failure.code : undefined;
}
