/**
 * Which of one's rooms one looks at. What is said there is shown, what is said elsewhere is counted until one looks there;
 * what is said to oneself alone is always shown. Knows how things are shown only by name.
 */
import { type Message } from '../../commons/protocol.ts';
import { type ChatClient } from '../chat-client.ts';
import { LOBBY } from '../inbox.ts';
import { type Elsewhere } from './label.ts';
import { mentions } from './render.ts';
import { Unread } from './unread.ts';
import { messages } from './words.ts';

/** Where the room is shown. */
export interface View {
  message(message: Message): void;
  /** A message that is not shown yet rings all the same where it would have. */
  ring(message: Message): void;
  /** A line of ours between messages. */
  mark(text: string): void;
  notice(text: string): void;
}

/** What people call the room that everyone is in. */
export const LOBBY_NAME = 'Lobby';

export class Looking {
  readonly #client: ChatClient;
  readonly #view: View;
  readonly #unread = new Unread();
  /** Names of rooms that one was in, for what is said about one that is gone. */
  readonly #names = new Map<string, string>();
  #room: string = LOBBY;

  constructor(client: ChatClient, view: View) {
    this.#client = client;
    this.#view = view;
  }

  /** The code of the room that one looks at. */
  get room(): string {
    return this.#room;
  }

  /** Whether there is more than one, so that they need names. */
  get several(): boolean {
    return this.#room !== LOBBY || this.#client.rooms.size > 0 || this.#unread.counts.length > 0;
  }

  /** What was said in the other rooms, the one that spoke last first. */
  get elsewhere(): readonly Elsewhere[] {
    return this.#unread.counts.map(({ room, count, mentioned }) => ({ name: this.nameOf(room), count, mentioned }));
  }

  /** What people call a room; two of one's rooms that share a name are told apart by their codes. */
  nameOf(code: string): string {
    if (code === LOBBY) return LOBBY_NAME;
    const { rooms } = this.#client;
    const name = rooms.get(code) ?? this.#names.get(code) ?? code;
    const namesakes = [...rooms.values()].filter((other) => other === name);
    return namesakes.length > 1 ? `${name} ${code}` : name;
  }

  /** Shows a message, or counts it. */
  heard(message: Message): void {
    if (message.Room === this.#room || message.Kind === 'direct') this.#view.message(message);
    else {
      this.#unread.add(message, mentions(message, this.#client.name));
      this.#view.ring(message);
    }
    this.goOn();
  }

  /** Looks at a room that one is in, and shows what was missed there. */
  look(room: string): void {
    if (room === this.#room) {
      this.#view.notice(`You are in ${this.nameOf(room)} already.`);
      return;
    }
    this.#room = room;
    this.#view.mark(`--- ${this.nameOf(room)} ---`);
    this.#showMissed(room);
  }

  /** What was last said in rooms that one is in no more is shown, for it could not be looked at; who looked at one looks at the lobby. */
  goOn(): void {
    const { rooms } = this.#client;
    const gone = [...this.#names.keys()].filter((code) => !rooms.has(code));
    for (const room of this.#unread.counts.map(({ room: code }) => code).filter((code) => gone.includes(code))) {
      this.#view.mark(`--- ${this.nameOf(room)} ---`);
      this.#showMissed(room);
      this.#view.mark(`--- ${this.nameOf(this.#room)} ---`);
    }
    if (gone.includes(this.#room)) this.look(LOBBY);
    for (const code of gone) this.#names.delete(code);
    for (const [code, name] of rooms) this.#names.set(code, name);
  }

  /** What was never looked at, as one is about to go; `undefined` when there is nothing. */
  get farewell(): string | undefined {
    const rooms = this.elsewhere.map(({ name, count }) => `${name} (${count})`);
    return rooms.length === 0 ? undefined : `Not read: ${rooms.join(', ')}. There /history shows it.`;
  }

  #showMissed(room: string): void {
    const missed = this.#unread.take(room);
    if (missed.messages.length === 0) return;
    this.#view.mark('--- new ---');
    if (missed.forgotten > 0) this.#view.notice(`${messages(missed.forgotten)} before these: /history shows them.`);
    for (const message of missed.messages) this.#view.message(message);
  }
}
