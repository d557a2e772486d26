/**
 * Who may send whom direct messages, and what people have chosen about theirs: kept with an account, and for a guest as
 * long as its registration lives. It knows no inbox and no message.
 */
import { RpcError } from '../../commons/errors.ts';
import { fold } from '../../commons/text.ts';
import { Account, type DirectSettings } from '../accounts/account.ts';
import type { Accounts } from '../accounts/accounts.ts';
import type { Member } from '../member.ts';

/** Entries that each of the two lists may have. */
const ENTRIES = 1_000;
const AT_FIRST: DirectSettings = { policy: 'everyone', allow: [], block: [], notify: true };

/** What `person` has chosen. Of a registration that is an account's, ask for the account. */
export function settingsOf(person: Account | Member): DirectSettings {
  return person instanceof Account ? person.record : (person.direct ?? AT_FIRST);
}

/** Changes what `person` has chosen; on disk when it resolves, for an account. @throws RpcError `StorageFailed`, `Unauthorized` */
export async function choose(
  accounts: Accounts,
  person: Account | Member,
  change: (settings: DirectSettings) => Partial<DirectSettings>,
): Promise<void> {
  if (person instanceof Account) return accounts.change(person, change);
  const settings = settingsOf(person);
  person.direct = { ...settings, ...change(settings) };
}

/** What stands for somebody in a list: an account's ID, which outlives its name, or a guest's ID as people tell IDs apart. */
export function markOf(person: Account | Member): string {
  return person instanceof Account ? person.id : fold(person.id);
}

/** `settings` with `mark` on one list and not on the other. @throws RpcError `Forbidden` when that list is full */
export function listed(settings: DirectSettings, list: 'allow' | 'block', mark: string): Pick<DirectSettings, 'allow' | 'block'> {
  const kept = settings[list].filter((each) => each !== mark);
  if (kept.length >= ENTRIES) throw new RpcError('Forbidden', `${ENTRIES} people stand on this list, which is the most here.`);
  const other = list === 'allow' ? 'block' : 'allow';
  const without = settings[other].filter((each) => each !== mark);
  return list === 'allow' ? { allow: [...kept, mark], block: without } : { block: [...kept, mark], allow: without };
}

/** Whether `sender` may write to whoever has chosen `settings`: who was blocked is told so, others only that they are not allowed. */
export function consentOf({ policy, allow, block }: DirectSettings, sender: Account | Member): 'given' | 'blocked' | 'not allowed' {
  const mark = markOf(sender);
  if (block.includes(mark)) return 'blocked';
  return policy === 'everyone' || allow.includes(mark) ? 'given' : 'not allowed';
}
