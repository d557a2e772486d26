/** Opening an account, and being here as one: the registration becomes the account's, and a guest's again. */
import { randomUUID } from 'node:crypto';
import { RpcError } from '../commons/errors.ts';
import type { ResultOf } from '../commons/protocol.ts';
import { NoAnswer } from '../commons/rpc/caller.ts';
import type { Asking } from './asking.ts';
import { CallbackMethods } from './callback-methods.ts';
import { sentence, ServerUnreachable } from './errors.ts';
import type { JoinedRooms } from './joined-rooms.ts';
import type { LastingConnection } from './lasting-connection.ts';
import { PASSWORD_MS, type LogIn } from './log-in.ts';
import { ServerLink, type ServerAddress } from './server-link.ts';

/** Opens an account from outside: where guests may not join, nobody could otherwise. @throws RpcError, ServerUnreachable */
export async function openAccount(server: ServerAddress, userName: string, password: string): Promise<ResultOf<'ChatServer.SignUp'>> {
  const nobody = new CallbackMethods(
    randomUUID(),
    (_message, answer) => answer(),
    () => undefined,
  );
  const link = await ServerLink.open(server, nobody, () => undefined);
  try {
    return await link.call('ChatServer.SignUp', { UserName: userName, Password: password }, PASSWORD_MS);
  } catch (error) {
    throw error instanceof NoAnswer ? new ServerUnreachable(sentence(error)) : error;
  } finally {
    link.close();
  }
}

export interface AccountParts {
  readonly connection: LastingConnection;
  readonly asking: Asking;
  readonly logIn: LogIn;
  readonly rooms: JoinedRooms;
}

export class Account {
  readonly #parts: AccountParts;

  constructor(parts: AccountParts) {
    this.#parts = parts;
  }

  create(userName: string, password: string): Promise<ResultOf<'ChatServer.SignUp'>> {
    return this.#parts.asking.call('ChatServer.SignUp', { UserName: userName, Password: password });
  }

  /** Where the registration cannot become the account's, the token is void again and all is as before. */
  async logIn(userName: string, password: string): Promise<ResultOf<'ChatServer.LogIn'>> {
    const { asking, logIn, connection } = this.#parts;
    const before = { name: logIn.name, token: logIn.token };
    const answer = await asking.call('ChatServer.LogIn', { UserName: userName, Password: password });
    logIn.take(userName, answer.Token);
    try {
      await connection.again();
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      logIn.take(before.name, before.token);
      await asking.call('ChatServer.LogOut', { Token: answer.Token }).catch(() => undefined);
      throw error;
    }
    return answer;
  }

  /** The registration ends with its token: the others see a leave, and a join when the guest comes. */
  async logOut(): Promise<void> {
    const { asking, logIn, rooms, connection } = this.#parts;
    const { token } = logIn;
    if (token === undefined) return;
    await asking.call('ChatServer.LogOut', { Token: token });
    logIn.take(undefined, undefined);
    rooms.clear();
    try {
      await connection.again();
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      connection.close(error.message);
    }
  }
}
