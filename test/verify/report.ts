/** What a run means: the verdict, its grounds, and the table. Pure. */
import { FAULT_KINDS } from '../support/checker.ts';
import { GONE_WITHIN_MS, type Outcome } from './run.ts';

export interface Report {
  readonly proven: boolean;
  /** Why it is not, a sentence each. */
  readonly grounds: readonly string[];
  readonly figures: Readonly<Record<string, string | number>>;
}

export function report(outcome: Outcome): Report {
  const grounds = [...faults(outcome), ...shortcomings(outcome)];
  return { proven: grounds.length === 0, grounds, figures: figures(outcome) };
}

function faults({ verdict }: Outcome): string[] {
  return verdict.faults.map(({ sentence }) => sentence);
}

/** What disproves a run although no message is amiss. A run in which nothing happened proves nothing. */
function shortcomings({ verdict, drops, stayed, exit }: Outcome): string[] {
  const found: string[] = [];
  if (verdict.acknowledged === 0) found.push('nothing was acknowledged, so nothing is proved');
  else if (verdict.shown === 0) found.push('nothing was shown, so nothing is proved');
  if (verdict.unanswered > 0) found.push(`${verdict.unanswered} sends were never answered`);
  for (const { id, role, reason, leaveLine } of drops) {
    if (role !== 'hung') found.push(`${id} was dropped although it answered: ${reason}`);
    if (leaveLine === false) found.push(`the room was not told that ${id} was dropped`);
  }
  for (const id of stayed) found.push(`${id} was still registered ${GONE_WITHIN_MS / 1000} s after its first unanswered call`);
  if (exit !== undefined && exit !== 'exit 0') found.push(`the server ended with ${exit} when it was told to stop`);
  return found;
}

function figures(outcome: Outcome): Record<string, string | number> {
  const { verdict, settings, latencies, sendingMs, deliveries, deliveringMs, drops, refusals } = outcome;
  const rows: Record<string, string | number> = {
    server: `${outcome.server}${outcome.ownServer ? ' (its own)' : ''}`,
    clients: `${settings.clients} healthy (${settings.senders} send), ${library(settings)}${settings.flapping} flapping, ${settings.hung} hung`,
    ...(settings.rooms === 0 ? {} : { rooms: `${settings.rooms}, each client in up to three or its own` }),
    ...(settings.direct ? { 'direct messages': outcome.direct } : {}),
    seconds: round(sendingMs / 1000, 1),
    acknowledged: verdict.acknowledged,
    'messages a second': Math.round((verdict.acknowledged * 1000) / sendingMs),
    'deliveries a second': Math.round((deliveries * 1000) / deliveringMs),
    'healthy p50 ms': quantile(latencies, 0.5),
    'healthy p99 ms': quantile(latencies, 0.99),
    'healthy max ms': quantile(latencies, 1),
  };
  for (const kind of FAULT_KINDS) rows[kind] = verdict.counts[kind];
  rows['redelivered (legal)'] = verdict.redelivered;
  rows['went away and came back'] = outcome.flaps;
  for (const [reason, times] of refusals) rows[`refused: ${reason}`] = times;
  for (const { id, afterMs, reason } of drops) rows[`dropped ${id}`] = `${seconds(afterMs)}${reason}`;
  return rows;
}

function library({ library: clients }: Outcome['settings']): string {
  return clients === 0 ? '' : `${clients} on the library, `;
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '' : `after ${round(ms / 1000, 1)} s: `;
}

function quantile(sorted: Float64Array, q: number): number {
  return round(sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? 0, 1);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** The table, and below it the verdict. */
export function render({ proven, grounds, figures: rows }: Report): string {
  const width = Math.max(...Object.keys(rows).map((name) => name.length));
  const table = Object.entries(rows).map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  const verdict = proven ? ['PROVEN'] : ['DISPROVED', ...grounds.map((ground) => `  ${ground}`)];
  return `${[...table, '', ...verdict].join('\n')}\n`;
}
