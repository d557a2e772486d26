/**
 * A program in another language, driven as a process: commands on its stdin, one JSON object a line on its stdout. And
 * the Go compiler, where there is one. Knows nothing of the chat.
 */
import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import * as v from 'valibot';
import { until } from './traffic.ts';

const Facts = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.unknown()));

/** One thing that the program said. */
export interface Fact {
  readonly name: string;
  readonly value: unknown;
}

export class ForeignProgram extends EventEmitter<{ output: [] }> {
  readonly facts: Fact[] = [];
  /** All that it printed, both ways. */
  printed = '';
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Its exit status; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  private rest = '';

  constructor(command: string, args: readonly string[], cwd?: string) {
    super();
    this.setMaxListeners(0);
    this.child = spawn(command, args, { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    this.ended = new Promise((resolve, reject) => this.child.once('close', resolve).once('error', reject));
    this.child.stdout.setEncoding('utf8').on('data', (chunk: string) => this.take(chunk));
    this.child.stderr.setEncoding('utf8').on('data', (chunk: string) => this.note(chunk));
    this.child.stdin.on('error', (error) => this.note(`stdin: ${error.message}\n`));
  }

  command(line: string): void {
    this.child.stdin.write(`${line}\n`);
  }

  /** The values it said under a name. */
  all(name: string): unknown[] {
    return this.facts.filter((fact) => fact.name === name).map(({ value }) => value);
  }

  /** Waits for the next value under `name` that is not taken yet. */
  async next(name: string, deadlineMs = 15_000): Promise<unknown> {
    await this.prints(() => this.facts.some((fact) => fact.name === name), name, deadlineMs);
    const [fact] = this.facts.splice(
      this.facts.findIndex((other) => other.name === name),
      1,
    );
    return fact?.value;
  }

  /** Waits until what it printed satisfies `done`; fails with all that it printed. */
  async prints(done: () => boolean, what: string, deadlineMs = 15_000): Promise<void> {
    await until(this, 'output', done, what, deadlineMs).catch((error: unknown) => {
      throw new Error(`it printed:\n${this.printed}`, { cause: error });
    });
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  private take(chunk: string): void {
    const lines = (this.rest + chunk).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      const parsed = v.safeParse(Facts, line);
      if (parsed.success) for (const [name, value] of Object.entries(parsed.output)) this.facts.push({ name, value });
    }
    this.note(chunk);
  }

  private note(chunk: string): void {
    this.printed += chunk;
    this.emit('output');
  }
}

/** Why a program cannot run here, for `t.skip`; undefined when it can. */
export function missing(program: string, versionFlag: string): string | undefined {
  return spawnSync(program, [versionFlag], { stdio: 'ignore' }).status === 0 ? undefined : `${program} is not installed here: not tested`;
}

/**
 * Compiles one Go file without touching the network or the home folder; the path of the program.
 * At most 50 s: a cold cache compiles the standard library.
 */
export function compileGo(source: string, folder: string): string {
  const program = path.join(folder, path.basename(source, '.go'));
  const env = {
    ...process.env,
    GO111MODULE: 'on',
    GOFLAGS: '-mod=mod',
    GOPROXY: 'off',
    GOTOOLCHAIN: 'local',
    GOCACHE: path.join(tmpdir(), 'partyline-go-cache'),
    GOPATH: path.join(folder, 'gopath'),
    CGO_ENABLED: '0',
  };
  const { status, stderr } = spawnSync('go', ['build', '-o', program, path.basename(source)], {
    cwd: path.dirname(source),
    env,
    encoding: 'utf8',
    timeout: 50_000,
  });
  if (status !== 0) throw new Error(`go build ${source} failed:\n${stderr}`);
  return program;
}
