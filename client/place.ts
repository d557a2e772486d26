/**
 * A client's place in its rooms, remembered from one visit to the next: as whom it was there and what it has shown. It
 * decides when that is written: soon, but not for every message. Knows neither connection nor message.
 */
import { sentence } from './errors.ts';
import type { Cursor } from './inbox.ts';
import { makeFolder, pathOf, readPlace, writePlace, type Owner, type Place } from './place-file.ts';
import { lock, unlock } from './place-lock.ts';

/** The place could not be read or written: the next visit may show something again, or not know what is new. */
export class PlaceUnkept extends Error {
  override readonly name = 'PlaceUnkept';
}

/** What is remembered of a visit. */
export type Visit = Omit<Place, 'Server' | 'Name'>;

/** Shortest pause between two writes, milliseconds. The first change after it is written at the end of its turn. */
const WRITE_EVERY_MS = 250;

export class RememberedPlace {
  readonly #owner: Owner;
  readonly #path: string;
  /** What the last visit left; `undefined` at the first one. */
  readonly #kept: Place | undefined;
  /** Whether the identity is ours; of several processes of one person it is the first one's. */
  #owns: boolean;
  /** That nothing can be kept is said once; whether it can is tried at each change again. */
  #complained = false;
  /** What went wrong before anybody could be told. */
  readonly #untold: PlaceUnkept[] = [];
  #failed: ((error: PlaceUnkept) => void) | undefined;
  #telling = false;
  #latest: () => Visit | undefined = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #writtenAt = -Infinity;

  /** Looks up what the last visit left in `folder`, which is made when it is missing. Never throws: `joined` tells. */
  constructor(folder: string, owner: Owner) {
    this.#owner = owner;
    this.#path = pathOf(folder, owner);
    this.#owns = this.#claim(folder);
    this.#kept = this.#read();
  }

  /** As whom the last visit was, unless another process of the same person is that now. */
  get identity(): { readonly id: string; readonly session: string | undefined } | undefined {
    return this.#owns && this.#kept !== undefined ? { id: this.#kept.ID, session: this.#kept.Session } : undefined;
  }

  /** Where the last visit left off in `room`. */
  cursor(room: string): Cursor | undefined {
    const after = this.#kept?.Cursors[room];
    return this.#kept === undefined || after === undefined ? undefined : { after, epoch: this.#kept.Epoch };
  }

  /**
   * @param latest asked at each write; `undefined` = nothing to keep yet
   * @param failed told, once each, what could not be read and what could not be written
   */
  follow(latest: () => Visit | undefined, failed: (error: PlaceUnkept) => void): void {
    this.#latest = latest;
    this.#failed = failed;
  }

  /** Registered, perhaps again: there is a new session to keep. Who listens is told of what went wrong before. */
  joined(): void {
    this.#write();
    // Not at once: who waits for the connection attaches its listeners first.
    setImmediate(() => {
      this.#telling = true;
      for (const error of this.#untold.splice(0)) this.#failed?.(error);
    });
  }

  /** Something has changed. */
  changed(): void {
    const pause = Math.max(0, this.#writtenAt + WRITE_EVERY_MS - performance.now());
    this.#timer ??= setTimeout(() => this.#write(), pause).unref();
  }
  /** Writes what is left to write, and lets the identity go. */
  close(): void {
    this.#write();
    this.#latest = () => undefined;
    if (this.#owns) unlock(this.#lock);
    this.#owns = false;
  }

  get #lock(): string {
    return `${this.#path}.lock`;
  }

  #claim(folder: string): boolean {
    try {
      makeFolder(folder);
      return lock(this.#lock);
    } catch (error) {
      this.#unkept(error);
      return false;
    }
  }

  #read(): Place | undefined {
    if (this.#complained) return undefined;
    try {
      return readPlace(this.#path, this.#owner);
    } catch (error) {
      this.#tell(new PlaceUnkept(`Where you left off is not known: ${sentence(error)}.`));
      return undefined;
    }
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const latest = this.#latest();
    if (latest === undefined) return;
    try {
      writePlace(this.#path, this.#owner, { Server: this.#owner.server, Name: this.#owner.name, ...latest }, this.#owns);
    } catch (error) {
      this.#unkept(error);
    }
    this.#writtenAt = performance.now();
  }

  #unkept(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#tell(new PlaceUnkept(`Where you left off cannot be kept: ${sentence(error)}.`));
  }

  #tell(error: PlaceUnkept): void {
    if (this.#telling) this.#failed?.(error);
    else this.#untold.push(error);
  }
}
