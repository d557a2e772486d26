/**
 * Where a client left off, on disk: one small file a server and name, mode 0600, replaced as a whole, so that a reader
 * never sees half of one. It knows neither the room nor when it is worth writing.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { sentence } from './errors.ts';

/** Whose place it is: the server as `host:port`, the name, and the ID where one was asked for. */
export interface Owner {
  readonly server: string;
  readonly name: string;
  readonly id: string | undefined;
}

const Seq = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Place = v.object({
  Server: v.string(),
  Name: v.string(),
  /** The ID that was used: with another one, one's own words would come back as somebody else's. */
  ID: v.string(),
  /** Only while that registration lives: it lets a client that was killed take its own ghost over. */
  Session: v.optional(v.string()),
  Epoch: v.string(),
  /** The last Seq that was shown, by room. They mean nothing in another epoch. */
  Cursors: v.record(v.string(), Seq),
});
export type Place = Readonly<v.InferOutput<typeof Place>>;

/** A longer file is none of ours, bytes. */
const LONGEST_BYTES = 262_144;
/** Characters of a server's name in the name of the file, for people who look into the folder. */
const READABLE = 60;

/** The file of `owner` in `folder`, without its ending. */
export function pathOf(folder: string, { server, name, id }: Owner): string {
  const whose = createHash('sha256')
    .update(JSON.stringify([server, name, id ?? null]))
    .digest('hex');
  return join(folder, `${server.replaceAll(/[^A-Za-z0-9.-]+/g, '_').slice(0, READABLE)}-${whose.slice(0, 16)}`);
}

/** Makes `folder`, for its owner only, where it is missing. @throws the system's error */
export function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** What was left there; `undefined` when there was nothing. @throws Error with a sentence when it cannot be understood */
export function readPlace(path: string, owner: Owner): Place | undefined {
  const file = `${path}.json`;
  try {
    if (statSync(file).size > LONGEST_BYTES) throw new RangeError('it is too long');
    const place = v.parse(Place, JSON.parse(readFileSync(file, 'utf8')));
    if (place.Server !== owner.server || place.Name !== owner.name) throw new RangeError('it is about somebody else');
    return place;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Error(`${file} is no place to resume from (${sentence(error)})`, { cause: error });
  }
}

/**
 * Replaces the place by `latest`. Two terminals of one person share it: of the same history the newer cursors win, and
 * the ID stays that of the one that `owns` it. (Two that write in the same instant may lose the step of one of them; its next one
 * brings it back.)
 *
 * @throws the system's error; what was there before is still there then
 */
export function writePlace(path: string, owner: Owner, latest: Place, owns: boolean): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, `${JSON.stringify(merged(before(path, owner), latest, owns))}\n`, { mode: 0o600 });
    renameSync(temporary, `${path}.json`);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** A place that cannot be understood is not worth keeping. */
function before(path: string, owner: Owner): Place | undefined {
  try {
    return readPlace(path, owner);
  } catch {
    return undefined;
  }
}

function merged(kept: Place | undefined, latest: Place, owns: boolean): Place {
  const { Session, ...mine } = latest;
  const identity = owns || kept === undefined ? { ID: mine.ID, ...(Session === undefined || !owns ? {} : { Session }) } : identityOf(kept);
  return { Server: mine.Server, Name: mine.Name, ...identity, Epoch: mine.Epoch, Cursors: newest(kept, latest) };
}

function identityOf({ ID, Session }: Place): Pick<Place, 'ID' | 'Session'> {
  return Session === undefined ? { ID } : { ID, Session };
}

function newest(kept: Place | undefined, latest: Place): Place['Cursors'] {
  if (kept === undefined || kept.Epoch !== latest.Epoch) return latest.Cursors;
  const rooms = new Map(Object.entries(kept.Cursors));
  for (const [room, seq] of Object.entries(latest.Cursors)) rooms.set(room, Math.max(seq, rooms.get(room) ?? 0));
  return Object.fromEntries(rooms);
}
