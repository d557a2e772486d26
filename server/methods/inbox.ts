/** Read and Notify: what waits in the own inbox is taken, or pushed. */
import { RpcError } from '../../commons/errors.ts';
import type { ResultOf } from '../../commons/protocol.ts';
import { Encoded } from '../../commons/rpc/frame.ts';
import { choose } from '../direct/consent.ts';
import type { Inbox, Taken } from '../direct/inbox.ts';
import type { Services } from '../services.ts';
import { method, type Outcome } from './method.ts';
import { ANSWER_BYTES, bodiesOf, fitting } from './page.ts';

const DEFAULT_MAX = 50;

export const read = (services: Services) =>
  method('ChatServer.Read', ({ UserID, Session, Max = DEFAULT_MAX }, outcome) => {
    const member = services.registry.acting(UserID, outcome.context.peer, Session);
    outOfTurn(services, outcome, async () => {
      const bodies: string[] = [];
      let remaining = 0;
      for (const person of services.inboxes.of(member)) {
        const next = (inbox: Inbox) => inbox.take((after) => page(services, inbox.room.code, after, Max));
        const taken = bodies.length > 0 ? { bodies: [], remaining: 0 } : await services.inboxes.using(person, next);
        bodies.push(...taken.bodies);
        remaining += taken.remaining;
      }
      return new Encoded(`{"Success":true,"Messages":[${bodies.join(',')}],"Remaining":${remaining}}`);
    });
  });

export const notify = (services: Services) =>
  method('ChatServer.Notify', ({ UserID, Session, Enabled }, outcome) => {
    const member = services.registry.acting(UserID, outcome.context.peer, Session);
    outOfTurn(services, outcome, async () => {
      for (const person of services.inboxes.of(member)) {
        const change = (): Promise<void> => choose(services.accounts, person, () => ({ notify: Enabled }));
        await services.inboxes.using(person, (inbox) => inbox.turn(Enabled, change));
      }
      return { Success: true };
    });
  });

/** Carries out a call that may have to wait until this very client has answered what it was sent: so nothing waits for the call. */
function outOfTurn<M extends 'ChatServer.Read' | 'ChatServer.Notify'>(
  { log }: Services,
  { call, context, succeed, refuse }: Outcome<M>,
  work: () => Promise<ResultOf<M> | Encoded>,
): void {
  context.peer.answerOutOfTurn(call);
  work().then(succeed, (error: unknown) => {
    if (!(error instanceof RpcError)) log.error('A call about an inbox failed.', error);
    refuse(error instanceof RpcError ? error : new RpcError('InternalError'));
  });
}

/** The next messages of an inbox, as many as were asked for and fit. */
async function page({ store }: Services, room: string, after: number, max: number): Promise<Taken> {
  const segments = await store.after(room, after, 4 * ANSWER_BYTES);
  const bodies = fitting(bodiesOf(segments, (seq) => seq > after).slice(0, max));
  return { bodies: bodies.map(({ json }) => json), through: bodies.at(-1)?.seq };
}
