/** Info and rpc.discover: what this server is and what it can be asked. */
import { VERSION } from '../../commons/version.ts';
import type { openRpcDocument } from '../openrpc.ts';
import type { Services } from '../services.ts';
import { method } from './method.ts';

/** What a client may rely on beyond the classic room. */
const FEATURES = [
  'json-rpc-2.0',
  'json-rpc-1.0',
  'callback-dial',
  'callback-inline',
  'callback-none',
  'sessions',
  'accounts',
  'resume',
  'history',
  'idempotent-send',
  'receipts',
  'rooms',
  'direct-messages',
];

export const info = ({ epoch, settings }: Services) =>
  method('ChatServer.Info', (_params, { succeed }) => {
    const Limits: Record<string, number | number[]> = {};
    for (const [name, value] of Object.entries<number | readonly number[]>({ ...settings.limits })) {
      Limits[name] = typeof value === 'number' ? value : [...value];
    }
    succeed({ Success: true, Name: 'partyline', Version: VERSION, Epoch: epoch, Limits, Features: FEATURES });
  });

/** What makes the document is loaded when somebody asks for it first: hardly anybody does, and a start has no time for it. */
export const discover = () => {
  let document: Promise<ReturnType<typeof openRpcDocument>> | undefined;
  return method('rpc.discover', async (_params, { succeed }) => {
    document ??= import('../openrpc.ts').then((openRpc) => openRpc.openRpcDocument());
    succeed(await document);
  });
};
