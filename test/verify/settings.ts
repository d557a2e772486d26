/** The verifier's command line. Knows what may be asked, not how it is done. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';

export interface Settings {
  /** Healthy clients; the first `senders` of them also send. */
  readonly clients: number;
  readonly senders: number;
  /** Clients that never answer a callback. */
  readonly hung: number;
  /** Clients whose callback server vanishes and comes back, over and over. */
  readonly flapping: number;
  /** Clients on the library, whose network is cut now and then; they send, too. */
  readonly library: number;
  /** Rooms beside the lobby. */
  readonly rooms: number;
  /** Whether senders also write to single people. */
  readonly direct: boolean;
  readonly seconds: number;
  /** Messages a second of all senders together; 0 = as fast as their windows allow. */
  readonly rate: number;
  /** Sends that each sender may have unanswered. */
  readonly window: number;
  /** Absent: a server of its own. */
  readonly server?: { readonly host: string; readonly port: number } | undefined;
  readonly json: boolean;
}

/** What to do, or what to print and the status to end with. */
export type Request = { readonly settings: Settings } | { readonly text: string; readonly status: 0 | 2 };

/** Rooms that a server lets one client own. */
const ROOMS_OF_EACH = 20;

export function readSettings(argv: readonly string[]): Request {
  let text = '';
  const command = describe().configureOutput({ writeOut: (part) => (text += part), writeErr: (part) => (text += part) });
  try {
    const given = command.exitOverride().parse(argv, { from: 'user' }).opts<Settings>();
    const fewer = command.getOptionValueSource('senders') === 'default' && given.senders > given.clients;
    const settings = fewer ? { ...given, senders: given.clients } : given;
    if (settings.rooms > ROOMS_OF_EACH * settings.clients)
      return {
        text: `error: ${settings.clients} clients can make ${ROOMS_OF_EACH * settings.clients} rooms, not ${settings.rooms}.\n`,
        status: 2,
      };
    if (settings.senders <= settings.clients) return { settings };
    return { text: `error: ${settings.senders} senders need at least as many clients, there are ${settings.clients}.\n`, status: 2 };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { text, status: error.exitCode === 0 ? 0 : 2 };
  }
}

function describe(): Command {
  return new Command('verify')
    .description('Loads a chat server and proves the run: nothing acknowledged is lost, nothing is shown twice, one order, no phantoms.')
    .option('--clients <n>', 'healthy clients, each with a callback server of its own', whole(1, 5000), 30)
    .option('--senders <n>', 'how many of them also send', whole(1, 5000), 10)
    .option('--hung <n>', 'further clients that never answer; they must be gone in time and delay nobody', whole(0, 1000), 2)
    .option('--flapping <n>', 'further clients that go away and come back; they must miss nothing', whole(0, 1000), 3)
    .option(
      '--library <n>',
      'further clients on the library, which send, and whose network is cut twice; they must miss nothing',
      whole(0, 1000),
      20,
    )
    .option('--rooms <n>', 'rooms beside the lobby; each client is in up to three, and must hear nothing of the others', whole(0, 1000), 0)
    .option('--direct', 'senders also write direct messages', false)
    .option('--seconds <n>', 'how long to send', whole(1, 3600), 10)
    .option('--rate <n>', 'messages a second, of all senders together; 0 = as fast as the windows allow', whole(0, 1_000_000), 500)
    .option('--window <n>', 'unanswered sends a sender may have', whole(1, 1000), 16)
    .option('--server <host:port>', 'a running server (one of its own otherwise)', address)
    .option('--json', 'the report as one JSON object', false)
    .addHelpText('after', '\nExit status: 0 proven, 1 disproved, 2 wrong usage.')
    .allowExcessArguments(false);
}

function whole(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

function address(value: string): { host: string; port: number } {
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(value) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) throw new InvalidArgumentError('It must be HOST:PORT.');
  return { host, port: Number(port) };
}
