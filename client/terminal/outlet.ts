/**
 * Where things go: messages to stdout, everything else to stderr. With a prompt both go above it. Decides what of a
 * message is shown (text or JSON, colours, clock, bell) by what the streams are.
 */
import { Chalk, type ChalkInstance } from 'chalk';
import { type Bell, type ClientSettings } from '../../commons/config.ts';
import { type Message } from '../../commons/protocol.ts';
import { inert, inertLine } from '../../commons/text.ts';
import { widthOf } from './columns.ts';
import { chalkFor } from './palette.ts';
import { type Prompt } from './prompt.ts';
import { type Look, mentions, renderJson, renderMessage } from './render.ts';

const PLAIN = new Chalk({ level: 0 });
const RING = '\u0007';

export class Outlet {
  /** The own name as the server knows it. */
  self = '';
  readonly #json: boolean;
  readonly #bell: Bell;
  readonly #messageChalk: ChalkInstance;
  readonly #noticeChalk: ChalkInstance;
  #prompt: Prompt | undefined;

  constructor({ json, bell, color }: Pick<ClientSettings, 'json' | 'bell' | 'color'>) {
    this.#json = json;
    this.#bell = bell;
    this.#messageChalk = chalkFor('stdout', color);
    this.#noticeChalk = chalkFor('stderr', color);
  }

  /** From now on everything goes above this line; `undefined`: it is gone. */
  set prompt(prompt: Prompt | undefined) {
    this.#prompt = prompt;
  }

  /** Whether messages are for a program to read. */
  get json(): boolean {
    return this.#json;
  }

  message(message: Message): void {
    // First: when the line stands there, its bell has been heard.
    this.ring(message);
    this.#write(process.stdout, this.#json ? renderJson(message) : renderMessage(message, this.#look(this.#messageChalk)));
  }

  /** Rings as it would if the message were shown. */
  ring(message: Message): void {
    if (process.stderr.isTTY && this.#rings(message)) this.#write(process.stderr, RING);
  }

  /** A message that was said before anybody looked: without colours, and it does not ring. */
  past(message: Message): void {
    const text = this.#json ? renderJson(message) : this.#messageChalk.dim(renderMessage(message, this.#look(PLAIN)));
    this.#write(process.stdout, text);
  }

  /** `text` as what is not certain yet is shown. */
  dimmed(text: string): string {
    return this.#noticeChalk.dim(text);
  }

  /** A line of ours, made inert: servers and peers have their words in many of them. */
  notice(text: string): void {
    this.#write(process.stderr, `${this.dimmed(`* ${inertLine(text)}`)}\n`);
  }

  /** A line that divides messages. */
  mark(text: string): void {
    this.#write(process.stderr, `${this.dimmed(text)}\n`);
  }

  /** As `notice`, for lines that speak for themselves. A line of ours has no clock: that is how it is told from the room's. */
  tell(text: string): void {
    this.#write(process.stderr, `${inert(text)}\n`);
  }

  #look(chalk: ChalkInstance): Look {
    const { isTTY = false } = process.stdout;
    return { chalk, self: this.self, clock: isTTY, columns: isTTY ? widthOf(process.stdout) : undefined };
  }

  #rings(message: Message): boolean {
    if (this.#bell === 'off' || message.IsSystem) return false;
    return this.#bell === 'all' || mentions(message, this.self);
  }

  #write(stream: NodeJS.WriteStream, text: string): void {
    if (this.#prompt === undefined) stream.write(text);
    else this.#prompt.above(stream, text);
  }
}
