/** Without a keyboard: texts are said in order, each acknowledged before the next, and then it is over. */
import { type Receipt } from '../../commons/protocol.ts';
import { type ChatClient, type Sent } from '../chat-client.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { type Outlet } from './outlet.ts';
import { reasonOf, receiptWords } from './words.ts';

/** How long a text may stay without an answer: enough for a server that restarts, or that asks for patience. */
const ACKNOWLEDGE_MS = 30_000;
/** Receipts that are waited for at the same time; the next text waits for the oldest. The server allows 256. */
const OPEN_RECEIPTS = 64;

/** A text and what it is called when something is wrong with it. */
export interface Utterance {
  readonly text: string;
  readonly label: string;
}

/** Where each text goes, and what is to be known of it beyond that it was accepted. */
export interface Wanted {
  /** The room; the lobby when left out. */
  readonly room?: string;
  /** One person instead of a room. That a message waits in an inbox is as good as that it was accepted. */
  readonly to?: string;
  readonly waitDelivered: boolean;
  /** How long each receipt may take, milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Every text is said as it is, `exit` and `/who` too, for what comes through a pipe was not typed. A refused one is
 * reported and the next one is tried; one without an answer ends it, for later ones would overtake it.
 */
export async function sayAll(
  client: ChatClient,
  utterances: AsyncIterable<Utterance>,
  outlet: Outlet,
  wanted: Wanted,
): Promise<ExitStatus> {
  const receipts = new Set<Promise<void>>();
  const statuses = new Set<ExitStatus>();
  for await (const { text, label } of utterances) {
    if (receipts.size >= OPEN_RECEIPTS) await Promise.race(receipts);
    const outcome = await say(client, text, wanted);
    if (outcome.kind !== 'accepted') {
      outlet.notice(`${label} was not accepted: ${outcome.why}`);
      statuses.add(EXIT.notAccepted);
      if (outcome.kind === 'unanswered') break;
    } else if (wanted.waitDelivered) {
      const settled = outcome.settled.then(({ Receipt }) => {
        receipts.delete(settled);
        if (isComplete(Receipt)) return;
        outlet.notice(`${label} was accepted: ${Receipt === undefined ? 'nobody knows who has it' : receiptWords(Receipt)}.`);
        statuses.add(EXIT.notDelivered);
      });
      receipts.add(settled);
    }
  }
  await Promise.all(receipts);
  return [EXIT.notAccepted, EXIT.notDelivered].find((status) => statuses.has(status)) ?? EXIT.fine;
}

function isComplete(receipt: Receipt | undefined): boolean {
  return receipt !== undefined && receipt.Pending.length + receipt.Failed === 0;
}

type Outcome =
  /** `settled` has the receipt, if one is waited for; it never rejects. */
  | { readonly kind: 'accepted'; readonly settled: Promise<Pick<Sent, 'Receipt'>> }
  | { readonly kind: 'refused' | 'unanswered'; readonly why: string };

function say(client: ChatClient, text: string, wanted: Wanted): Promise<Outcome> {
  return new Promise((resolve) => {
    const why = `no answer within ${ACKNOWLEDGE_MS / 1_000} s.`;
    const timer = setTimeout(() => resolve({ kind: 'unanswered', why }), ACKNOWLEDGE_MS);
    const known = (outcome: Outcome): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    const accepted = (): void => known({ kind: 'accepted', settled });
    const settled = sent(client, text, wanted, accepted);
    settled.catch((error: unknown) => known({ kind: client.state.kind === 'closed' ? 'unanswered' : 'refused', why: reasonOf(error) }));
  });
}

async function sent(client: ChatClient, text: string, wanted: Wanted, accepted: () => void): Promise<Pick<Sent, 'Receipt'>> {
  const { room, to, waitDelivered, timeoutMs } = wanted;
  if (to === undefined)
    return client.send(text, {
      accepted,
      ...(room === undefined ? {} : { room }),
      ...(waitDelivered ? { wait: 'delivered', timeoutMs } : {}),
    });
  await client.sendDirect(to, text);
  accepted();
  return {};
}
