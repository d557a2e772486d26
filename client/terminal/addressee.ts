/**
 * Whom a direct message is for, as people write it: an ID, the name of an account, or the name of somebody in the room.
 * Knows the people of a room, no server.
 */
import { type User } from '../../commons/protocol.ts';
import { fold, inertLine } from '../../commons/text.ts';

/** One who is meant, and what is left of the line. */
export interface Addressed {
  /** What the server is told. */
  readonly to: string;
  /** What the person is called on the screen. */
  readonly label: string;
  readonly text: string;
}

/** It is not clear who is meant; the message says between whom to choose. */
export class SeveralPeople extends Error {
  override readonly name = 'SeveralPeople';
}

/** IDs that are listed to choose from. */
const MOST_LISTED = 10;

/**
 * Divides `Mary Ann hello there` into the person and the text. Names may have blanks: the longest beginning that is the
 * name or the ID of somebody here wins, else the first word. `"Mary Ann" hello` is always clear.
 *
 * @throws SeveralPeople
 */
export function addressed(argument: string, people: readonly User[]): Addressed {
  const [, quoted, rest = ''] = /^"([^"]*)"\s?(.*)$/s.exec(argument) ?? [];
  if (quoted !== undefined) return { ...meant(quoted, people), text: rest };
  const known = people.flatMap(({ ID, Name }) => [ID, Name]).filter((label) => begins(argument, label));
  const longest = known.reduce((most, label) => (label.length > most.length ? label : most), '');
  const [word = ''] = argument.split(/\s/, 1);
  const length = Math.max(longest.length, word.length);
  return { ...meant(argument.slice(0, length), people), text: argument.slice(length + 1) };
}

/** Who `name` is. @throws SeveralPeople */
export function meant(name: string, people: readonly User[]): Omit<Addressed, 'text'> {
  const exact = people.find(({ ID }) => ID === name);
  if (exact !== undefined) return { to: exact.ID, label: inertLine(exact.Name) };
  const namesakes = people.filter(({ Name }) => fold(Name) === fold(name));
  const [first, second] = namesakes;
  if (first === undefined) return { to: name, label: inertLine(name) };
  if (second === undefined) return { to: first.ID, label: inertLine(first.Name) };
  // The name of an account is nobody else's: two who have it and are members are one person at two places.
  if (namesakes.every(({ Account }) => Account)) return { to: first.Name, label: inertLine(first.Name) };
  const ids = namesakes.slice(0, MOST_LISTED).map(({ ID }) => inertLine(ID));
  const more = namesakes.length > MOST_LISTED ? ` and ${namesakes.length - MOST_LISTED} more` : '';
  throw new SeveralPeople(`${namesakes.length} people are called ${inertLine(name)}: say which one by its ID, ${ids.join(', ')}${more}.`);
}

function begins(argument: string, label: string): boolean {
  const start = argument.slice(0, label.length);
  return label !== '' && fold(start) === fold(label) && /^(?:\s|$)/.test(argument.slice(label.length));
}
