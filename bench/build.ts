/** Makes what the benchmark runs: the C programs, `dist/`, and the peers that come from npm. Says what to install when it cannot. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../test/support/root.ts';

export const BENCH = join(ROOT, 'bench');
export { ROOT };
const PEERS = join(BENCH, 'peers');

export interface Tools {
  readonly generator: string;
  readonly floor: string;
}

/** The benchmark cannot run here; the message says what to do about it. */
export class CannotBuild extends Error {}

/** Whether a program can be started by that name. */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0;
}

/** Compiles the load generator and the floor into `folder`. @throws CannotBuild */
export function compileTools(folder: string): Tools {
  if (!hasProgram('gcc')) throw new CannotBuild('The load generator is written in C: apt-get install gcc libc6-dev');
  mkdirSync(folder, { recursive: true });
  return { generator: compile('generator', folder), floor: compile('floor', folder) };
}

function compile(name: string, folder: string): string {
  const source = join(BENCH, name);
  const files = readdirSync(source).filter((file) => file.endsWith('.c'));
  const target = join(folder, name);
  run('gcc', ['-O2', '-march=native', '-Wall', '-Wextra', '-o', target, ...files], source);
  return target;
}

/** Compiles the product into `dist/` when its sources are newer. @throws CannotBuild */
export function buildProduct(): void {
  run(process.execPath, [join(ROOT, 'tools', 'build.mjs')], ROOT);
}

/** Whether the peers from npm are there; installs them if need be. A sentence on why not, otherwise. */
export function installPeers(): string | undefined {
  if (existsSync(join(PEERS, 'node_modules', 'socket.io'))) return undefined;
  try {
    run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], PEERS);
    return undefined;
  } catch (error) {
    return `npm ci --prefix bench/peers failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function run(program: string, args: readonly string[], cwd: string): void {
  const { status, error, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: 180_000 });
  if (status === 0) return;
  throw new CannotBuild(`${program} failed: ${error?.message ?? `${stdout}${stderr}`.trim()}`);
}
