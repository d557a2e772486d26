/**
 * A chat server in this process, on a port of the system's choice, keeping nothing unless told where and printing nothing; and
 * members of its room that speak over real connections. Knows the server's settings, so that the tests need not.
 */
import { EventEmitter, once } from 'node:events';
import { ChatServer } from '../../server/chat-server.ts';
import { createLog } from '../../commons/log.ts';
import { DEFAULT_SERVER_SETTINGS } from '../../commons/config/server-options.ts';
import { DEFAULT_LIMITS, type Limits } from '../../commons/limits.ts';
import { at, LineClient } from './line-client.ts';

export interface RoomSettings {
  /** Bounds that differ from the defaults. */
  readonly limits?: Partial<Limits>;
  /** Networks beyond the caller's own address that may be called back. */
  readonly callbackAllow?: readonly string[];
  /** Messages a second and connection; no limit unless given. */
  readonly messagesPerSecond?: number;
  /** Whether guests are refused; they are not unless given. */
  readonly membersOnly?: boolean;
  /** Where it keeps what is said; nowhere when left out. */
  readonly dataDir?: string;
}

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  connect(): Promise<LineClient>;
}

/** One in this process, whose log can be read. */
export interface RoomServer extends RunningServer {
  /** What the server's log said at level `warn` and above. */
  readonly warnings: readonly string[];
}

/** Runs `use` with a server of its own, then stops it, whatever happened. */
export async function withServer<T>(settings: RoomSettings, use: (server: RoomServer) => Promise<T>): Promise<T> {
  const server = await startRoom(settings);
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

/** A server that the caller stops: for files whose tests share one. */
export async function startRoom(settings: RoomSettings = {}): Promise<RoomServer & { stop(): Promise<void> }> {
  const warnings: string[] = [];
  const log = createLog({ level: 'warn', format: 'pretty', color: false, destination: { write: (line) => void warnings.push(line) } });
  const options = {
    ...DEFAULT_SERVER_SETTINGS,
    host: '127.0.0.1',
    port: 0,
    dataDir: settings.dataDir ?? null,
    messagesPerSecond: settings.messagesPerSecond ?? 0,
    callbackAllow: settings.callbackAllow ?? [],
    membersOnly: settings.membersOnly ?? false,
    // Members whose connection a test has ended get no goodbye; waiting for them would only take time.
    limits: { ...DEFAULT_LIMITS, drainMs: 200, ...settings.limits },
  };
  const server = await ChatServer.start(options, log);
  const { host, port } = server.address;
  const opened = new Set<LineClient>();
  return {
    host,
    port,
    warnings,
    connect: async () => {
      const client = await LineClient.connect(host, port);
      opened.add(client);
      void client.closed.then(() => opened.delete(client));
      return client;
    },
    stop: async () => {
      await Promise.all([...opened].map((client) => client.close()));
      await server.stop();
    },
  };
}

/** A message as a member's callback got it, its fields still unchecked. */
export interface Heard {
  readonly Seq: number;
  readonly Kind: string;
  readonly Room: string;
  readonly SenderID: string;
  readonly Content: string;
  readonly Text: string;
}

/** Someone in the room, who answers every callback at once and remembers what was said. */
export interface Member {
  readonly id: string;
  readonly client: LineClient;
  readonly session: string;
  readonly epoch: string;
  /** All messages so far, in the order in which they came. */
  readonly heard: readonly Heard[];
  /** The first message, of those that came or come, that `wanted` says yes to. */
  hear(wanted: (message: Heard) => boolean, deadlineMs?: number): Promise<Heard>;
  readonly say: (text: string) => Promise<unknown>;
}

export interface Joining {
  readonly id: string;
  readonly name?: string;
  /** `inline` unless given. Of `host:port` callbacks the test listens itself, and nothing is heard here. */
  readonly callback?: string;
  /** In dialect 1.0: then it is called back in 1.0 too, one call at a time. */
  readonly classic?: boolean;
  /** Further parameters of Register. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Joins on a connection of its own; fails when the server refuses. */
export async function join(server: RunningServer, joining: Joining): Promise<Member> {
  const client = await server.connect();
  const { id, name = id, callback = 'inline', classic = false, more = {} } = joining;
  const ears = listenOn(client);
  const params = [{ ID: id, Name: name, Callback: callback, ...more }];
  client.writeFrame({ ...(classic ? {} : { jsonrpc: '2.0' }), id: 'join', method: 'ChatServer.Register', params });
  const answer = await client.next();
  const [session, epoch] = [at(answer, 'result', 'Session'), at(answer, 'result', 'Epoch')];
  if (typeof session !== 'string' || typeof epoch !== 'string') throw new Error(`${id} could not join: ${JSON.stringify(answer)}`);
  const say = (text: string) => client.call('ChatServer.SendMessage', { UserID: id, Text: text });
  return { id, client, session, epoch, ...ears, say };
}

/** A room that `owner` makes, by its code. */
export async function makeRoom({ id, client }: Member, Name: string, Password?: string): Promise<string> {
  return String(at(await client.call('ChatServer.CreateRoom', { UserID: id, Name, Password }), 'result', 'Code'));
}

/** What was said in a room in these words, when `member` has heard it. */
export function heardIn(member: Member, code: string, text: string): Promise<Heard> {
  return member.hear(({ Room, Text }) => Room === code && Text === text);
}

/** Answers every callback on a connection and keeps the messages. */
export function listenOn(client: LineClient): Pick<Member, 'heard' | 'hear'> {
  const heard: Heard[] = [];
  const told = new EventEmitter().setMaxListeners(0);
  client.onCall((call) => {
    if (call.id !== undefined) client.answer(call, { Success: true });
    const message = messageOf(call.params);
    if (call.method !== 'ClientCallback.ReceiveMessage' || message === undefined) return;
    heard.push(message);
    told.emit('message');
  });
  void client.closed.then(() => told.emit('error', new Error('the connection closed before it was heard')));
  told.on('error', () => undefined);
  const hear = async (wanted: (message: Heard) => boolean, deadlineMs = 5000) => {
    const signal = AbortSignal.timeout(deadlineMs);
    for (let next = 0; ; next += 1) {
      while (next === heard.length)
        await once(told, 'message', { signal }).catch((error: unknown) => {
          throw signal.aborted ? new Error(`it was not heard within ${deadlineMs} ms`) : error;
        });
      const message = heard[next];
      if (message !== undefined && wanted(message)) return message;
    }
  };
  return { heard, hear };
}

/** The message of a callback, whichever way its parameters were passed. */
function messageOf(params: unknown): Heard | undefined {
  const found = at(params, 'Message') ?? at(params, 0, 'Message');
  const [Seq, Kind, SenderID] = [at(found, 'Seq'), at(found, 'Kind'), at(found, 'SenderID')];
  const [Room, Content, Text] = [at(found, 'Room'), at(found, 'Content'), at(found, 'Text')];
  if (typeof Seq !== 'number' || typeof Kind !== 'string' || typeof SenderID !== 'string') return undefined;
  if (typeof Room !== 'string' || typeof Content !== 'string' || typeof Text !== 'string') return undefined;
  return { Seq, Kind, Room, SenderID, Content, Text };
}
