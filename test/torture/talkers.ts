/**
 * People who talk as fast as they are answered, as a program of their own: what those who only listen make this machine do
 * must not slow them down. Told a count by its parent, it says so many messages and tells their numbers.
 */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import * as v from 'valibot';
import { at, LineClient } from '../support/line-client.ts';

const TALKERS = 4;
/** Calls that each talker has under way. */
const UNDER_WAY = 16;
const PATIENCE_MS = 120_000;

const Talked = v.object({
  /** Of the messages, ascending. */
  seqs: v.array(v.number()),
  /** Messages that were acknowledged a second. */
  perSecond: v.number(),
});
export type Talked = v.InferOutput<typeof Talked>;

/** The program, seen from its parent. */
export class Talkers {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Joins a server, calling nobody back. */
  static async join({ host, port }: { readonly host: string; readonly port: number }): Promise<Talkers> {
    const talkers = new Talkers(fork(import.meta.filename, [host, String(port)]));
    await talkers.#told();
    return talkers;
  }

  /** Says `count` messages. @throws Error when one is refused or not answered */
  async talk(count: number): Promise<Talked> {
    const answered = this.#told();
    this.#child.send(count);
    return v.parse(Talked, await answered);
  }

  leave(): void {
    this.#child.kill();
  }

  /** What the program tells next. @throws Error when it ends instead; why, it says on stderr */
  #told(): Promise<unknown> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error('those who talk have ended'));
      child.once('exit', ended).once('message', (news) => {
        child.off('exit', ended);
        resolve(news);
      });
    });
  }
}

async function say(client: LineClient, id: string, count: number): Promise<number[]> {
  const seqs: number[] = [];
  const call = (number: number): void =>
    client.writeFrame({
      jsonrpc: '2.0',
      id: number,
      method: 'ChatServer.SendMessage',
      params: { UserID: id, Text: `${id} says ${number}` },
    });
  for (let number = 0; number < Math.min(UNDER_WAY, count); number += 1) call(number);
  for (let answered = 0; answered < count; answered += 1) {
    const answer = await client.next(PATIENCE_MS);
    assert.equal(at(answer, 'result', 'Success'), true, JSON.stringify(answer));
    seqs.push(Number(at(answer, 'result', 'Seq')));
    if (answered + UNDER_WAY < count) call(answered + UNDER_WAY);
  }
  return seqs;
}

async function main(host: string, port: number, tell: (news: object) => void): Promise<void> {
  const ids = Array.from({ length: TALKERS }, (_, index) => `talker-${index}`);
  const talkers = await Promise.all(
    ids.map(async (id) => {
      const client = await LineClient.connect(host, port);
      await client.call('ChatServer.Register', { ID: id, Name: id, Callback: 'none' });
      return { id, client };
    }),
  );
  process.on('message', (count) => {
    const began = performance.now();
    void Promise.all(talkers.map(({ id, client }) => say(client, id, Number(count) / TALKERS))).then((all) => {
      const perSecond = Math.round((1_000 * Number(count)) / (performance.now() - began));
      tell({ seqs: all.flat().sort((a, b) => a - b), perSecond });
    });
  });
  // Nobody is left to tell.
  process.on('disconnect', () => process.exit());
  tell({});
}

const [, program, host = '', port = ''] = process.argv;
if (program === import.meta.filename) await main(host, Number(port), (news) => void process.send?.(news));
