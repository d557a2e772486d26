/** How the client's process ends: its exit status is the outcome, for scripts. */
import { type Reason } from '../../commons/errors.ts';

export const EXIT = {
  fine: 0,
  error: 1,
  usage: 2,
  /** The server answered Register with a refusal. */
  refused: 4,
  /** No server answered, or it said that it has no time for us. */
  unreachable: 5,
  /** At least one message was refused or stayed without an answer. */
  notAccepted: 6,
  /** Everything was accepted, but not everybody answered in time that it arrived. */
  notDelivered: 7,
  interrupted: 130,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** Refusals that say nothing about who we are: the server is there, but not for now. */
const NOT_NOW: ReadonlySet<Reason> = new Set(['Busy', 'RateLimited', 'ShuttingDown']);

/** The status for a Register that was refused with `reason`. */
export function statusOfRefusal(reason: Reason): ExitStatus {
  if (NOT_NOW.has(reason)) return EXIT.unreachable;
  return reason === 'InternalError' ? EXIT.error : EXIT.refused;
}
