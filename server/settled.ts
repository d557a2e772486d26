/** Waiting for many things, but not for ever. */

/** Resolves when all of `promises` have settled, at the latest at `end` (as of `performance.now()`). */
export async function settled(promises: readonly Promise<unknown>[], end: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, end - performance.now()));
  });
  await Promise.race([Promise.allSettled(promises), deadline]);
  clearTimeout(timer);
}
