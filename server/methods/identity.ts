/**
 * Who a Register acts as: a guest, or an account whose `Token` it carries; and whether it may be called what it wants to
 * be. It knows no callbacks and no rooms.
 */
import { RpcError } from '../../commons/errors.ts';
import type { LogIn } from '../accounts/log-in.ts';
import type { NameLeave } from '../accounts/names.ts';
import type { Member } from '../member.ts';
import type { Services } from '../services.ts';

export interface Identity {
  /** `undefined` for a guest. */
  readonly logIn: LogIn | undefined;
  /** Whether nobody else's account has its names. */
  readonly names: NameLeave;
}

/** @throws RpcError `Unauthorized` for a token that is not valid */
export async function identify(
  { accounts, logIns }: Services,
  params: { ID: string; Name: string; Token?: string | undefined },
): Promise<Identity> {
  const logIn = params.Token === undefined ? undefined : await logIns.acting(params.Token);
  return { logIn, names: accounts.names.leave([params.ID, params.Name], logIn?.account.id) };
}

/**
 * Asserts that `identity` may register now, or take `former` over.
 * @throws RpcError `Unauthorized`, `Forbidden`, `InvalidParams`
 */
export function mayActAs({ settings, logIns }: Services, { logIn }: Identity, former: Member | undefined): void {
  if (logIn === undefined) {
    if (!settings.membersOnly || former?.account !== undefined) return;
    throw new RpcError('Forbidden', 'This server is for members only: SignUp, then LogIn, then Register with the Token.');
  }
  if (!logIns.stands(logIn)) throw new RpcError('Unauthorized', 'The Token is not valid any more. LogIn gives a new one.');
  if (former?.account === undefined || former.account === logIn.account) return;
  const Message = 'Token must be of the account that this registration belongs to.';
  throw new RpcError('InvalidParams', Message, { Issues: [{ Path: 'Token', Message }] });
}
