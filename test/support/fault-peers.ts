/**
 * Callback servers that are well-behaved and faulty in every way that a network and a careless author offer. What each
 * of them was given is recorded by the peer.
 */
import type net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { answerTo, Peer, reset, type Call } from './peer.ts';

/** Ways to say yes, all of them legal. */
export const ANSWER_SHAPES = {
  plain: (call: Call) => answerTo(call),
  spaced: ({ id }: Call) => `{ "result" : { "Success" : true } , "id" : ${JSON.stringify(id)} , "jsonrpc" : "2.0" }\r\n`,
  talkative: (call: Call) => answerTo(call, { Success: true, Error: '', Seen: call.id, Note: 'é☃😀' }),
  laconic: (call: Call) => answerTo(call, true),
  blankLines: (call: Call) => `\n\r\n${answerTo(call)}\n`,
} as const;
export type AnswerShape = keyof typeof ANSWER_SHAPES;

/** Every way to be a callback server; each row starts one. */
export const PEERS = {
  healthy: (shape: AnswerShape = 'plain', host?: string) =>
    Peer.start({ called: (call, socket) => void socket.write(ANSWER_SHAPES[shape](call)) }, host),

  /** Answers a byte at a time, as fast as it may: healthy too. */
  bytewise: () =>
    Peer.start({
      called: (call, socket) => {
        socket.uncork();
        for (const byte of Buffer.from(answerTo(call))) socket.write(Buffer.of(byte));
      },
    }),

  /** Answers, each time `delayMs` later, one call after the other. */
  slow: (delayMs: number) => {
    let turn = Promise.resolve();
    const answer = async (call: Call, socket: net.Socket) => {
      await pause(delayMs);
      if (socket.writable) socket.write(answerTo(call));
    };
    return Peer.start({ called: (call, socket) => void (turn = turn.then(() => answer(call, socket))) });
  },

  /** One connection per call, as simple HTTP-minded servers do: legal. Goes on with the next call on a new connection. */
  closesAfterEachAnswer: () => {
    const used = new WeakSet<net.Socket>();
    return Peer.start({
      called: (call, socket) => {
        if (used.has(socket)) return;
        used.add(socket);
        socket.end(answerTo(call));
      },
    });
  },

  /** Reads and never answers. */
  hung: (host?: string) => Peer.start({}, host),

  /** Accepts and never reads. */
  halfOpen: () => Peer.start({ accepted: (socket) => void socket.pause() }),

  /** Answers with one byte a second: never within the deadline. */
  trickling: (everyMs = 1000) => {
    const unsent = new WeakMap<net.Socket, number[]>();
    const drip = (socket: net.Socket, bytes: number[]) => {
      const timer = setInterval(() => {
        const byte = bytes.shift();
        if (byte !== undefined && socket.writable) socket.write(Buffer.of(byte));
      }, everyMs);
      socket.on('close', () => clearInterval(timer));
      return bytes;
    };
    return Peer.start({
      accepted: (socket) => void unsent.set(socket, drip(socket, [])),
      called: (call, socket) => void unsent.get(socket)?.push(...Buffer.from(answerTo(call))),
    });
  },

  /** Resets the connection at its first call, `afterBytes` into the answer. */
  resetting: (afterBytes = 0) =>
    Peer.start({
      called: (call, socket) => {
        if (afterBytes === 0) return reset(socket);
        socket.uncork();
        socket.write(answerTo(call).slice(0, afterBytes), () => reset(socket));
      },
    }),

  closesAfterAccept: () => Peer.start({ accepted: (socket) => void socket.destroy() }),

  /** Answers another call than it was asked. */
  wrongId: () => Peer.start({ called: (call, socket) => void socket.write(answerTo({ ...call, id: 987_654_321 })) }),

  /** Answers with what is no answer: no JSON, a bare value, an empty object, or bytes that are no UTF-8. */
  garbage: (bytes: string | Uint8Array = 'HTTP/1.1 400 Bad Request\r\n\r\n') =>
    Peer.start({ called: (_call, socket) => void socket.write(Buffer.concat([Buffer.from(bytes), Buffer.from('\n')])) }),

  /** Sends bytes and never a newline. */
  endless: () =>
    Peer.start({
      called: (_call, socket) => {
        const more = () => socket.writable && socket.write('x'.repeat(65_536), () => setImmediate(more));
        more();
      },
    }),

  /** Answers every call with a JSON-RPC error: a failed callback. */
  erring: () =>
    Peer.start({
      called: ({ id }, socket) =>
        void socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32603, message: 'I cannot take this.' } })}\n`),
    }),

  /** Says `Success: false`: heard, and not a failure. */
  refusing: () => Peer.start({ called: (call, socket) => void socket.write(answerTo(call, { Success: false, Error: 'not today' })) }),
} as const;

/** Lets a peer vanish and come back on its port, over and over, until `signal` aborts; it is there when this ends. */
export async function flap(
  peer: Peer,
  { upMs, downMs }: { readonly upMs: number; readonly downMs: number },
  signal: AbortSignal,
): Promise<number> {
  let times = 0;
  while (!signal.aborted) {
    await pause(upMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) break;
    await peer.vanish();
    await pause(downMs);
    await peer.comeBack();
    times++;
  }
  return times;
}
