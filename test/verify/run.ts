/**
 * One run of the verifier: everybody joins, the senders send, all that was acknowledged arrives, the hung ones are
 * gone, everybody leaves. Returns what happened; `report.ts` says what it means.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import * as v from 'valibot';
import { check, together, type Verdict } from '../support/checker.ts';
import { flap } from '../support/fault-peers.ts';
import { startServer, type ServerProcess } from '../support/server-process.ts';
import { Crowd, type Client } from './crowd.ts';
import type { Settings } from './settings.ts';

/** A hung call counts 5 s, and the client is gone at most 10 s after that; 1 s for the machine. */
export const GONE_WITHIN_MS = 16_000;
/** Time that the last deliveries have after the last acknowledgement. */
const SETTLE_MS = 15_000;
/** Time that stragglers have once the newest message is there: tells late from lost. */
const STRAGGLE_MS = 2_000;
/** Time that a leave line has after the client is gone from the list: lines of the room may wait for company. */
const LEAVE_LINE_MS = 2_000;
/** Up to this many members the server writes a line for each leave. */
const LEAVE_LINES_UP_TO = 200;
/** How long the network of the clients on the library is gone. */
const CUT_MS = 100;
const FLAP = { upMs: 1_700, downMs: 300 };

/** A client that the server let go. */
export interface Drop {
  readonly id: string;
  readonly role: Client['role'];
  /** From its first unanswered call; undefined when that is not known. */
  readonly afterMs: number | undefined;
  /** As the server's log has it; `not told` for a server that is not ours. */
  readonly reason: string;
  /** Whether the room was told; undefined in a room too large for a line each. */
  readonly leaveLine: boolean | undefined;
}

export interface Outcome {
  readonly server: string;
  readonly ownServer: boolean;
  readonly settings: Settings;
  readonly verdict: Verdict;
  readonly sendingMs: number;
  readonly deliveries: number;
  /** Direct messages among those acknowledged. */
  readonly direct: number;
  /** From the first send to the last delivery. */
  readonly deliveringMs: number;
  /** Of healthy clients, sorted, milliseconds. */
  readonly latencies: Float64Array;
  readonly refusals: ReadonlyMap<string, number>;
  readonly flaps: number;
  readonly drops: readonly Drop[];
  /** Hung clients that were still there after `GONE_WITHIN_MS`. */
  readonly stayed: readonly string[];
  /** How our own server ended; undefined for another's. */
  readonly exit: string | undefined;
}

/** @param progress takes one line at a time. */
export async function run(settings: Settings, progress: (line: string) => void): Promise<Outcome> {
  const own = settings.server === undefined ? await startServer(['--rate', '0', '--log-level', 'warn']) : undefined;
  const server = settings.server ?? { host: own?.host ?? '', port: own?.port ?? 0 };
  const crowd = new Crowd(own === undefined);
  try {
    await crowd.join(server, settings);
    progress(`${crowd.clients.length} clients joined ${server.host}:${server.port}`);
    await crowd.spread(settings);
    const sent = await send(crowd, settings, progress);
    await settle(crowd, progress);
    const deliveringMs = performance.now() - sent.began;
    const gone = await awaitDrops(crowd, progress);
    await holds(() => [...gone.keys()].every((id) => crowd.toldThatLeft(id)), LEAVE_LINE_MS);
    const result = {
      ...sent,
      ...judge(crowd, gone, own),
      deliveringMs,
      server: `${server.host}:${server.port}`,
      ownServer: own !== undefined,
      settings,
    };
    await crowd.leave();
    return { ...result, exit: await stop(own) };
  } finally {
    await crowd.leave();
    await own?.stop();
  }
}

async function stop(own: ServerProcess | undefined): Promise<string | undefined> {
  if (own === undefined) return undefined;
  const { code, signal } = await own.stop();
  return code === null ? String(signal) : `exit ${code}`;
}

/** All senders send for the time asked, while the flapping ones flap. */
async function send(
  crowd: Crowd,
  settings: Settings,
  progress: (line: string) => void,
): Promise<{ began: number; sendingMs: number; flaps: number }> {
  const end = new AbortController();
  setMaxListeners(0, end.signal);
  const pace = { window: settings.window, perSecond: settings.rate / (settings.senders + settings.library) };
  const began = performance.now();
  const flapping = crowd.raw('flapping').map(({ peer }) => flap(peer, FLAP, end.signal));
  const cutting = cutTwice(crowd, settings.seconds * 1_000);
  const sending = senders(crowd, settings).map(({ sender }) => sender.run(pace, end.signal));
  for (let second = 1; second <= settings.seconds; second++) {
    await pause(began + second * 1000 - performance.now());
    progress(`${second}/${settings.seconds} s: ${acknowledged(crowd)} acknowledged, ${shown(crowd)} shown`);
  }
  await cutting;
  end.abort();
  const sendingMs = performance.now() - began;
  await Promise.all(sending);
  const flaps = (await Promise.all(flapping)).reduce((sum, times) => sum + times, 0);
  return { began, sendingMs, flaps };
}

function senders(crowd: Crowd, settings: Settings): Client[] {
  return [...crowd.of('healthy').slice(0, settings.senders), ...crowd.library()];
}

/** Cuts the network of the clients on the library after a third and after two thirds of the time. */
async function cutTwice(crowd: Crowd, totalMs: number): Promise<void> {
  for (let cut = 0; cut < 2; cut++) {
    await pause(totalMs / 3);
    for (const { network } of crowd.library()) network.cut();
    await pause(CUT_MS);
    for (const { network } of crowd.library()) network.mend();
  }
}

function acknowledged(crowd: Crowd): number {
  return crowd.clients.reduce((sum, { sender }) => sum + sender.acknowledged, 0);
}

function shown(crowd: Crowd): number {
  return crowd.clients.reduce((sum, { hearing }) => sum + hearing.shown, 0);
}

/** Waits until every client that answers was shown the newest message of each room that it is owed, and as many as it is owed. */
async function settle(crowd: Crowd, progress: (line: string) => void): Promise<void> {
  const targets = crowd.clients.filter(({ role }) => role !== 'hung').map((client) => ({ client, ...owedTo(client, crowd) }));
  const hasNewest = ({ hearing }: Client, newest: ReadonlyMap<string, number>) =>
    [...newest].every(([room, seq]) => hearing.newestOf(room) >= seq);
  const missing = () => targets.filter(({ client, newest }) => !hasNewest(client, newest)).length;
  const short = () => targets.filter(({ client, count }) => client.hearing.shown < count).length;
  if (!(await holds(() => missing() === 0, SETTLE_MS))) progress(`${missing()} clients were not given the newest message`);
  else if (!(await holds(() => short() === 0, STRAGGLE_MS))) progress(`${short()} clients were given less than they are owed`);
}

/** What a client is owed: the newest `Seq` by room or inbox, and the count of all. */
function owedTo(client: Client, crowd: Crowd): { newest: ReadonlyMap<string, number>; count: number } {
  const newest = new Map<string, number>();
  let count = 0;
  for (const { id, sender } of crowd.clients) {
    if (id === client.id) continue;
    for (const { seq, to } of sender.sends) {
      if (seq === undefined || !client.isIn(to)) continue;
      count += 1;
      newest.set(to, Math.max(newest.get(to) ?? 0, seq));
    }
  }
  return { newest, count };
}

/** Whether `done` holds within `deadlineMs`; asked 20 times a second, since no event says that the last has come. */
async function holds(done: () => boolean, deadlineMs: number): Promise<boolean> {
  const end = performance.now() + deadlineMs;
  while (!done() && performance.now() < end) await pause(50);
  return done();
}

/** Waits until the hung ones are gone; when each of the clients that are gone was first missed. */
async function awaitDrops(crowd: Crowd, progress: (line: string) => void): Promise<Map<string, number>> {
  const gone = new Map<string, number>();
  const witness = crowd.raw('healthy')[0];
  const last = Math.max(0, ...crowd.of('hung').map(({ hearing }) => (hearing.firstCallAt ?? performance.now()) + GONE_WITHIN_MS));
  for (let before = 0; ;) {
    const there = await witness?.whoIsThere();
    for (const { id } of crowd.clients) if (there?.has(id) === false && !gone.has(id)) gone.set(id, performance.now());
    const hung = crowd.of('hung').filter(({ id }) => !gone.has(id)).length;
    if (hung === 0 || performance.now() > last) return gone;
    if (hung !== before) progress(`waiting for ${(before = hung)} hung clients to be dropped`);
    await pause(250);
  }
}

function judge(crowd: Crowd, gone: ReadonlyMap<string, number>, own: ServerProcess | undefined) {
  const answering = crowd.clients.filter(({ role }) => role !== 'hung');
  const verdict = together(
    crowd.targets().map((target) =>
      check(
        crowd.clients.map(({ sender }) => sender.record(target)),
        answering.map((client) => client.record(target, !gone.has(client.id))),
      ),
    ),
  );
  const latencies = Float64Array.from(crowd.of('healthy').flatMap(({ hearing }) => hearing.latencies)).sort();
  const refusals = new Map<string, number>();
  for (const { sender } of crowd.clients) {
    for (const [reason, times] of sender.refusals) refusals.set(reason, (refusals.get(reason) ?? 0) + times);
  }
  const told = crowd.clients.length <= LEAVE_LINES_UP_TO;
  const drops = crowd.clients.filter(({ id }) => gone.has(id)).map((client) => describeDrop(client, gone, own, told ? crowd : undefined));
  const stayed = crowd.of('hung').flatMap(({ id }) => (gone.has(id) ? [] : id));
  const direct = crowd.clients
    .flatMap(({ sender }) => sender.sends)
    .filter(({ seq, to }) => seq !== undefined && to.startsWith('@')).length;
  return { verdict, latencies, refusals, drops, stayed, deliveries: shown(crowd), direct };
}

function describeDrop(
  { id, role, hearing }: Client,
  gone: ReadonlyMap<string, number>,
  own: ServerProcess | undefined,
  crowd?: Crowd,
): Drop {
  const [at, first] = [gone.get(id), hearing.firstCallAt];
  return {
    id,
    role,
    afterMs: at === undefined || first === undefined ? undefined : Math.round(at - first),
    reason: own === undefined ? 'not told' : reasonIn(own.stdout(), id),
    leaveLine: crowd?.toldThatLeft(id),
  };
}

const Warning = v.pipe(v.string(), v.parseJson(), v.object({ level: v.literal('warn'), msg: v.string() }));

/** The warning that names a client. */
function reasonIn(log: string, id: string): string {
  for (const line of log.split('\n')) {
    const warning = line.includes(id) ? v.safeParse(Warning, line) : undefined;
    if (warning?.success === true) return warning.output.msg;
  }
  return 'no warning in the log';
}
