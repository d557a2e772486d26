/**
 * What a server holds in memory while it stores more and more: it must level off, because only the newest messages of a
 * room are kept there. A real process, whose memory is read from /proc (Linux).
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { LineClient } from '../support/line-client.ts';
import { startServer } from '../support/server-process.ts';
import { fill } from './fill.ts';

const MIB = 1_024;
/** Points at which the memory is looked at. */
const POINTS = 20;
/**
 * What the second half of the messages may add, MiB: the garbage collector's moods, and tables that LevelDB has mapped
 * (64 of 2 MiB at most). A copy of what they are would be more than 150 MiB for half a million.
 */
const MORE_MIB = 96;

export interface MemoryOptions {
  readonly messages: number;
  readonly progress?: (stored: number, mib: number) => void;
}

export interface MemoryReport {
  readonly bounded: boolean;
  readonly messages: number;
  /** Resident memory, MiB, of which `anonymous` is not mapped files: after each twentieth of the messages. */
  readonly resident: readonly number[];
  readonly anonymous: readonly number[];
  /** Resident memory of the server when it is started again on what it stored, MiB, and how long that took. */
  readonly afterRestart: number;
  readonly restartMs: number;
}

async function memory(pid: number): Promise<{ readonly resident: number; readonly anonymous: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1');
  const of = (name: string): number => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / MIB);
  return { resident: of('VmRSS'), anonymous: of('RssAnon') };
}

export async function fillAndWatch({ messages, progress }: MemoryOptions): Promise<MemoryReport> {
  const folder = await mkdtemp(path(tmpdir(), 'partyline-fill-'));
  const start = async () => {
    const server = await startServer(['--data', folder, '--rate', '0', '--log-level', 'error'], {}, 120_000);
    return { ...server, connect: () => LineClient.connect(server.host, server.port) };
  };
  try {
    const server = await start();
    const points: { readonly resident: number; readonly anonymous: number }[] = [];
    for (let point = 1; point <= POINTS; point += 1) {
      const until = (share: number): number => Math.round((messages * share) / POINTS);
      await fill(server, { messages: until(point) - until(point - 1) });
      const now = await memory(server.pid);
      points.push(now);
      progress?.(until(point), now.resident);
    }
    server.signal('SIGKILL');
    await server.exited;
    const began = performance.now();
    const again = await start();
    const restartMs = Math.round(performance.now() - began);
    const { resident: afterRestart } = await memory(again.pid);
    await again.stop();
    const resident = points.map((each) => each.resident);
    const bounded = Math.max(...resident.slice(POINTS / 2)) <= Math.max(...resident.slice(0, POINTS / 2)) + MORE_MIB;
    return { bounded, messages, resident, anonymous: points.map((each) => each.anonymous), afterRestart, restartMs };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
