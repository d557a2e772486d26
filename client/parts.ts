/** The parts of a client, made and put together. Nothing runs here, and nothing is decided. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Message } from '../commons/protocol.ts';
import { Account } from './account.ts';
import { Asking } from './asking.ts';
import { CallbackMethods } from './callback-methods.ts';
import { Direct } from './direct.ts';
import { PING_EVERY_MS } from './heartbeat.ts';
import { Inbox, LOBBY, type Audience, type Cursor } from './inbox.ts';
import { JoinedRooms } from './joined-rooms.ts';
import { LastingConnection } from './lasting-connection.ts';
import { LogIn } from './log-in.ts';
import { Membership } from './membership.ts';
import type { ChatClientOptions, ConnectionState } from './options.ts';
import type { RememberedPlace } from './place.ts';
import { Readers } from './readers.ts';
import { Registration } from './registration.ts';
import { Rooms } from './rooms.ts';
import { SendQueue } from './send-queue.ts';
import { Speech } from './speech.ts';

/** What the parts tell of; none of it may throw. */
export interface Events {
  readonly shown: (message: Message) => void;
  /** Nobody has to hear it again. */
  readonly done: (message: Message) => void;
  readonly overwhelmed: (reason: string) => void;
  readonly became: (state: ConnectionState) => void;
  readonly failed: (where: string, error: unknown) => void;
}

export type Parts = ReturnType<typeof makeParts>;

export function makeParts(options: ChatClientOptions, place: RememberedPlace | undefined, events: Events) {
  const { host, port, name, callback = 'auto', reconnect = true, pingEveryMs = PING_EVERY_MS } = options;
  const { secret = randomBytes(32).toString('base64url') } = options;
  const { identity } = place ?? {};
  const id = options.id ?? identity?.id ?? `${name}-${randomInt(36 ** 8).toString(36)}`;
  const readers = new Readers(events);
  const inbox = new Inbox(audience(readers, events), beginning(options, place));
  const methods = new CallbackMethods(
    secret,
    (message, answer) => inbox.receive(message, answer),
    (error) => events.failed('callback', error),
  );
  const logIn = new LogIn(options);
  const registration = new Registration({ id, name, secret, session: identity?.session }, callback, logIn, methods);
  const joined = new JoinedRooms(id, inbox, logIn);
  const membership = new Membership({ id, registration, logIn, inbox, rooms: joined });
  const connection = new LastingConnection({ server: { host, port }, reconnect, pingEveryMs, methods, membership, changed: events.became });
  const asking = new Asking(connection);
  const epoch = (): string | undefined => inbox.epoch;
  const speech = new Speech({ id, connection, queue: new SendQueue(connection, epoch), epoch });
  const rooms = new Rooms(id, asking, joined);
  const account = new Account({ connection, asking, logIn, rooms: joined });
  return {
    id,
    readers,
    inbox,
    logIn,
    registration,
    joined,
    connection,
    asking,
    speech,
    rooms,
    account,
    direct: new Direct(id, asking, readers),
  };
}

/** Listeners hear at once, loops when they come back. */
function audience(readers: Readers, { shown }: Events): Audience {
  return {
    hear: (message, answer) => {
      shown(message);
      readers.hear(message, answer);
    },
    hearAgain: (message, answer) => readers.hearAgain(message, answer),
  };
}

/** Where a client begins in the lobby; `undefined` = with what comes next. */
function beginning({ replay = 'nothing' }: ChatClientOptions, place: RememberedPlace | undefined): Cursor | undefined {
  if (typeof replay === 'object') return replay;
  return replay === 'missed' ? place?.cursor(LOBBY) : undefined;
}
