/**
 * Whose names are whose: an account's name, and whatever people would take for it, belongs to that account alone. It knows
 * names and the IDs of accounts, and no registrations.
 */
import { createHash } from 'node:crypto';
import { RpcError } from '../../commons/errors.ts';
import { skeleton } from '../../commons/text.ts';

/** Reads records by the beginning of their key, as the store does. */
export type ReadRecords = (prefix: string) => Promise<ReadonlyMap<string, string>>;

/** The key under which the owner of a name is kept: of one length, so that no key begins another one. */
export function nameKey(name: string): string {
  return `name/${createHash('sha256').update(skeleton(name)).digest('base64url')}`;
}

export class Names {
  readonly #read: ReadRecords;
  /** Names that are about to get an owner, by key: settled when that is decided. Bounded by the calls in flight. */
  readonly #claims = new Map<string, Promise<void>>();
  #given = 0;

  constructor(read: ReadRecords) {
    this.#read = read;
  }

  /** The ID of the account that owns `name` or a look-alike of it. @throws RpcError `StorageFailed` */
  async owner(name: string): Promise<string | undefined> {
    const key = nameKey(name);
    return (await this.#read(key)).get(key);
  }

  /** Runs `give`, which makes `name` somebody's, while nobody else can get it and no registration begins to use it. */
  async claim<T>(name: string, give: () => Promise<T>): Promise<T> {
    const key = nameKey(name);
    await this.#unclaimed([key]);
    let release = (): void => undefined;
    this.#claims.set(key, new Promise((resolve) => (release = resolve)));
    try {
      return await give();
    } finally {
      this.#given += 1;
      this.#claims.delete(key);
      release();
    }
  }

  /** For a registration that wants to be called `labels`, of the account `own` or of a guest. */
  leave(labels: readonly string[], own: string | undefined): NameLeave {
    const keys = [...new Set(labels.map(nameKey))];
    let at = -1;
    return {
      stands: () => at === this.#given && !keys.some((key) => this.#claims.has(key)),
      ask: async () => {
        await this.#unclaimed(keys);
        const asked = this.#given;
        for (const label of labels) {
          const owner = await this.owner(label);
          if (owner !== undefined && owner !== own) throw taken(label);
        }
        at = asked;
      },
    };
  }

  async #unclaimed(keys: readonly string[]): Promise<void> {
    for (let claimed = this.#anyOf(keys); claimed !== undefined; claimed = this.#anyOf(keys)) await claimed;
  }

  #anyOf(keys: readonly string[]): Promise<void> | undefined {
    const key = keys.find((one) => this.#claims.has(one));
    return key === undefined ? undefined : this.#claims.get(key);
  }
}

/** Whether a registration may be called what it wants to be. */
export interface NameLeave {
  /** True from when `ask` said yes until somebody signs up; who acts on it must do so in the same turn of the event loop. */
  readonly stands: () => boolean;
  /** Resolves when the names are free for it. @throws RpcError `AlreadyRegistered` */
  readonly ask: () => Promise<void>;
}

function taken(label: string): RpcError {
  return new RpcError(
    'AlreadyRegistered',
    `"${label}" belongs to an account, or looks like a name that does. If it is yours, LogIn and Register with the Token.`,
  );
}
