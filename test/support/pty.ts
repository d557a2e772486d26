/** A program on a terminal of its own, as a person has it: keys in, a screen out. Knows nothing of the program. */
import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable, Writable } from 'node:stream';
import { Screen } from './screen.ts';
import { ROOT } from './root.ts';

const HELPER = join(ROOT, 'test/support/run_on_pty.py');

/** The environment without what would change how a program looks. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(PARTYLINE_|NO_COLOR$|FORCE_COLOR$|COLORTERM$|CI$)/.test(name)),
  );
}

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** A file for the program's standard output; the terminal when left out. */
  readonly stdout?: string;
}

export class Terminal {
  readonly screen: Screen;
  /** Everything the program wrote to its terminal. */
  raw = '';
  /** The exit status as a shell reports it: 128 + the signal's number when a signal ended it. */
  readonly exit: Promise<number>;
  readonly #child: ChildProcess;
  readonly #commands: Writable;
  readonly #changes = new EventEmitter<{ change: [] }>();

  constructor(command: readonly string[], options: TerminalOptions = {}) {
    const { columns = 80, rows = 24, stdout = '-' } = options;
    // A terminal that tells no size is shown in some size all the same.
    this.screen = new Screen(columns || 80, rows || 24);
    this.#changes.setMaxListeners(0);
    const env = { ...inherited(), TERM: 'xterm-256color', LANG: 'C.UTF-8', ...options.env };
    this.#child = spawn('python3', ['-B', HELPER, String(columns), String(rows), stdout, ...command], {
      stdio: ['pipe', 'pipe', 'inherit', 'pipe', 'pipe'],
      env,
      cwd: ROOT,
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (output: string) => {
      this.raw += output;
      this.screen.write(output);
      this.#changes.emit('change');
    });
    const [, , , commands, news] = this.#child.stdio;
    if (!(commands instanceof Writable) || !(news instanceof Readable)) throw new Error('the helper has no command channel');
    this.#commands = commands;
    this.exit = this.#exitStatus(news);
  }

  async #exitStatus(news: Readable): Promise<number> {
    let status: number | undefined;
    createInterface({ input: news }).on('line', (line) => {
      if (line.startsWith('exit ')) status = Number(line.slice(5));
    });
    await once(this.#child, 'close');
    this.#changes.emit('change');
    if (status === undefined) throw new Error('the terminal ended without a status');
    return status;
  }

  /** Presses keys; Enter is `\r`, Ctrl+C is `\x03`. */
  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  signal(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGKILL'): void {
    this.#commands.write(`signal ${constants.signals[name]}\n`);
  }

  resize(columns: number, rows: number): void {
    this.screen.resize(columns, rows);
    this.#commands.write(`size ${columns} ${rows}\n`);
  }

  /** Resolves when the screen fulfils `condition`; rejects with the screen when it does not within the deadline. */
  async until(condition: (screen: Screen) => boolean, what = 'the condition', deadlineMs = 10_000): Promise<void> {
    const deadline = AbortSignal.timeout(deadlineMs);
    while (!condition(this.screen)) {
      await once(this.#changes, 'change', { signal: deadline }).catch(() => {
        throw new Error(`not seen within ${deadlineMs} ms: ${what}. The screen:\n${this.screen.text}`);
      });
    }
  }

  /** Resolves when some line of the screen contains `text`. */
  shows(text: string, deadlineMs = 10_000): Promise<void> {
    return this.until((screen) => screen.text.includes(text), JSON.stringify(text), deadlineMs);
  }

  /** Ends the helper, and with its terminal the program. */
  async close(): Promise<void> {
    this.#child.stdin?.destroy();
    this.#child.kill('SIGKILL');
    await this.exit.catch(() => undefined);
  }
}
