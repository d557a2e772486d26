/**
 * A look at LevelDB's journal (`*.log`) before LevelDB sees it. LevelDB skips a damaged piece of it without a word and
 * deletes the file after that; here such a file is refused while it is still untouched. What a crash leaves is not
 * damage: at most one record was not yet on disk, and nothing follows it.
 *
 * Format (LevelDB's log_format): blocks of 32 KiB, in them fragments: masked CRC-32C (4), length (2), type (1), payload;
 * types 1 and 2 begin a record, 3 and 4 go on with one.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Damage } from './record.ts';

const BLOCK = 32_768;
const HEADER = 7;
/** Blocks that are looked at before others have their turn: about 2 ms. */
const BLOCKS_PER_TURN = 16;

/** @throws Damage when a record is broken although others follow it. @param folder LevelDB's; a journal has about one write buffer */
export async function checkJournal(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /^\d+\.log$/.test(name));
  names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  let broken: string | undefined;
  for (const name of names) {
    const bytes = await readFile(join(folder, name));
    for (let at = 0, blocks = 0; at < bytes.length; at += BLOCK, blocks += 1) {
      if (blocks % BLOCKS_PER_TURN === BLOCKS_PER_TURN - 1) await nextTurn();
      const { begins, brokenAt } = lookAtBlock(bytes.subarray(at, at + BLOCK));
      const beginsAfter = begins.some((start) => broken !== undefined || (brokenAt !== undefined && start > brokenAt));
      if (brokenAt !== undefined) broken ??= `${name} at byte ${at + brokenAt}`;
      if (beginsAfter) throw new Damage(`${broken ?? name} is damaged, and what follows it is not`);
    }
  }
}

/** The records of a file in this format, up to the first that is broken or unfinished. */
export function wholeRecords(bytes: Buffer): readonly Buffer[] {
  const records: Buffer[] = [];
  let parts: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += BLOCK) {
    const block = bytes.subarray(start, start + BLOCK);
    for (let at = 0; block.length - at >= HEADER;) {
      const length = HEADER + block.readUInt16LE(at + 4);
      const type = block[at + 6] ?? 0;
      if (at + length > block.length || !isWhole(block, at, length)) return records;
      if (type === 1 || type === 2) parts = [];
      parts.push(block.subarray(at + HEADER, at + length));
      if (type === 1 || type === 4) records.push(Buffer.concat(parts));
      at += length;
    }
  }
  return records;
}

/** Where records begin in a block, and where the first broken fragment is; behind that one every byte is tried. */
function lookAtBlock(block: Buffer): { readonly begins: readonly number[]; readonly brokenAt: number | undefined } {
  const begins: number[] = [];
  let brokenAt: number | undefined;
  let at = 0;
  while (block.length - at >= HEADER) {
    const length = HEADER + block.readUInt16LE(at + 4);
    const type = block[at + 6] ?? 0;
    const whole = at + length <= block.length && type >= 1 && type <= 4 && isWhole(block, at, length);
    if (whole && type <= 2) begins.push(at);
    if (!whole) brokenAt ??= at;
    at += whole ? length : 1;
  }
  return { begins, brokenAt };
}

function isWhole(block: Buffer, at: number, length: number): boolean {
  const masked = block.readUInt32LE(at);
  const unmasked = (masked - 0xa282ead8) >>> 0;
  return ((unmasked >>> 17) | (unmasked << 15)) >>> 0 === crc32c(block, at + 6, at + length);
}

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0x82f63b78 : rest >>> 1;
  return rest;
});

/** CRC-32C (Castagnoli), which zlib does not have. */
function crc32c(bytes: Buffer, from: number, to: number): number {
  let rest = -1;
  for (let at = from; at < to; at += 1) rest = (TABLE[(rest ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (rest >>> 8);
  return ~rest >>> 0;
}
