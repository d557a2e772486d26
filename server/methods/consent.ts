/** Allow, Block, SetDirectPolicy and DirectSettings: who may send the caller direct messages. */
import { RpcError } from '../../commons/errors.ts';
import { Account } from '../accounts/account.ts';
import type { CallContext } from '../call-context.ts';
import { choose, listed, markOf, settingsOf } from '../direct/consent.ts';
import type { Person } from '../direct/inboxes.ts';
import { findPerson, personOf } from '../direct/people.ts';
import type { Services } from '../services.ts';
import { nobody, yourself } from './direct.ts';
import { method } from './method.ts';

interface Acting {
  readonly UserID: string;
  readonly Session?: string | undefined;
}

export const allow = (services: Services) =>
  method('ChatServer.Allow', async (params, { context, succeed }) => {
    await list(services, 'allow', params, context);
    succeed({ Success: true });
  });

export const block = (services: Services) =>
  method('ChatServer.Block', async (params, { context, succeed }) => {
    await list(services, 'block', params, context);
    succeed({ Success: true });
  });

export const setDirectPolicy = (services: Services) =>
  method('ChatServer.SetDirectPolicy', async (params, { context, succeed }) => {
    const caller = acting(services, params, context);
    if (!(caller instanceof Account))
      throw new RpcError('Forbidden', 'Everyone may write to a guest: SignUp and LogIn for a policy of your own.');
    await choose(services.accounts, caller, () => ({ policy: params.Policy }));
    succeed({ Success: true });
  });

export const directSettings = (services: Services) =>
  method('ChatServer.DirectSettings', async (params, { context, succeed }) => {
    const member = services.registry.acting(params.UserID, context.peer, params.Session);
    const { policy, notify, allow: allowed, block: blocked } = settingsOf(personOf(member));
    const [Allow, Block] = await Promise.all([allowed, blocked].map((marks) => namesOf(services, marks)));
    let Waiting = 0;
    for (const person of services.inboxes.of(member)) Waiting += await services.inboxes.using(person, ({ waiting }) => waiting);
    succeed({ Success: true, Policy: policy, Notify: notify, Allow: Allow ?? [], Block: Block ?? [], Waiting });
  });

/** Puts somebody on one of the caller's lists. */
async function list(
  services: Services,
  which: 'allow' | 'block',
  params: Acting & { readonly User: string },
  context: CallContext,
): Promise<void> {
  const { registry, accounts } = services;
  const member = registry.acting(params.UserID, context.peer, params.Session);
  const person = await findPerson(registry, accounts, params.User);
  if (person === undefined) throw nobody(params.User);
  const caller = personOf(member);
  if (person === caller) throw yourself('User');
  await choose(accounts, caller, (settings) => listed(settings, which, markOf(person)));
}

function acting({ registry }: Services, { UserID, Session }: Acting, { peer }: CallContext): Person {
  return personOf(registry.acting(UserID, peer, Session));
}

/** The names of accounts, the IDs of guests; an account that is deleted is nobody's any more. */
async function namesOf({ accounts }: Services, marks: readonly string[]): Promise<string[]> {
  const names = await Promise.all(marks.map(async (mark) => (mark.startsWith('user-') ? (await accounts.byId(mark))?.name : mark)));
  return names.filter((name) => name !== undefined);
}
