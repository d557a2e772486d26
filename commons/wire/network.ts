/**
 * Networks in CIDR form, and what an address is to whoever counts addresses. Knows ranges, not who asks for them.
 * (`net.BlockList` is no help: it takes `::127.0.0.1` for a stranger.)
 */
import { parseLiteral, type IpAddress } from './address.ts';

export interface Network {
  readonly first: IpAddress;
  /** Leading bits that all addresses of the network share. */
  readonly prefix: number;
}

/** @throws Error that names the text, when it is not a network in its plain form (`10.0.0.0/8`, `fd12:3456::/32`). */
export function parseNetwork(cidr: string): Network {
  const [literal = '', prefixText = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(cidr)?.slice(1) ?? [];
  const first = parseLiteral(literal);
  if (first === undefined) throw new Error(`"${cidr}" is not a network: write an address and a prefix, such as 10.0.0.0/8 or fd00::/8.`);
  if (first.family === 4 && literal.includes(':')) throw new Error(`"${cidr}" is an IPv4 network in IPv6 dress: write it as IPv4.`);
  const network = { first, prefix: Number(prefixText) };
  if (network.prefix > width(first)) throw new Error(`"${cidr}" is not a network: its prefix has at most ${width(first)} bits.`);
  // A forgotten digit here (10.0.0.5/8) would open more than was meant.
  if (shared(first, network) << hostBits(network) !== first.bits)
    throw new Error(`"${cidr}" is not a network: it has bits beyond its prefix.`);
  return network;
}

/** A network that callbacks may be dialled in. @throws Error that names the text, when it is none, or one without hosts */
export function callableNetwork(cidr: string): Network {
  const network = parseNetwork(cidr);
  if (NEVER.some((never) => covers(never, network))) throw new Error(`"${cidr}" can never be called: no host has such an address.`);
  return network;
}

/** Whether `address` is in `network`; the two families never meet, `::/0` holds no IPv4 address. */
export function contains(network: Network, address: IpAddress): boolean {
  return address.family === network.first.family && shared(address, network) === shared(network.first, network);
}

/** Whether all of `inner` is in `outer`. */
export function covers(outer: Network, inner: Network): boolean {
  return inner.prefix >= outer.prefix && contains(outer, inner.first);
}

export function isLoopback(address: IpAddress): boolean {
  return LOOPBACK.some((network) => contains(network, address));
}

/** What one host or household has, as a key: an IPv4 address, or the first 64 bits of an IPv6 one. */
export function holder({ family, bits, text }: IpAddress): string {
  return family === 4 ? text : `${bits >> 64n}/64`;
}

/** Where no single host can be: unspecified ("this host"), multicast, broadcast. Not even a listed network opens these. */
export const NEVER = ['0.0.0.0/8', '224.0.0.0/4', '255.255.255.255/32', '::/128', 'ff00::/8'].map(parseNetwork);

export const LOOPBACK = ['127.0.0.0/8', '::1/128'].map(parseNetwork);

function width(address: IpAddress): number {
  return address.family === 4 ? 32 : 128;
}

function hostBits(network: Network): bigint {
  return BigInt(width(network.first) - network.prefix);
}

function shared(address: IpAddress, network: Network): bigint {
  return address.bits >> hostBits(network);
}
