/**
 * As whom one joins: with an account that is opened first, with the log-in that is kept, else with a password, else as a guest. A log-in
 * that is void is forgotten, and who has just logged in need not the next time. Knows no flag and no screen.
 */
import { type ClientSettings, type LogInSettings } from '../../commons/config.ts';
import { RpcError } from '../../commons/errors.ts';
import { ChatClient, type ChatClientOptions } from '../chat-client.ts';
import { askHidden, canAsk } from './ask-hidden.ts';
import { type LogIns, TokenUnusable } from './log-ins.ts';
import { passwordOf } from './password.ts';

export interface Entrance {
  readonly settings: ClientSettings;
  /** How it joins, whoever it is. */
  readonly joining: ChatClientOptions;
  readonly logIns: LogIns;
  /** Stdin, whose first line may be the password. */
  readonly lines: AsyncIterator<string>;
  readonly notice: (text: string) => void;
}

/** @throws NoPassword, and what `ChatClient.connect` throws */
export async function enter(entrance: Entrance): Promise<ChatClient> {
  const { settings, joining } = entrance;
  const { logIn, command } = settings;
  if (logIn?.signUp === true) return withNewAccount(entrance, logIn);
  // Commands are guests unless they are told otherwise: they remember nothing.
  const user = logIn?.user ?? (command === 'talk' ? joining.name : undefined);
  const token = user === undefined ? undefined : attempt(entrance, ({ logIns }) => logIns.token(user));
  if (user === undefined || token === undefined) return logIn === undefined ? ChatClient.connect(joining) : withPassword(entrance, logIn);
  try {
    return await ChatClient.connect({ ...joining, token, account: user });
  } catch (error) {
    if (!(error instanceof RpcError) || error.reason !== 'Unauthorized') throw error;
  }
  attempt(entrance, ({ logIns }) => logIns.remove(user));
  entrance.notice(`The log-in of ${user} has ended.`);
  return logIn === undefined ? asGuest(entrance, user) : withPassword(entrance, logIn);
}

/** Who was logged in here, and did not say so, may be so again or be a guest; of the same name only where the account is gone. */
async function asGuest(entrance: Entrance, user: string): Promise<ChatClient> {
  const password = canAsk() ? await askHidden(`Password of ${user}, Enter to join as a guest: `) : undefined;
  if (password === undefined || password === '') return ChatClient.connect(entrance.joining);
  return logInWith(entrance, user, password);
}

async function withNewAccount(entrance: Entrance, logIn: LogInSettings): Promise<ChatClient> {
  const password = await passwordOf(logIn, entrance.lines);
  await ChatClient.createAccount(entrance.settings.server, logIn.user, password);
  entrance.notice(`The account ${logIn.user} is open.`);
  return logInWith(entrance, logIn.user, password);
}

async function withPassword(entrance: Entrance, logIn: LogInSettings): Promise<ChatClient> {
  return logInWith(entrance, logIn.user, await passwordOf(logIn, entrance.lines));
}

async function logInWith(entrance: Entrance, user: string, password: string): Promise<ChatClient> {
  const client = await ChatClient.connect({ ...entrance.joining, logIn: { userName: user, password } });
  const { token } = client;
  if (token !== undefined) attempt(entrance, ({ logIns }) => logIns.keep(user, token));
  return client;
}

/** What cannot be read or written is told and costs only convenience. */
function attempt<T>(entrance: Entrance, work: (entrance: Entrance) => T): T | undefined {
  try {
    return work(entrance);
  } catch (error) {
    if (!(error instanceof TokenUnusable)) throw error;
    entrance.notice(error.message);
    return undefined;
  }
}
