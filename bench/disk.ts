/** How long the disk that a durable server writes to takes to say that something is written: a criterion counts in that. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from './statistics.ts';

/** Appends as large as a batch of a few messages, and how many of them. */
const BYTES = 2_048;
const WRITES = 300;

export interface DiskTime {
  /** Microseconds of one append with `fdatasync`. */
  readonly median: number;
  readonly p99: number;
}

/** Measures in the folder for temporary files, where the benchmark's servers keep theirs; `TMPDIR` chooses another disk. */
export async function measureDisk(): Promise<DiskTime> {
  const folder = await mkdtemp(join(tmpdir(), 'partyline-disk-'));
  const file = await open(join(folder, 'appended'), 'a');
  try {
    const times: number[] = [];
    for (let count = 0; count < WRITES; count += 1) {
      await file.write(Buffer.alloc(BYTES, count));
      const began = performance.now();
      await file.datasync();
      times.push((performance.now() - began) * 1_000);
    }
    const sorted = times.toSorted((a, b) => a - b);
    return { median: median(times), p99: sorted[Math.floor(0.99 * WRITES)] ?? NaN };
  } finally {
    await file.close();
    await rm(folder, { recursive: true, force: true });
  }
}

export function describeDisk({ median: middle, p99 }: DiskTime): string {
  return `Disk of the durable server: fdatasync takes ${middle.toFixed(0)} us (median), ${p99.toFixed(0)} us (p99).`;
}
