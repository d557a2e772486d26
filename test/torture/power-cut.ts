/**
 * Power cuts under load: one server writes to a disk of its own, and at random moments a copy of that disk is taken as a
 * power cut would leave it. Another server opens each copy; all that was acknowledged before the cut began must be there,
 * once and in order. Real processes, real TCP, a real file system; the checker judges.
 */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { check, FAULT_KINDS, type FaultKind, type SenderRecord } from '../support/checker.ts';
import { LineClient } from '../support/line-client.ts';
import { join, startRoom, type RunningServer } from '../support/room.ts';
import { startServer, type ServerProcess } from '../support/server-process.ts';
import { Sender } from './sender.ts';
import { needs, PowerDisk } from './power-disk.ts';
import { ROOT } from '../support/root.ts';

export interface PowerOptions {
  readonly rounds: number;
  /** Lets the server under load believe that its disk synced, when it did not: then losses are found, or the proof is worth nothing. */
  readonly withoutSync?: boolean;
  /** Told after each round. */
  readonly progress?: (round: number, acknowledged: number) => void;
}

export interface PowerReport {
  /** All copies could be opened and had what was promised. */
  readonly proven: boolean;
  readonly rounds: number;
  /** Promises that were looked for, summed over all cuts. */
  readonly owed: number;
  /** Messages that were on their way when a cut began, summed over all cuts. */
  readonly underWay: number;
  readonly counts: Readonly<Record<FaultKind, number>>;
  /** What the server said to copies that it did not open. */
  readonly unopened: readonly string[];
  /** A few of the faults. */
  readonly faults: readonly string[];
}

/** A cut comes so long after the last one, milliseconds. */
const SOONEST_MS = 2;
const LATEST_MS = 60;
/** Rounds on one disk; what was said grows with each, and the next disk is new. */
const ROUNDS_A_DISK = 20;
const FAULTS_KEPT = 10;
/** A long form runs beside other work: a start that takes long is no fault here. */
const START_MS = 120_000;

type Running = RunningServer & ServerProcess;

async function serve(folder: string, env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const server = await startServer(['--data', path(folder, 'data'), '--rate', '0', '--log-level', 'error'], env, START_MS);
  return { ...server, connect: () => LineClient.connect(server.host, server.port) };
}

async function kill(server: ServerProcess): Promise<void> {
  server.signal('SIGKILL');
  await server.exited;
}

class Findings implements PowerReport {
  rounds = 0;
  owed = 0;
  underWay = 0;
  readonly counts: Record<FaultKind, number> = { lost: 0, duplicated: 0, reordered: 0, phantom: 0 };
  readonly unopened: string[] = [];
  readonly faults: string[] = [];

  get proven(): boolean {
    return this.unopened.length === 0 && FAULT_KINDS.every((kind) => this.counts[kind] === 0);
  }

  /** Holds a copy against what the senders had been promised. */
  async judge(copy: string, epoch: string, senders: readonly SenderRecord[]): Promise<void> {
    this.rounds += 1;
    const server = await startRoom({ dataDir: path(copy, 'data') }).catch((failure: unknown) => String(failure));
    if (typeof server === 'string') return void this.unopened.push(server);
    try {
      const reader = await join(server, { id: 'reader', more: { ResumeAfter: 0, Epoch: epoch } });
      const closing = await join(server, { id: 'closing' });
      await closing.say('the end');
      await reader.hear(({ Text }) => Text === 'the end', 30_000);
      const said = reader.heard.filter(({ SenderID }) => SenderID !== 'closing');
      const deliveries = said.map(({ Seq, Text, Kind }) => ({ seq: Seq, text: Kind === 'chat' ? Text : undefined }));
      const verdict = check(senders, [{ id: 'reader', since: 0, owed: true, deliveries }]);
      this.owed += verdict.acknowledged;
      this.underWay += verdict.unanswered;
      for (const kind of FAULT_KINDS) this.counts[kind] += verdict.counts[kind];
      this.faults.push(...verdict.faults.map(({ sentence }) => sentence).slice(0, FAULTS_KEPT - this.faults.length));
    } finally {
      await server.stop();
    }
  }
}

/** Cuts on one disk, which begins empty. */
async function oneDisk(rounds: number, env: NodeJS.ProcessEnv, findings: Findings, progress: PowerOptions['progress']): Promise<void> {
  const disk = await PowerDisk.make();
  try {
    const server = await serve(disk.path, env);
    try {
      const members = await Promise.all(['s1', 's2'].map((id) => join(server, { id })));
      const senders = members.map((member) => new Sender(member));
      for (let round = 0; round < rounds; round += 1) {
        const sending = senders.map((sender) => sender.talk());
        await pause(randomInt(SOONEST_MS, LATEST_MS));
        const promised = senders.map((sender) => sender.acknowledged);
        await disk.cut(async (copy) => {
          for (const sender of senders) sender.pause();
          await Promise.all(sending);
          const records = senders.map((sender, index) => sender.record(promised[index] ?? 0));
          await findings.judge(copy, members[0]?.epoch ?? '', records);
        });
        progress?.(findings.rounds, findings.owed);
      }
      await Promise.all(members.map(({ client }) => client.close()));
    } finally {
      await kill(server);
    }
  } finally {
    await disk.remove();
  }
}

/** What makes a program believe that it synced. @throws NotHere when there is no C compiler */
async function loadNoSync(folder: string): Promise<NodeJS.ProcessEnv> {
  await needs('gcc');
  const library = path(folder, 'no-sync.so');
  execFileSync('gcc', ['-shared', '-fPIC', '-o', library, path(ROOT, 'test/torture/no-sync.c')]);
  return { LD_PRELOAD: library };
}

/** @throws NotHere */
export async function powerCuts({ rounds, withoutSync = false, progress }: PowerOptions): Promise<PowerReport> {
  const folder = await mkdtemp(path(tmpdir(), 'partyline-shim-'));
  try {
    const env = withoutSync ? await loadNoSync(folder) : {};
    const findings = new Findings();
    while (findings.rounds < rounds) await oneDisk(Math.min(ROUNDS_A_DISK, rounds - findings.rounds), env, findings, progress);
    const { proven, owed, underWay, counts, unopened, faults } = findings;
    return { proven, rounds, owed, underWay, counts, unopened, faults };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
