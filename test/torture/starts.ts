/**
 * How long a server takes until it serves again after a `kill -9`, with many messages stored and a journal of the newest that
 * was not put away. Real processes; it measures and asserts nothing else.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { LineClient } from '../support/line-client.ts';
import { startServer } from '../support/server-process.ts';
import { fill } from './fill.ts';
import { spread, type Spread } from './spread.ts';

/** Said before each kill: with its envelopes about half of what LevelDB's journal holds at most. */
const NEWEST = 5_000;

export interface StartsOptions {
  readonly starts: number;
  /** Messages that are stored before the first one. */
  readonly messages: number;
  readonly progress?: (start: number) => void;
}

export interface StartsReport {
  /** From starting the program after a kill until it said that it serves, milliseconds. */
  readonly storeMs: Spread;
  /** The same with `--memory`, where there is nothing to open: what the program itself takes. */
  readonly memoryMs: Spread;
}

export async function measureStarts({ starts, messages, progress }: StartsOptions): Promise<StartsReport> {
  const folder = await mkdtemp(path(tmpdir(), 'partyline-starts-'));
  const start = async (args: readonly string[]) => {
    const began = performance.now();
    const server = await startServer([...args, '--rate', '0', '--log-level', 'error'], {}, 120_000);
    return { ...server, tookMs: performance.now() - began, connect: () => LineClient.connect(server.host, server.port) };
  };
  const [stored, kept]: [number[], number[]] = [[], []];
  try {
    for (let round = 0; round <= starts; round += 1) {
      const server = await start(['--data', folder]);
      if (round > 0) stored.push(server.tookMs);
      await fill(server, { messages: round === 0 ? messages : NEWEST });
      server.signal('SIGKILL');
      await server.exited;
      const memory = await start([]);
      if (round > 0) kept.push(memory.tookMs);
      await memory.stop();
      progress?.(round);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { storeMs: spread(stored), memoryMs: spread(kept) };
}
