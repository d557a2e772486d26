/**
 * Makes the syncs of a running process fail or hang, from one moment to another, by tracing it. Knows processes and
 * system calls, nothing of the product.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** What every `fsync` and `fdatasync` does: fails like a broken disk, or begins so many microseconds later. */
export type Fault = 'error=EIO' | `delay_enter=${number}`;

/** A fault that is in force. */
export interface Broken {
  /** The disk works again when it resolves. */
  heal(): Promise<void>;
}

/** `undefined` where there is no strace, or no right to trace. */
export async function breakSyncs(pid: number, fault: Fault): Promise<Broken | undefined> {
  const args = ['-f', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', `inject=fsync,fdatasync:${fault}`, '-p', String(pid)];
  const tracer = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<false>((resolve) => {
    tracer.once('error', () => resolve(false));
    tracer.once('close', () => resolve(false));
  });
  let said = '';
  const attached = new Promise<true>((resolve) => {
    tracer.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (/Process \d+ attached/.test(said)) resolve(true);
    });
  });
  if (!(await Promise.race([attached, ended]))) return undefined;
  return {
    heal: async () => {
      if (tracer.exitCode !== null || tracer.signalCode !== null) return;
      tracer.kill('SIGTERM');
      await once(tracer, 'close');
    },
  };
}
