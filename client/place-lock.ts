/**
 * Who of several processes owns a place: the first one that is alive. A lock that a killed process left behind is taken
 * away. Knows the path of the lock and nothing of what it protects.
 */
import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process has written its name into its lock by then, milliseconds: it died before, or its disk was full. */
const NAMELESS_MS = 10_000;

/** Whether the lock is ours now. It is not when somebody else who is alive has it. @throws the system's error */
export function lock(path: string): boolean {
  if (create(path)) return true;
  return isAbandoned(path) && takeAway(path) && create(path);
}

/** Lets go of a lock that is ours. */
export function unlock(path: string): void {
  try {
    if (holderOf(path) === whoWeAre()) rmSync(path, { force: true });
  } catch {
    // A lock that cannot be removed names a dead process soon, which is as good.
    return;
  }
}

/** A number is given to many processes one after the other; the time of its start tells ours from those before. */
function whoWeAre(): string {
  return `${process.pid} ${Math.round(performance.timeOrigin)} ${hostname()}`;
}

function create(path: string): boolean {
  try {
    writeFileSync(path, whoWeAre(), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function holderOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Of another machine's processes nothing is known: they count as alive. */
function isAbandoned(path: string): boolean {
  const holder = holderOf(path);
  if (holder === '') return Date.now() - statSync(path).mtimeMs > NAMELESS_MS;
  const [, pid, host] = /^(\d+) \d+ (.*)$/.exec(holder ?? '') ?? [];
  if (host !== hostname()) return false;
  if (Number(pid) === process.pid) return holder !== whoWeAre();
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

/** Another process may have done the same meanwhile, and made a lock of its own: that one is given back. */
function takeAway(path: string): boolean {
  const taken = `${path}.${process.pid}`;
  try {
    renameSync(path, taken);
    const abandoned = isAbandoned(taken);
    if (!abandoned) linkSync(taken, path);
    rmSync(taken, { force: true });
    return abandoned;
  } catch {
    return false;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
