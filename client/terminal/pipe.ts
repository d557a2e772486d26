/** Without a keyboard: the lines of stdin are said in order, each acknowledged before the next, and then it is over. */
import { type Readable } from 'node:stream';
import { DEFAULT_LIMITS } from '../../commons/limits.ts';
import { type ChatClient } from '../chat-client.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { linesOf } from './lines.ts';
import { type Outlet } from './outlet.ts';
import { reasonOf } from './words.ts';

/** How long a line may stay without an answer: enough for a server that restarts, or that asks for patience. */
const ACKNOWLEDGE_MS = 30_000;

/**
 * Blank lines are skipped; every other line is said as it is, `exit` and `/who` too, for what comes through a pipe was not typed.
 * A refused line is reported and the next one is tried; a line without an answer ends it, for later ones would overtake it.
 */
export async function sayLines(client: ChatClient, stdin: Readable, outlet: Outlet): Promise<ExitStatus> {
  let status: ExitStatus = EXIT.fine;
  let number = 0;
  for await (const line of linesOf(stdin, DEFAULT_LIMITS.frameBytes)) {
    number++;
    if (line.trim() === '') continue;
    const outcome = await say(client, line);
    if (outcome.kind === 'accepted') continue;
    outlet.notice(`Line ${number} was not accepted: ${outcome.why}`);
    status = EXIT.notAccepted;
    if (outcome.kind === 'unanswered') break;
  }
  return status;
}

type Outcome = { readonly kind: 'accepted' } | { readonly kind: 'refused' | 'unanswered'; readonly why: string };

async function say(client: ChatClient, line: string): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => resolve({ kind: 'unanswered', why: `no answer within ${ACKNOWLEDGE_MS / 1_000} s.` }), ACKNOWLEDGE_MS);
  });
  const answer = client.send(line).then(
    (): Outcome => ({ kind: 'accepted' }),
    (error: unknown): Outcome => ({ kind: client.state.kind === 'closed' ? 'unanswered' : 'refused', why: reasonOf(error) }),
  );
  const outcome = await Promise.race([answer, tooLate]);
  clearTimeout(timer);
  return outcome;
}
