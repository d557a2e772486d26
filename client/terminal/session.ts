/** From the settings to the exit status: join, greet, do what was asked for, leave. Every step is bounded in time. */
import { type ClientSettings } from '../../commons/config.ts';
import { RpcError } from '../../commons/errors.ts';
import { DEFAULT_LIMITS } from '../../commons/limits.ts';
import { type Log } from '../../commons/log.ts';
import { CallbackUnusable, ChatClient, PlaceUnkept, type ChatClientOptions } from '../chat-client.ts';
import { spell } from '../server-link.ts';
import { type Ending } from './ending.ts';
import { enter } from './entering.ts';
import { EXIT, type ExitStatus, statusOfRefusal } from './exit-status.ts';
import { follow, openJournal } from './journal.ts';
import { linesOf } from './lines.ts';
import { LogIns } from './log-ins.ts';
import { Outlet } from './outlet.ts';
import { NoPassword } from './password.ts';
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
  const lines = linesOf(process.stdin, DEFAULT_LIMITS.frameBytes);
  const logIns = new LogIns(settings.state, spell(settings.server));
  const program = programOf(settings, process.stdin.isTTY && (process.stderr.isTTY || process.stdout.isTTY));
  const joined = await Promise.race([join({ settings, name, joins: program.joins(settings), logIns, lines }, outlet), ending.status]);
  if (!(joined instanceof ChatClient)) return joined;

  follow(joined, journal);
  joined.on('fault', (failure) => {
    if (failure instanceof PlaceUnkept) outlet.notice(failure.message);
  });
  outlet.self = joined.name;
  if (program.greets) {
    outlet.tell(`Welcome, ${joined.name}! (ID: ${joined.id})`);
    outlet.tell(`Connected to chat server at ${joined.server}`);
    if (joined.account !== undefined) outlet.tell(`You are logged in as ${joined.account}`);
  }
  let patienceMs = LEAVE_MS;
  try {
    const status = await program.run({ client: joined, settings, outlet, ending, logIns, lines });
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

interface Joining {
  readonly settings: ClientSettings;
  readonly name: string;
  readonly joins: Partial<ChatClientOptions>;
  readonly logIns: LogIns;
  readonly lines: AsyncIterator<string>;
}

async function join({ settings, name, joins, logIns, lines }: Joining, outlet: Outlet): Promise<ChatClient | ExitStatus> {
  const { server, id, secret, callback } = settings;
  const joining = {
    ...server,
    name,
    callback,
    reconnect: true,
    ...joins,
    ...(id === undefined ? {} : { id }),
    ...(secret === undefined ? {} : { secret }),
  };
  try {
    return await enter({ settings, joining, logIns, lines, notice: (text) => outlet.notice(text) });
  } catch (error) {
    outlet.notice(reasonOf(error));
    if (error instanceof NoPassword) return EXIT.refused;
    if (error instanceof CallbackUnusable) return EXIT.error;
    if (!(error instanceof RpcError)) return EXIT.unreachable;
    const advice = adviceOn(error, settings, name);
    if (advice !== undefined) outlet.notice(advice);
    return statusOfRefusal(error.reason);
  }
}

/** What to do about a refusal, where the flags can help. */
function adviceOn({ reason }: RpcError, { id, logIn }: ClientSettings, name: string): string | undefined {
  if (reason === 'AlreadyRegistered' && logIn?.signUp === true) return 'If that account is yours, join without --sign-up.';
  // An ID of our own making is nobody's: it is the name that is taken.
  if (reason === 'AlreadyRegistered' && logIn === undefined && id === undefined)
    return `If that account is yours, join with --user ${JSON.stringify(name)}.`;
  if (reason === 'Forbidden' && logIn === undefined)
    return `Join with --user ${JSON.stringify(name)}; with --sign-up too, if you have no account yet.`;
  return undefined;
}
