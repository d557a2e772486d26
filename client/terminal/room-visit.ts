/**
 * The one room that a command speaks to or listens to: it goes in where it is not in it yet, and out again at the end, so
 * that an account is afterwards where it was before. Knows no flag.
 */
import { RpcError } from '../../commons/errors.ts';
import { type ChatClient, type JoinOptions } from '../chat-client.ts';
import { LOBBY } from '../inbox.ts';
import { type Ending } from './ending.ts';
import { EXIT, type ExitStatus, statusOfRefusal } from './exit-status.ts';
import { type Outlet } from './outlet.ts';
import { reasonOf } from './words.ts';

/** How long going out may take, milliseconds: the registration ends anyway. */
const LEAVE_MS = 300;

export interface Visitor {
  readonly client: ChatClient;
  readonly outlet: Outlet;
  readonly ending: Ending;
}

export interface Visited {
  /** The code as the server spells it. */
  readonly room: string;
  /** The Seq behind which live messages begin. */
  readonly seq: number;
}

/**
 * @param code in capital or small letters; left out, or that of the lobby, nothing is entered
 * @param use must end when `ending` does
 * @returns what `use` returned, or the status when the room cannot be entered, which is told
 */
export async function inRoom(
  { client, outlet, ending }: Visitor,
  code: string | undefined,
  options: JoinOptions,
  use: (visited: Visited) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  if (code === undefined || code.toLowerCase() === LOBBY) return use({ room: LOBBY, seq: client.cursor.after });
  const before = client.rooms;
  try {
    const joined = await Promise.race([client.joinRoom(code, options), ending.status]);
    if (typeof joined === 'number') return joined;
    const status = await use({ room: joined.Room, seq: joined.Seq });
    if (client.account !== undefined && !before.has(joined.Room)) await leave(client, joined.Room);
    return status;
  } catch (error) {
    outlet.notice(reasonOf(error));
    return error instanceof RpcError ? statusOfRefusal(error.reason) : EXIT.unreachable;
  }
}

/** Without an answer the account stays in the room: no reason for another outcome. */
function leave(client: ChatClient, room: string): Promise<unknown> {
  const patience = new Promise((resolve) => setTimeout(resolve, LEAVE_MS).unref());
  return Promise.race([client.leaveRoom(room).catch(() => undefined), patience]);
}
