/**
 * The first moments in the lobby: what was said before is shown first, what was missed since the last visit comes under a
 * mark, and live messages wait until their turn. Knows how messages are shown only by name.
 */
import { type Message } from '../../commons/protocol.ts';
import { type ChatClient } from '../chat-client.ts';
import { LOBBY } from '../inbox.ts';
import { lastMessages } from './past.ts';
import { reasonOf } from './words.ts';

/** Where the opening shows things. */
export interface Stage {
  past(message: Message): void;
  message(message: Message): void;
  /** A line of ours between messages. */
  mark(text: string): void;
  notice(text: string): void;
}

/** More messages than are said between the own join and the question for them. */
const JUST_NOW = 50;
/** Lines from before that somebody sees who was never here. */
const FIRST_VISIT = 20;

export class Opening {
  readonly #client: ChatClient;
  readonly #stage: Stage;
  /** Live messages that wait; bounded by the time that the history may take. `undefined`: nothing waits any more. */
  #held: Message[] | undefined = [];
  /** The newest message that was said before we came; `undefined` once it is known whether anything was missed. */
  #newest: number | undefined;

  /** Construct it in the turn in which the client has joined: no message is missed then. */
  constructor(client: ChatClient, stage: Stage) {
    this.#client = client;
    this.#stage = stage;
    client.on('message', (message) => this.#heard(message));
  }

  /**
   * Shows what was said before, then lets the messages through. Never rejects: what cannot be shown is told.
   *
   * @param lines how many from before; left out: 20 for who was never here, else only what is new
   */
  async show(lines: number | undefined): Promise<void> {
    const { resumedFrom, cursor } = this.#client;
    const stranger = resumedFrom === undefined || (resumedFrom.epoch ?? cursor.epoch) !== cursor.epoch;
    // In another life of the history the first message is a notice in the place of its last one.
    const before = cursor.after + (stranger && resumedFrom !== undefined ? 2 : 1);
    try {
      const earlier = await lastMessages(this.#client, LOBBY, lines ?? (stranger ? FIRST_VISIT : 0), before);
      if (resumedFrom !== undefined) this.#newest = Math.max(await this.#lastBeforeUs(before), before - 1);
      this.#showEarlier(earlier);
    } catch (error) {
      this.#stage.notice(`What was said before cannot be shown: ${reasonOf(error)}`);
    }
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const message of held) this.#heard(message);
  }

  #showEarlier(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    this.#stage.mark('--- earlier ---');
    for (const message of messages) this.#stage.past(message);
    if (this.#client.resumedFrom === undefined) this.#stage.mark('--- now ---');
  }

  /** The own join, behind which nothing was missed; where there is none, or not yet, the newest message. */
  async #lastBeforeUs(before: number): Promise<number> {
    const { Messages } = await this.#client.history({ limit: JUST_NOW });
    const join = Messages.findLast(({ Kind, SenderID, Seq }) => Kind === 'join' && SenderID === this.#client.id && Seq >= before);
    return (join ?? Messages.at(-1))?.Seq ?? 0;
  }

  #heard(message: Message): void {
    if (this.#held !== undefined) {
      this.#held.push(message);
      return;
    }
    // One counter numbers the messages of all rooms; only the lobby's say whether something was missed there.
    if (message.Room === LOBBY) {
      if (this.#newest !== undefined && message.Seq <= this.#newest) this.#stage.mark('--- new ---');
      this.#newest = undefined;
    }
    this.#stage.message(message);
  }
}
