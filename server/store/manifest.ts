/**
 * Which tables LevelDB's manifest names, and how long each is. LevelDB deletes or overwrites all others when it opens; they are leftovers of a
 * crash, or everything there is when the manifest lost its end. It only reads.
 *
 * Format (LevelDB's version_edit): records as in the journal, each a list of tagged fields; numbers are varints.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { wholeRecords } from './journal.ts';
import { Damage } from './record.ts';
import { readVarint } from './varint.ts';

/** The fields of each tag: a number, or a string behind its length. Of a new table the second number is its name, the third its size. */
const FIELDS = new Map<number, readonly ('number' | 'string')[]>([
  [1, ['string']],
  [2, ['number']],
  [3, ['number']],
  [4, ['number']],
  [5, ['number', 'string']],
  [6, ['number', 'number']],
  [7, ['number', 'number', 'number', 'string', 'string']],
  [9, ['number']],
]);
const DELETED_TABLE = 6;
const NEW_TABLE = 7;

/** The tables' sizes by their numbers, bytes. @throws Damage when the manifest cannot be understood */
export async function namedTables(folder: string): Promise<ReadonlyMap<number, number>> {
  const current = await readFile(join(folder, 'CURRENT'), 'latin1');
  const [name] = /^MANIFEST-\d+(?=\n$)/.exec(current) ?? [];
  if (name === undefined) throw new Damage('the file "CURRENT" of the database names no manifest');
  const bytes = await readFile(join(folder, name)).catch((failure: unknown) => {
    throw new Damage(`the file "${name}" of the database cannot be read`, { cause: failure });
  });
  const tables = new Map<number, number>();
  for (const record of wholeRecords(bytes)) applyEdit(record, tables);
  return tables;
}

function applyEdit(record: Buffer, tables: Map<number, number>): void {
  for (let at = 0; at < record.length;) {
    const [tag, fieldsAt] = readVarint(record, at);
    const fields = FIELDS.get(tag);
    if (fields === undefined) throw new Damage('the manifest of the database cannot be understood');
    at = fieldsAt;
    const numbers: number[] = [];
    for (const field of fields) {
      const [number, end] = readVarint(record, at);
      numbers.push(number);
      at = field === 'string' ? end + number : end;
    }
    if (tag === NEW_TABLE) tables.set(numbers[1] ?? 0, numbers[2] ?? 0);
    if (tag === DELETED_TABLE) tables.delete(numbers[1] ?? 0);
  }
}
