/**
 * Runs the compiled test files: `npm run types` has compiled them into build/, which takes a loader for types out of a hundred
 * processes. Those that take longest begin first, so that no processor is idle in the end. One file alone runs as it is
 * written, see CONTRIBUTING.md.
 */
import { readdirSync } from 'node:fs';
import { run } from 'node:test';
import { spec, tap } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

/** Files of half a minute and more, the longest first. */
const LONGEST = [
  'torture',
  'verify',
  'terminal-rooms',
  'terminal-prompt',
  'terminal-return',
  'bench-generator',
  'terminal-direct',
  'model',
];
const FILES_AT_A_TIME = 3;
/** For one file, milliseconds. */
const TIMEOUT_MS = 240_000;

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
const names = readdirSync('test').flatMap((name) => (name.endsWith('.test.ts') ? [name.slice(0, -'.test.ts'.length)] : []));
const rank = (name) => (LONGEST.includes(name) ? LONGEST.indexOf(name) : LONGEST.length);
const files = names.sort((a, b) => rank(a) - rank(b)).map((name) => `${root}build/test/${name}.test.js`);

const events = run({ files, concurrency: FILES_AT_A_TIME, timeout: TIMEOUT_MS });
events.on('test:fail', () => (process.exitCode = 1));
events.compose(process.stdout.isTTY ? new spec() : tap).pipe(process.stdout);
