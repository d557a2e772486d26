/** Accounts: making one, proving it, the log-ins that prove it from then on, and its end. */
import * as v from 'valibot';
import { opaque, Success, text, UserName } from './fields.ts';

/** Shortest and longest password, bytes of UTF-8. What is in between is the owner's business. */
export const PASSWORD_BYTES = { least: 8, most: 1_024 } as const;

const Token = opaque('Token', 'what LogIn returned');
/** A password that is compared: one that could never have been chosen is only a wrong one. */
const Password = text('Password', PASSWORD_BYTES.most, 'compared with the one of the account');
const chosen = (field: string) =>
  v.pipe(
    text(field, PASSWORD_BYTES.most, `any characters; at least ${PASSWORD_BYTES.least} bytes`),
    v.check((value) => Buffer.byteLength(value) >= PASSWORD_BYTES.least, `${field} must have at least ${PASSWORD_BYTES.least} bytes.`),
  );

/** One log-in of an account, as its owner sees it. `LogIn` names it and proves nothing. */
const LogIn = v.object({
  LogIn: v.string(),
  CreatedAt: v.string(),
  UsedAt: v.string(),
  ExpiresAt: v.pipe(v.string(), v.description('unless it is used before')),
  From: v.pipe(v.string(), v.description('the address that logged in')),
  Current: v.pipe(v.boolean(), v.description('it is the one of this call')),
});
export type LogInShown = v.InferOutput<typeof LogIn>;

export const ACCOUNT_METHODS = {
  'ChatServer.SignUp': {
    summary: 'Open an account: its name is nobody else’s from then on.',
    caller: 'anyone',
    params: v.object({ UserName, Password: chosen('Password') }),
    result: v.object({ Success, UserID: v.string(), CreatedAt: v.string() }),
  },
  'ChatServer.LogIn': {
    summary: 'Prove an account by its password; the token does so from then on.',
    caller: 'anyone',
    params: v.object({ UserName: text('UserName', 1_024, 'the name of the account, in any spelling that looks like it'), Password }),
    result: v.object({ Success, Token: v.string(), ExpiresAt: v.pipe(v.string(), v.description('unless it is used before')) }),
  },
  'ChatServer.LogOut': {
    summary: 'Void this token, or another one of the account, and end the registrations made with it.',
    caller: 'account',
    params: v.object({ Token, LogIn: v.optional(opaque('LogIn', 'which log-in of the account to end; that of the token when left out')) }),
    result: v.object({ Success }),
  },
  'ChatServer.ListLogIns': {
    summary: 'The log-ins of the account, the newest first.',
    caller: 'account',
    params: v.object({ Token }),
    result: v.object({ Success, LogIns: v.array(LogIn) }),
  },
  'ChatServer.ChangePassword': {
    summary: 'A new password; every other token of the account is void.',
    caller: 'account',
    params: v.object({ Token, Password, NewPassword: chosen('NewPassword') }),
    result: v.object({ Success }),
  },
  'ChatServer.DeleteAccount': {
    summary: 'End the account: its name, tokens, memberships and inbox go.',
    caller: 'account',
    params: v.object({ Token, Password }),
    result: v.object({ Success }),
  },
} as const;
