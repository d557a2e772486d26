/**
 * The server as its users run it: a process of its own, whose output is read and which is sent signals. Knows of the
 * program only its command line and the line it prints when it serves.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ROOT, SERVER } from './program.ts';

const SERVES = /^\[SERVER\] Real-time RPC chat server running on (.+):(\d+)$/m;

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerProcess {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** All that it printed so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves when stdout has what `wanted` matches. */
  prints(wanted: RegExp): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  readonly exited: Promise<Ending>;
  /** Ends it: SIGTERM, and SIGKILL for one that does not listen within 10 s. */
  stop(): Promise<Ending>;
}

/**
 * Starts the server on a port of the system's choice, keeping nothing unless told where, and waits until it serves.
 * Fails with what the process printed when it ends before, or when that takes longer than `deadlineMs`.
 */
export async function startServer(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}, deadlineMs = 20_000): Promise<ServerProcess> {
  const kept = args.includes('--data') ? [] : ['--memory'];
  const command = [...SERVER, '--listen', '127.0.0.1:0', ...kept, ...args];
  // What it runs is covered by the servers in the tests' own processes; counting it here too would slow it down.
  const given = { ...process.env, NODE_V8_COVERAGE: undefined, ...env };
  const child = spawn(process.execPath, command, { cwd: ROOT, env: given, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  const exited = new Promise<Ending>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
  const serving = new Promise<RegExpExecArray>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`the server ${why}:\n${out}\n${err}`));
    const timer = setTimeout(() => fail(`did not serve within ${deadlineMs / 1_000} s`), deadlineMs);
    child.once('error', reject);
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
      const found = SERVES.exec(out);
      if (found === null) return;
      clearTimeout(timer);
      resolve(found);
    });
    void exited.then(({ code, signal }) => {
      clearTimeout(timer);
      fail(`ended with ${code ?? signal} before it served`);
    });
  });
  const stop = () => stopChild(child, exited);
  const [, host = '', port = ''] = await serving.catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    host,
    port: Number(port),
    pid: child.pid ?? 0,
    stdout: () => out,
    stderr: () => err,
    prints: async (wanted) => {
      while (!wanted.test(out)) await once(child.stdout, 'data', { signal: AbortSignal.timeout(deadlineMs) });
    },
    signal: (signal) => void child.kill(signal),
    exited,
    stop,
  };
}

async function stopChild(child: { kill(signal: NodeJS.Signals): boolean }, exited: Promise<Ending>): Promise<Ending> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  const ending = await exited;
  clearTimeout(timer);
  return ending;
}
