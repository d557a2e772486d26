/** Promises of the callback address policy: a corpus of spellings, properties over everything else, and one real socket. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import test from 'node:test';
import fc from 'fast-check';
import { ERRORS, RpcError } from '../commons/errors.ts';
import { AddressPolicy, type CallbackTarget } from '../server/delivery/address-policy.ts';

const SERVER_PORT = 9999;
const REFUSED = 'refused';
const LAN = '192.168.7.20';
const V6 = '2001:db8::20';

function policy(allow: readonly string[] = [], listener = '0.0.0.0') {
  return new AddressPolicy({ allow, ownListeners: () => [{ address: listener, port: SERVER_PORT }] });
}

/** The target as one line, `host port` with `verify` where it is asked for; every refusal is checked to be the uniform one. */
function outcome(rules: AddressPolicy, callback: string, caller: string): string {
  const target = resolved(rules, callback, caller);
  if (target?.kind !== 'dial') return target?.kind ?? REFUSED;
  return `${target.host} ${target.port}${target.verify ? ' verify' : ''}`;
}

function resolved(rules: AddressPolicy, callback: string, caller: string): CallbackTarget | undefined {
  try {
    return rules.resolve(callback, caller);
  } catch (error) {
    assert.ok(error instanceof RpcError);
    const { message, code, data } = error;
    assert.deepEqual(
      { message, code, data },
      { message: ERRORS.CallbackFailed.sentence, code: -32006, data: { Reason: 'CallbackFailed' } },
    );
    return undefined;
  }
}

/** [callback, address of the caller, what comes of it] under the default rules. */
const OWN_ADDRESS = [
  ['inline', LAN, 'inline'],
  ['none', LAN, 'none'],
  [':5000', LAN, `${LAN} 5000`],
  [`${LAN}:5000`, LAN, `${LAN} 5000`],
  [':5000', `::ffff:${LAN}`, `${LAN} 5000`],
  [`${LAN}:5000`, `::ffff:${LAN}`, `${LAN} 5000`],
  [`[::ffff:${LAN}]:5000`, LAN, `${LAN} 5000`],
  ['[::FFFF:c0a8:0714]:5000', LAN, `${LAN} 5000`],
  ['[0:0:0:0:0:ffff:c0a8:714]:5000', LAN, `${LAN} 5000`],
  [':5000', V6, `${V6} 5000`],
  [`[${V6}]:5000`, V6, `${V6} 5000`],
  ['[2001:0DB8:0:0:0:0:0:0020]:5000', V6, `${V6} 5000`],
  [':5000', 'fe80::1%eth0', 'fe80::1%eth0 5000'],
  ['[fe80::1]:5000', 'fe80::1%eth0', 'fe80::1%eth0 5000'],
  [':5000', '169.254.7.7', '169.254.7.7 5000'],
  [':5000', '127.0.0.1', '127.0.0.1 5000'],
  [':5000', '::ffff:127.0.0.1', '127.0.0.1 5000'],
  ['127.0.0.1:5000', '127.0.0.1', '127.0.0.1 5000'],
  [':5000', '127.0.0.2', '127.0.0.2 5000'],
  ['127.0.0.2:5000', '::ffff:127.0.0.2', '127.0.0.2 5000'],
  ['127.0.0.1:5000', '127.0.0.2', '127.0.0.1 5000'],
  ['[::1]:5000', '127.0.0.1', '::1 5000'],
  ['127.0.0.1:5000', '::1', '127.0.0.1 5000'],
  [':1024', LAN, `${LAN} 1024`],
  [':65535', LAN, `${LAN} 65535`],
] as const;

const NOT_AN_ADDRESS = [
  ...['', ':', '5000', LAN, `${LAN}:`, 'Inline', 'INLINE', ' inline', 'inline\n', 'none ', 'null', '*:5000', ':::5000', '[]:5000'],
  ...['localhost:5000', 'LOCALHOST:5000', 'localhost.:5000', 'example.com:5000', '127.0.0.1.nip.io:5000', 'ip6-localhost:5000'],
  ...['127.1:5000', '127.0.1:5000', '127:5000', '0:5000', '2130706433:5000', '017700000001:5000', '0x7f000001:5000', '0x7f.0.0.1:5000'],
  ...['0177.0.0.1:5000', '127.0.0.01:5000', '127.000.000.001:5000', '00.0.0.0:5000', '127.0.0.1.:5000', '.127.0.0.1:5000'],
  ...['127..0.1:5000', '127.0.0.1.1:5000', '127.0.0.256:5000', '127.0.0.-1:5000', '127.0.0.+1:5000', '127.0.0.1e0:5000', '383.0.0.1:5000'],
  ...[' 127.0.0.1:5000', '127.0.0.1:5000 ', '127.0.0.1 :5000', '127.0.0.1: 5000', '127.0.0.1:5000\n', '127.0.0.1:5000\r\n', '\t:5000'],
  ...['127.0.0.1\0:5000', '127.0.0.1:5000\0', '127.0.0.1\0.example.com:5000', '127.0.0.1%00:5000', '%31%32%37.0.0.1:5000'],
  ...[
    '１２７.0.0.1:5000',
    '127.0.0.１:5000',
    '127。0。0。1:5000',
    '127．0．0．1:5000',
    '①②⑦.0.0.1:5000',
    '١٢٧.0.0.1:5000',
    '127.0.0.1：5000',
  ],
  ...['tcp://127.0.0.1:5000', 'http://127.0.0.1:5000', '//127.0.0.1:5000', '127.0.0.1:5000/', '127.0.0.1:5000/x', '127.0.0.1:5000?x'],
  ...['127.0.0.1:5000#x', 'me@127.0.0.1:5000', 'me:pw@127.0.0.1:5000', '127.0.0.1:5000@10.0.0.1:5000', '127.0.0.1\\@10.0.0.1:5000'],
  ...['127.0.0.1:5000,10.0.0.1:5000', '127.0.0.1:5000:6000', '127.0.0.1/8:5000', '127.0.0.1;5000', 'unix:/run/docker.sock'],
  ...[
    '[127.0.0.1]:5000',
    '[127.0.0.1:5000',
    '127.0.0.1]:5000',
    '::1:5000',
    '[::1]5000',
    '[::1]',
    '[[::1]]:5000',
    '[::1]:5000]',
    '[:]:5000',
  ],
  ...['[::1%lo]:5000', '[::1%25lo]:5000', '[::1%0]:5000', '[fe80::1%eth0]:5000', '[::1/128]:5000', '[::1 ]:5000', '[v1.x]:5000'],
  ...['[0:0:0:0:0:0:0:0:1]:5000', '[0:0:0:1]:5000', '[::1::]:5000', '[::00001]:5000', '[::g]:5000', '[:::1]:5000', '[::ffff:127.1]:5000'],
  ...[
    '[::ffff:127.0.0.01]:5000',
    '[::ffff:0177.0.0.1]:5000',
    '[::ffff:256.0.0.1]:5000',
    '[::ffff:127.0.0.1.]:5000',
    '[::127.0.0.1:1]:5000',
  ],
] as const;

const BAD_PORTS = [
  '0',
  '1',
  '22',
  '80',
  '443',
  '1023',
  '65536',
  '70536',
  '99999',
  '100000',
  '4294972296',
  '-5000',
  '+5000',
  '05000',
  '005000',
];
const ODD_PORTS = [
  '5e3',
  '0x1388',
  '5000.0',
  '5_000',
  '5,000',
  '',
  ' ',
  'http',
  '５０００',
  '٥٠٠٠',
  'NaN',
  'Infinity',
  '50 00',
  '5000a',
  '5000%',
];

/** Hosts that are nobody's business by default: neither the LAN caller's nor, unless it is one, the loopback caller's. */
const OTHER_HOSTS = [
  ...['10.0.0.1', '172.16.0.1', '192.168.7.21', '192.168.7.1', '192.168.7.255', '100.64.0.1', '8.8.8.8', '198.51.100.1', '126.255.255.255'],
  ...['128.0.0.1', '0.0.0.0', '0.0.0.1', '0.127.0.1', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255', '169.254.169.254'],
  ...['169.254.0.1', '100.100.100.200', '192.0.0.192', '[::]', '[::0.0.0.0]', '[::2]', '[fe80::1]', '[fd00::1]', '[fd00:ec2::254]'],
  ...['[fd20:ce::254]', '[ff02::1]', '[ff0e::1]', '[2001:db8::21]', '[::ffff:10.0.0.1]', '[::ffff:0.0.0.0]', '[::ffff:169.254.169.254]'],
  // Each of these embeds 127.0.0.1 or the caller's IPv4 address, and none of them is it.
  ...['[::127.0.0.1]', '[::7f00:1]', '[::ffff:0:127.0.0.1]', '[64:ff9b::127.0.0.1]', '[64:ff9b::7f00:1]', '[64:ff9b:1::127.0.0.1]'],
  ...['[2002:7f00:1::]', '[2002:7f00:1::1]', '[2001:0:7f00:1::]', '[2001::80ff:fffe]', '[::fffe:127.0.0.1]', '[::1:ffff:127.0.0.1]'],
  ...['[fe80::5efe:127.0.0.1]', `[::${LAN}]`, `[::ffff:0:${LAN}]`, `[64:ff9b::${LAN}]`, '[2002:c0a8:714::1]', '[2001::3f57:f8eb]'],
] as const;

test('the own address is called, whatever its spelling, and by a caller on loopback this machine in either family', () => {
  for (const [callback, caller, expected] of OWN_ADDRESS)
    assert.equal(outcome(policy(), callback, caller), expected, `${callback} by ${caller}`);
});

test('what is not a plain literal and a port is refused, to callers on loopback too', () => {
  const everything = policy(['0.0.0.0/0', '::/0', '127.0.0.0/8', '::1/128']);
  for (const callback of NOT_AN_ADDRESS) {
    for (const caller of ['127.0.0.1', '::1', '::ffff:127.0.0.1', LAN, 'fe80::1%eth0'])
      assert.equal(outcome(everything, callback, caller), REFUSED, `${JSON.stringify(callback)} by ${caller}`);
  }
});

test('a port is a plain decimal from 1024 to 65535', () => {
  for (const port of [...BAD_PORTS, ...ODD_PORTS]) {
    for (const host of ['', '127.0.0.1', '[::1]'])
      assert.equal(outcome(policy(), `${host}:${port}`, '127.0.0.1'), REFUSED, JSON.stringify(`${host}:${port}`));
  }
});

test('nobody makes the server call another host, nor an address that merely embeds the own one', () => {
  for (const host of OTHER_HOSTS) {
    for (const caller of [LAN, V6, '127.0.0.1', '::1', '::ffff:127.0.0.1', '8.8.4.4'])
      assert.equal(outcome(policy(), `${host}:5000`, caller), REFUSED, `${host} by ${caller}`);
  }
});

test('loopback is closed to every caller who is not on it', () => {
  for (const host of ['127.0.0.1', '127.0.0.2', '127.255.255.254', '[::1]', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]']) {
    for (const caller of [LAN, V6, '::127.0.0.1', '::2', '2002:7f00:1::', '64:ff9b::7f00:1', '128.0.0.1', '0.0.0.0'])
      assert.equal(outcome(policy(), `${host}:5000`, caller), REFUSED, `${host} by ${caller}`);
  }
});

test('another loopback address is another network, to callers on loopback too: closed, and verified where it is listed', () => {
  for (const caller of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '127.0.0.3']) {
    for (const host of ['127.0.0.2', '127.0.0.0', '127.1.0.1', '127.255.255.254', '[::ffff:127.0.0.2]']) {
      const plain = host.replace(/^\[::ffff:(.*)\]$/, '$1');
      assert.equal(outcome(policy(), `${host}:5000`, caller), REFUSED, `${host} by ${caller}`);
      assert.equal(outcome(policy(['0.0.0.0/0']), `${host}:5000`, caller), REFUSED, `${host} by ${caller}, under a wide list`);
      assert.equal(outcome(policy(['127.0.0.0/8']), `${host}:5000`, caller), `${plain} 5000 verify`, `${host} by ${caller}`);
    }
    for (const host of ['127.0.0.1', '[::1]']) {
      const plain = host.replace(/^\[(.*)\]$/, '$1');
      assert.equal(outcome(policy(['127.0.0.0/8']), `${host}:5000`, caller), `${plain} 5000`, `${host} by ${caller} needs no proof`);
    }
  }
});

test('the metadata service and the unspecified address are not called even for a caller who comes from there', () => {
  for (const caller of ['169.254.169.254', '100.100.100.200', 'fd00:ec2::254', '0.0.0.0', '::', '255.255.255.255', '224.0.0.1', 'ff02::1'])
    assert.equal(outcome(policy(), ':5000', caller), REFUSED, caller);
});

test('a caller whose address cannot be read gets nothing dialled', () => {
  for (const caller of ['', 'undefined', 'localhost', '127.1', '/run/socket', '127.0.0.1%lo', '%eth0', '10.0.0.1 '])
    assert.equal(outcome(policy(['10.0.0.0/8']), '10.0.0.1:5000', caller), REFUSED, caller);
});

test('a listed network is called after verification, and nothing beside it', () => {
  const rules = policy(['10.1.0.0/16', '203.0.113.7/32', 'fd12:3456::/32']);
  assert.equal(outcome(rules, '10.1.255.255:5000', LAN), '10.1.255.255 5000 verify');
  assert.equal(outcome(rules, '[::ffff:10.1.2.3]:5000', LAN), '10.1.2.3 5000 verify');
  assert.equal(outcome(rules, '203.0.113.7:5000', '127.0.0.1'), '203.0.113.7 5000 verify');
  assert.equal(outcome(rules, '[fd12:3456:0::9]:5000', LAN), 'fd12:3456::9 5000 verify');
  assert.equal(outcome(rules, '10.1.2.3:5000', '10.1.2.3'), '10.1.2.3 5000', 'the own address needs no proof');
  for (const host of ['10.0.255.255', '10.2.0.0', '203.0.113.6', '203.0.113.8', '[fd12:3457::]', '[::10.1.2.3]', '[64:ff9b::10.1.2.3]'])
    assert.equal(outcome(rules, `${host}:5000`, LAN), REFUSED, host);
  assert.equal(outcome(rules, '10.1.2.3:1023', LAN), REFUSED, 'low ports stay closed');
});

test('a wide network does not open loopback, link-local, metadata or embedded IPv4; an entry that names them does', () => {
  const wide = policy(['0.0.0.0/0', '0.0.0.0/1', '128.0.0.0/1', '169.0.0.0/8', '::/0', '::/1', 'fc00::/7', 'fd00::/8']);
  assert.equal(outcome(wide, '8.8.8.8:5000', LAN), '8.8.8.8 5000 verify');
  assert.equal(outcome(wide, '[2606:4700::1]:5000', LAN), '2606:4700::1 5000 verify');
  const special = [
    ...[
      '127.0.0.1',
      '169.254.0.1',
      '169.254.169.254',
      '100.100.100.200',
      '192.0.0.192',
      '240.0.0.1',
      '[::1]',
      '[fe80::1]',
      '[::127.0.0.1]',
    ],
    ...['[::ffff:127.0.0.1]', '[::ffff:169.254.169.254]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]', '[2001:0:1::]', '[fd00:ec2::254]'],
  ];
  for (const host of special) assert.equal(outcome(wide, `${host}:5000`, LAN), REFUSED, host);
  const named = policy(['127.0.0.0/8', '169.254.0.0/16', '64:ff9b::/96', '::1/128']);
  assert.equal(outcome(named, '127.0.0.1:5000', LAN), '127.0.0.1 5000 verify');
  assert.equal(outcome(named, '[::1]:5000', LAN), '::1 5000 verify');
  assert.equal(outcome(named, '169.254.0.1:5000', LAN), '169.254.0.1 5000 verify');
  assert.equal(outcome(named, '[64:ff9b::808:808]:5000', LAN), '64:ff9b::808:808 5000 verify');
  assert.equal(outcome(named, '169.254.169.254:5000', LAN), REFUSED, 'metadata needs an entry of its own');
  assert.equal(outcome(policy(['169.254.169.254/32']), '169.254.169.254:5000', LAN), '169.254.169.254 5000 verify');
});

test('unspecified, multicast and broadcast addresses stay closed under any list', () => {
  const wide = policy(['0.0.0.0/0', '::/0', '::/96', '192.0.0.0/2', '240.0.0.0/4']);
  for (const host of ['0.0.0.0', '0.0.0.1', '224.0.0.1', '239.1.1.1', '255.255.255.255', '[::]', '[ff02::1]', '[::ffff:0.0.0.0]'])
    assert.equal(outcome(wide, `${host}:5000`, LAN), REFUSED, host);
});

test('a bad entry of the list stops the start and is named', () => {
  const bad = [
    ...[
      '',
      '10.0.0.0',
      '10.0.0.0/',
      '10.0.0.0/33',
      '10.0.0.0/-1',
      '10.0.0.0/08',
      '10.0.0.0/8/8',
      '10.0.0.0/8 ',
      ' 10.0.0.0/8',
      '10/8',
      '/8',
    ],
    ...[
      '10.0.0.1/8',
      '10.0.0.0/255.0.0.0',
      '010.0.0.0/8',
      'fd00::/129',
      'fd00::1/64',
      '[fd00::]/8',
      'fe80::%eth0/64',
      '::ffff:10.0.0.0/104',
      '::ffff:10.0.0.0/8',
    ],
    ...[
      'example.com/24',
      'localhost',
      '*',
      '0.0.0.0/32',
      '224.0.0.0/4',
      '::/128',
      'ff02::/16',
      '255.255.255.255/32',
      '10.0.0.0/8,fd00::/8',
    ],
  ];
  for (const cidr of bad) {
    const named = ({ message }: Error) => message.startsWith(`"${cidr}" `);
    assert.throws(() => policy(['10.0.0.0/8', cidr]), named, cidr);
  }
});

test('the server never calls its own listeners, on any address of this machine when they listen on all', () => {
  const external = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).filter((one) => !one.internal));
  const mine = ['127.0.0.1', '127.0.0.2', '127.8.8.8', '[::1]', '[::ffff:127.0.0.1]', ''];
  for (const listener of ['0.0.0.0', '::', 'not an address']) {
    const rules = policy(['0.0.0.0/0', '127.0.0.0/8', '::/0'], listener);
    for (const host of mine)
      assert.equal(outcome(rules, `${host}:${SERVER_PORT}`, '127.0.0.1'), REFUSED, `${host}, listening on ${listener}`);
    for (const { address } of external)
      assert.equal(outcome(rules, `:${SERVER_PORT}`, address), REFUSED, `${address}, listening on ${listener}`);
    assert.equal(
      outcome(rules, `:${SERVER_PORT}`, LAN),
      `${LAN} ${SERVER_PORT}`,
      'the same port of another machine is no listener of ours',
    );
  }
});

test('a listener on one address owns its port there and nowhere else', () => {
  for (const listener of ['127.0.0.1', '::ffff:127.0.0.1', '::ffff:7f00:1']) {
    const rules = policy([], listener);
    for (const host of ['127.0.0.1', '[::ffff:127.0.0.1]', ''])
      assert.equal(outcome(rules, `${host}:${SERVER_PORT}`, '127.0.0.1'), REFUSED, host);
    assert.equal(outcome(rules, `:${SERVER_PORT}`, '127.0.0.2'), `127.0.0.2 ${SERVER_PORT}`);
    assert.equal(outcome(rules, '127.0.0.1:9998', '127.0.0.1'), '127.0.0.1 9998');
  }
});

test('listeners are asked for at each call: a port that is opened later is closed to callbacks from then on', () => {
  const listeners: { address: string; port: number }[] = [];
  const rules = new AddressPolicy({ allow: [], ownListeners: () => listeners });
  assert.equal(outcome(rules, ':7001', '127.0.0.1'), '127.0.0.1 7001');
  listeners.push({ address: '0.0.0.0', port: 7001 });
  assert.equal(outcome(rules, ':7001', '127.0.0.1'), REFUSED);
});

const port = fc.oneof(fc.integer({ min: 1024, max: 65_535 }), fc.integer({ min: -10, max: 100_000 })).map(String);
const nearMiss = fc
  .tuple(fc.constantFrom(LAN, '127.0.0.1', '::1', V6, `::ffff:${LAN}`), fc.nat(20), fc.string({ minLength: 0, maxLength: 2 }), fc.nat(2))
  .map(([text, at, inserted, cut]) => text.slice(0, at) + inserted + text.slice(at + cut));
const embedded = fc
  .tuple(
    fc.constantFrom('::', '::ffff:', '::ffff:0:', '64:ff9b::', 'fe80::5efe:', '0:0:0:0:0:ffff:'),
    fc.oneof(fc.ipV4(), fc.constant(LAN)),
  )
  .map((parts) => parts.join(''));
const host = fc.oneof(fc.ipV4(), fc.ipV4Extended(), fc.ipV6(), embedded, nearMiss, fc.domain(), fc.webAuthority(), fc.string());
const callback = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.tuple(host, port).map(([h, p]) => `${h}:${p}`),
  fc.tuple(host, port).map(([h, p]) => `[${h}]:${p}`),
  port.map((p) => `:${p}`),
);
// Mapped callers have a line of their own below: their text is not the one that is dialled.
const ipV6Caller = fc.ipV6().filter((v6) => !/ffff/i.test(v6));
const caller = fc.oneof(
  fc.ipV4(),
  fc.ipV4().map((v4) => `::ffff:${v4}`),
  ipV6Caller,
  fc.constantFrom(LAN, V6, '127.0.0.1', '::1'),
);

/** What a host as it is dialled may be by default, told from its text alone: the rules under test are not asked. */
function ownTexts(address: string): (dialled: string) => boolean {
  const v4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  const own = v4 ?? new URL(`http://[${address}]`).hostname.slice(1, -1);
  const onLoopback = (text: string) => text === '::1' || /^127\.\d+\.\d+\.\d+$/.test(text);
  return (dialled) => dialled === own || (onLoopback(own) && ['127.0.0.1', '::1'].includes(dialled));
}

test('by default no text makes the server dial anything but the address of its caller', () => {
  const rules = policy();
  let dialled = 0;
  const property = fc.property(callback, caller, (text, address) => {
    const target = resolved(rules, text, address);
    if (target?.kind !== 'dial') return;
    dialled += 1;
    assert.ok(ownTexts(address)(target.host), `${JSON.stringify(text)} by ${address} dials ${target.host}`);
    assert.ok(target.port >= 1024 && target.port <= 65_535);
    assert.equal(target.verify, false);
  });
  fc.assert(property, { numRuns: 20_000 });
  assert.ok(dialled > 100, `the property saw only ${dialled} targets`);
});

test('with a list, what is neither listed nor the own address is refused, and what is listed is verified', () => {
  const rules = policy(['10.0.0.0/8']);
  const property = fc.property(callback, (text) => {
    const target = resolved(rules, text, LAN);
    if (target?.kind !== 'dial') return;
    assert.ok(target.host === LAN ? !target.verify : target.verify && /^10\.\d+\.\d+\.\d+$/.test(target.host), target.host);
  });
  fc.assert(property, { numRuns: 5_000 });
});

test('an IPv6 caller is itself in every spelling, and one bit beside it is somebody else', () => {
  const group = fc.oneof(fc.constant(0), fc.nat(0xffff));
  const property = fc.property(fc.array(group, { minLength: 7, maxLength: 7 }), fc.nat(6), fc.nat(15), (groups, at, bit) => {
    const spelled = (parts: readonly number[]) => ['2600', ...parts.map((one) => one.toString(16).padStart(4, '0'))].join(':');
    const self = new URL(`http://[${spelled(groups)}]`).hostname.slice(1, -1);
    assert.equal(outcome(policy(), `[${spelled(groups).toUpperCase()}]:5000`, self), `${self} 5000`);
    const beside = groups.map((one, index) => (index === at ? one ^ (1 << bit) : one));
    assert.equal(outcome(policy(), `[${spelled(beside)}]:5000`, self), REFUSED);
  });
  fc.assert(property, { numRuns: 1_000 });
});

test(
  'a real caller on a dual-stack socket is called back at its own address, and the connection is confirmed',
  { timeout: 10_000 },
  async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket)).listen(0, '::');
    const own = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    try {
      await Promise.all([once(server, 'listening'), once(own, 'listening')]);
      const arrived = once(server, 'connection');
      sockets.push(connect(portOf(server), '127.0.0.1'));
      await arrived;
      const callerAddress = sockets.find((socket) => socket.localPort === portOf(server))?.remoteAddress ?? '';
      assert.equal(callerAddress, '::ffff:127.0.0.1');
      const rules = new AddressPolicy({ allow: [], ownListeners: () => [{ address: '::', port: portOf(server) }] });
      assert.equal(outcome(rules, `:${portOf(server)}`, callerAddress), REFUSED);
      const target = rules.resolve(`:${portOf(own)}`, callerAddress);
      assert.ok(target.kind === 'dial');
      const dialled = connect(target.port, target.host);
      sockets.push(dialled);
      await once(dialled, 'connect');
      assert.ok(rules.confirms(target, dialled.remoteAddress ?? '', dialled.remotePort ?? 0));
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
      own.close();
    }
  },
);

test('a connection that reached anything else than it asked for is not confirmed', () => {
  const rules = policy();
  const target = { kind: 'dial', host: '127.0.0.1', port: 5000, verify: false } as const;
  assert.ok(rules.confirms(target, '127.0.0.1', 5000));
  assert.ok(rules.confirms(target, '::ffff:7f00:1', 5000));
  for (const other of ['127.0.0.2', '::1', '::127.0.0.1', '0.0.0.0', '10.0.0.1', '', 'localhost'])
    assert.ok(!rules.confirms(target, other, 5000), other);
  assert.ok(!rules.confirms(target, '127.0.0.1', 5001));
});

function portOf(server: ReturnType<typeof createServer>): number {
  const address: AddressInfo | string | null = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}
