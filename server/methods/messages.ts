/** SendMessage: from a validated call to the broadcast queue, and from there back to the sender. */
import { setTimeout as delay } from 'node:timers/promises';
import { RpcError } from '../../commons/errors.ts';
import type { ParamsOf, Receipt } from '../../commons/protocol.ts';
import { Encoded } from '../../commons/rpc/frame.ts';
import type { Member } from '../member.ts';
import { busy } from '../queue.ts';
import { OPEN_RECEIPTS, whenDelivered } from '../receipts.ts';
import type { Room } from '../room.ts';
import type { Services } from '../services.ts';
import { method, type Outcome } from './method.ts';

type SendParams = ParamsOf<'ChatServer.SendMessage'>;
type SendOutcome = Outcome<'ChatServer.SendMessage'>;

const DEFAULT_WAIT_MS = 5_000;
/** A sender that goes on while the server stops is read no faster than this, so that the others get what was acknowledged. */
const STOPPING_PAUSE_MS = 50;

export const sendMessage = (services: Services) =>
  method('ChatServer.SendMessage', (params, outcome) => {
    const member = services.registry.acting(params.UserID, outcome.context.peer, params.Session);
    const room = roomOf(services, member, params.Room);
    const duplicate = params.MessageID === undefined ? undefined : services.recentSends.find(member.id, params.MessageID);
    if (duplicate !== undefined) return answerDuplicate(duplicate, member, room, params, outcome);
    if (services.stopping()) {
      outcome.refuse(new RpcError('ShuttingDown'));
      return delay(STOPPING_PAUSE_MS);
    }
    mayAccept(services, member, params);
    return params.MessageID === undefined
      ? offer(services, member, room, params, outcome)
      : offerOnce(services, member, room, params, outcome);
  });

/** The room that a call is about, which the caller must be in. */
export function roomOf({ rooms, lobby }: Services, member: Member, code: string | undefined): Room {
  const room = code === undefined ? lobby : rooms.get(code);
  if (room === undefined) throw new RpcError('NotFound', 'There is no such room.');
  if (!room.has(member)) throw new RpcError('Forbidden', 'You are not in this room.');
  return room;
}

function mayAccept({ settings }: Services, member: Member, { Text, Wait }: SendParams): void {
  if (Wait !== undefined && member.openReceipts >= OPEN_RECEIPTS) throw busy();
  const { textBytes } = settings.limits;
  if (Text.length * 3 > textBytes && Buffer.byteLength(Text) > textBytes)
    throw new RpcError('TooLarge', `Text may have at most ${textBytes} bytes.`);
  const waitMs = member.rate.take();
  if (waitMs > 0) throw new RpcError('RateLimited', undefined, { RetryAfterMs: waitMs });
}

function offer(
  { broadcaster }: Services,
  member: Member,
  room: Room,
  params: SendParams,
  outcome: SendOutcome,
  done?: Settled,
): void | Promise<void> {
  openReceipt(member, params, outcome);
  return broadcaster.queue.offer({
    room,
    kind: 'chat',
    speaker: member.speaker,
    text: params.Text,
    messageId: params.MessageID,
    accepted: (seq) => {
      done?.accepted(seq);
      answer(seq, false, member, room, params, outcome);
    },
    refused: (error) => {
      done?.refused(error);
      refuse(error, member, params, outcome);
    },
  });
}

interface Settled {
  readonly accepted: (seq: number) => void;
  readonly refused: (error: RpcError) => void;
}

/** Offers a message under its `MessageID`: a repetition that comes meanwhile waits for this one's outcome. */
function offerOnce(services: Services, member: Member, room: Room, params: SendParams, outcome: SendOutcome): void | Promise<void> {
  let settled: Settled = { accepted: () => undefined, refused: () => undefined };
  const first = new Promise<number>((resolve, reject) => {
    settled = { accepted: resolve, refused: reject };
  });
  services.recentSends.remember(member.id, params.MessageID ?? '', first);
  return offer(services, member, room, params, outcome, settled);
}

/** Answers a repetition as the first send was or will be; nothing is said again. */
function answerDuplicate(first: Promise<number>, member: Member, room: Room, params: SendParams, outcome: SendOutcome): void {
  openReceipt(member, params, outcome);
  first.then(
    (seq) => answer(seq, true, member, room, params, outcome),
    (error: unknown) => refuse(error instanceof RpcError ? error : new RpcError('InternalError'), member, params, outcome),
  );
}

/** A call that waits for its receipt does not hold up the answers behind it. */
function openReceipt(member: Member, { Wait }: SendParams, { context, call }: SendOutcome): void {
  if (Wait === undefined) return;
  context.peer.answerOutOfTurn(call);
  member.openReceipts += 1;
}

function refuse(error: RpcError, member: Member, { Wait }: SendParams, outcome: SendOutcome): void {
  if (Wait !== undefined) member.openReceipts -= 1;
  outcome.refuse(error);
}

/** Tells the sender its message's number, at once or with the receipt that it waits for. */
function answer(seq: number, duplicate: boolean, member: Member, room: Room, params: SendParams, { succeed }: SendOutcome): void {
  if (params.Wait === undefined) return succeed(accepted(seq, duplicate));
  whenDelivered(room, seq, member, params.TimeoutMs ?? DEFAULT_WAIT_MS, (receipt) => {
    member.openReceipts -= 1;
    succeed(accepted(seq, duplicate, receipt));
  });
}

function accepted(seq: number, duplicate: boolean, receipt?: Receipt): Encoded {
  const repeated = duplicate ? ',"Duplicate":true' : '';
  const more = receipt === undefined ? '' : `,"Receipt":${JSON.stringify(receipt)}`;
  return new Encoded(`{"Success":true,"Message":"Message sent successfully","Error":"","Seq":${seq}${repeated}${more}}`);
}
