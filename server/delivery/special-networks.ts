/**
 * The special networks of RFC 6890 and of the clouds that a callback must not reach by accident. Knows ranges of
 * addresses, not who asks.
 */
import { LOOPBACK, parseNetwork } from '../../commons/wire/network.ts';

/** Where clouds answer with credentials: AWS and most others, Alibaba, Oracle; then AWS and Google on IPv6. */
export const METADATA = ['169.254.169.254/32', '100.100.100.200/32', '192.0.0.192/32', 'fd00:ec2::254/128', 'fd20:ce::254/128'].map(
  parseNetwork,
);

/**
 * Special networks that a wide entry of the list (`0.0.0.0/0`) does not open; an entry inside one of them does. Besides
 * loopback, link-local and metadata: IPv6 forms that smuggle an IPv4 address (compatible, translated, NAT64, Teredo, 6to4).
 */
export const ONLY_BY_NAME = [
  ...LOOPBACK,
  ...METADATA,
  ...['169.254.0.0/16', 'fe80::/10', '192.0.0.0/24', '240.0.0.0/4'].map(parseNetwork),
  ...['::/96', '::ffff:0:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48', '2001::/32', '2002::/16'].map(parseNetwork),
];
