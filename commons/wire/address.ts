/**
 * An IP address as one number, whatever its spelling: what two addresses must be before they may be compared. Knows
 * spellings only; neither names nor the network is ever asked.
 */
import { isIPv6 } from 'node:net';

/** Both spellings of one address, `127.0.0.1` and `::ffff:127.0.0.1`, are the same value. */
export interface IpAddress {
  readonly family: 4 | 6;
  /** The address as an unsigned number of 32 or 128 bits. */
  readonly bits: bigint;
  /** The one spelling of this address (RFC 5952 for IPv6), with the zone if it came with one; what may be dialled. */
  readonly text: string;
}

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
/** Four plain decimal numbers. The resolver's other spellings (`127.1`, `0x7f000001`, `017.0.0.1`) reach hosts too: refused. */
const DOTTED = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
/** `::ffff:0:0/96`: IPv4 as an IPv6 socket shows it. Other forms that embed IPv4 are routed elsewhere and stay IPv6. */
const MAPPED = 0xffffn;

/** The address that `literal` spells, `undefined` for anything but a plain IPv4 or IPv6 literal; a zone (`%eth0`) is refused. */
export function parseLiteral(literal: string): IpAddress | undefined {
  if (DOTTED.test(literal)) return { family: 4, bits: joined(literal.split('.').map(Number), 8n), text: literal };
  if (!isIPv6(literal) || literal.includes('%')) return undefined;
  const text = new URL(`tcp://[${literal}]`).hostname.slice(1, -1);
  const bits = joined(groups(text), 16n);
  return bits >> 32n === MAPPED ? fromIPv4(bits & 0xffff_ffffn) : { family: 6, bits, text };
}

/** The address that a socket reports. Only here a zone is kept: a link-local peer cannot be called without it. */
export function parseSocketAddress(reported: string): IpAddress | undefined {
  const percent = reported.indexOf('%');
  if (percent === -1) return parseLiteral(reported);
  const address = parseLiteral(reported.slice(0, percent));
  return address?.family === 6 ? { ...address, text: address.text + reported.slice(percent) } : undefined;
}

/** Same host, zones left aside. */
export function sameAddress(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.bits === b.bits;
}

function fromIPv4(bits: bigint): IpAddress {
  const octets = [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn);
  return { family: 4, bits, text: octets.join('.') };
}

/** The eight groups of an IPv6 address in its canonical spelling, which has no dotted tail. */
function groups(canonical: string): number[] {
  const [head = '', tail = ''] = canonical.split('::');
  const before = hexGroups(head);
  const after = hexGroups(tail);
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function hexGroups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

function joined(parts: readonly number[], width: bigint): bigint {
  return parts.reduce((bits, part) => (bits << width) | BigInt(part), 0n);
}
