/** Which store a server gets: the one on disk, or memory when nothing is to be kept. */
import type { ServerSettings } from '../../commons/config.ts';
import type { Log } from '../../commons/log.ts';
import { LevelStore } from './level.ts';
import { MemoryStore } from './memory.ts';
import type { Store } from './store.ts';

/**
 * @param log gets every failure of the disk and everything an operator should know
 * @throws StoreRefused whose message tells an operator why the folder cannot be used and what to do
 */
export function openStore({ dataDir, limits }: Pick<ServerSettings, 'dataDir' | 'limits'>, log: Log): Promise<Store> {
  if (dataDir === null) return Promise.resolve(new MemoryStore(limits.roomsBytes));
  const report = (text: string, failure?: unknown): void => (failure === undefined ? log.warn(text) : log.error(text, failure));
  return LevelStore.open({ folder: dataDir, report });
}
