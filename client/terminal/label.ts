/** What stands in front of the line that is typed: the connection, the room, and what waits in other rooms. Knows no screen. */
import { inertLine } from '../../commons/text.ts';
import { columnsOf } from './columns.ts';

/** A room that one does not look at, in which something was said. */
export interface Elsewhere {
  readonly name: string;
  readonly count: number;
  /** Somebody wrote one's own name there. */
  readonly mentioned: boolean;
}

export interface Situation {
  /** The room that one looks at; `undefined` where there is only one, which needs no name. */
  readonly room: string | undefined;
  /** The one that spoke last first. */
  readonly elsewhere: readonly Elsewhere[];
  /** The server is lost, and so many lines wait for it; `undefined` = it is there. */
  readonly offline: number | undefined;
}

/** Narrower than this no room is left out, columns. */
const LEAST_COLUMNS = 40;

/** `You: `, `[Lobby | Games 3, Chess 1!] You: `, `(offline, 2 waiting) You: `; rooms take at most half of `columns`, the others are counted. */
export function labelOf({ room, elsewhere, offline }: Situation, columns: number): string {
  const waiting = offline !== undefined && offline > 0 ? `, ${offline} waiting` : '';
  const connection = offline === undefined ? '' : `(offline${waiting}) `;
  if (room === undefined) return `${connection}You: `;
  const others = elsewhere.map(({ name, count, mentioned }) => `${inertLine(name)} ${count}${mentioned ? '!' : ''}`);
  return `${connection}[${[inertLine(room), ...fitting(others, Math.max(LEAST_COLUMNS, columns) / 2)].join(' | ')}] You: `;
}

/** The first of them that fit in `columns`, and how many more there are; at least one of them. */
function fitting(others: readonly string[], columns: number): string[] {
  if (others.length === 0) return [];
  let shown = 1;
  while (shown < others.length && columnsOf(others.slice(0, shown + 1).join(', ')) <= columns) shown++;
  const more = others.length - shown;
  return [others.slice(0, shown).join(', ') + (more > 0 ? `, ${more} more` : '')];
}
