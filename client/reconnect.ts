/** When to try again, and whether at all. It knows no connection: it only decides. */
import { setTimeout as wait } from 'node:timers/promises';
import { RpcError, type Reason } from '../commons/errors.ts';
import { CallbackUnusable, ClientClosed, ServerUnreachable } from './errors.ts';
import { NoAnswer } from '../commons/rpc/caller.ts';

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/**
 * Full jitter: each pause is random between nothing and a bound that doubles from 0.5 s to 30 s, so that the clients of
 * a server that comes back do not come back together.
 */
export class Backoff {
  readonly #random: () => number;
  /** Tries since the last success, the coming one included. */
  attempt = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** The pause before the next try, milliseconds; at least what the server asked for. */
  next(askedMs = 0): number {
    const bound = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.attempt);
    this.attempt += 1;
    return Math.max(Math.round(this.#random() * bound), Math.min(askedMs, LONGEST_MS));
  }

  reset(): void {
    this.attempt = 0;
  }
}

/** Refusals of a Register that no later try will turn into success: `Unauthorized` is a void token. */
const FINAL: ReadonlySet<Reason> = new Set([
  'InvalidParams',
  'InvalidRequest',
  'MethodNotFound',
  'Unauthorized',
  'Forbidden',
  'NotFound',
  'TooLarge',
]);

/** Whether a client that was registered once should try again after this. A taken ID is most likely its own ghost. */
export function worthRetrying(error: unknown): boolean {
  if (error instanceof RpcError) return !FINAL.has(error.reason);
  return error instanceof NoAnswer || error instanceof ServerUnreachable || error instanceof CallbackUnusable;
}

/** @throws ClientClosed when `signal` ends the pause, or has done so already */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal });
  } catch {
    throw new ClientClosed('The client has left the room.');
  }
}
