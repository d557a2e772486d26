/** The machine that figures come from, in a sentence. */
import { cpus, release, totalmem, type } from 'node:os';
import { PINNED } from './execute.ts';

export function machine(): string {
  const cores = cpus();
  const model = cores[0]?.model.trim() ?? 'unknown';
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const pinning = PINNED ? 'server on core 0, generator on core 1' : 'NOT PINNED to cores: the figures are unsteady';
  return `Machine: ${cores.length} x ${model}, ${memory} GiB, ${type()} ${release()}, Node ${process.versions.node}; ${pinning}; loopback.`;
}
