/**
 * What stands beside LevelDB's own files in the data folder: who holds it, the files as they were found before LevelDB
 * touched them, and a try whether the disk takes data. It knows files, not messages.
 */
import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

const CHUNK = Buffer.alloc(65_536, 1);
/** LevelDB's files: it writes each of them once and never changes it when it opens a database. */
const LEVEL_FILE = /^(?:\d+\.(?:ldb|sst|log)|MANIFEST-\d+|CURRENT)$/;

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
    await mkdir(this.level, { recursive: true });
    return (await readdir(this.level)).filter((name) => LEVEL_FILE.test(name));
  }

  /** Names this process as the one that holds the folder. */
  async hold(): Promise<void> {
    await writeFile(this.#holder, `process ${process.pid} on ${hostname()} since ${new Date().toISOString()}\n`);
  }

  async letGo(): Promise<void> {
    await rm(this.#holder, { force: true });
  }

  /** Who holds the folder, as words for people. */
  async heldBy(): Promise<string> {
    const said = await readFile(this.#holder, 'latin1').catch(() => '');
    return /^process \d+ on [\w.-]+ since [\w:.-]+$/m.exec(said)?.[0] ?? 'a process that left no name';
  }

  /** Keeps LevelDB's files in `found` by hard links, or copies where there are none. What is there already stays. */
  async keepAsFound(): Promise<void> {
    await mkdir(this.found, { recursive: true });
    for (const name of await this.levelFiles()) {
      const [from, to] = [join(this.level, name), join(this.found, name)];
      await link(from, to).catch(async (failure: unknown) => {
        if (codeOf(failure) !== 'EEXIST') await copyFile(from, to, constants.COPYFILE_EXCL);
      });
    }
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
    const file = await open(path, 'w');
    try {
      for (; left > 0; left -= CHUNK.length) await file.write(CHUNK);
      await file.datasync();
    } finally {
      await file.close();
      await rm(path, { force: true });
    }
  }
}

/** The `code` of a failure or of its cause; the system and LevelDB both name their failures so. */
export function codeOf(failure: unknown): string | undefined {
  if (!(failure instanceof Error)) return undefined;
  if (failure.cause !== undefined) return codeOf(failure.cause);
  return 'code' in failure && typeof failure.code === 'string' ? failure.code : undefined;
}
