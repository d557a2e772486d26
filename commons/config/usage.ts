/** How a program ends when its settings cannot be used, or when only help was asked for. Knows no setting. */

/** A setting breaks a rule. The message names the flag or variable and the rule; it never quotes a secret. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** The exit status of every program of this package for wrong usage. */
  readonly exitStatus = 2;
}

/** `--help` or `--version` was given: `text` is the answer, and the program has nothing else to do. */
export class HelpRequested extends Error {
  override readonly name = 'HelpRequested';
  readonly text: string;

  constructor(text: string) {
    super('Only help was asked for.');
    this.text = text;
  }
}

/**
 * The settings that `read` returns; ends the process when there are none: help goes to stdout with status 0, a usage
 * error to stderr with status 2. Both are short, and writes to a pipe or a terminal are synchronous, so nothing is lost.
 */
export function settingsOrExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof HelpRequested) {
      process.stdout.write(error.text);
      process.exit(0);
    }
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\nTry --help.\n`);
      process.exit(error.exitStatus);
    }
    throw error;
  }
}
