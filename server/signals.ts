/** How the operating system asks the program for an end. */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** Under npm one Ctrl+C arrives twice, from the terminal and from npm: so soon it is the same, milliseconds. */
const SAME_SIGNAL_MS = 500;

/**
 * Resolves when an end is asked for; asked for once more, the program ends at once, with status 1. The listeners stay from
 * one signal to the next: a moment without any, and the second half of a Ctrl+C would kill the program.
 */
export function whenAskedToEnd(): Promise<void> {
  return new Promise((resolve) => {
    let askedAt: number | undefined;
    const ask = (): void => {
      askedAt ??= performance.now();
      if (performance.now() - askedAt > SAME_SIGNAL_MS) process.exit(1);
      resolve();
    };
    for (const signal of SIGNALS) process.on(signal, ask);
  });
}
