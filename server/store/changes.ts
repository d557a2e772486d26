/** Changes of the database: what a batch writes beside its messages, and how all of it is written at once. */
import type { ClassicLevel } from 'classic-level';
import { decodeFact, encodeFact, encodeMeta, encodeUndo, factKey, META_KEY, UNDO_KEY, type Meta } from './record.ts';
import type { StoredRecord } from './store.ts';

export interface Change {
  readonly type: 'put' | 'del';
  readonly key: Buffer;
  readonly value: Buffer;
}

/** The value of a change that removes. */
export const GONE = Buffer.alloc(0);

export function metaChange(meta: Meta): Change {
  return { type: 'put', key: META_KEY, value: encodeMeta(meta) };
}

/**
 * Makes all of `changes` or none; on disk when it resolves. Operation by operation, because an array of them is copied over
 * and over on its way to LevelDB: for three changes that was 40 % of the work, and most of what the garbage collector had to move.
 */
export async function commit(db: ClassicLevel<Buffer, Buffer>, changes: readonly Change[]): Promise<void> {
  const batch = db.batch();
  for (const { type, key, value } of changes) {
    if (type === 'put') batch.put(key, value);
    else batch.del(key);
  }
  await batch.write({ sync: true });
}

export interface FactChanges {
  readonly changes: readonly Change[];
  /** The number that the batch takes for its facts. */
  readonly seq: number;
  /** How many facts there are afterwards. */
  readonly count: number;
}

/**
 * What changes facts, and the record that would take it back if the commit failed.
 * @param count how many facts there are before
 * @throws Damage when one of them is not what was written
 */
export async function planFacts(
  db: ClassicLevel<Buffer, Buffer>,
  records: readonly StoredRecord[],
  seq: number,
  count: number,
): Promise<FactChanges> {
  const keys = records.map(({ key }) => factKey(key));
  const former = await db.getMany(keys);
  const before = records.map(({ key }, index): [string, string | null] => {
    const value = former[index];
    return [key, value === undefined ? null : decodeFact(factKey(key), value)];
  });
  const changes = records.map(({ key, value }): Change => {
    const name = factKey(key);
    return value === null ? { type: 'del', key: name, value: GONE } : { type: 'put', key: name, value: encodeFact(name, value) };
  });
  const made = records.filter(({ value }) => value !== null).length;
  const replaced = before.filter(([, value]) => value !== null).length;
  const undo: Change = { type: 'put', key: UNDO_KEY, value: encodeUndo({ seq, count, before }) };
  return { changes: [...changes, undo], seq, count: count + made - replaced };
}
