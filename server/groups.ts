/** Members by a key that several may share; hardly ever do they, and a set of one costs as much as the rest of a place. */
import type { Member } from './member.ts';

export class Groups<K> {
  readonly #groups = new Map<K, Member | Set<Member>>();

  /** Who has this key, in the order in which they came. */
  get(key: K): readonly Member[] {
    const group = this.#groups.get(key);
    if (group === undefined) return [];
    return group instanceof Set ? [...group] : [group];
  }

  add(key: K, member: Member): void {
    const group = this.#groups.get(key);
    if (group instanceof Set) group.add(member);
    else if (group === undefined) this.#groups.set(key, member);
    else if (group !== member) this.#groups.set(key, new Set([group, member]));
  }

  delete(key: K, member: Member): void {
    const group = this.#groups.get(key);
    if (group instanceof Set) group.delete(member);
    if (group === member || (group instanceof Set && group.size === 0)) this.#groups.delete(key);
  }
}
