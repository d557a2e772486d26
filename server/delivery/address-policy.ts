/**
 * Which addresses the server may call back: the security rule of `docs/PROTOCOL.md` section 5, against callers who would
 * use the server to reach what they cannot (SSRF, port scans). Decides from spellings and numbers; it never dials.
 */
import { networkInterfaces } from 'node:os';
import { RpcError } from '../../commons/errors.ts';
import { parseLiteral, parseSocketAddress, sameAddress, type IpAddress } from '../../commons/wire/address.ts';
import { callableNetwork, contains, covers, isLoopback, NEVER, parseNetwork, type Network } from '../../commons/wire/network.ts';
import { METADATA, ONLY_BY_NAME } from './special-networks.ts';

export interface DialTarget {
  readonly kind: 'dial';
  /** An IP literal in its one canonical spelling. */
  readonly host: string;
  readonly port: number;
  /** Not the caller's own address: the peer must echo `ClientCallback.Verify` before anything else is sent to it. */
  readonly verify: boolean;
}

/** What a `Callback` asks for: this very connection, nothing (the client pulls), or an address to dial. */
export type CallbackTarget = { readonly kind: 'inline' } | { readonly kind: 'none' } | DialTarget;

export interface AddressPolicyOptions {
  /** Networks beyond the caller's own address, in CIDR form. */
  readonly allow: readonly string[];
  /** Where this server itself listens; asked at each call, because port 0 is known late. */
  readonly ownListeners: () => readonly { readonly address: string; readonly port: number }[];
}

/** `host:port`, `[ipv6]:port`, `:port` and nothing around them; the literal itself is parsed apart. */
const SPELLING = /^(?:\[([0-9a-fA-F]*:[0-9a-fA-F:.]*)\]|([0-9.]*)):([1-9][0-9]{3,4})$/;
/** Below are the ports of system services. */
const LOWEST_PORT = 1024;
const HIGHEST_PORT = 65_535;
/** What `localhost` stands for. Other loopback addresses may be those of containers and services of their own. */
const LOCALHOST = ['127.0.0.1/32', '::1/128'].map(parseNetwork);

export class AddressPolicy {
  readonly #allow: readonly Network[];
  readonly #ownListeners: AddressPolicyOptions['ownListeners'];

  /** @throws Error that names the entry of `allow` that is no network, or one that can never be called. */
  constructor({ allow, ownListeners }: AddressPolicyOptions) {
    this.#allow = allow.map(callableNetwork);
    this.#ownListeners = ownListeners;
  }

  /**
   * What `callback` asks for, seen from a caller at `callerAddress` (as its socket reports it).
   * @throws RpcError `CallbackFailed`, always with the same sentence: it does not tell which rule refused.
   */
  resolve(callback: string, callerAddress: string): CallbackTarget {
    if (callback === 'inline' || callback === 'none') return { kind: callback };
    const caller = parseSocketAddress(callerAddress);
    const asked = caller && parseCallback(callback, caller);
    if (caller === undefined || asked === undefined) throw new RpcError('CallbackFailed');
    const { address, port } = asked;
    if (within(NEVER, address) || this.#isOwnListener(address, port)) throw new RpcError('CallbackFailed');
    if (isOwn(address, caller)) return { kind: 'dial', host: address.text, port, verify: false };
    if (this.#isAllowed(address)) return { kind: 'dial', host: address.text, port, verify: true };
    throw new RpcError('CallbackFailed');
  }

  /** Whether the socket reached the very address and port that were asked for, compared in canonical form. */
  confirms(target: DialTarget, connectedAddress: string, connectedPort: number): boolean {
    return parseSocketAddress(connectedAddress)?.text === target.host && connectedPort === target.port;
  }

  /** Special networks are open only to entries that name them: `0.0.0.0/0` does not mean the metadata service. */
  #isAllowed(address: IpAddress): boolean {
    const special = ONLY_BY_NAME.filter((network) => contains(network, address));
    return this.#allow.some((allowed) => contains(allowed, address) && special.every((network) => covers(network, allowed)));
  }

  /** A listener on all addresses, or on one that cannot be read, owns its port on every address of this machine. */
  #isOwnListener(address: IpAddress, port: number): boolean {
    return this.#ownListeners().some((listener) => {
      if (listener.port !== port) return false;
      const bound = parseSocketAddress(listener.address);
      return bound === undefined || bound.bits === 0n ? isThisMachine(address) : sameAddress(bound, address);
    });
  }
}

/** The address and port that are spelled; the caller's own address comes back as its socket reported it, zone included. */
function parseCallback(callback: string, caller: IpAddress): { address: IpAddress; port: number } | undefined {
  const [, ipv6, ipv4, portText] = SPELLING.exec(callback) ?? [];
  const port = Number(portText);
  if (!(port >= LOWEST_PORT && port <= HIGHEST_PORT)) return undefined;
  if (ipv4 === '') return { address: caller, port };
  const address = parseLiteral(ipv6 ?? ipv4 ?? '');
  return address && { address: sameAddress(address, caller) ? caller : address, port };
}

/** The address that the caller's handshake proved to be its own; a caller on this machine may say so in either family. */
function isOwn(address: IpAddress, caller: IpAddress): boolean {
  if (sameAddress(address, caller)) return !within(METADATA, address);
  return isLoopback(caller) && within(LOCALHOST, address);
}

function isThisMachine(address: IpAddress): boolean {
  if (isLoopback(address)) return true;
  const local = Object.values(networkInterfaces()).flatMap((interfaces) => interfaces ?? []);
  return local.some((one) => {
    const own = parseSocketAddress(one.address);
    return own !== undefined && sameAddress(own, address);
  });
}

function within(networks: readonly Network[], address: IpAddress): boolean {
  return networks.some((network) => contains(network, address));
}
