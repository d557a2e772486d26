/**
 * A person at the keyboard: typed lines become messages or commands, messages and the state of the connection appear
 * above the prompt. Knows neither how lines are drawn nor how messages travel.
 */
import { type Message } from '../../commons/protocol.ts';
import { type ChatClient, type ConnectionState } from '../chat-client.ts';
import { type Chat, parseLine } from './commands.ts';
import { complete } from './completion.ts';
import { type Ending } from './ending.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { Loss } from './loss.ts';
import { Opening } from './opening.ts';
import { type Outlet } from './outlet.ts';
import { excerpt, OwnLines, spoken } from './own-lines.ts';
import { Prompt } from './prompt.ts';
import { Roster } from './roster.ts';
import { fateOf, messages, reasonOf, receiptWords } from './words.ts';

/** How long leaving waits for what was typed last. */
const LAST_WORDS_MS = 300;

export class Conversation {
  readonly #client: ChatClient;
  readonly #outlet: Outlet;
  readonly #ending: Ending;
  readonly #prompt: Prompt;
  readonly #roster = new Roster();
  readonly #opening: Opening;
  /** What was said and is not confirmed yet. */
  readonly #own = new OwnLines();
  /** Told when no own line is left without an answer. */
  #quiet: () => void = () => undefined;
  #label = '';
  readonly #chat: Chat;
  readonly #loss = new Loss();
  /** What happens to the connection from now on is our own doing. */
  #over = false;

  constructor(client: ChatClient, outlet: Outlet, ending: Ending) {
    this.#client = client;
    this.#outlet = outlet;
    this.#ending = ending;
    this.#prompt = new Prompt({
      input: process.stdin,
      output: process.stderr.isTTY ? process.stderr : process.stdout,
      complete: (line) => complete(line, this.#roster),
      onLine: (line) => this.#typed(line),
      onInterrupt: () => ending.interrupt(),
      onEnd: () => ending.end(EXIT.fine),
    });
    this.#chat = {
      id: client.id,
      listUsers: () => this.#listUsers(),
      tell: (text) => outlet.tell(text),
      clear: () => this.#prompt.clear(),
      leave: () => ending.end(EXIT.fine),
      receipts: false,
    };
    outlet.prompt = this.#prompt;
    this.#opening = new Opening(client, {
      past: (message) => outlet.past(message),
      message: (message) => this.#heard(message),
      mark: (text) => outlet.mark(text),
      notice: (text) => outlet.notice(text),
    });
    client.on('state', (state) => this.#changed(state));
  }

  /**
   * Until somebody or something ends it; what was typed last has a moment to arrive.
   *
   * @param history lines from before to begin with; left out: 20 at the first visit, then only what is new
   */
  async run(history: number | undefined): Promise<ExitStatus> {
    this.#showPrompt();
    void this.#opening.show(history);
    this.#learnNames();
    const status = await this.#ending.status;
    if (!this.#loss.lost) await Promise.race([this.#silence(), delay(LAST_WORDS_MS)]);
    this.#over = true;
    const unsent = this.#own.size;
    for (const { text } of this.#own.takeAll()) this.#prompt.echo(`${spoken(text)} (not confirmed)`);
    this.#prompt.close();
    this.#outlet.prompt = undefined;
    if (unsent > 0) this.#outlet.notice(`${messages(unsent)} did not reach the server.`);
    return unsent > 0 && status === EXIT.fine ? EXIT.notAccepted : status;
  }

  #typed(line: string): void {
    if (this.#ending.over) return;
    const meant = parseLine(line);
    if (meant.kind === 'text') this.#send(meant.text);
    else this.#prompt.echo(this.#label + line);
    if (meant.kind === 'unknown') this.#outlet.notice(meant.hint);
    else if (meant.kind === 'command') void this.#obey(async () => meant.command.run(this.#chat, meant.argument));
    this.#showPrompt();
  }

  async #obey(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.#outlet.notice(`That did not work: ${reasonOf(error)}`);
    }
  }

  /** The line stands above the prompt, marked, until it is confirmed: then it takes its place among the messages. */
  #send(text: string): void {
    const line = this.#own.add(text);
    const settle = (mark: string): void => {
      if (this.#over) return;
      this.#own.delete(line);
      this.#prompt.echo(spoken(text) + mark);
      this.#showPrompt();
      if (this.#own.size === 0) this.#quiet();
    };
    const accepted = (): void => settle('');
    const sent = this.#client.send(text, this.#chat.receipts ? { accepted, wait: 'delivered' } : { accepted });
    sent.then(
      ({ Receipt }) => {
        if (Receipt !== undefined && !this.#over) this.#outlet.notice(`${receiptWords(Receipt)}: ${excerpt(text)}`);
      },
      (error: unknown) => {
        const fate = fateOf(error);
        settle(` (${fate.toLowerCase()})`);
        if (!this.#over) this.#outlet.notice(`${fate}: ${reasonOf(error)}`);
      },
    );
  }

  /** Until every own line has its answer. */
  #silence(): Promise<void> {
    if (this.#own.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#quiet = resolve));
  }

  #heard(message: Message): void {
    this.#roster.heard(message);
    this.#outlet.message(message);
  }

  #changed(state: ConnectionState): void {
    if (this.#over) return;
    const notice = this.#loss.noticeOf(state);
    if (notice !== undefined) this.#outlet.notice(notice);
    if (notice !== undefined && !this.#loss.lost) this.#learnNames();
    if (state.kind === 'closed') {
      this.#outlet.notice(`The connection has ended: ${state.reason}`);
      this.#ending.end(EXIT.error);
    }
    this.#showPrompt();
  }

  #showPrompt(): void {
    const waiting = this.#own.size > 0 ? `, ${this.#own.size} waiting` : '';
    this.#label = this.#loss.lost ? `(offline${waiting}) You: ` : 'You: ';
    const rows = this.#own.rows(this.#prompt.columns).map((row) => this.#outlet.dimmed(row));
    this.#prompt.show(this.#label, rows);
  }

  async #listUsers(): ReturnType<ChatClient['listUsers']> {
    const users = await this.#client.listUsers();
    this.#roster.replace(users.filter(({ ID }) => ID !== this.#client.id).map(({ Name }) => Name));
    return users;
  }

  /** For Tab. Without an answer the names of those who speak have to do. */
  #learnNames(): void {
    this.#listUsers().catch(() => undefined);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
