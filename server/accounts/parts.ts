/** The parts of the accounts, put together: who needs what of whom. */
import type { Log } from '../../commons/log.ts';
import { Accounts, type Archive } from './accounts.ts';
import { Credentials, type CredentialLimits } from './credentials.ts';
import { LogIns, type LogInLimits } from './log-ins.ts';
import { Passwords } from './passwords.ts';

export interface AccountParts {
  readonly accounts: Accounts;
  readonly logIns: LogIns;
  readonly credentials: Credentials;
  readonly passwords: Passwords;
}

export function accountParts(
  archive: Archive,
  limits: CredentialLimits & LogInLimits & { readonly passwordQueue: number },
  log: Log,
): AccountParts {
  const accounts = new Accounts(archive);
  const passwords = new Passwords(limits.passwordQueue);
  const slowed = (name: string, from: string): void => log.warn(`Log-ins of ${name} are slowed: too many wrong passwords.`, { from });
  const credentials = new Credentials(accounts, passwords, limits, slowed);
  return { accounts, logIns: new LogIns(accounts, archive, limits), credentials, passwords };
}
