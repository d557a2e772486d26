/** SignUp, LogIn and what a token is good for: log-ins listed and ended, a new password, the end of the account. */
import { RpcError } from '../../commons/errors.ts';
import type { LogInShown } from '../../commons/protocol.ts';
import { Peer } from '../../commons/rpc/peer.ts';
import type { Account } from '../accounts/account.ts';
import type { Proof } from '../accounts/credentials.ts';
import type { LogIn } from '../accounts/log-in.ts';
import type { CallContext } from '../call-context.ts';
import type { Member } from '../member.ts';
import type { Services } from '../services.ts';
import { method } from './method.ts';
import { destroy } from './rooms.ts';

export const signUp = (services: Services) =>
  method('ChatServer.SignUp', async ({ UserName, Password }, { context, succeed }) => {
    mayGoOn(services);
    const { accounts, credentials, log } = services;
    // Asked before the hash is made, for the sake of those who only try whether a name is free, and decided after it.
    await accounts.mayOpen(UserName, () => mayTake(services, UserName, context));
    const hash = await credentials.hashForNew(Password, context.address);
    const account = await accounts.open(UserName, hash, () => mayTake(services, UserName, context));
    log.client(`${account.name} signed up.`, { from: context.address });
    succeed({ Success: true, UserID: account.id, CreatedAt: iso(account.record.createdAt) });
  });

export const logIn = (services: Services) =>
  method('ChatServer.LogIn', async ({ UserName, Password }, { context, succeed }) => {
    mayGoOn(services);
    const { account, proven } = await services.credentials.prove(UserName, Password, context.address);
    const { token, logIn } = await services.logIns.issue(account, proven, context.address);
    endVoid(services, account, context, 'its log-in made room for a new one');
    context.peer.connection.maxFrameBytes = services.settings.limits.frameBytes;
    services.log.client(`${account.name} logged in.`, { from: context.address });
    succeed({ Success: true, Token: token, ExpiresAt: iso(services.logIns.expiresAt(logIn)) });
  });

export const logOut = (services: Services) =>
  method('ChatServer.LogOut', async ({ Token, LogIn }, { context, succeed }) => {
    const current = await services.logIns.acting(Token);
    await services.logIns.revoke(current.account, LogIn ?? current.handle);
    endVoid(services, current.account, context, 'logged out');
    succeed({ Success: true });
  });

export const listLogIns = (services: Services) =>
  method('ChatServer.ListLogIns', async ({ Token }, { succeed }) => {
    const current = await services.logIns.acting(Token);
    const all = await services.logIns.list(current.account);
    succeed({ Success: true, LogIns: all.map((one) => toShown(services, one, current)) });
  });

export const changePassword = (services: Services) =>
  method('ChatServer.ChangePassword', async ({ Token, Password, NewPassword }, { context, succeed }) => {
    const current = await services.logIns.acting(Token);
    const { account, proven } = await prove(services, current, Password, context);
    await services.logIns.changePassword(current, proven, await services.credentials.hash(NewPassword));
    endVoid(services, account, context, 'its password was changed');
    services.log.client(`${account.name} has a new password.`, { from: context.address });
    succeed({ Success: true });
  });

export const deleteAccount = (services: Services) =>
  method('ChatServer.DeleteAccount', async ({ Token, Password }, { context, succeed }) => {
    const current = await services.logIns.acting(Token);
    const { account, proven } = await prove(services, current, Password, context);
    // First: a room whose owner is gone would stay for good.
    for (const code of await services.accountRooms.ownedBy(account.id)) await services.rooms.using(code, (room) => destroy(services, room));
    await services.logIns.deleteAccount(current, proven);
    endVoid(services, account, context, 'its account was deleted');
    await services.inboxes.removed(account);
    services.log.client(`${account.name} deleted the account.`, { from: context.address });
    succeed({ Success: true });
  });

function mayGoOn({ stopping }: Services): void {
  if (stopping()) throw new RpcError('ShuttingDown');
}

/** Nobody's name is taken from under them: a living registration may only become an account on its own connection. */
function mayTake({ registry }: Services, name: string, { peer }: CallContext): void {
  for (const member of registry.resembling(name))
    if (member.owner !== peer) throw new RpcError('AlreadyRegistered', 'Somebody who is here uses this name, or one that looks like it.');
}

/** Who has a token must show the password again for what cannot be undone. */
async function prove({ credentials }: Services, { account }: LogIn, password: string, { address }: CallContext): Promise<Proof> {
  const proof = await credentials.prove(account.name, password, address);
  if (proof.account !== account) throw new RpcError('Unauthorized', 'This account is deleted.');
  return proof;
}

/** Ends the registrations of an account whose log-in is void; the others are told that they left. */
function endVoid(services: Services, account: Account, { peer }: CallContext, reason: string): void {
  for (const member of services.registry.of(account)) {
    if (member.logIn?.isRevoked === true) endRegistration(services, member, reason, peer);
  }
}

/** Ends a registration; a client that is called back on its own connection notices by the end of it, unless it is `spared`. */
export function endRegistration({ membership }: Services, member: Member, reason: string, spared?: object): void {
  const { owner, delivery } = member;
  const inline = owner instanceof Peer && delivery !== undefined && owner.sink === delivery ? owner : undefined;
  membership.dismiss(member, reason);
  if (inline !== undefined && inline !== spared) inline.connection.end();
}

function toShown({ logIns }: Services, one: LogIn, current: LogIn): LogInShown {
  return {
    LogIn: one.handle,
    CreatedAt: iso(one.createdAt),
    UsedAt: iso(one.usedAt),
    ExpiresAt: iso(logIns.expiresAt(one)),
    From: one.from,
    Current: one === current,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
