/** SendMessage: from a validated call to the broadcast queue, and from there back to the sender. */
import { setTimeout as delay } from 'node:timers/promises';
import { RpcError } from '../../commons/errors.ts';
import type { ParamsOf, Receipt } from '../../commons/protocol.ts';
import { Encoded } from '../../commons/rpc/frame.ts';
import type { Member } from '../member.ts';
import { busy } from '../queue.ts';
import { OPEN_RECEIPTS, whenDelivered } from '../receipts.ts';
import type { Settled } from '../recent-sends.ts';
import type { Room } from '../room.ts';
import type { Services } from '../services.ts';
import { method, type Outcome } from './method.ts';

/** One SendMessage on its way: who says what where, and who is told how it ended. */
interface Sending {
  readonly member: Member;
  readonly room: Room;
  readonly params: ParamsOf<'ChatServer.SendMessage'>;
  readonly outcome: Outcome<'ChatServer.SendMessage'>;
}

const DEFAULT_WAIT_MS = 5_000;
/** A sender that goes on while the server stops is read no faster than this, so that the others get what was acknowledged. */
export const STOPPING_PAUSE_MS = 50;

export const sendMessage = (services: Services) =>
  method('ChatServer.SendMessage', (params, outcome) => {
    const member = services.registry.acting(params.UserID, outcome.context.peer, params.Session);
    const room = roomOf(services, member, params.Room);
    if (room === undefined) return notThere(services, params.Room);
    const sending: Sending = { member, room, params, outcome };
    if (params.Wait !== undefined && member.openReceipts >= OPEN_RECEIPTS) throw busy();
    const first = params.MessageID === undefined ? undefined : services.recentSends.find(member.id, params.MessageID);
    if (first !== undefined) return repeat(sending, first);
    if (services.stopping()) {
      outcome.refuse(new RpcError('ShuttingDown'));
      return delay(STOPPING_PAUSE_MS);
    }
    maySay(services, member, params.Text);
    // A repetition that comes meanwhile waits for this one's outcome.
    const settled = params.MessageID === undefined ? undefined : services.recentSends.begin(member.id, params.MessageID);
    return offer(services, sending, settled);
  });

/** The room that a call is about; `undefined` when the caller is not in it: then the call ends with `notThere`. */
export function roomOf({ rooms, lobby }: Services, member: Member, code: string | undefined): Room | undefined {
  const room = code === undefined ? lobby : rooms.get(code);
  return room?.has(member) === true ? room : undefined;
}

/** Refuses a call about a room that the caller is not in. @throws RpcError `Forbidden`, `NotFound` when there is no such room */
export function notThere({ rooms, lobby }: Services, code: string | undefined): Promise<never> {
  return rooms.using(code ?? lobby.code, () => {
    throw new RpcError('Forbidden', 'You are not in this room; JoinRoom lets you in.');
  });
}

/** Asserts that `member` may say this now. @throws RpcError `TooLarge`, `RateLimited` */
export function maySay({ settings }: Services, member: Member, said: string): void {
  const { textBytes } = settings.limits;
  if (said.length * 3 > textBytes && Buffer.byteLength(said) > textBytes)
    throw new RpcError('TooLarge', `Text may have at most ${textBytes} bytes.`);
  const waitMs = member.rate.take();
  if (waitMs > 0) throw new RpcError('RateLimited', undefined, { RetryAfterMs: waitMs });
}

function offer({ broadcaster }: Services, sending: Sending, settled?: Settled): void | Promise<void> {
  const { room, member, params } = sending;
  openReceipt(sending);
  return broadcaster.queue.offer({
    room,
    kind: 'chat',
    speaker: member.speaker,
    text: params.Text,
    messageId: params.MessageID,
    accepted: (seq) => {
      settled?.accepted(seq);
      answer(sending, seq, false);
    },
    refused: (error) => {
      settled?.refused(error);
      refuse(sending, error);
    },
  });
}

/** Answers a repetition as the first send was or will be; nothing is said again. */
function repeat(sending: Sending, first: Promise<number>): void {
  openReceipt(sending);
  first.then(
    (seq) => answer(sending, seq, true),
    (error: unknown) => refuse(sending, error instanceof RpcError ? error : new RpcError('InternalError')),
  );
}

/** A call that waits for its receipt does not hold up the answers behind it. */
function openReceipt({ params, outcome, member }: Sending): void {
  if (params.Wait === undefined) return;
  outcome.context.peer.answerOutOfTurn(outcome.call);
  member.openReceipts += 1;
}

function refuse({ params, outcome, member }: Sending, error: RpcError): void {
  if (params.Wait !== undefined) member.openReceipts -= 1;
  outcome.refuse(error);
}

/** Tells the sender its message's number, at once or with the receipt that it waits for. */
function answer({ params, outcome, member, room }: Sending, seq: number, duplicate: boolean): void {
  if (params.Wait === undefined) return outcome.succeed(accepted(seq, duplicate));
  whenDelivered(room, seq, member, params.TimeoutMs ?? DEFAULT_WAIT_MS, (receipt) => {
    member.openReceipts -= 1;
    outcome.succeed(accepted(seq, duplicate, receipt));
  });
}

function accepted(seq: number, duplicate: boolean, receipt?: Receipt): Encoded {
  const repeated = duplicate ? ',"Duplicate":true' : '';
  const more = receipt === undefined ? '' : `,"Receipt":${JSON.stringify(receipt)}`;
  return new Encoded(`{"Success":true,"Message":"Message sent successfully","Error":"","Seq":${seq}${repeated}${more}}`);
}
