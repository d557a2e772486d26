/** The people of a room as `/who` shows them. */
import { type User } from '../../commons/protocol.ts';
import { inertLine } from '../../commons/text.ts';
import { columnsOf } from './columns.ts';
import { timeOf } from './clock.ts';

/** One line for each, the own one marked, those that are behind with what waits for them. */
export function whoLines(users: readonly User[], ownID: string): string {
  const people = users.map((user) => ({ user, label: inertLine(user.Name) + (user.ID === ownID ? ' (you)' : '') }));
  const width = Math.max(0, ...people.map(({ label }) => columnsOf(label)));
  const lines = people.map(({ user, label }) => {
    const gap = ' '.repeat(width - columnsOf(label));
    return `  ${label}${gap}  since ${timeOf(user.Since)}${behind(user)}`;
  });
  return [`${users.length} ${users.length === 1 ? 'person' : 'people'} here:`, ...lines].join('\n');
}

function behind({ Lagging, Waiting }: User): string {
  if (Lagging !== true) return '';
  return `  lagging${Waiting > 0 ? `, ${Waiting} waiting` : ''}`;
}
