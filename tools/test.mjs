/**
 * Runs the compiled test files: `npm run types` has compiled them into build/, which takes a loader for types out of a hundred
 * processes. One file alone runs as it is written, see CONTRIBUTING.md.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = readdirSync(`${root}/test`)
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `build/test/${name.replace(/\.ts$/, '.js')}`);
const options = ['--enable-source-maps', '--test', '--test-concurrency=3', '--test-timeout=150000'];
const { status } = spawnSync(process.execPath, [...options, ...files], { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;
