/** Opening an account, logging in and out. Passwords are asked for where nobody sees them, and kept nowhere. */
import { nameProblem } from '../../../commons/text.ts';
import { DEFAULT_LIMITS } from '../../../commons/limits.ts';
import { askNew, askUntilRight } from './asking.ts';
import { type Chat, type Command, Misuse } from './command.ts';

export const ACCOUNT_COMMANDS: readonly Command[] = [
  {
    name: '/signup',
    usage: '/signup [NAME]',
    summary: 'open an account, of your name unless you say',
    asks: true,
    run: signUp,
    advice: { AlreadyRegistered: 'If the account is yours, /login; else /signup another name.', RateLimited: 'Nothing was opened.' },
  },
  {
    name: '/login',
    usage: '/login [NAME]',
    summary: 'log in, once for all the next times',
    asks: true,
    run: async (chat, argument) => {
      const user = accountName(chat, argument, '/login');
      const given = await askUntilRight(chat, `Password of ${user}: `, 'Unauthorized', (password) => logIn(chat, user, password));
      if (!given) chat.tell('You are not logged in: no password was given.');
    },
    advice: {
      Unauthorized: 'Try /login again; /signup opens an account.',
      InvalidParams: '/logout first, to log in with another account.',
    },
  },
  {
    name: '/logout',
    usage: '/logout',
    summary: 'log out here, and be a guest again',
    run: async (chat) => {
      const { account } = chat.client;
      if (account === undefined) throw new Misuse('You are not logged in. /login does that.');
      await chat.logOut();
    },
  },
];

async function signUp(chat: Chat, argument: string): Promise<void> {
  const user = accountName(chat, argument, '/signup');
  const password = await askNew(chat, user);
  if (password === undefined) return chat.tell('No account was opened: no password was given.');
  await chat.client.createAccount(user, password);
  chat.tell(`The account ${user} is open.`);
  await logIn(chat, user, password);
}

async function logIn(chat: Chat, user: string, password: string): Promise<void> {
  const { Token } = await chat.client.logIn(user, password);
  chat.keepLogIn(Token);
}

/** @throws Misuse when that cannot be the name of an account, or one is logged in already */
function accountName({ client }: Chat, argument: string, command: string): string {
  if (client.account !== undefined) throw new Misuse(`You are logged in as ${client.account} already. /logout comes first.`);
  const user = argument.trim() === '' ? client.name : argument.trim();
  const problem = nameProblem(user, DEFAULT_LIMITS.nameCharacters);
  if (problem !== undefined) throw new Misuse(`${problem} ${command} NAME takes the name of an account.`);
  return user;
}
