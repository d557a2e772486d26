/** How many connections everybody has open, so that one host or household cannot take them all. Knows addresses, not sockets. */
import { parseSocketAddress } from './address.ts';
import { holder, isLoopback } from './network.ts';

export class OpenConnections {
  readonly #most: number;
  /** By holder: an entry leaves with its last connection, so there are never more than connections. */
  readonly #open = new Map<string, number>();

  /** @param most connections of one holder (of IPv6: one /64) at the same time; loopback is exempt */
  constructor(most: number) {
    this.#most = most;
  }

  /** Counts one more for the holder of `address`, as a socket reports it; false when it may not be, and nothing is counted. */
  enter(address: string): boolean {
    const from = parseSocketAddress(address);
    if (from === undefined) return false;
    if (isLoopback(from)) return true;
    const key = holder(from);
    const open = this.#open.get(key) ?? 0;
    if (open >= this.#most) return false;
    this.#open.set(key, open + 1);
    return true;
  }

  /** Once for each `enter` that said yes, with the same address. */
  leave(address: string): void {
    const from = parseSocketAddress(address);
    if (from === undefined || isLoopback(from)) return;
    const key = holder(from);
    const open = (this.#open.get(key) ?? 1) - 1;
    if (open === 0) this.#open.delete(key);
    else this.#open.set(key, open);
  }
}
