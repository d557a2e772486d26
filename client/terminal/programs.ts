/**
 * What the client does once it has joined, as rows of one table: a conversation, a pipe, `partyline send`, `partyline
 * tail`. Each row says how it joins, whether it greets, and runs to an exit status. Knows no flag and no socket.
 */
import { type ClientCommandName, type ClientSettings } from '../../commons/config.ts';
import { type Message } from '../../commons/protocol.ts';
import { type ChatClient, type ChatClientOptions } from '../chat-client.ts';
import { LOBBY } from '../inbox.ts';
import { meant } from './addressee.ts';
import { Conversation } from './conversation.ts';
import { type Ending } from './ending.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { Loss } from './loss.ts';
import { type LogIns } from './log-ins.ts';
import { Opening } from './opening.ts';
import { type Outlet } from './outlet.ts';
import { lastMessages } from './past.ts';
import { sayAll, type Utterance } from './pipe.ts';
import { inRoom, type Visited } from './room-visit.ts';
import { utteranceOf, utterancesOf } from './utterances.ts';
import { reasonOf } from './words.ts';

/** A client that has just joined, in the same turn, and what it has to work with. */
export interface Stay {
  readonly client: ChatClient;
  readonly settings: ClientSettings;
  readonly outlet: Outlet;
  readonly ending: Ending;
  readonly logIns: LogIns;
  /** The lines of stdin, but for those that were taken already. */
  readonly lines: AsyncIterable<string>;
}

export interface ClientProgram {
  /** Whether it says who it is and where, for a person to read. */
  readonly greets: boolean;
  /** How it joins, beyond name, server and callback. */
  readonly joins: (settings: ClientSettings) => Partial<ChatClientOptions>;
  readonly run: (stay: Stay) => Promise<ExitStatus>;
}

const CONVERSATION: ClientProgram = {
  greets: true,
  joins: ({ state }) => ({ stateFolder: state, replay: 'missed' }),
  run: ({ settings, outlet, ...stay }) => {
    outlet.tell("Type your messages below (type 'exit' to quit)");
    return new Conversation({ ...stay, outlet, squeeze: settings.squeeze }).run(settings.history);
  },
};

const PIPE: ClientProgram = {
  greets: true,
  joins: () => ({}),
  run: async (stay) => {
    const { client, settings, outlet, ending, lines } = stay;
    tellLosses(client, outlet);
    await listen(stay);
    return Promise.race([sayAll(client, utterancesOf(lines, settings.squeeze), outlet, settings), ending.status]);
  },
};

const SEND: ClientProgram = {
  greets: false,
  joins: () => ({}),
  run: async (stay) => {
    const { client, settings, outlet, ending, lines } = stay;
    tellLosses(client, outlet);
    const { operands, squeeze, room: code } = settings;
    const utterances = operands.length > 0 ? utteranceOf(operands, squeeze) : utterancesOf(lines, squeeze);
    if (settings.to !== undefined) return Promise.race([sayTo(stay, settings.to, utterances), ending.status]);
    return inRoom(stay, code, password(settings), ({ room }) =>
      Promise.race([sayAll(client, utterances, outlet, { ...settings, room }), ending.status]),
    );
  },
};

const TAIL: ClientProgram = {
  greets: false,
  joins: ({ since, room }) => (since === undefined || room !== undefined ? {} : { replay: { after: since } }),
  run: (stay) => {
    const { client, settings, outlet, ending } = stay;
    tellLosses(client, outlet);
    client.on('state', (state) => {
      if (state.kind !== 'closed' || ending.over) return;
      outlet.notice(`The connection has ended: ${state.reason}`);
      ending.end(EXIT.error);
    });
    return settings.room === undefined ? listen(stay).then(() => ending.status) : follow(stay, settings.room);
  },
};

const COMMANDS: Readonly<Record<Exclude<ClientCommandName, 'talk'>, ClientProgram>> = { send: SEND, tail: TAIL };

/** @param person whether somebody sits at a terminal */
export function programOf({ command }: ClientSettings, person: boolean): ClientProgram {
  if (command !== 'talk') return COMMANDS[command];
  return person ? CONVERSATION : PIPE;
}

/** Messages of the lobby go to stdout from now on; before them what was asked for of what was said before, without marks. */
function listen({ client, settings, outlet, ending }: Stay): Promise<unknown> {
  const opening = new Opening(client, {
    past: (message) => outlet.message(message),
    message: (message) => {
      // Of the rooms of an account only a program that reads JSON can tell which is which.
      if (settings.json || isOf(message, LOBBY)) outlet.message(message);
    },
    mark: () => undefined,
    notice: (text) => outlet.notice(text),
  });
  return Promise.race([opening.show(settings.since === undefined ? (settings.history ?? 0) : 0), ending.status]);
}

/** As `listen`, for another room than the lobby; until something ends it. */
function follow(stay: Stay, code: string): Promise<ExitStatus> {
  const { client, settings, outlet, ending } = stay;
  const { since, history = 0 } = settings;
  // Live messages that wait for those from before; bounded by the time that these may take.
  const held: Message[] = [];
  let show = (message: Message): unknown => held.push(message);
  client.on('message', (message) => show(message));
  const begin = async ({ room, seq }: Visited): Promise<void> => {
    const past = since === undefined ? await lastMessages(client, room, history, seq + 1).catch(unknown) : [];
    show = (message) => (isOf(message, room) ? outlet.message(message) : undefined);
    for (const message of [...past, ...held]) show(message);
  };
  const unknown = (error: unknown): Message[] => {
    outlet.notice(`What was said before cannot be shown: ${reasonOf(error)}`);
    return [];
  };
  const replay = since === undefined ? {} : { replay: { after: since } };
  return inRoom(stay, code, { ...password(settings), ...replay }, (visited) =>
    Promise.race([begin(visited).then(() => ending.status), ending.status]),
  );
}

/** What is said to oneself alone is heard everywhere: it is not said again. */
function isOf({ Room, Kind }: Message, room: string): boolean {
  return Room === room || Kind === 'direct';
}

/** Everything to one person: an ID, somebody in the lobby, or an account. */
async function sayTo({ client, settings, outlet }: Stay, person: string, utterances: AsyncIterable<Utterance>): Promise<ExitStatus> {
  try {
    const { to } = meant(person, await client.listUsers());
    return await sayAll(client, utterances, outlet, { ...settings, to });
  } catch (error) {
    outlet.notice(reasonOf(error));
    return EXIT.notAccepted;
  }
}

function password({ roomPassword }: ClientSettings): { readonly password?: string } {
  return roomPassword === undefined ? {} : { password: roomPassword };
}

function tellLosses(client: ChatClient, outlet: Outlet): void {
  const loss = new Loss();
  client.on('state', (state) => {
    const notice = loss.noticeOf(state);
    if (notice !== undefined) outlet.notice(notice);
  });
}
