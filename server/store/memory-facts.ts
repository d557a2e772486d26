/** Facts in memory, in order of their keys, so that those of one kind are found without looking at the others. It keeps no messages. */
import type { StoredRecord } from './store.ts';

export class MemoryFacts {
  readonly #values = new Map<string, string>();
  /** Ascending. */
  readonly #keys: string[] = [];

  keep({ key, value }: StoredRecord): void {
    const known = this.#values.has(key);
    if (value !== null) this.#values.set(key, value);
    else this.#values.delete(key);
    if (known === (value !== null)) return;
    if (value === null) this.#keys.splice(this.#place(key), 1);
    else this.#keys.splice(this.#place(key), 0, key);
  }

  /** Those whose keys begin with `prefix`, by key, ascending in bytes. */
  startingWith(prefix: string): ReadonlyMap<string, string> {
    const found: [string, string][] = [];
    for (let at = this.#place(prefix); this.#keys[at]?.startsWith(prefix) === true; at += 1) {
      const key = this.#keys[at] ?? '';
      found.push([key, this.#values.get(key) ?? '']);
    }
    return new Map(found.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  }

  /** Index of the first key that is not below `key`. */
  #place(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
