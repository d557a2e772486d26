/** What is known from outside of people with accounts who sit at terminals: their names, their log-ins on disk, what the room sees. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { at } from './line-client.ts';
import type { Member } from './room.ts';

const LETTERS = 'bcdfghjkmnpqrtvwxyz';
let people = 0;

/** A name that nobody in this process had yet, nor a look-alike of it. */
export function someone(): string {
  people++;
  return `Member ${LETTERS[people % LETTERS.length]}${LETTERS[Math.floor(people / LETTERS.length)]}`;
}

/** The token that is kept in a folder; `undefined` when none is. */
export function keptToken(state: string): unknown {
  const [file] = tokenFiles(state);
  return file === undefined ? undefined : at(JSON.parse(readFileSync(file, 'utf8')), 'Token');
}

/** The files of log-ins in a folder. */
export function tokenFiles(state: string): string[] {
  return readdirSync(state)
    .filter((name) => name.endsWith('.token'))
    .map((name) => join(state, name));
}

/** What the server tells `witness` of somebody who is in the lobby, by the name. */
export async function seen(witness: Member, name: string): Promise<unknown> {
  const users = at(await witness.client.call('ChatServer.ListUsers', { UserID: witness.id }), 'result', 'Users');
  return Array.isArray(users) ? users.find((user) => at(user, 'Name') === name) : undefined;
}
