/**
 * How the server calls its clients back: one connection each, calls in order, proved before Register answers; a client
 * that says no, closes between calls or knows no ping is a good client, one that has died is noticed.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { PEERS } from './support/fault-peers.ts';
import { at } from './support/line-client.ts';
import { answerTo, Peer } from './support/peer.ts';
import { join, withServer, type RunningServer } from './support/room.ts';

const REGISTER = 'ChatServer.Register';

async function registerPeer(server: RunningServer, id: string, callback: string, more: object = {}): Promise<unknown> {
  return (await server.connect()).call(REGISTER, { ID: id, Name: id, Callback: callback, ...more });
}
const isRegistered = (answer: unknown) => assert.equal(at(answer, 'result', 'Success'), true, JSON.stringify(answer));
const isCallbackFailed = (answer: unknown) => {
  assert.deepEqual(
    [at(answer, 'error', 'code'), at(answer, 'error', 'data', 'Reason')],
    [-32006, 'CallbackFailed'],
    JSON.stringify(answer),
  );
  return at(answer, 'error', 'message');
};

test('the callback is connected when Register answers, by address or by port alone, and one connection serves all calls in order', () =>
  withServer({}, async (server) => {
    const peers = [await PEERS.healthy(), await PEERS.healthy()];
    const [byAddress, byPort] = peers;
    isRegistered(await registerPeer(server, 'by-address', byAddress?.callback ?? ''));
    isRegistered(await registerPeer(server, 'by-port', `:${byPort?.port}`));
    assert.deepEqual(
      peers.map(({ connections }) => connections),
      [1, 1],
    );
    const sender = await join(server, { id: 'sender' });
    for (let index = 0; index < 50; index += 1) await sender.say(`${index}`);
    for (const peer of peers) {
      await peer.heard(({ texts }) => texts.length === 50, 'all of them');
      assert.deepEqual(
        peer.texts,
        Array.from({ length: 50 }, (_, index) => `${index}`),
      );
      assert.equal(peer.connections, 1);
      await peer.close();
    }
  }));

test('inline callbacks come on the registering connection, none means none', () =>
  withServer({}, async (server) => {
    const inline = await join(server, { id: 'inline' });
    const puller = await join(server, { id: 'puller', callback: 'none' });
    await puller.say('hello');
    assert.equal((await inline.hear(({ Kind }) => Kind === 'chat')).Content, 'puller: hello');
    assert.deepEqual(puller.heard, []);
  }));

test('a second registration cannot have its callbacks on a connection that carries another one’s', () =>
  withServer({}, async (server) => {
    const { client } = await join(server, { id: 'first' });
    const answer = await client.call(REGISTER, { ID: 'second', Name: 'second', Callback: 'inline' });
    assert.equal(at(answer, 'error', 'data', 'Issues', 0, 'Path'), 'Callback');
  }));

test('callbacks that cannot be called are refused after one time and with one sentence, whatever the port does', () => {
  const dialMs = 300;
  return withServer({ limits: { dialMs } }, async (server) => {
    const gone = await PEERS.healthy();
    await gone.close();
    const hung = await PEERS.hung();
    const resetting = await PEERS.resetting();
    const cases = [
      { callback: gone.callback, more: {} },
      { callback: hung.callback, more: { Secret: 'shh' } },
      { callback: resetting.callback, more: { Secret: 'shh' } },
    ];
    const sentences = new Set<unknown>();
    for (const { callback, more } of cases) {
      const began = performance.now();
      sentences.add(isCallbackFailed(await registerPeer(server, 'nobody', callback, more)));
      const took = performance.now() - began;
      assert.ok(took >= dialMs - 2 && took < dialMs + 150, `${callback} took ${took} ms`);
    }
    assert.equal(sentences.size, 1);
    for (const peer of [hung, resetting]) await peer.close();
  });
});

test('the secret is the first call on every connection, and a peer that refuses it is not called', () =>
  withServer({ limits: { dialMs: 300, retryDelaysMs: [20, 20, 20] } }, async (server) => {
    const stays = await PEERS.healthy();
    isRegistered(await registerPeer(server, 'stays', stays.callback, { Secret: 'shh' }));
    const sender = await join(server, { id: 'sender' });
    await sender.say('one');
    await stays.heard(({ texts }) => texts.length === 1, 'a message');
    await stays.vanish();
    await stays.comeBack();
    await sender.say('two');
    await stays.heard(({ texts }) => texts.length === 2, 'a message on a new connection');
    const methods = stays.calls.map(({ method }) => method.replace('ClientCallback.', ''));
    assert.equal(methods[0], 'Authenticate');
    assert.equal(methods.filter((method) => method === 'Authenticate').length, stays.connections);
    const refusing = await PEERS.refusing();
    isCallbackFailed(await registerPeer(server, 'refuses', refusing.callback, { Secret: 'shh' }));
    for (const each of [stays, refusing]) await each.close();
  }));

const foreign = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
const skip = foreign === undefined ? 'this machine has no address but loopback' : false;

test('an allowed foreign address is called only after it has echoed a challenge, once', { skip }, () =>
  withServer({ callbackAllow: [`${foreign}/32`], limits: { dialMs: 400 } }, async (server) => {
    const mute = await PEERS.healthy('plain', foreign);
    isCallbackFailed(await registerPeer(server, 'unasked', mute.callback));
    assert.deepEqual(
      mute.calls.map(({ method }) => method),
      ['ClientCallback.Verify'],
    );
    const challenges: unknown[] = [];
    const echo = await Peer.start(
      {
        called: (call, socket) => {
          const challenge = at(call.params, 'Challenge');
          if (challenge !== undefined) challenges.push(challenge);
          socket.write(answerTo(call, challenge === undefined ? { Success: true } : { Challenge: challenge }));
        },
      },
      foreign,
    );
    for (const id of ['asked', 'asked-too']) isRegistered(await registerPeer(server, id, echo.callback));
    assert.equal(new Set(challenges).size, 2);
    const sender = await join(server, { id: 'sender' });
    await sender.say('one');
    await echo.heard(({ messages }) => messages.filter(({ Text }) => Text === 'one').length === 2, 'the message, twice');
    await echo.vanish();
    await echo.comeBack();
    await sender.say('two');
    await echo.heard(({ messages }) => messages.some(({ Text }) => Text === 'two'), 'a message on a new connection');
    assert.equal(challenges.length, 2);
    for (const peer of [mute, echo]) await peer.close();
  }),
);

test('at a foreign address the secret comes first, then the challenge', { skip }, () =>
  withServer({ callbackAllow: [`${foreign}/32`] }, async (server) => {
    const peer = await Peer.start(
      {
        called: (call, socket) => {
          const challenge = at(call.params, 'Challenge');
          socket.write(answerTo(call, challenge === undefined ? { Success: true } : { Challenge: challenge }));
        },
      },
      foreign,
    );
    const client = await server.connect();
    const params = { ID: 'both', Name: 'Both', Callback: peer.callback, Secret: 'shown first' };
    isRegistered(await client.call('ChatServer.Register', params));
    assert.deepEqual(
      peer.calls.map(({ method }) => method),
      ['ClientCallback.Authenticate', 'ClientCallback.Verify'],
    );
    await peer.close();
  }),
);

test('an inline client that is dropped is hung up on, so that it notices', () =>
  withServer({ limits: { callMs: 300, retryCallMs: 50, retryDelaysMs: [20, 20, 20] } }, async (server) => {
    const mute = await server.connect();
    isRegistered(await mute.call('ChatServer.Register', { ID: 'mute', Name: 'Mute', Callback: 'inline' }));
    const sender = await join(server, { id: 'sender' });
    await sender.say('nobody answers this');
    await sender.hear(({ Content }) => Content === 'User mute left the chat');
    await mute.closed;
  }));

test('a foreign address that is not allowed is not even dialled', { skip }, () =>
  withServer({}, async (server) => {
    const peer = await PEERS.healthy('plain', foreign);
    isCallbackFailed(await registerPeer(server, 'scanner', peer.callback));
    assert.equal(peer.connections, 0);
    await peer.close();
  }),
);

// Elsewhere 127.0.0.1 is the only address of loopback until somebody adds one.
const onlyOne = process.platform === 'linux' ? false : 'this machine does not have 127.0.0.2';

test('other loopback addresses are called only where they are listed, and after they echoed a challenge', { skip: onlyOne }, async () => {
  const peer = await PEERS.healthy('plain', '127.0.0.2');
  await withServer({}, async (server) => {
    isCallbackFailed(await registerPeer(server, 'neighbour', peer.callback));
    assert.equal(peer.connections, 0);
  });
  await withServer({ callbackAllow: ['127.0.0.0/8'], limits: { dialMs: 400 } }, async (server) => {
    isCallbackFailed(await registerPeer(server, 'neighbour', peer.callback));
    assert.deepEqual(
      peer.calls.map(({ method }) => method),
      ['ClientCallback.Verify'],
    );
  });
  await peer.close();
});

test('a peer that closes after each answer is called again for the next message, is never dropped, and loses nothing', () =>
  withServer({ limits: { pingIdleMs: 300, retryDelaysMs: [20, 20, 20], callMs: 500, retryCallMs: 200 } }, async (server) => {
    const peer = await PEERS.closesAfterEachAnswer();
    isRegistered(await registerPeer(server, 'per-call', peer.callback));
    const sender = await join(server, { id: 'sender' });
    for (let index = 0; index < 30; index += 1) await sender.say(`${index}`);
    await peer.heard(({ texts }) => texts.length === 30, 'all of them');
    assert.deepEqual(
      peer.texts,
      Array.from({ length: 30 }, (_, index) => `${index}`),
    );
    const pings = () => peer.calls.filter(({ method }) => method === 'ClientCallback.Ping').length;
    const before = pings();
    const quietSince = performance.now();
    await peer.heard(() => pings() >= before + 3, 'pings while nothing is said');
    assert.ok(performance.now() - quietSince > 500, 'and no more of them than silence asks for');
    await sender.say('last');
    await peer.heard(({ texts }) => texts.includes('last'), 'the last one');
    assert.deepEqual(server.warnings, []);
    await peer.close();
  }));

test('a peer that broke off once in the middle of its work is served at full speed again', () =>
  withServer({ limits: { retryDelaysMs: [20, 20, 20] } }, async (server) => {
    let broken = false;
    let unanswered = 0;
    let most = 0;
    const peer = await Peer.start({
      called: (call, socket) => {
        if (!broken && call.message?.Text === '5') {
          broken = true;
          return void socket.resetAndDestroy();
        }
        most = Math.max(most, (unanswered += 1));
        setImmediate(() => {
          unanswered -= 1;
          if (socket.writable) socket.write(answerTo(call));
        });
      },
    });
    isRegistered(await registerPeer(server, 'flaky', peer.callback));
    const sender = await join(server, { id: 'sender' });
    for (let index = 0; index < 10; index += 1) await sender.say(`${index}`);
    await peer.heard(({ texts }) => texts.length === 10, 'the first ten');
    most = 0;
    const frames = Array.from({ length: 50 }, (_, id) =>
      JSON.stringify({ jsonrpc: '2.0', id, method: 'ChatServer.SendMessage', params: { UserID: 'sender', Text: `more ${id}` } }),
    );
    sender.client.write(`${frames.join('\n')}\n`);
    await peer.heard(({ texts }) => texts.length === 60, 'the other fifty');
    assert.ok(most > 1, 'more than one call at a time');
    await peer.close();
  }));

test('a client that declines messages is neither asked again nor dropped', () =>
  withServer({}, async (server) => {
    const peer = await PEERS.refusing();
    isRegistered(await registerPeer(server, 'picky', peer.callback));
    const sender = await join(server, { id: 'sender' });
    for (const text of ['one', 'two', 'three']) await sender.say(text);
    await peer.heard(({ texts }) => texts.length === 3, 'three messages');
    await sender.client.call('ChatServer.ListUsers', { UserID: 'sender' });
    assert.deepEqual([peer.messages.filter(({ Kind }) => Kind === 'chat').length, server.warnings], [3, []]);
    await peer.close();
  }));

test('idle callbacks are pinged, and any answer is a sign of life', () =>
  withServer({ limits: { pingIdleMs: 150, callMs: 300 } }, async (server) => {
    const peer = await PEERS.erring();
    isRegistered(await registerPeer(server, 'stock', peer.callback));
    const pings = () => peer.calls.filter(({ method }) => method === 'ClientCallback.Ping').length;
    await peer.heard(() => pings() >= 4, 'four pings');
    assert.deepEqual(server.warnings, []);
    await peer.close();
  }));

test('a client that died is noticed though nobody says anything', () =>
  withServer({ limits: { pingIdleMs: 150, callMs: 300, retryCallMs: 100, retryDelaysMs: [50, 50, 50] } }, async (server) => {
    const [vanishing, hanging] = [await PEERS.healthy(), await PEERS.hung()];
    isRegistered(await registerPeer(server, 'vanishing', vanishing.callback));
    const witness = await join(server, { id: 'witness' });
    await vanishing.vanish();
    await witness.hear(({ Content }) => Content === 'User vanishing left the chat');
    isRegistered(await registerPeer(server, 'hanging', hanging.callback));
    await witness.hear(({ Content }) => Content === 'User hanging left the chat');
    assert.equal(server.warnings.length, 2, server.warnings.join(''));
    await hanging.close();
  }));
