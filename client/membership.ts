/**
 * What a new connection needs before it is of use: a registration on it, and the rooms that the client was in. Until then
 * nothing is shown. It does so once when it is told to; when and how often is the lasting connection's business.
 */
import { RpcError } from '../commons/errors.ts';
import { sentence } from './errors.ts';
import type { Inbox } from './inbox.ts';
import type { JoinedRooms } from './joined-rooms.ts';
import type { LogIn } from './log-in.ts';
import type { Registration } from './registration.ts';
import { ANSWER_MS, type ServerLink } from './server-link.ts';

export interface MembershipParts {
  readonly id: string;
  readonly registration: Registration;
  readonly logIn: LogIn;
  readonly inbox: Inbox;
  readonly rooms: JoinedRooms;
}

export class Membership {
  readonly #parts: MembershipParts;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
  }

  get id(): string {
    return this.#parts.id;
  }

  /** Registers over a new connection and goes back into the rooms. @throws RpcError, NoAnswer, CallbackUnusable, ClientClosed */
  async over(link: ServerLink, stopped: AbortSignal): Promise<void> {
    const { rooms, inbox } = this.#parts;
    const isFirst = inbox.isNew;
    // Whoever waits for the first connection hears nothing before it has it.
    if (isFirst) inbox.hold();
    try {
      const places = rooms.pause();
      await this.again(link);
      await rooms.comeBack(link, places, stopped);
    } finally {
      if (isFirst) setImmediate(() => inbox.release());
    }
  }

  /** Registers over a connection on which all rooms go on by themselves. Messages that come meanwhile are shown after it. */
  async again(link: ServerLink): Promise<void> {
    const { registration, inbox, logIn } = this.#parts;
    // Of the rooms of an account only the server knows, and of those of a registration that another process had.
    const ask = inbox.isNew && registration.session !== undefined;
    // Until the epoch is known, it is not known whether a Seq is old or new.
    inbox.hold();
    try {
      const { Epoch, Seq } = await registration.over(link, inbox.beginning);
      inbox.adopt(Epoch, Seq);
      if (ask || logIn.name !== undefined) await this.#learnRooms(link);
    } finally {
      // Not at once: who waits for it attaches its listeners first.
      setImmediate(() => inbox.release());
    }
  }

  /** A server that does not tell leaves them as they were. */
  async #learnRooms(link: ServerLink): Promise<void> {
    const { id, rooms } = this.#parts;
    try {
      rooms.sync((await link.call('ChatServer.ListRooms', { UserID: id }, ANSWER_MS)).Rooms);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
    }
  }

  /** Says goodbye; returns how that went, as a sentence. Never rejects. */
  async leave(link: ServerLink, deadlineMs: number): Promise<string> {
    try {
      await link.call('ChatServer.Unregister', { ID: this.id }, deadlineMs);
      this.#parts.registration.forget();
      return 'left';
    } catch (error) {
      return `left without the server's consent: ${sentence(error)}`;
    }
  }

  /** Nobody can call back any more. */
  close(): void {
    this.#parts.registration.close();
  }
}
