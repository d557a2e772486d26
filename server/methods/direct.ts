/** SendDirect: from a validated call to one person's inbox, and from there back to the sender. */
import { setTimeout as delay } from 'node:timers/promises';
import { RpcError } from '../../commons/errors.ts';
import type { ParamsOf } from '../../commons/protocol.ts';
import { Account } from '../accounts/account.ts';
import { consentOf, settingsOf } from '../direct/consent.ts';
import type { Inbox } from '../direct/inbox.ts';
import type { Person } from '../direct/inboxes.ts';
import { findPerson, personOf } from '../direct/people.ts';
import type { Member } from '../member.ts';
import { busy } from '../queue.ts';
import { OPEN_RECEIPTS } from '../receipts.ts';
import type { Services } from '../services.ts';
import { maySay, STOPPING_PAUSE_MS } from './messages.ts';
import { method, type Outcome } from './method.ts';

/** One SendDirect on its way. */
interface Sending {
  readonly member: Member;
  readonly params: ParamsOf<'ChatServer.SendDirect'>;
  readonly outcome: Outcome<'ChatServer.SendDirect'>;
}

/** How long the answer waits for the recipient's, milliseconds; then the message counts as waiting. */
const ANSWER_MS = 5_000;
/** A full inbox is emptied by a person. */
const FULL_RETRY_MS = 60_000;

export const sendDirect = (services: Services) =>
  method('ChatServer.SendDirect', async (params, outcome) => {
    const member = services.registry.acting(params.UserID, outcome.context.peer, params.Session);
    const sending: Sending = { member, params, outcome };
    const known = firstOf(services, sending);
    if (known === undefined && services.stopping()) {
      outcome.refuse(new RpcError('ShuttingDown'));
      return delay(STOPPING_PAUSE_MS);
    }
    if (member.openReceipts >= OPEN_RECEIPTS) throw busy();
    if (known === undefined) maySay(services, member, params.Text);
    const person = await findPerson(services.registry, services.accounts, params.To);
    if (known !== undefined) return repeat(services, sending, known, person);
    if (person === undefined || !isThere(services, person)) throw nobody(params.To);
    return new Promise((queued, failed) => {
      const sent = services.inboxes.using(person, (inbox) => {
        // Another connection may have sent the same meanwhile.
        const first = firstOf(services, sending);
        if (first !== undefined) return repeat(services, sending, first, person).then(queued);
        maySend(services, sending, person, inbox);
        return offer(services, sending, inbox, queued);
      });
      sent.catch(failed);
    });
  });

/** An earlier send under the same `MessageID`. */
function firstOf({ recentSends }: Services, { member, params: { MessageID } }: Sending): Promise<number> | undefined {
  return MessageID === undefined ? undefined : recentSends.find(member.id, MessageID);
}

/** @throws RpcError when the sender is gone, the recipient does not want it, or there is no room for it */
function maySend(services: Services, { member, params }: Sending, person: Person, inbox: Inbox): void {
  if (services.registry.get(member.id) !== member) throw new RpcError('NotRegistered');
  if (!isThere(services, person)) throw nobody(params.To);
  const sender = personOf(member);
  if (person === sender) throw yourself('To');
  const consent = consentOf(settingsOf(person), sender);
  if (consent === 'blocked') throw new RpcError('Forbidden', `${person.name} takes no direct messages of yours.`);
  if (consent === 'not allowed') {
    // Everyone who is here is in the lobby together; who is away is known to members only.
    const mayKnow = member.account !== undefined || !(person instanceof Account) || services.registry.of(person).length > 0;
    if (!mayKnow) throw nobody(params.To);
    throw new RpcError('Forbidden', `${person.name} takes direct messages only of those that ${person.name} allows.`);
  }
  if (inbox.isFull) throw new RpcError('Busy', `The inbox of ${person.name} is full.`, { RetryAfterMs: FULL_RETRY_MS });
}

/**
 * Puts the message into the queue; then the sender's next call may come. Resolves when the message is in the log, before
 * which the inbox must not be forgotten, or was refused.
 */
function offer({ broadcaster, recentSends }: Services, sending: Sending, inbox: Inbox, queued: () => void): Promise<void> {
  const { member, params, outcome } = sending;
  const settled = params.MessageID === undefined ? undefined : recentSends.begin(member.id, params.MessageID);
  if (inbox.isPushed) outcome.context.peer.answerOutOfTurn(outcome.call);
  inbox.expect();
  return new Promise((done) => {
    const accepted = (seq: number): void => {
      inbox.accepted(seq);
      settled?.accepted(seq);
      void answer(sending, inbox, seq, false);
      done();
    };
    const refused = (error: RpcError): void => {
      inbox.refused();
      settled?.refused(error);
      outcome.refuse(error);
      done();
    };
    const { speaker } = member;
    const { Text: text, MessageID: messageId } = params;
    void Promise.resolve(broadcaster.queue.offer({ room: inbox.room, kind: 'direct', speaker, text, messageId, accepted, refused })).then(
      queued,
    );
  });
}

/** Answers a repetition as the first send was or will be; nothing is said again. */
async function repeat({ inboxes }: Services, sending: Sending, first: Promise<number>, person: Person | undefined): Promise<void> {
  const { outcome } = sending;
  outcome.context.peer.answerOutOfTurn(outcome.call);
  const told = async (inbox: Inbox | undefined): Promise<void> => answer(sending, inbox, await first, true);
  await (person === undefined ? told(undefined) : inboxes.using(person, told)).catch((error: unknown) =>
    outcome.refuse(error instanceof RpcError ? error : new RpcError('InternalError')),
  );
}

/** Tells the sender its message's number, and whether it was delivered: at once, or when that is known. */
async function answer({ member, outcome }: Sending, inbox: Inbox | undefined, seq: number, duplicate: boolean): Promise<void> {
  member.openReceipts += 1;
  const Delivered = (await inbox?.delivered(seq, ANSWER_MS)) ?? false;
  member.openReceipts -= 1;
  outcome.succeed({ Success: true, Delivered, Seq: seq, ...(duplicate ? { Duplicate: true } : {}) });
}

/** Whether somebody is still who they were when they were found. */
function isThere({ registry }: Services, person: Person): boolean {
  return person instanceof Account ? !person.isDeleted : registry.get(person.id) === person && person.account === undefined;
}

export function nobody(named: string): RpcError {
  return new RpcError('NotFound', `There is nobody called ${JSON.stringify(named)}.`);
}

export function yourself(Path: string): RpcError {
  const Message = `${Path} must be somebody else.`;
  return new RpcError('InvalidParams', Message, { Issues: [{ Path, Message }] });
}
