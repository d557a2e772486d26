/** One run: a fresh server on one core, the generator on the other, and no trace of either afterwards. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ROOT, hasProgram, type Tools } from './build.ts';
import { failed, readResult, type Measured } from './result.ts';
import type { Scenario } from './scenarios.ts';
import { PORT, type Server } from './servers.ts';

const START_MS = 10_000;
const SETTLE_MS = 300;
/** Longest run: 5,000 IRC clients may take two minutes to join. */
const RUN_MS = 240_000;
const STOP_MS = 5_000;
/** What is kept of a process's complaints, characters. */
const COMPLAINT = 2_000;

/** Whether processes are pinned: `taskset` is there and so are two cores. */
export const PINNED = cpus().length >= 2 && hasProgram('taskset');

function pinned(core: number, command: readonly string[]): readonly [string, readonly string[]] {
  const [program = '', ...args] = PINNED ? ['taskset', '-c', String(core), ...command] : command;
  return [program, args];
}

interface Started {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  readonly hasExited: () => boolean;
  complaint(): string;
}

function start(core: number, command: readonly string[], stdout: 'ignore' | 'pipe'): Started {
  const [program, args] = pinned(core, command);
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', stdout, 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-COMPLAINT)));
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      said += error.message;
      resolve();
    });
    child.once('close', () => resolve());
  });
  let gone = false;
  void exited.then(() => (gone = true));
  return { child, exited, hasExited: () => gone, complaint: () => said.trim() };
}

/** Whether somebody accepts connections on the port. */
export async function serves(): Promise<boolean> {
  const socket = net.connect(PORT, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Waits until it serves; a moment later it must still be alive, else it was somebody else who answered. */
async function becomesReady({ hasExited }: Started): Promise<boolean> {
  for (const end = Date.now() + START_MS; Date.now() < end && !hasExited(); await pause(50)) {
    if (!(await serves())) continue;
    await pause(SETTLE_MS);
    return !hasExited();
  }
  return false;
}

/** Whether the port becomes free within a few seconds; a second benchmark at the same time would spoil both. */
async function portIsFree(): Promise<boolean> {
  for (const end = Date.now() + STOP_MS; Date.now() < end; await pause(100)) {
    if (!(await serves())) return true;
  }
  return false;
}

async function stop({ child, exited }: Started): Promise<void> {
  const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(kill);
}

async function generate(tools: Tools, server: Server, scenario: Scenario, pid: number): Promise<Measured> {
  const options = ['--label', server.name, '--port', String(PORT), '--pid', String(pid), ...server.protocol, ...scenario.args];
  const generator = start(1, [tools.generator, ...options], 'pipe');
  let line = '';
  generator.child.stdout?.setEncoding('utf8').on('data', (text: string) => (line += text));
  const kill = setTimeout(() => generator.child.kill('SIGKILL'), RUN_MS);
  await generator.exited;
  clearTimeout(kill);
  return line === '' ? failed(`the generator gave up: ${generator.complaint() || 'killed after its time'}`) : readResult(line);
}

export async function execute(tools: Tools, server: Server, scenario: Scenario): Promise<Measured> {
  if (server.keepsIn === undefined) return executeWith(tools, server, scenario);
  const folder = await mkdtemp(join(tmpdir(), 'partyline-bench-'));
  try {
    return await executeWith(tools, { ...server, command: [...server.command, server.keepsIn, folder] }, scenario);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function executeWith(tools: Tools, server: Server, scenario: Scenario): Promise<Measured> {
  if (!(await portIsFree())) return failed(`port ${PORT} is in use by another program`);
  const running = start(0, server.command, 'ignore');
  try {
    if (!(await becomesReady(running))) return failed(`the server did not start: ${running.complaint().slice(0, 300)}`);
    const measured = await generate(tools, server, scenario, running.child.pid ?? 0);
    return measured.ok
      ? measured
      : { ...measured, err: [measured.err, running.complaint().slice(0, 200)].filter((s) => s !== '').join('; ') };
  } finally {
    await stop(running);
  }
}
