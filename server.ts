#!/usr/bin/env node
/** The server program: settings, log, room server, stop. What each of them does is in its own file. */
import { readServerSettings, settingsOrExit } from './commons/config.ts';
import { createLog } from './commons/log.ts';
import { tuneGarbageCollection } from './server/garbage-collection.ts';
import { StoreRefused } from './server/store/database.ts';
import { whenAskedToEnd } from './server/signals.ts';
import { openStore } from './server/store/open.ts';

const settings = settingsOrExit(() => readServerSettings(process.argv.slice(2), process.env));
const log = createLog({ level: settings.logLevel, format: settings.logFormat, messages: settings.logMessages });

async function main(): Promise<number> {
  // The disk is at work while the rest of the program is loaded, which takes about as long.
  const [opening, loading] = [openStore(settings, log), import('./server/chat-server.ts')];
  const [{ ChatServer }] = await Promise.all([loading, opening]);
  const server = await ChatServer.start(settings, log, opening);
  tuneGarbageCollection();
  const asked = whenAskedToEnd();
  log.announce(`Real-time RPC chat server running on ${hostPort(server.address.host, server.address.port)}`);
  log.announce('Waiting for client connections...');
  log.server(settings.dataDir === null ? 'Nothing is kept: a restart forgets the room.' : `Messages are kept in ${settings.dataDir}.`);
  await asked;
  await server.stop();
  return 0;
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function startFailure(error: unknown): string {
  const where = hostPort(settings.host, settings.port);
  if (error instanceof StoreRefused) return error.message;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return `cannot listen on ${where}: another program does. Try --listen with another port.`;
  if (code === 'EACCES') return `cannot listen on ${where}: this user may not use that port.`;
  if (code === 'EADDRNOTAVAIL') return `cannot listen on ${where}: this machine does not have that address.`;
  return 'cannot run; the log says why.';
}

main().then(
  async (status) => {
    await log.close();
    process.exit(status);
  },
  async (error: unknown) => {
    log.error('The server cannot run.', error);
    await log.close();
    process.stderr.write(`partyline-server: ${startFailure(error)}\n`);
    process.exit(1);
  },
);
