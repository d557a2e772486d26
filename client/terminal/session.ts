/** From the settings to the exit status: join, greet, talk or pipe, leave. Every step is bounded in time. */
import { type ClientSettings } from '../../commons/config.ts';
import { RpcError } from '../../commons/errors.ts';
import { type Log } from '../../commons/log.ts';
import { CallbackUnusable, ChatClient } from '../chat-client.ts';
import { Conversation } from './conversation.ts';
import { type Ending } from './ending.ts';
import { EXIT, type ExitStatus, statusOfRefusal } from './exit-status.ts';
import { follow, openJournal } from './journal.ts';
import { Loss } from './loss.ts';
import { Outlet } from './outlet.ts';
import { sayLines } from './pipe.ts';
import { reasonOf } from './words.ts';

/** How long saying goodbye may take; with the last words of a conversation it stays under a second. */
const LEAVE_MS = 300;

/** Resolves when the process should exit, with its status. */
export async function runSession(settings: ClientSettings, name: string, ending: Ending): Promise<ExitStatus> {
  const outlet = new Outlet(settings);
  const journal = journalOf(settings, outlet);
  if (journal === undefined) return EXIT.error;
  const joined = await Promise.race([join(settings, name, outlet), ending.status]);
  if (!(joined instanceof ChatClient)) return joined;

  follow(joined, journal);
  outlet.self = joined.name;
  outlet.tell(`Welcome, ${joined.name}! (ID: ${joined.id})`);
  outlet.tell(`Connected to chat server at ${joined.server}`);
  const status =
    process.stdin.isTTY && (process.stderr.isTTY || process.stdout.isTTY) ? talk(joined, outlet, ending) : pipe(joined, outlet, ending);
  return status.finally(() => joined.leave(LEAVE_MS)).finally(() => journal.close());
}

function journalOf(settings: ClientSettings, outlet: Outlet): Log | undefined {
  try {
    return openJournal(settings);
  } catch (error) {
    outlet.notice(`The log cannot be written: ${reasonOf(error)}`);
    return undefined;
  }
}

async function join(settings: ClientSettings, name: string, outlet: Outlet): Promise<ChatClient | ExitStatus> {
  const { server, id, secret, callback } = settings;
  try {
    return await ChatClient.connect({
      ...server,
      name,
      callback,
      reconnect: true,
      ...(id === undefined ? {} : { id }),
      ...(secret === undefined ? {} : { secret }),
    });
  } catch (error) {
    outlet.notice(reasonOf(error));
    if (error instanceof CallbackUnusable) return EXIT.error;
    return error instanceof RpcError ? statusOfRefusal(error.reason) : EXIT.unreachable;
  }
}

function talk(client: ChatClient, outlet: Outlet, ending: Ending): Promise<ExitStatus> {
  outlet.tell("Type your messages below (type 'exit' to quit)");
  return new Conversation(client, outlet, ending).run();
}

function pipe(client: ChatClient, outlet: Outlet, ending: Ending): Promise<ExitStatus> {
  client.on('message', (message) => outlet.message(message));
  const loss = new Loss();
  client.on('state', (state) => {
    const notice = loss.noticeOf(state);
    if (notice !== undefined) outlet.notice(notice);
  });
  return Promise.race([sayLines(client, process.stdin, outlet), ending.status]);
}
