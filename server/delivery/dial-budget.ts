/**
 * How often callers may make the server dial: against its use as a port scanner or an amplifier. Counts addresses and
 * hosts; knows neither which addresses are allowed nor how a dial is done.
 */
import { parseSocketAddress } from '../../commons/wire/address.ts';
import { holder, isLoopback } from '../../commons/wire/network.ts';
import type { DialTarget } from './address-policy.ts';

export interface DialBudgetOptions {
  /** Dials that callers of one address may cause in any 60 s. */
  readonly perMinute: number;
  /** Dials to one host at the same time, over all of its ports and all callers. */
  readonly perTarget: number;
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number;
}

/** What to call when a dial has ended. */
export type Ended = (forgiven?: boolean) => void;

const MINUTE_MS = 60_000;
/** Addresses remembered at most; beyond it the one that dialled longest ago is forgotten, whose minute is the nearest to its end. */
const REMEMBERED_ADDRESSES = 10_000;

export class DialBudget {
  readonly #perMinute: number;
  readonly #perTarget: number;
  readonly #now: () => number;
  /** Times of the last dials, at most `perMinute` an address, oldest first; the address that dialled last is last. */
  readonly #dials = new Map<string, readonly number[]>();
  /** Dials that are under way, by host: an entry leaves with its last dial, at the latest at the deadline that every dial has. */
  readonly #underWay = new Map<string, number>();

  constructor({ perMinute, perTarget, now = () => performance.now() }: DialBudgetOptions) {
    this.#perMinute = perMinute;
    this.#perTarget = perTarget;
    this.#now = now;
  }

  /**
   * Leave to dial `target` for a caller at `callerAddress`: what to call, once, when the dial has ended; `undefined` when
   * there is none, which costs the caller nothing. A dial that is `forgiven` (it met a client at the caller's own address) does
   * not count towards the minute. Callers on this machine always have leave.
   */
  take(callerAddress: string, target: Pick<DialTarget, 'host'>): Ended | undefined {
    const caller = parseSocketAddress(callerAddress);
    if (caller === undefined) return undefined;
    if (isLoopback(caller)) return () => undefined;
    if ((this.#underWay.get(target.host) ?? 0) >= this.#perTarget) return undefined;
    const key = holder(caller);
    const time = this.#countDial(key);
    if (time === undefined) return undefined;
    const leave = this.#enter(target.host);
    return (forgiven = false) => {
      leave();
      if (forgiven) this.#forgive(key, time);
    };
  }

  #forgive(key: string, time: number): void {
    const times = this.#dials.get(key);
    const index = times?.indexOf(time) ?? -1;
    if (times === undefined || index < 0) return;
    if (times.length === 1) this.#dials.delete(key);
    else this.#dials.set(key, times.toSpliced(index, 1));
  }

  /** The time of the dial, where it may be done. */
  #countDial(key: string): number | undefined {
    const now = this.#now();
    const recent = (this.#dials.get(key) ?? []).filter((time) => now - time < MINUTE_MS);
    if (recent.length >= this.#perMinute) return undefined;
    this.#dials.delete(key);
    this.#dials.set(key, [...recent, now]);
    this.#forgetOld(now);
    return now;
  }

  #forgetOld(now: number): void {
    for (const [key, times] of this.#dials) {
      const ended = now - (times.at(-1) ?? 0) >= MINUTE_MS;
      if (!ended && this.#dials.size <= REMEMBERED_ADDRESSES) return;
      this.#dials.delete(key);
    }
  }

  #enter(host: string): () => void {
    this.#underWay.set(host, (this.#underWay.get(host) ?? 0) + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const others = (this.#underWay.get(host) ?? 1) - 1;
      if (others === 0) this.#underWay.delete(host);
      else this.#underWay.set(host, others);
    };
  }
}
