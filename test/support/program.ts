/** The two programs as their users run them: compiled. Compiles them first when the sources are newer. */
import { spawnSync } from 'node:child_process';
import { ROOT } from './root.ts';

export { ROOT };

const built = spawnSync(process.execPath, ['tools/build.mjs'], { cwd: ROOT, encoding: 'utf8' });
if (built.status !== 0) throw new Error(`the programs cannot be compiled:\n${built.stderr}`);

/** What comes before a program's own arguments on the command line of `node`; run it in `ROOT`. */
export const SERVER: readonly string[] = ['dist/server.js'];
export const CLIENT: readonly string[] = ['dist/client.js'];
