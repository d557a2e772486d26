/**
 * One time for all failed dials: a refused port answers in a millisecond, a filtered one never, and a caller who could
 * see the difference would have a port scanner. Knows clocks, not sockets.
 *
 * Only what depends on the network needs it. A callback that the address policy or the budget refuses may be answered at
 * once: the decision is made from what the caller sent and what this server counts, so its time tells nothing about a port.
 */
import { setTimeout as delay } from 'node:timers/promises';

/** The dial, and every answer it waits for, must end this long before the uniform time, or a silent port shows as a late answer. */
export const UNIFORM_MARGIN_MS = 100;

/**
 * Resolves `uniformMs` after `startedAt` (both on the clock of `performance.now()`), never before; at once when that has passed.
 * @param signal ends the wait early with its reason, as when the caller has hung up or the server stops.
 */
export async function afterUniformTime(startedAt: number, uniformMs: number, signal?: AbortSignal): Promise<void> {
  const end = startedAt + uniformMs;
  // A timer of Node may be up to 1 ms early by this clock.
  for (let left = end - performance.now(); left > 0; left = end - performance.now()) {
    await delay(Math.ceil(left), undefined, signal && { signal });
  }
}
