/** Which store a server gets: the one on disk, or memory when nothing is to be kept. */
import { LevelStore } from './level.ts';
import { MemoryStore } from './memory.ts';
import type { Store } from './store.ts';

/**
 * @param folder where messages are kept; `null` = nowhere
 * @param memoryBytes what all rooms together keep at most when there is no folder
 * @param report gets every failure of the disk and everything an operator should know
 * @throws StoreRefused whose message tells an operator why the folder cannot be used and what to do
 */
export function openStore(folder: string | null, memoryBytes: number, report: (text: string, failure?: unknown) => void): Promise<Store> {
  return folder === null ? Promise.resolve(new MemoryStore(memoryBytes)) : LevelStore.open({ folder, report });
}
