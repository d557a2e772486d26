/**
 * What the client does once it has joined, as rows of one table: a conversation, a pipe, `partyline send`, `partyline
 * tail`. Each row says how it joins, whether it greets, and runs to an exit status. Knows no flag and no socket.
 */
import { type ClientCommandName, type ClientSettings } from '../../commons/config.ts';
import { type ChatClient, type ChatClientOptions } from '../chat-client.ts';
import { Conversation } from './conversation.ts';
import { type Ending } from './ending.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { Loss } from './loss.ts';
import { Opening } from './opening.ts';
import { type Outlet } from './outlet.ts';
import { sayAll } from './pipe.ts';
import { utteranceOf, utterancesOf } from './utterances.ts';

/** A client that has just joined, in the same turn, and what it has to work with. */
export interface Stay {
  readonly client: ChatClient;
  readonly settings: ClientSettings;
  readonly outlet: Outlet;
  readonly ending: Ending;
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
  run: ({ client, settings, outlet, ending }) => {
    outlet.tell("Type your messages below (type 'exit' to quit)");
    return new Conversation(client, outlet, ending).run(settings.history);
  },
};

const PIPE: ClientProgram = {
  greets: true,
  joins: () => ({}),
  run: async ({ client, settings, outlet, ending }) => {
    tellLosses(client, outlet);
    await listen({ client, settings, outlet, ending });
    return Promise.race([sayAll(client, utterancesOf(process.stdin), outlet, settings), ending.status]);
  },
};

const SEND: ClientProgram = {
  greets: false,
  joins: () => ({}),
  run: ({ client, settings, outlet, ending }) => {
    tellLosses(client, outlet);
    const { operands } = settings;
    const utterances = operands.length > 0 ? utteranceOf(operands) : utterancesOf(process.stdin);
    return Promise.race([sayAll(client, utterances, outlet, settings), ending.status]);
  },
};

const TAIL: ClientProgram = {
  greets: false,
  joins: ({ since }) => (since === undefined ? {} : { replay: { after: since } }),
  run: async (stay) => {
    const { client, outlet, ending } = stay;
    tellLosses(client, outlet);
    client.on('state', (state) => {
      if (state.kind !== 'closed' || ending.over) return;
      outlet.notice(`The connection has ended: ${state.reason}`);
      ending.end(EXIT.error);
    });
    await listen(stay);
    return ending.status;
  },
};

const COMMANDS: Readonly<Record<Exclude<ClientCommandName, 'talk'>, ClientProgram>> = { send: SEND, tail: TAIL };

/** @param person whether somebody sits at a terminal */
export function programOf({ command }: ClientSettings, person: boolean): ClientProgram {
  if (command !== 'talk') return COMMANDS[command];
  return person ? CONVERSATION : PIPE;
}

/** Messages go to stdout from now on; before them what was asked for of what was said before, without marks. */
function listen({ client, settings, outlet, ending }: Stay): Promise<unknown> {
  const opening = new Opening(client, {
    past: (message) => outlet.message(message),
    message: (message) => outlet.message(message),
    mark: () => undefined,
    notice: (text) => outlet.notice(text),
  });
  return Promise.race([opening.show(settings.since === undefined ? (settings.history ?? 0) : 0), ending.status]);
}

function tellLosses(client: ChatClient, outlet: Outlet): void {
  const loss = new Loss();
  client.on('state', (state) => {
    const notice = loss.noticeOf(state);
    if (notice !== undefined) outlet.notice(notice);
  });
}
