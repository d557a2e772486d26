/**
 * The rooms that a client is in beside the lobby, and how it gets back into them on a new connection: from where it was,
 * without gap and repeat. It knows no listener and makes no call but that.
 */
import { RpcError, type Reason } from '../commons/errors.ts';
import { roomDeleted, type ListedRoom, type Message } from '../commons/protocol.ts';
import { catchUp, newest, roomNotice } from './catch-up.ts';
import { LOBBY, type Cursor, type Inbox } from './inbox.ts';
import type { LogIn } from './log-in.ts';
import { pause } from './reconnect.ts';
import { ANSWER_MS, type ServerLink } from './server-link.ts';

/** A room that the client is in. */
interface Joined {
  readonly name: string;
  /** Never written down. */
  readonly password: string | undefined;
  /** The account that entered; `undefined`: a guest did. */
  readonly account: string | undefined;
}

/** Where the client was in its rooms, by code; `undefined` where it heard nothing yet. */
export type Places = ReadonlyMap<string, Cursor | undefined>;

/** The client cannot come back into such a room: it is told, and the room forgotten. */
const GONE: ReadonlySet<Reason> = new Set(['NotFound', 'Forbidden', 'InvalidParams']);
/** Pause before a refused try is repeated when the server names none, milliseconds. */
const REFUSED_MS = 250;

export class JoinedRooms {
  readonly #id: string;
  readonly #inbox: Inbox;
  readonly #logIn: LogIn;
  /** By code. The server bounds how many one may be in. */
  readonly #rooms = new Map<string, Joined>();

  constructor(id: string, inbox: Inbox, logIn: LogIn) {
    this.#id = id;
    this.#inbox = inbox;
    this.#logIn = logIn;
  }

  /** By code, what people call them. */
  names(): ReadonlyMap<string, string> {
    return new Map([...this.#rooms].map(([code, { name }]) => [code, name]));
  }

  /** The client is in `code` now, and served there from behind `seq` on. */
  entered(code: string, name: string, password: string | undefined, seq: number): void {
    const before = this.#rooms.get(code);
    this.#rooms.set(code, { name, password: password ?? before?.password, account: this.#logIn.name });
    this.#inbox.enter(code, seq);
  }

  /** Runs `call`, which enters `code`; what the room says meanwhile is shown after it, when its name is known. */
  async entering<T>(code: string, call: () => Promise<T>): Promise<T> {
    const capital = code.toUpperCase();
    this.#inbox.pause(capital);
    try {
      return await call();
    } finally {
      this.#inbox.resume(capital);
    }
  }

  /** @param code in capital or small letters */
  left(code: string): void {
    const known = [...this.#rooms.keys()].find((one) => one.toLowerCase() === code.toLowerCase());
    if (known === undefined) return;
    this.#rooms.delete(known);
    this.#inbox.forget(known);
  }

  clear(): void {
    for (const code of [...this.#rooms.keys()]) this.left(code);
  }

  /** What the server says of where the client is; it may have entered and left by another client of its account. */
  sync(listed: readonly ListedRoom[]): void {
    const here = listed.filter(({ Room, Joined }) => Joined === true && Room !== LOBBY);
    const joined = new Map(here.map(({ Room, Name }) => [Room, Name]));
    for (const code of [...this.#rooms.keys()])
      if (!joined.has(code) && this.#isOfAccount(code)) this.#lost(code, 'You are not in it any more.');
    for (const [code, name] of joined)
      if (!this.#rooms.has(code)) this.#rooms.set(code, { name, password: undefined, account: this.#logIn.name });
  }

  /** Whether the message is of a room that is not known yet. A room that was deleted is forgotten. */
  heard({ Room: code, Kind: kind, Text: text }: Message): boolean {
    const room = this.#rooms.get(code);
    if (room === undefined) return code !== LOBBY && kind !== 'direct' && kind !== 'notice';
    if (kind === 'notice' && text === roomDeleted(room.name)) this.left(code);
    return false;
  }

  /** Before a new registration: what the rooms of an account say waits until it is known what is missing before it. */
  pause(): Places {
    const places = new Map([...this.#rooms.keys()].map((code) => [code, this.#inbox.resumption(code)]));
    for (const code of places.keys()) {
      this.#inbox.drop(code);
      if (this.#isOfAccount(code)) this.#inbox.pause(code);
    }
    return places;
  }

  /** Back into the rooms where it was before the connection was lost. @throws NoAnswer, ClientClosed, RpcError when that cannot be done now */
  async comeBack(link: ServerLink, places: Places, stopped: AbortSignal): Promise<void> {
    await Promise.all([...this.#rooms.keys()].map((code) => this.#comeBack(link, code, places.get(code), stopped)));
  }

  async #comeBack(link: ServerLink, code: string, place: Cursor | undefined, stopped: AbortSignal): Promise<void> {
    try {
      if (!this.#isOfAccount(code)) return await this.#enter(link, code, place, stopped);
      if (place === undefined) this.#inbox.enter(code, await newest(link, this.#id, code));
      else if (place.epoch === this.#inbox.epoch) await catchUp(link, this.#id, this.#inbox, code, place);
      this.#inbox.resume(code);
    } catch (error) {
      if (!(error instanceof RpcError) || !GONE.has(error.reason)) throw error;
      this.#lost(code, error.message);
    }
  }

  /** A guest that registered anew is in no room any more; one that took over begins again where it is. */
  async #enter(link: ServerLink, code: string, place: Cursor | undefined, stopped: AbortSignal): Promise<void> {
    const room = this.#rooms.get(code);
    if (room === undefined) return;
    const resume = { ResumeAfter: place?.after, Epoch: place?.epoch };
    const params = { UserID: this.#id, Room: code, Password: room.password, ...resume };
    for (;;) {
      try {
        const { Name, Seq } = await link.call('ChatServer.JoinRoom', params, ANSWER_MS);
        return this.entered(code, Name, room.password, Seq);
      } catch (error) {
        if (!(error instanceof RpcError) || error.data.RetryAfterMs === undefined) throw error;
        await pause(Math.max(error.data.RetryAfterMs, REFUSED_MS), stopped);
      }
    }
  }

  /** The room went while the client was away: it is told in the place behind the last message of it. */
  #lost(code: string, why: string): void {
    const room = this.#rooms.get(code);
    // The server has told it already, where the client was still registered.
    if (room === undefined) return;
    const Seq = (this.#inbox.resumption(code)?.after ?? 0) + 1;
    this.left(code);
    // Or it will.
    this.#inbox.close(code);
    this.#inbox.tell(roomNotice(code, Seq, `The room ${room.name} is closed to you. ${why}`));
  }

  /** Such a room comes back by itself; one that a guest entered does not, whoever the guest is now. */
  #isOfAccount(code: string): boolean {
    const account = this.#rooms.get(code)?.account;
    return account !== undefined && account === this.#logIn.name;
  }
}
