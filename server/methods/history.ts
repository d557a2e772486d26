/** History: what a room said, a page at a time, in both directions. */
import { RpcError } from '../../commons/errors.ts';
import type { ParamsOf } from '../../commons/protocol.ts';
import { Encoded } from '../../commons/rpc/frame.ts';
import type { Services } from '../services.ts';
import { notThere, roomOf } from './messages.ts';
import { method } from './method.ts';
import { ANSWER_BYTES, bodiesOf, fitting, type Body } from './page.ts';

const DEFAULT_LIMIT = 50;

type Page = Pick<ParamsOf<'ChatServer.History'>, 'After' | 'Before'> & { readonly limit: number };

export const history = (services: Services) =>
  method('ChatServer.History', async ({ UserID, Session, Room, After, Before, Limit = DEFAULT_LIMIT }, { context, succeed }) => {
    const caller = services.registry.acting(UserID, context.peer, Session);
    const room = roomOf(services, caller, Room);
    if (room === undefined) return notThere(services, Room);
    if (After !== undefined && Before !== undefined) {
      const Message = 'Before must be left out when After is given.';
      throw new RpcError('InvalidParams', Message, { Issues: [{ Path: 'Before', Message }] });
    }
    const messages = await read(services, room.code, { After, Before, limit: Limit });
    succeed(
      new Encoded(`{"Success":true,"Messages":[${messages.map(({ json }) => json).join(',')}],"Epoch":${JSON.stringify(services.epoch)}}`),
    );
  });

/** The messages of one page, oldest first. */
async function read({ store }: Services, room: string, { After, Before, limit }: Page): Promise<readonly Body[]> {
  if (After !== undefined) {
    const bodies = bodiesOf(await store.after(room, After, 4 * ANSWER_BYTES), (seq) => seq > After);
    return fitting(bodies.slice(0, limit));
  }
  const end = Before ?? Number.MAX_SAFE_INTEGER;
  const bodies = bodiesOf(await store.before(room, end, limit), (seq) => seq < end);
  return fitting(bodies.slice(-limit).reverse()).toReversed();
}
