/**
 * A person at the keyboard: typed lines become messages or commands, messages and the state of the connection appear
 * above the prompt. It ties the parts together and knows neither how lines are drawn nor how messages travel.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Message, type User } from '../../commons/protocol.ts';
import { inertLine } from '../../commons/text.ts';
import { type ChatClient, type ConnectionState } from '../chat-client.ts';
import { type Chat, type Command, type Correspondent, Misuse, parseLine } from './commands.ts';
import { complete } from './completion.ts';
import { SeveralPeople } from './addressee.ts';
import { type Ending } from './ending.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { labelOf } from './label.ts';
import { type LogIns, TokenUnusable } from './log-ins.ts';
import { Looking } from './looking.ts';
import { Loss } from './loss.ts';
import { Opening } from './opening.ts';
import { type Outlet } from './outlet.ts';
import { lastMessages } from './past.ts';
import { Prompt } from './prompt.ts';
import { Roster } from './roster.ts';
import { Speaking } from './speaking.ts';
import { failureOf, messages } from './words.ts';

/** How long leaving waits for what was typed last. */
const LAST_WORDS_MS = 300;
/** Direct messages that are taken from the inbox at once. */
const INBOX_PAGE = 200;

/** What a conversation has to work with. */
export interface ConversationParts {
  readonly client: ChatClient;
  readonly outlet: Outlet;
  readonly ending: Ending;
  readonly logIns: LogIns;
  /** Whether extra blanks are taken out of what is said. */
  readonly squeeze: boolean;
}

export class Conversation {
  readonly #client: ChatClient;
  readonly #outlet: Outlet;
  readonly #ending: Ending;
  readonly #logIns: LogIns;
  readonly #prompt: Prompt;
  readonly #roster = new Roster();
  readonly #looking: Looking;
  readonly #speaking: Speaking;
  readonly #opening: Opening;
  #correspondent: Correspondent | undefined;
  #label = '';
  #promptDue: NodeJS.Immediate | undefined;
  readonly #chat: Chat;
  readonly #loss = new Loss();
  /** One is on the way to another room. */
  #moving = false;
  /** What was typed meanwhile: it is for the room that one comes to. A question to the server ends within 10 s. */
  readonly #typedAhead: string[] = [];
  /** What happens to the connection from now on is our own doing. */
  #over = false;
  /** The last of the commands that are being carried out. */
  #obeying: Promise<void> | undefined;
  /** The connection may end now, for a log-out does not let every guest stay. */
  #loggingOut = false;

  constructor({ client, outlet, ending, logIns, squeeze }: ConversationParts) {
    this.#client = client;
    this.#outlet = outlet;
    this.#ending = ending;
    this.#logIns = logIns;
    this.#looking = new Looking(client, outlet);
    this.#prompt = new Prompt({
      input: process.stdin,
      output: process.stderr.isTTY ? process.stderr : process.stdout,
      complete: (line) => complete(line, { roster: this.#roster, rooms: client.rooms }),
      onLine: (line) => this.#typed(line),
      onInterrupt: () => ending.interrupt(),
      onEnd: () => ending.end(EXIT.fine),
    });
    outlet.prompt = this.#prompt;
    const paper = {
      echo: (line: string) => this.#prompt.echo(line),
      notice: (text: string) => outlet.notice(text),
      changed: () => this.#showPrompt(),
    };
    this.#speaking = new Speaking(client, paper, squeeze);
    this.#chat = this.#makeChat();
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
    this.#looking.goOn();
    this.#showPrompt();
    void this.#opening.show(history);
    this.#learnNames();
    if (this.#client.account !== undefined) void this.#obey(() => this.#tellWaiting());
    const status = await this.#ending.status;
    if (!this.#loss.lost) await Promise.race([this.#speaking.silence(), delay(LAST_WORDS_MS, undefined, { ref: false })]);
    this.#over = true;
    const unsent = this.#speaking.end();
    this.#prompt.close();
    this.#outlet.prompt = undefined;
    const { farewell } = this.#looking;
    if (farewell !== undefined) this.#outlet.notice(farewell);
    if (unsent > 0) this.#outlet.notice(`${messages(unsent)} did not reach the server.`);
    return unsent > 0 && status === EXIT.fine ? EXIT.notAccepted : status;
  }

  #makeChat(): Chat {
    const [client, outlet, looking] = [this.#client, this.#outlet, this.#looking];
    const correspondent = (): Correspondent | undefined => this.#correspondent;
    return {
      client,
      receipts: false,
      get room() {
        return looking.room;
      },
      get correspondent() {
        return correspondent();
      },
      listUsers: () => this.#listUsers(),
      say: (text) => this.#say(text),
      sayTo: (to, text) => this.#speaking.toPerson(to, text),
      look: (room) => this.#look(room),
      showHistory: (lines) => this.#showHistory(lines),
      showInbox: () => this.#showInbox(),
      askHidden: (question) => this.#prompt.askHidden(question),
      keepLogIn: (token) => this.#keepLogIn(token),
      logOut: () => this.#logOut(),
      tell: (text) => outlet.tell(text),
      clear: () => this.#prompt.clear(),
      leave: () => this.#ending.end(EXIT.fine),
    };
  }

  #typed(line: string): void {
    if (this.#ending.over) return;
    const meant = parseLine(line);
    if (meant.kind === 'command' && meant.command.asks === true) this.#prompt.hold();
    if (this.#moving) {
      this.#typedAhead.push(line);
      return this.#showPrompt();
    }
    if (meant.kind === 'text') this.#say(meant.text);
    else if (meant.kind !== 'command' || meant.command.speaks !== true) this.#prompt.echo(this.#label + line);
    if (meant.kind === 'unknown') this.#outlet.notice(meant.hint);
    else if (meant.kind === 'command') void this.#carryOut(meant.command, meant.argument);
    this.#showPrompt();
  }

  async #carryOut(command: Command, argument: string): Promise<void> {
    const moves = command.moves === true;
    this.#moving ||= moves;
    await this.#inTurn(command, () => this.#obey(async () => command.run(this.#chat, argument), command));
    if (command.asks === true) this.#prompt.letGo();
    if (!moves) return;
    this.#moving = false;
    // One of them may lead to yet another room: then the others wait again.
    while (!this.#moving && this.#typedAhead.length > 0) this.#typed(this.#typedAhead.shift() ?? '');
  }

  /** Runs a command when those before it are done, unless it waits for none. `run` never rejects. */
  async #inTurn({ atOnce }: Command, run: () => Promise<void>): Promise<void> {
    if (atOnce === true) return run();
    const obeying = this.#obeying === undefined ? run() : this.#obeying.then(run);
    this.#obeying = obeying;
    await obeying;
    if (this.#obeying === obeying) this.#obeying = undefined;
  }

  async #obey(run: () => Promise<void>, command?: Command): Promise<void> {
    try {
      await run();
    } catch (error) {
      const isOurs = error instanceof Misuse || error instanceof SeveralPeople;
      this.#outlet.notice(isOurs ? error.message : `That did not work: ${failureOf(error, command?.advice)}`);
      if (command?.asks === true && this.#prompt.forget()) this.#outlet.notice('What was typed behind it is not sent.');
    }
    this.#looking.goOn();
    this.#showPrompt();
  }

  #say(text: string): void {
    const { room, several } = this.#looking;
    this.#speaking.toRoom(text, room, several ? `[${inertLine(this.#looking.nameOf(room))}] ` : '', this.#chat.receipts);
  }

  #heard(message: Message): void {
    if (message.Kind === 'direct') this.#correspondent = { to: message.SenderID, label: inertLine(message.Name) };
    if (message.Room === this.#looking.room) this.#roster.heard(message);
    // A program that reads the messages sees of each which room it is of.
    if (this.#outlet.json) this.#outlet.message(message);
    else this.#looking.heard(message);
    // What one turn says costs one redraw.
    this.#promptDue ??= setImmediate(() => this.#showPrompt());
  }

  #changed(state: ConnectionState): void {
    if (this.#over) return;
    const notice = this.#loss.noticeOf(state);
    if (notice !== undefined) this.#outlet.notice(notice);
    if (notice !== undefined && !this.#loss.lost) this.#learnNames();
    if (state.kind === 'closed') {
      this.#outlet.notice(`${this.#loggingOut ? 'You are logged out and have left' : 'The connection has ended'}: ${state.reason}`);
      this.#ending.end(this.#loggingOut ? EXIT.fine : EXIT.error);
    }
    this.#showPrompt();
  }

  #showPrompt(): void {
    clearImmediate(this.#promptDue);
    this.#promptDue = undefined;
    const { several, room, elsewhere } = this.#looking;
    const offline = this.#loss.lost ? this.#speaking.waiting : undefined;
    const { columns } = this.#prompt;
    this.#label = labelOf({ room: several ? this.#looking.nameOf(room) : undefined, elsewhere, offline }, columns);
    this.#prompt.show(
      this.#label,
      this.#speaking.rows(columns).map((row) => this.#outlet.dimmed(row)),
    );
  }

  #look(room: string): void {
    this.#looking.look(room);
    this.#learnNames();
  }

  async #showHistory(lines: number): Promise<void> {
    const past = await lastMessages(this.#client, this.#looking.room, lines);
    if (past.length === 0) return this.#outlet.tell('Nothing was said here.');
    this.#outlet.mark('--- earlier ---');
    for (const message of past) this.#outlet.past(message);
    this.#outlet.mark('--- now ---');
  }

  async #showInbox(): Promise<void> {
    const { Messages, Remaining } = await this.#client.readInbox(INBOX_PAGE);
    for (const message of Messages) this.#heard(message);
    if (Messages.length === 0 && Remaining === 0) this.#outlet.tell('Nothing waits in your inbox.');
    if (Remaining > 0) this.#outlet.tell(`${messages(Remaining)} more: /inbox again.`);
  }

  async #tellWaiting(): Promise<void> {
    const { Notify, Waiting } = await this.#client.directSettings();
    if (!Notify && Waiting > 0) this.#outlet.tell(`${messages(Waiting)} in your inbox: /inbox shows them.`);
  }

  #keepLogIn(token: string): void {
    const { account, name } = this.#client;
    if (account === undefined) return;
    this.#outlet.tell(`You are logged in as ${account}.`);
    try {
      this.#logIns.keep(account, token);
      if (account !== name) this.#outlet.tell(`Next time --user ${JSON.stringify(account)} joins with this account.`);
    } catch (error) {
      if (!(error instanceof TokenUnusable)) throw error;
      this.#outlet.notice(error.message);
    }
  }

  async #logOut(): Promise<void> {
    const { account } = this.#client;
    if (account === undefined) return;
    this.#loggingOut = true;
    try {
      // The file first: a token that is void and kept would only be in the way.
      this.#logIns.remove(account);
      await this.#client.logOut();
      if (!this.#ending.over) this.#outlet.tell(`You are logged out of ${account} and a guest.`);
    } finally {
      this.#loggingOut = false;
    }
  }

  async #listUsers(): Promise<readonly User[]> {
    const users = await this.#client.listUsers(this.#looking.room);
    this.#roster.replace(users.filter(({ ID }) => ID !== this.#client.id).map(({ Name }) => Name));
    return users;
  }

  /** For Tab. Without an answer the names of those who speak have to do. */
  #learnNames(): void {
    this.#listUsers().catch(() => undefined);
  }
}
