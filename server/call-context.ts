/** What a method gets to know about the connection that a call came on. */
import type { Peer } from '../commons/rpc/peer.ts';
import type { RateLimit } from './rate-limit.ts';

export interface CallContext {
  readonly peer: Peer<CallContext>;
  /** The remote address, as the socket reports it. */
  readonly address: string;
  readonly port: number;
  /** Of all registrations that were made on the connection; `undefined` until there is one. Set by Register only. */
  rate: RateLimit | undefined;
}
