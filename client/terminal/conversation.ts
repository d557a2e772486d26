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
import { type Outlet } from './outlet.ts';
import { Prompt } from './prompt.ts';
import { Roster } from './roster.ts';
import { messages, reasonOf } from './words.ts';

/** How long leaving waits for what was typed last. */
const LAST_WORDS_MS = 300;

export class Conversation {
  readonly #client: ChatClient;
  readonly #outlet: Outlet;
  readonly #ending: Ending;
  readonly #prompt: Prompt;
  readonly #roster = new Roster();
  /** Lines without an answer; the client library bounds them. */
  readonly #waiting = new Set<Promise<void>>();
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
    };
    outlet.prompt = this.#prompt;
    client.on('message', (message) => this.#heard(message));
    client.on('state', (state) => this.#changed(state));
  }

  /** Until somebody or something ends it; what was typed last has a moment to arrive. */
  async run(): Promise<ExitStatus> {
    this.#showPrompt();
    this.#learnNames();
    const status = await this.#ending.status;
    if (!this.#loss.lost) await Promise.race([Promise.all(this.#waiting), delay(LAST_WORDS_MS)]);
    this.#over = true;
    const unsent = this.#waiting.size;
    this.#prompt.close();
    this.#outlet.prompt = undefined;
    if (unsent > 0) this.#outlet.notice(`${messages(unsent)} did not reach the server.`);
    return unsent > 0 && status === EXIT.fine ? EXIT.notAccepted : status;
  }

  #typed(line: string): void {
    if (this.#ending.over) return;
    const meant = parseLine(line);
    if (meant.kind === 'text') this.#send(meant.text);
    else if (meant.kind === 'unknown') this.#outlet.notice(meant.hint);
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

  #send(text: string): void {
    const sent = this.#client
      .send(text)
      .then(() => undefined)
      .catch((error: unknown) => {
        if (!this.#over) this.#outlet.notice(`Not sent: ${reasonOf(error)}`);
      })
      .finally(() => this.#waiting.delete(sent));
    this.#waiting.add(sent);
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
    const waiting = this.#waiting.size > 0 ? `, ${this.#waiting.size} waiting` : '';
    this.#prompt.show(this.#loss.lost ? `(offline${waiting}) You: ` : 'You: ');
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
