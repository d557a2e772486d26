/** The terminal client as its users run it: on a terminal, or between pipes. Knows its command line and nothing else of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLIENT, ROOT } from './program.ts';
import { Terminal, type TerminalOptions } from './pty.ts';

export interface Where {
  readonly host: string;
  readonly port: number;
}

/** Clients of one test file remember their places here, and by default begin with nothing from before. */
const STATE = mkdtempSync(join(tmpdir(), 'partyline-state-'));
process.on('exit', () => rmSync(STATE, { recursive: true, force: true }));
const QUIET_START = { PARTYLINE_STATE: STATE, PARTYLINE_HISTORY: '0' };

/** The environment of somebody who was never here, for `onTerminal`: a place of their own, and the default beginning. */
export function newcomer(): { readonly PARTYLINE_STATE: string; readonly PARTYLINE_HISTORY: string } {
  return { PARTYLINE_STATE: mkdtempSync(join(STATE, 'newcomer-')), PARTYLINE_HISTORY: '' };
}

/** Runs `use` with a client on a terminal, then takes the terminal away, whatever happened. */
export async function onTerminal<T>(
  server: Where,
  args: readonly string[],
  options: TerminalOptions,
  use: (terminal: Terminal) => Promise<T>,
): Promise<T> {
  const terminal = new Terminal([process.execPath, ...CLIENT, '--server', `${server.host}:${server.port}`, ...args], {
    ...options,
    env: { ...QUIET_START, ...options.env },
  });
  try {
    return await use(terminal);
  } finally {
    await terminal.close();
  }
}

export interface Piped {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface PipedClient {
  readonly stdin: NodeJS.WritableStream;
  readonly done: Promise<Piped>;
  readonly pid: number;
  /** Resolves when stdout or stderr contains `text`; rejects when the client ends without it. */
  prints(text: string): Promise<void>;
  /** Closes our end of its stdout. */
  hangUp(): void;
  signal(signal: NodeJS.Signals): void;
}

/** A client between pipes; `input` is all of its stdin, which stays open when it is left out. It is killed after 40 s. */
export function pipedClient(args: readonly string[], input?: string, env: Readonly<Record<string, string>> = {}): PipedClient {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PARTYLINE_')));
  const child = spawn(process.execPath, [...CLIENT, ...args], {
    cwd: ROOT,
    env: { ...inherited, PARTYLINE_STATE: STATE, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 40_000);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  // It may end before it has read everything.
  child.stdin.on('error', () => undefined);
  if (input !== undefined) child.stdin.end(input);
  const done = once(child, 'close').then(() => {
    clearTimeout(timer);
    return { status: child.exitCode, stdout, stderr };
  });
  const prints = async (text: string): Promise<void> => {
    while (!`${stdout}\n${stderr}`.includes(text)) {
      const ended = await Promise.race([done, once(child.stdout, 'data'), once(child.stderr, 'data')]);
      if ('status' in ended && !`${stdout}\n${stderr}`.includes(text)) throw new Error(`ended without ${JSON.stringify(text)}:\n${stderr}`);
    }
  };
  return {
    stdin: child.stdin,
    done,
    pid: child.pid ?? 0,
    prints,
    hangUp: () => child.stdout.destroy(),
    signal: (signal) => void child.kill(signal),
  };
}
