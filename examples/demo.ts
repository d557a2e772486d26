/**
 * `npm run demo`: three people in one terminal. A real server on a port of the system's choice, three real clients, and
 * what each of them sees, line by line, next to the name of whose screen it is. Ends by itself.
 */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { ChatClient } from '../client/chat-client.ts';
import { colorOf, chalkFor } from '../client/terminal/palette.ts';
import { renderMessage } from '../client/terminal/render.ts';
import { ChatServer } from '../server/chat-server.ts';

/** Time to read a line on a terminal, milliseconds; nobody reads a file while it is written. */
const READING_MS = process.stdout.isTTY ? 350 : 0;
/** A demonstration that hangs would be a bad one. */
const LONGEST_MS = 20_000;

const chalk = chalkFor('stdout', 'auto');
const people = new Set<ChatClient>();

function show(whose: string, line: string): void {
  process.stdout.write(`${chalk[colorOf(whose)](`${whose}'s screen`.padEnd(15))} ${chalk.dim('│')} ${line.trimEnd()}\n`);
}

/** Does something that all the others are told of, and waits until they have been. */
async function seenByOthers<T>(actor: ChatClient | undefined, act: () => Promise<T>): Promise<T> {
  const told = [...people].filter((client) => client !== actor).map((client) => once(client, 'message'));
  const result = await act();
  await Promise.all(told);
  await pause(READING_MS);
  return result;
}

function join(name: string, port: number): Promise<ChatClient> {
  return seenByOthers(undefined, async () => {
    const client = await ChatClient.connect({ host: '127.0.0.1', port, name });
    client.on('message', (message) => show(name, renderMessage(message, { chalk, self: name, clock: false, columns: undefined })));
    people.add(client);
    show(name, chalk.dim(`Welcome, ${name}! (ID: ${client.id})`));
    return client;
  });
}

function say(client: ChatClient, text: string): Promise<unknown> {
  show(client.name, `${chalk.bold('You:')} ${text}`);
  return seenByOthers(client, () => client.send(text, { wait: 'delivered' }));
}

function leave(client: ChatClient): Promise<unknown> {
  people.delete(client);
  show(client.name, `${chalk.bold('You:')} /quit`);
  return seenByOthers(client, () => client.disconnect());
}

async function conversation(port: number): Promise<void> {
  const alice = await join('Alice', port);
  const bob = await join('Bob', port);
  await say(alice, 'Hello everyone!');
  const carol = await join('Carol', port);
  await say(bob, 'Hi Alice, hi Carol.');
  await say(carol, 'Hi Bob! Each of us runs a little callback server,');
  await say(carol, 'and the room calls us. No polling anywhere.');
  await say(alice, 'Bob, lunch at twelve?');
  await say(bob, 'Wonderful. 🥨');
  await leave(carol);
  await leave(bob);
  await leave(alice);
}

const watchdog = setTimeout(() => {
  process.stderr.write('The demonstration hangs; giving up.\n');
  process.exit(1);
}, LONGEST_MS);
// It keeps nothing: the room that you run in this folder is not its business.
const server = await ChatServer.start({ host: '127.0.0.1', port: 0, logLevel: 'silent', dataDir: null });
process.stdout.write(chalk.dim(`A room at ${server.address.host}:${server.address.port}\n`));
await conversation(server.address.port);
await server.stop();
clearTimeout(watchdog);
