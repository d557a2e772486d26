/** A member that keeps a few messages on their way and notes what became of each, as the checker wants it. */
import type { Send, SenderRecord } from '../support/checker.ts';
import { at } from '../support/line-client.ts';
import type { Member } from '../support/room.ts';

/** Messages that are on their way at a time. */
const UNDER_WAY = 16;

export class Sender {
  readonly #member: Member;
  readonly #sends: Send[] = [];
  #talking = false;
  #answered = 0;

  constructor(member: Member) {
    this.#member = member;
  }

  /** Talks until `pause`; resolves when the last message is answered. @throws Error when one is refused */
  async talk(): Promise<void> {
    this.#talking = true;
    for (let count = 0; count < UNDER_WAY; count += 1) this.#say();
    while (this.#answered < this.#sends.length) {
      const answer = await this.#member.client.next(30_000);
      const index = at(answer, 'id');
      const seq = at(answer, 'result', 'Seq');
      if (typeof index !== 'number' || typeof seq !== 'number') throw new Error(`a message was refused: ${JSON.stringify(answer)}`);
      this.#sends[index] = { text: textOf(this.#member.id, index), seq };
      this.#answered += 1;
      if (this.#talking) this.#say();
    }
  }

  pause(): void {
    this.#talking = false;
  }

  /** How many messages are acknowledged so far: answers come in the order of the calls. */
  get acknowledged(): number {
    return this.#answered;
  }

  /** Everything that was sent, of which the first `promised` were acknowledged when it mattered. */
  record(promised: number): SenderRecord {
    return { id: this.#member.id, sends: this.#sends.map((send, index) => (index < promised ? send : { text: send.text })) };
  }

  #say(): void {
    const { id, client } = this.#member;
    const index = this.#sends.length;
    const text = textOf(id, index);
    this.#sends.push({ text });
    client.writeFrame({ jsonrpc: '2.0', id: index, method: 'ChatServer.SendMessage', params: { UserID: id, Text: text } });
  }
}

function textOf(id: string, index: number): string {
  return `${id}-${index}`;
}
