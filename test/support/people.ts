/** People with accounts, as the tests of accounts need them: they sign up and log in over real connections. */
import assert from 'node:assert/strict';
import { at, type LineClient } from './line-client.ts';
import type { RunningServer } from './room.ts';

export const PASSWORD = 'correct horse battery';

/** Why a call was refused, 'ok' when it was not. */
export function reasonOf(answer: unknown): unknown {
  return at(answer, 'result', 'Success') === true ? 'ok' : at(answer, 'error', 'data', 'Reason');
}

/** The member of a result that has to be text. */
export function textOf(answer: unknown, field: string): string {
  const value = at(answer, 'result', field);
  assert.equal(typeof value, 'string', JSON.stringify(answer));
  return String(value);
}

/** Makes one call on a connection of its own. */
export async function callOnce(server: RunningServer, method: string, params: object): Promise<unknown> {
  const client = await server.connect();
  try {
    return await client.call(`ChatServer.${method}`, params);
  } finally {
    await client.close();
  }
}

export async function signUp(server: RunningServer, UserName: string, Password = PASSWORD): Promise<string> {
  return textOf(await callOnce(server, 'SignUp', { UserName, Password }), 'UserID');
}

/** Logs in and returns the token. */
export async function logIn(server: RunningServer, UserName: string, Password = PASSWORD): Promise<string> {
  return textOf(await callOnce(server, 'LogIn', { UserName, Password }), 'Token');
}

/** Signs up and logs in: the token of a new account. */
export async function member(server: RunningServer, name: string): Promise<string> {
  await signUp(server, name);
  return logIn(server, name);
}

export function register(client: LineClient, params: object): Promise<unknown> {
  return client.call('ChatServer.Register', { Callback: 'none', ...params });
}
