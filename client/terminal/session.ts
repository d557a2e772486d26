/** From the settings to the exit status: join, greet, do what was asked for, leave. Every step is bounded in time. */
import { type ClientSettings } from '../../commons/config.ts';
import { RpcError } from '../../commons/errors.ts';
import { type Log } from '../../commons/log.ts';
import { CallbackUnusable, ChatClient, PlaceUnkept, type ChatClientOptions } from '../chat-client.ts';
import { type Ending } from './ending.ts';
import { EXIT, type ExitStatus, statusOfRefusal } from './exit-status.ts';
import { follow, openJournal } from './journal.ts';
import { Outlet } from './outlet.ts';
import { programOf } from './programs.ts';
import { reasonOf } from './words.ts';

/** How long saying goodbye may take; with the last words of a conversation it stays well under a second. */
const LEAVE_MS = 300;
/** The same for a server that has left the last words unanswered, milliseconds. */
const LEAVE_THE_SILENT_MS = 50;

/** Resolves when the process should exit, with its status. */
export async function runSession(settings: ClientSettings, name: string, ending: Ending): Promise<ExitStatus> {
  const outlet = new Outlet(settings);
  const journal = journalOf(settings, outlet);
  if (journal === undefined) return EXIT.error;
  const program = programOf(settings, process.stdin.isTTY && (process.stderr.isTTY || process.stdout.isTTY));
  const joined = await Promise.race([join(settings, { name, ...program.joins(settings) }, outlet), ending.status]);
  if (!(joined instanceof ChatClient)) return joined;

  follow(joined, journal);
  joined.on('fault', (failure) => {
    if (failure instanceof PlaceUnkept) outlet.notice(failure.message);
  });
  outlet.self = joined.name;
  if (program.greets) {
    outlet.tell(`Welcome, ${joined.name}! (ID: ${joined.id})`);
    outlet.tell(`Connected to chat server at ${joined.server}`);
  }
  let patienceMs = LEAVE_MS;
  try {
    const status = await program.run({ client: joined, settings, outlet, ending });
    if (status === EXIT.notAccepted) patienceMs = LEAVE_THE_SILENT_MS;
    return status;
  } finally {
    await joined.disconnect(patienceMs);
    await journal.close();
  }
}

function journalOf(settings: ClientSettings, outlet: Outlet): Log | undefined {
  try {
    return openJournal(settings);
  } catch (error) {
    outlet.notice(`The log cannot be written: ${reasonOf(error)}`);
    return undefined;
  }
}

type Joining = Partial<ChatClientOptions> & Pick<ChatClientOptions, 'name'>;

async function join(settings: ClientSettings, joining: Joining, outlet: Outlet): Promise<ChatClient | ExitStatus> {
  const { server, id, secret, callback } = settings;
  try {
    return await ChatClient.connect({
      ...server,
      callback,
      reconnect: true,
      ...joining,
      ...(id === undefined ? {} : { id }),
      ...(secret === undefined ? {} : { secret }),
    });
  } catch (error) {
    outlet.notice(reasonOf(error));
    if (error instanceof CallbackUnusable) return EXIT.error;
    return error instanceof RpcError ? statusOfRefusal(error.reason) : EXIT.unreachable;
  }
}
