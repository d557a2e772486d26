/**
 * Compiles the sources into dist/ when they are newer than it, so that `npm start` is fast and never runs old code.
 *   node tools/build.mjs            compile when needed; fails when it cannot
 *   node tools/build.mjs --fresh    empty dist/ and compile
 *   node tools/build.mjs --install  as npm's `prepare`: without a compiler (a production install) do nothing, silently
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
/** Written after a compilation without errors: its time is what the sources are compared with. */
const stamp = join(dist, '.built');
const SOURCES = ['server.ts', 'client.ts', 'commons', 'server', 'client', 'tsconfig.json', 'package-lock.json'];

/** When anything at or below `path` was last changed, folders included (a deleted file changes its folder). */
function newest(path) {
  if (!existsSync(path)) return 0;
  const own = statSync(path);
  if (!own.isDirectory()) return own.mtimeMs;
  return Math.max(own.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/**
 * The compiler, when the types that the sources need are there too: a production install may well have a stray
 * TypeScript (somebody's optional peer) that could only fail.
 */
function compiler() {
  const { resolve } = createRequire(import.meta.url);
  try {
    for (const types of ['node', 'readline-sync']) resolve(`@types/${types}/package.json`);
    return resolve('typescript/bin/tsc');
  } catch {
    return undefined;
  }
}

function main(mode) {
  const sources = Math.max(...SOURCES.map((name) => newest(join(root, name))));
  const upToDate = existsSync(stamp) && statSync(stamp).mtimeMs > sources;
  const tsc = compiler();
  if (mode !== '--fresh' && (upToDate || (tsc === undefined && (mode === '--install' || existsSync(join(dist, 'server.js')))))) return 0;
  if (tsc === undefined) {
    process.stderr.write('dist/ is missing and there is no compiler to make it: run `npm ci` first.\n');
    return 1;
  }
  if (mode === '--fresh') rmSync(dist, { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [tsc, '-p', root], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status === 0) writeFileSync(stamp, '');
  return status ?? 1;
}

process.exitCode = main(process.argv[2]);
