/**
 * What the text of a setting means: one reader per kind of value. Each returns the value or throws a `RangeError` whose
 * message is the broken rule; who calls adds the name of the flag or variable. Nothing here knows which setting it reads.
 */
import net from 'node:net';
import { callableNetwork } from '../wire/network.ts';

/** The longest time a timer of Node can wait; a longer one would fire at once. */
export const LONGEST_TIMER_MS = 2_147_483_647;

const HOST_NAME = /^(?=.*[a-z])[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*\.?$/i;
const TRUE = new Set(['true', '1', 'yes', 'on']);
const FALSE = new Set(['false', '0', 'no', 'off']);

/** A host without brackets and a port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `HOST:PORT`, `[IPv6]:PORT` and `:PORT`. Spellings of IPv4 other than four decimal numbers are refused.
 * @param defaultHost the host that `:PORT` means
 * @param lowestPort 0 where "any free port" makes sense, else 1
 */
export function address(defaultHost: string, lowestPort: 0 | 1): (text: string) => Address {
  return (text) => {
    const parts = /^(?:\[(?<v6>[^\]]*)\]|(?<name>[^:[\]]*)):(?<port>[^:]*)$/.exec(text)?.groups;
    if (parts === undefined) throw new RangeError(`must be HOST:PORT, [IPv6]:PORT or :PORT, not ${quote(text)}`);
    if (parts.v6 !== undefined && !net.isIPv6(parts.v6))
      throw new RangeError(`must have an IPv6 address in its brackets, not ${quote(parts.v6)}`);
    const host = parts.v6 ?? (parts.name === undefined || parts.name === '' ? defaultHost : parts.name);
    if (net.isIP(host) === 0 && !HOST_NAME.test(host))
      throw new RangeError(`must have an IP address or a host name before the port, not ${quote(host)}`);
    return { host, port: port(parts.port ?? '', lowestPort) };
  };
}

function port(text: string, lowest: number): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (value < lowest || value > 65_535) throw new RangeError(`must have a port from ${lowest} to 65535, not ${quote(text)}`);
  return value;
}

const NETWORKS = 'must be networks such as 10.0.0.0/8 or fd00::/8, divided by commas';

/** Reads a list of networks divided by commas, `10.0.0.0/8,fd00::/8`; an address alone is a network of one. */
export function networks(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(network);
}

function network(text: string): string {
  const [ip = '', bits, ...rest] = text.split('/');
  const family = net.isIP(ip);
  const most = family === 4 ? 32 : 128;
  const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (family === 0 || rest.length > 0 || length < 0 || length > most) {
    throw new RangeError(`${NETWORKS}, not ${quote(text)}`);
  }
  const cidr = `${ip}/${length}`;
  try {
    callableNetwork(cidr);
  } catch (error) {
    throw new RangeError(`${NETWORKS}: ${error instanceof Error ? error.message.replace(/\.$/, '') : quote(text)}`, { cause: error });
  }
  return cidr;
}

/** Reads a whole number, both ends included. */
export function whole(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : -1;
    if (value < lowest || value > highest) throw new RangeError(`must be a whole number from ${lowest} to ${highest}, not ${quote(text)}`);
    return value;
  };
}

/** Reads yes or no. */
export function yesOrNo(text: string): boolean {
  const word = text.toLowerCase();
  if (!TRUE.has(word) && !FALSE.has(word)) throw new RangeError(`must be true or false, not ${quote(text)}`);
  return TRUE.has(word);
}

/** Reads one of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): (text: string) => T {
  return (text) => {
    const found = words.find((word) => word === text.toLowerCase());
    if (found === undefined) throw new RangeError(`must be one of ${words.join(', ')}, not ${quote(text)}`);
    return found;
  };
}

/** Reads any text but an empty one. */
export function someText(text: string): string {
  if (text === '') throw new RangeError('must not be empty');
  return text;
}

/**
 * Reads a name or an ID. Its length is the server's to decide; this only keeps what cannot be one from being sent at all.
 * @param problem the rule that a text breaks, as a sentence
 */
export function ruled(text: string, problem: (text: string, maxCharacters: number) => string | undefined): string {
  const broken = problem(text, 1_024);
  if (broken !== undefined) throw new RangeError(`cannot be used: ${broken.replace(/\.$/, '')}`);
  return text;
}

/** A wrong value as an error message may show it: short, and nothing in it can move a cursor. */
function quote(text: string): string {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(shown);
}
