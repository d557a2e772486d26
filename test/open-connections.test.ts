/** How many connections one holder of addresses may have, and that its own ends make room for it. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { OpenConnections } from '../commons/wire/open-connections.ts';
import { at, LineClient } from './support/line-client.ts';
import { startServer } from './support/server-process.ts';

test('connections are counted for each holder of addresses: an IPv4 address, in either spelling, or a /64 of IPv6', () => {
  const open = new OpenConnections(3);
  const entered = (addresses: readonly string[]) => addresses.map((address) => open.enter(address));
  assert.deepEqual(entered(['198.51.100.1', '::ffff:198.51.100.1', '198.51.100.1', '198.51.100.1']), [true, true, true, false]);
  assert.deepEqual(entered(['198.51.100.2', '::198.51.100.1']), [true, true], 'others are not held up');
  assert.deepEqual(entered(['2001:db8::1', '2001:db8::2', '2001:db8:0:0:ffff::', '2001:db8::4']), [true, true, true, false]);
  assert.deepEqual(entered(['2001:db8:0:1::1', 'fe80::1%eth0']), [true, true], 'another /64 is another holder');
  open.leave('2001:db8::2');
  assert.deepEqual(entered(['2001:db8::9', '2001:db8::a']), [true, false]);
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
    for (let count = 0; count < 10; count++) assert.ok(open.enter(address), `${address} is exempt`);
  assert.deepEqual(entered(['', 'localhost']), [false, false], 'who cannot be told apart is not let in');
});

const foreign = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
const skip = foreign === undefined ? 'this machine has no address but loopback' : false;

/** Whether a call is answered; not so on a connection that the server closed. */
async function isServed(client: LineClient): Promise<boolean> {
  const answer = await client.call('ChatServer.Info').catch(() => undefined);
  return at(answer, 'result', 'Success') === true;
}

test('one connection too many from an address is closed before any work, and one that ends makes room', { skip }, async () => {
  const env = { PARTYLINE_LIMIT_CONNECTIONS_PER_ADDRESS: '2' };
  const server = await startServer(['--listen', '0.0.0.0:0', '--log-level', 'error'], env);
  const connect = () => LineClient.connect(foreign ?? '', server.port);
  const local = await LineClient.connect('127.0.0.1', server.port);
  try {
    const [first, second] = [await connect(), await connect()];
    for (const client of [first, second, local]) assert.ok(await isServed(client));
    const third = await connect();
    await third.closed;
    assert.deepEqual(third.leftOver(), []);
    await first.close();
    const deadline = Date.now() + 5_000;
    let last = await connect();
    while (!(await isServed(last)) && Date.now() < deadline) last = await connect();
    assert.ok(await isServed(last), 'the place of the connection that ended is free');
    for (const client of [second, last, local]) await client.close();
  } finally {
    await server.stop();
  }
});
