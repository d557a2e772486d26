/** Which store a server gets: the one on disk, or memory when nothing is to be kept. */
import { LevelStore } from './level.ts';
import { MemoryStore } from './memory.ts';
import type { Store } from './store.ts';

/**
 * @param folder where messages are kept; `null` = nowhere
 * @param report gets every failure of the disk and everything an operator should know
 * @throws StoreRefused whose message tells an operator why the folder cannot be used and what to do
 */
export function openStore(folder: string | null, report: (text: string, failure?: unknown) => void): Promise<Store> {
  return folder === null ? Promise.resolve(new MemoryStore()) : LevelStore.open({ folder, report });
}
