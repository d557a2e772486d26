/** Members of a room as programs that use the library: they join, remember what they were shown, and leave with the test. */
import type { TestContext } from 'node:test';
import { ChatClient, type ChatClientOptions, type Message } from '../../client/library.ts';
import { until } from './traffic.ts';

export interface Where {
  readonly host: string;
  readonly port: number;
}

export interface Joined {
  readonly client: ChatClient;
  /** What was shown, in order. */
  readonly shown: readonly Message[];
  /** The texts of what people said, in one room when it is given. */
  readonly texts: (room?: string) => string[];
  /** Until a message is shown that `wanted` says yes to, of those that came and come. */
  readonly hears: (wanted: string | ((message: Message) => boolean)) => Promise<Message>;
}

export const PASSWORD = 'correct horse battery';

/** Joins, and leaves when the test ends. */
export async function join(t: TestContext, { host, port }: Where, name: string, options: Partial<ChatClientOptions> = {}): Promise<Joined> {
  const client = await ChatClient.connect({ host, port, name, ...options });
  t.after(() => client.disconnect(200));
  const shown: Message[] = [];
  client.on('message', (message) => shown.push(message));
  const texts = (room?: string) =>
    shown.filter(({ Kind, Room }) => (Kind === 'chat' || Kind === 'direct') && (room ?? Room) === Room).map(({ Text }) => Text);
  const hears: Joined['hears'] = async (wanted) => {
    const is = (message: Message): boolean => (typeof wanted === 'string' ? message.Text === wanted : wanted(message));
    await until(client, 'message', () => shown.some(is), String(wanted));
    return shown.find(is) ?? Promise.reject(new Error('unreachable'));
  };
  return { client, shown, texts, hears };
}

/** Opens an account of that name. */
export async function open(server: Where, name: string): Promise<void> {
  await ChatClient.createAccount({ host: server.host, port: server.port }, name, PASSWORD);
}

/** Joins as an account of that name. */
export async function member(t: TestContext, server: Where, name: string, options: Partial<ChatClientOptions> = {}): Promise<Joined> {
  return join(t, server, name, { logIn: { userName: name, password: PASSWORD }, ...options });
}

/** A client that lost its server tries again within 30 s, at a random moment of its own. */
export function becomes(client: ChatClient, kind: ChatClient['state']['kind'], deadlineMs = 45_000): Promise<void> {
  return until(client, 'state', () => client.state.kind === kind, kind, deadlineMs);
}
