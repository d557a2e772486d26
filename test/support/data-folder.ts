/** Servers as their users run them, one after the other on one data folder, and what to ask them about what they keep. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { at, LineClient } from './line-client.ts';
import type { Member, RunningServer } from './room.ts';
import { startServer, type ServerProcess } from './server-process.ts';

export type Running = RunningServer & ServerProcess;

export interface DataFolder {
  readonly path: string;
  /** Starts a server on the folder, or on the one that is given; it is stopped in the end. */
  readonly start: (env?: NodeJS.ProcessEnv, folder?: string) => Promise<Running>;
}

/** Runs `use` with a folder of its own; stops its servers and removes it, whatever happened. */
export async function withFolder(use: (folder: DataFolder) => Promise<void>): Promise<void> {
  const home = await mkdtemp(path(tmpdir(), 'partyline-'));
  const data = path(home, 'data');
  const running = new Set<Running>();
  try {
    await use({
      path: data,
      start: async (env, folder = data) => {
        const server = await startServer(['--data', folder, '--rate', '0', '--log-level', 'error'], env);
        const made = { ...server, connect: () => LineClient.connect(server.host, server.port) };
        running.add(made);
        return made;
      },
    });
  } finally {
    for (const server of running) await server.stop();
    await rm(home, { recursive: true, force: true });
  }
}

/** Ends a server as nothing but a crash does. */
export async function kill(server: ServerProcess): Promise<void> {
  server.signal('SIGKILL');
  await server.exited;
}

/** Says something that must be acknowledged; its number. */
export async function send({ client, id }: Member, text: string, more: object = {}): Promise<number> {
  const answer = await client.call('ChatServer.SendMessage', { UserID: id, Text: text, ...more });
  assert.equal(at(answer, 'result', 'Success'), true, JSON.stringify(answer));
  return Number(at(answer, 'result', 'Seq'));
}

/** The result of History. */
export async function history({ client, id }: Member, params: object = {}): Promise<unknown> {
  return at(await client.call('ChatServer.History', { UserID: id, ...params }), 'result');
}

/** What people said in a page of History. */
export function texts(page: unknown): unknown[] {
  return messages(page)
    .filter((message) => at(message, 'Kind') === 'chat')
    .map((message) => at(message, 'Text'));
}

/** The numbers in a page of History. */
export function seqs(page: unknown): unknown[] {
  return messages(page).map((message) => at(message, 'Seq'));
}

function messages(page: unknown): readonly unknown[] {
  const found = at(page, 'Messages');
  assert.ok(Array.isArray(found), JSON.stringify(page));
  return found;
}

/** All that people said in the room, page by page. */
export async function everythingSaid(member: Member): Promise<unknown[]> {
  const said: unknown[] = [];
  for (let after = 0; ;) {
    const page = await history(member, { After: after, Limit: 200 });
    if (seqs(page).length === 0) return said;
    said.push(...texts(page));
    after = Number(seqs(page).at(-1));
  }
}
