/**
 * What the person says, on its way: marked above the prompt until it is settled, then in its place among the messages, with
 * what became of it. Knows neither keyboard nor screen.
 */
import { inertLine } from '../../commons/text.ts';
import { type ChatClient } from '../chat-client.ts';
import { type Correspondent } from './commands.ts';
import { excerpt, OwnLines, type OwnLine } from './own-lines.ts';
import { DIRECT } from './render.ts';
import { squeezed } from './squeeze.ts';
import { failureOf, fateOf, receiptWords } from './words.ts';

/** Where own lines stand. */
export interface Paper {
  /** A line that is settled. */
  echo(line: string): void;
  notice(text: string): void;
  /** The lines that wait are others than before. */
  changed(): void;
}

const ADVICE = { NotFound: '/who shows who is here.', Forbidden: 'Only they can change that, with /allow.' } as const;

export class Speaking {
  readonly #client: ChatClient;
  readonly #paper: Paper;
  readonly #squeeze: boolean;
  readonly #lines = new OwnLines();
  /** Told when no own line is left without an answer. */
  #quiet: () => void = () => undefined;
  /** Nobody reads any more what becomes of them. */
  #over = false;

  constructor(client: ChatClient, paper: Paper, squeeze: boolean) {
    this.#client = client;
    this.#paper = paper;
    this.#squeeze = squeeze;
  }

  get waiting(): number {
    return this.#lines.size;
  }

  /** One row for each line that waits, all narrower than `columns`. */
  rows(columns: number): string[] {
    return this.#lines.rows(columns);
  }

  /**
   * @param where the room's name as it stands before the line, '' where it needs none
   * @param receipt whether it is told who has got it
   */
  toRoom(text: string, room: string, where: string, receipt: boolean): void {
    const said = this.#said(text);
    // What somebody does (`/me`) says itself who does it.
    const who = said.startsWith(`* ${this.#client.name} `) ? '' : 'You: ';
    const line = this.#begin(where + who + inertLine(said));
    const accepted = (): void => this.#settle(line, '');
    const sent = this.#client.send(said, { room, accepted, ...(receipt ? { wait: 'delivered' } : {}) });
    sent.then(
      ({ Receipt }) => {
        if (Receipt !== undefined) this.#notice(`${receiptWords(Receipt)}: ${excerpt(said)}`);
      },
      (error: unknown) => this.#refused(line, error),
    );
  }

  toPerson({ to, label }: Correspondent, text: string): void {
    const said = this.#said(text);
    const line = this.#begin(`${DIRECT}You to ${label}: ${inertLine(said)}`);
    this.#client.sendDirect(to, said).then(
      ({ Delivered }) => this.#settle(line, Delivered ? ' (delivered)' : ' (waits in the inbox)'),
      (error: unknown) => this.#refused(line, error, ADVICE),
    );
  }

  /** Until every own line has its answer. */
  silence(): Promise<void> {
    if (this.#lines.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#quiet = resolve));
  }

  /** Shows what is still without an answer as what it is, and ends; returns how many lines that were. */
  end(): number {
    this.#over = true;
    const left = this.#lines.takeAll();
    for (const { shown } of left) this.#paper.echo(`${shown} (not confirmed)`);
    return left.length;
  }

  #said(text: string): string {
    return this.#squeeze ? squeezed(text) : text;
  }

  #begin(shown: string): OwnLine {
    const line = this.#lines.add(shown);
    this.#paper.changed();
    return line;
  }

  #settle(line: OwnLine, mark: string): void {
    if (this.#over) return;
    this.#lines.delete(line);
    this.#paper.echo(line.shown + mark);
    this.#paper.changed();
    if (this.#lines.size === 0) this.#quiet();
  }

  #refused(line: OwnLine, error: unknown, advice: Parameters<typeof failureOf>[1] = {}): void {
    const fate = fateOf(error);
    this.#settle(line, ` (${fate.toLowerCase()})`);
    this.#notice(`${fate}: ${failureOf(error, advice)}`);
  }

  #notice(text: string): void {
    if (!this.#over) this.#paper.notice(text);
  }
}
