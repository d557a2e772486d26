/**
 * What a command is, and what it may do: rows of the tables beside this file. Commands act on the chat through `Chat` and
 * know neither terminal nor wire.
 */
import { type Reason } from '../../../commons/errors.ts';
import { type User } from '../../../commons/protocol.ts';
import { type ChatClient } from '../../chat-client.ts';
import { type Roster } from '../roster.ts';

export interface Chat {
  /** The member: what the library can do, a command asks it for. */
  readonly client: ChatClient;
  /** The code of the room that is looked at. */
  readonly room: string;
  /** Whether the outcome of own lines is told. */
  receipts: boolean;
  /** Who sent the last direct message; `undefined` before there was one. */
  readonly correspondent: Correspondent | undefined;
  /** Who is in the room that is looked at. */
  listUsers(): Promise<readonly User[]>;
  /** Says something to the room that is looked at, as if it had been typed. */
  say(text: string): void;
  /** Says something to one person; what became of it is shown. */
  sayTo(to: Correspondent, text: string): void;
  /** Looks at another room that one is in. */
  look(room: string): void;
  /** Shows what the room that is looked at said last. */
  showHistory(lines: number): Promise<void>;
  /** Shows messages that were taken out of the inbox. */
  showInbox(): Promise<void>;
  /** Asks for what nobody may see; `undefined` when it was given up. For commands whose row says that they ask. */
  askHidden(question: string): Promise<string | undefined>;
  /** Remembers the log-in for the next time. */
  keepLogIn(token: string): void;
  /** Logs out and forgets the log-in; where a guest cannot stay, it leaves. */
  logOut(): Promise<void>;
  /** Shows lines of ours above the prompt, not the room's. */
  tell(text: string): void;
  clear(): void;
  leave(): void;
}

/** Somebody to write to. */
export interface Correspondent {
  /** What the server is told. */
  readonly to: string;
  /** What the person is called on the screen. */
  readonly label: string;
}

/** What Tab may offer. */
export interface Known {
  readonly roster: Roster;
  /** The rooms that one is in: code and name. */
  readonly rooms: ReadonlyMap<string, string>;
}

export interface Command {
  /** What is typed first, in one word or two; a command that begins without a slash is typed alone. */
  readonly name: string;
  /** How it is typed, for `/help`. */
  readonly usage: string;
  readonly summary: string;
  /**
   * @param argument what follows on the name, without the blanks between them, otherwise as it was typed
   * @throws Misuse when that is not what the command takes
   */
  readonly run: (chat: Chat, argument: string) => void | Promise<void>;
  /** What may follow, for Tab; left out when nothing does. */
  readonly complete?: (start: string, known: Known) => readonly string[];
  /** It says something, which is shown; its own line need not be. */
  readonly speaks?: true;
  /** It waits for no command before it; the others are carried out one after the other, as they were typed. */
  readonly atOnce?: true;
  /** It leads to another room: what is typed behind it waits for that. */
  readonly moves?: true;
  /** It may ask for what nobody may see: what is typed behind it is the answer, or waits for its end where it asks nothing. */
  readonly asks?: true;
  /** What to do about a refusal, beyond what the server says. */
  readonly advice?: Readonly<Partial<Record<Reason, string>>>;
}

/** A command was typed in a way that it does not take; the message says how it is typed. */
export class Misuse extends Error {
  override readonly name = 'Misuse';
}

/** For Tab: those of a few words that begin with `start`. */
export function words(...all: readonly string[]): (start: string) => readonly string[] {
  return (start) => all.filter((word) => word.startsWith(start.toLowerCase()));
}

/** For Tab: people who are here. */
export function people(start: string, { roster }: Known): readonly string[] {
  return roster.startingWith(start).map((name) => `${name} `);
}

/** The one of a few words that was typed. @throws Misuse */
export function oneOf<const T extends string>(name: string, argument: string, all: readonly T[]): T {
  const typed = argument.trim().toLowerCase();
  const found = all.find((word) => word === typed);
  if (found === undefined) throw new Misuse(`${name} takes ${all.join(' or ')}, not ${JSON.stringify(argument.trim())}.`);
  return found;
}
