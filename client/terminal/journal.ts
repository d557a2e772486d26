/** The client's log: what became of the connection, for whoever looks into it later. Only in a file, since stderr belongs to the person. */
import { type ClientSettings } from '../../commons/config.ts';
import { createLog, type Log, silentLog } from '../../commons/log.ts';
import { type ChatClient } from '../chat-client.ts';

/** @throws the system's error when the file cannot be opened */
export function openJournal({ logFile, logLevel }: ClientSettings): Log {
  return logFile === undefined ? silentLog() : createLog({ level: logLevel, destination: logFile });
}

/** Writes down what happens to the connection from now on. */
export function follow(client: ChatClient, log: Log): void {
  const { id, server } = client;
  log.client('Joined the room.', { id, server });
  client.on('fault', (failure) => log.error('A message or a change of state could not be shown.', failure));
  client.on('state', (state) => {
    if (state.kind === 'lost')
      log.warn('The server is lost.', { reason: state.reason, attempt: state.attempt, retryInMs: state.retryInMs });
    else if (state.kind === 'closed') log.client('The connection has ended.', { reason: state.reason });
    else log.client(`The client is ${state.kind}.`);
  });
}
