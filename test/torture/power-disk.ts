/**
 * A disk whose power can be cut: an ext4 file system on a loop device. Knows files and devices, nothing of what is on them.
 *
 * Why a copy of its image is what a power cut leaves: what programs write stays in the page cache of the *inner* file
 * system until it is synced or written back, and only then reaches the loop device, which writes it into the image. So the
 * image has what reached the device and nothing else; reading it does not look into the cache of the inner file system.
 * A copy takes time, a power cut does not: therefore the image lies on an *outer* file system, which is frozen while it is
 * copied. The device's writes wait meanwhile, and nothing of the inner cache is flushed by that. What the device took
 * and was not yet told to flush survives, as in a disk with a battery.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Sizes, sparse: what is not used takes no space. */
const INNER = '64M';
const OUTER = '96M';
/** What the machine must let us do. */
const NEEDED = ['mkfs.ext4', 'fsfreeze', 'mount', 'umount', 'losetup'];

const run = promisify(execFile);

/** This machine does not have or allow what it takes; the message says what. */
export class NotHere extends Error {
  override readonly name = 'NotHere';
}

/** @throws NotHere */
export async function needs(...programs: readonly string[]): Promise<void> {
  for (const program of programs)
    await run('sh', ['-c', `command -v ${program}`]).catch(() => Promise.reject(new NotHere(`needs ${program}`)));
}

async function format(image: string, size: string): Promise<void> {
  await run('truncate', ['-s', size, image]);
  await run('mkfs.ext4', ['-q', '-F', image]);
}

async function mount(image: string, at: string): Promise<void> {
  await mkdir(at, { recursive: true });
  await run('mount', ['-o', 'loop,noatime', image, at]);
}

export class PowerDisk {
  /** Where the disk is mounted. */
  readonly path: string;
  readonly #home: string;
  readonly #outer: string;
  readonly #mounted: string[] = [];

  private constructor(home: string) {
    this.#home = home;
    this.#outer = join(home, 'outer');
    this.path = join(home, 'inner');
  }

  /** @throws NotHere */
  static async make(): Promise<PowerDisk> {
    await needs(...NEEDED);
    const disk = new PowerDisk(await mkdtemp(join(tmpdir(), 'partyline-power-')));
    try {
      await disk.#mountAll();
      return disk;
    } catch (failure) {
      await disk.remove();
      throw new NotHere('needs the right to mount a loop device', { cause: failure });
    }
  }

  async #mountAll(): Promise<void> {
    const [outer, inner] = [join(this.#home, 'outer.img'), join(this.#outer, 'inner.img')];
    await format(outer, OUTER);
    await mount(outer, this.#outer);
    this.#mounted.push(this.#outer);
    await format(inner, INNER);
    await mount(inner, this.path);
    this.#mounted.push(this.path);
    await run('fsfreeze', ['--freeze', this.#outer]);
    await run('fsfreeze', ['--unfreeze', this.#outer]);
  }

  /** Cuts the power for a copy of the disk, which goes on itself; `use` gets where that copy is mounted. */
  async cut<T>(use: (path: string) => Promise<T>): Promise<T> {
    const [copy, at] = [join(this.#home, 'copy.img'), join(this.#home, 'copy')];
    const copying = `fsfreeze --freeze "$1" && { cp --sparse=always "$1/inner.img" "$2"; status=$?; fsfreeze --unfreeze "$1"; exit $status; }`;
    await run('sh', ['-c', copying, 'cut', this.#outer, copy]);
    // Mounting replays the file system's journal, as after any power cut.
    await mount(copy, at);
    try {
      return await use(at);
    } finally {
      await run('umount', [at]);
      await rm(copy);
    }
  }

  /** Call it when nobody uses the disk any more. */
  async remove(): Promise<void> {
    for (const path of this.#mounted.splice(0).reverse()) await run('umount', [path]);
    await rm(this.#home, { recursive: true, force: true });
  }
}
