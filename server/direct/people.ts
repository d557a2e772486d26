/** Who is meant when somebody is named: a client that is here, or an account, here or away. */
import type { Account } from '../accounts/account.ts';
import type { Accounts } from '../accounts/accounts.ts';
import type { Member } from '../member.ts';
import type { Registry } from '../registry.ts';
import type { Person } from './inboxes.ts';

/** A registration as the person behind it: its account, where it has one. */
export function personOf(member: Member): Person {
  return member.account ?? member;
}

/**
 * Whom `named` means: the client that is here under this ID, in any spelling that people take for it, else the account of
 * this name, else the account of this ID. No guest has an account's name, so nobody is mistaken.
 * @throws RpcError `StorageFailed`
 */
export async function findPerson(registry: Registry, accounts: Accounts, named: string): Promise<Person | undefined> {
  const here = registry.holder(named);
  if (here !== undefined) return personOf(here);
  const account: Account | undefined = (await accounts.byName(named)) ?? (await accounts.byId(named));
  if (account !== undefined) return account;
  // It may have arrived meanwhile.
  const arrived = registry.holder(named);
  return arrived === undefined ? undefined : personOf(arrived);
}
