/** SendMessage: from a validated call to the broadcast queue, and from there back to the sender. */
import { setTimeout as delay } from 'node:timers/promises';
import { RpcError } from '../../commons/errors.ts';
import type { ParamsOf, Receipt } from '../../commons/protocol.ts';
import { Encoded } from '../../commons/rpc/frame.ts';
import type { Member } from '../member.ts';
import { busy, type Broadcast } from '../queue.ts';
import { OPEN_RECEIPTS, whenDelivered } from '../receipts.ts';
import type { Settled } from '../recent-sends.ts';
import type { Room } from '../room.ts';
import type { Services } from '../services.ts';
import type { Speaker } from '../speaker.ts';
import { method, type Outcome } from './method.ts';

const DEFAULT_WAIT_MS = 5_000;
/** A sender that goes on while the server stops is read no faster than this, so that the others get what was acknowledged. */
export const STOPPING_PAUSE_MS = 50;

export const sendMessage = (services: Services) =>
  method('ChatServer.SendMessage', (params, outcome) => {
    const member = services.registry.acting(params.UserID, outcome.context.peer, params.Session);
    const room = roomOf(services, member, params.Room);
    if (room === undefined) return notThere(services, params.Room);
    const sending = new Sending(member, room, params, outcome);
    if (params.Wait !== undefined && member.openReceipts >= OPEN_RECEIPTS) throw busy();
    const first = params.MessageID === undefined ? undefined : services.recentSends.find(member.id, params.MessageID);
    if (first !== undefined) return sending.repeat(first);
    if (services.stopping()) {
      outcome.refuse(new RpcError('ShuttingDown'));
      return delay(STOPPING_PAUSE_MS);
    }
    maySay(services, member, params.Text);
    // A repetition that comes meanwhile waits for this one's outcome.
    if (params.MessageID !== undefined) sending.settled = services.recentSends.begin(member.id, params.MessageID);
    sending.openReceipt();
    return services.broadcaster.queue.offer(sending);
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

/** One SendMessage on its way: who says what where, and who is told how it ended. */
class Sending implements Broadcast {
  readonly room: Room;
  readonly kind = 'chat';
  readonly speaker: Speaker;
  readonly text: string;
  readonly messageId: string | undefined;
  /** Who repeats it is told too. */
  settled: Settled | undefined;
  readonly #member: Member;
  readonly #params: ParamsOf<'ChatServer.SendMessage'>;
  readonly #outcome: Outcome<'ChatServer.SendMessage'>;

  constructor(member: Member, room: Room, params: ParamsOf<'ChatServer.SendMessage'>, outcome: Outcome<'ChatServer.SendMessage'>) {
    this.room = room;
    this.speaker = member.speaker;
    this.text = params.Text;
    this.messageId = params.MessageID;
    this.#member = member;
    this.#params = params;
    this.#outcome = outcome;
  }

  /** A call that waits for its receipt does not hold up the answers behind it. */
  openReceipt(): void {
    if (this.#params.Wait === undefined) return;
    this.#outcome.context.peer.answerOutOfTurn(this.#outcome.call);
    this.#member.openReceipts += 1;
  }

  accepted(seq: number): void {
    this.settled?.accepted(seq);
    this.#answer(seq, false);
  }

  refused(error: RpcError): void {
    this.settled?.refused(error);
    this.#refuse(error);
  }

  /** Answers a repetition as the first send was or will be; nothing is said again. */
  repeat(first: Promise<number>): void {
    this.openReceipt();
    first.then(
      (seq) => this.#answer(seq, true),
      (error: unknown) => this.#refuse(error instanceof RpcError ? error : new RpcError('InternalError')),
    );
  }

  /** Tells the sender its message's number, at once or with the receipt that it waits for. */
  #answer(seq: number, duplicate: boolean): void {
    const { Wait, TimeoutMs = DEFAULT_WAIT_MS } = this.#params;
    if (Wait === undefined) return this.#outcome.succeed(accepted(seq, duplicate));
    whenDelivered(this.room, seq, this.#member, TimeoutMs, (receipt) => {
      this.#member.openReceipts -= 1;
      this.#outcome.succeed(accepted(seq, duplicate, receipt));
    });
  }

  #refuse(error: RpcError): void {
    if (this.#params.Wait !== undefined) this.#member.openReceipts -= 1;
    this.#outcome.refuse(error);
  }
}

function accepted(seq: number, duplicate: boolean, receipt?: Receipt): Encoded {
  const repeated = duplicate ? ',"Duplicate":true' : '';
  const more = receipt === undefined ? '' : `,"Receipt":${JSON.stringify(receipt)}`;
  return new Encoded(`{"Success":true,"Message":"Message sent successfully","Error":"","Seq":${seq}${repeated}${more}}`);
}
