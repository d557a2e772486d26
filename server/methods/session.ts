/** Register and Unregister: who a client is, how it is called back, and where it begins. */
import { RpcError } from '../../commons/errors.ts';
import type { ParamsOf } from '../../commons/protocol.ts';
import type { Peer } from '../../commons/rpc/peer.ts';
import type { Arrival } from '../account-rooms.ts';
import { follow } from '../beginning.ts';
import type { CallContext } from '../call-context.ts';
import type { CallbackTarget, DialTarget } from '../delivery/address-policy.ts';
import { Delivery } from '../delivery/delivery.ts';
import { DialledRoute, InlineRoute, type Route } from '../delivery/route.ts';
import { afterUniformTime, UNIFORM_MARGIN_MS } from '../delivery/uniform-time.ts';
import { Member } from '../member.ts';
import { busy } from '../queue.ts';
import { RateLimit } from '../rate-limit.ts';
import { formOf, SPOKEN } from '../segment.ts';
import type { Services } from '../services.ts';
import { identify, mayActAs, type Identity } from './identity.ts';
import { method, type Outcome } from './method.ts';

type RegisterParams = ParamsOf<'ChatServer.Register'>;
type RegisterOutcome = Outcome<'ChatServer.Register'>;

/** A way to the client that has been tried: the connection is open. */
interface Reached {
  readonly route: Route;
  readonly peer: Peer<CallContext>;
}

export const register = (services: Services) =>
  method('ChatServer.Register', async (params, outcome) => {
    if (services.stopping()) throw new RpcError('ShuttingDown');
    const identity = await identify(services, params);
    const target = services.policy.resolve(params.Callback, outcome.context.address);
    const account = identity.logIn?.account;
    await services.registry.exclusively(params.ID, async () => {
      while (!mayBeCalled(services, params, identity)) await identity.names.ask();
      await services.inboxes.arriving(account, async () => {
        const arrival = await services.accountRooms.expect(account?.id);
        try {
          const reached = await reach(services, params, target, outcome);
          // What was said before is in the log when the client begins.
          await services.broadcaster.flushed();
          await admitOrHangUp(services, params, identity, reached, arrival, outcome);
        } finally {
          arrival.release();
        }
      });
    });
  });

export const unregister = (services: Services) =>
  method(
    'ChatServer.Unregister',
    (params, { context, succeed }) =>
      services.registry.exclusively(params.ID, async () => {
        const member = services.registry.acting(params.ID, context.peer, params.Session);
        // Who answers and leaves at once has answered: the two come on two connections, in no order.
        await member.delivery?.readAnswers();
        services.membership.dismiss(member, 'left');
        succeed('Successfully unregistered');
      }),
    (params) => (typeof params === 'string' ? { ID: params } : params),
  );

/** Whether the names are known to be free for it. Who takes over keeps those that it has. @throws RpcError when it may not register */
function mayBeCalled(services: Services, params: RegisterParams, identity: Identity): boolean {
  const former = mayRegister(services, params);
  mayActAs(services, identity, former);
  return former !== undefined || identity.names.stands();
}

/** The registration that `params` take over, if they prove one. @throws RpcError when the ID is somebody else's. */
function mayRegister({ registry }: Services, { ID, Name, Session }: RegisterParams): Member | undefined {
  const holder = registry.holder(ID);
  if (holder === undefined) return undefined;
  if (holder.id !== ID || Session === undefined || !holder.hasSession(Session)) throw new RpcError('AlreadyRegistered');
  if (holder.name === Name) return holder;
  const Message = `Name must stay "${holder.name}" while the registration lives.`;
  throw new RpcError('InvalidParams', Message, { Issues: [{ Path: 'Name', Message }] });
}

/** Opens the way that `target` names; `undefined` for a client that pulls. */
async function reach(
  services: Services,
  params: RegisterParams,
  target: CallbackTarget,
  { call, context }: RegisterOutcome,
): Promise<Reached | undefined> {
  if (target.kind === 'none') return undefined;
  if (target.kind === 'dial')
    return dial(
      services,
      new DialledRoute(services.routeMeans, target, SPOKEN[formOf(call.dialect, call.style)], params.Secret),
      target,
      context,
    );
  if (context.peer.sink !== undefined && !heldBySession(services, params, context)) {
    const Message = 'Callback cannot be "inline": this connection already carries the callbacks of another registration.';
    throw new RpcError('InvalidParams', Message, { Issues: [{ Path: 'Callback', Message }] });
  }
  return { route: new InlineRoute(context.peer), peer: context.peer };
}

/** Whether the callbacks that this connection carries belong to the very registration that is taken over. */
function heldBySession({ registry }: Services, { ID }: RegisterParams, { peer }: CallContext): boolean {
  const member = registry.get(ID);
  return member?.delivery !== undefined && member.delivery === peer.sink;
}

/** Refused, filtered and silent ports look the same: one error, after one time. */
async function dial({ settings, dialBudget }: Services, route: Route, target: DialTarget, context: CallContext): Promise<Reached> {
  const began = performance.now();
  const leave = dialBudget.take(context.address, target);
  if (leave === undefined) throw new RpcError('RateLimited', 'Too many callback addresses were tried from here.', { RetryAfterMs: 60_000 });
  const { dialMs } = settings.limits;
  let forgiven = false;
  try {
    const peer = await route.open(Math.max(1, dialMs - UNIFORM_MARGIN_MS));
    forgiven = !target.verify;
    return { route, peer };
  } catch {
    await afterUniformTime(began, dialMs);
    throw new RpcError('CallbackFailed');
  } finally {
    leave(forgiven);
  }
}

/** From the last look at the names to the admission nothing else happens. */
async function admitOrHangUp(...[services, params, identity, reached, arrival, outcome]: Parameters<typeof admit>): Promise<void> {
  try {
    while (!mayBeCalled(services, params, identity)) await identity.names.ask();
    admit(services, params, identity, reached, arrival, outcome);
  } catch (error) {
    if (reached?.route.redials === true) reached.peer.connection.destroy();
    throw error;
  }
}

function admit(
  services: Services,
  params: RegisterParams,
  { logIn }: Identity,
  reached: Reached | undefined,
  arrival: Arrival,
  outcome: RegisterOutcome,
): void {
  const { context } = outcome;
  if (services.stopping()) throw new RpcError('ShuttingDown');
  if (context.peer.connection.closed && reached?.route.redials !== true) throw new RpcError('CallbackFailed');
  // The dial took a while: a registration that was to be taken over may be gone by now, and this becomes a new one.
  const former = mayRegister(services, params);
  const member = former ?? newMember(services, params, context);
  const { lobby, membership, settings, broadcaster } = services;
  if (former === undefined && broadcaster.queue.crowded) throw busy();
  if (logIn !== undefined) services.registry.bind(member, logIn);
  const resume = params.ResumeAfter === undefined ? undefined : { after: params.ResumeAfter, epoch: params.Epoch };
  const carriedOn =
    former?.delivery !== undefined && resume === undefined
      ? { after: former.delivery.settledThrough(lobby.log), epoch: services.epoch }
      : resume;
  const beginning = membership.beginning(lobby, carriedOn);
  const elsewhere = membership.carriedOn(former, arrival);
  const heir = reached === undefined ? undefined : newDelivery(services, member, reached.route, outcome);
  member.delivery?.close(heir);
  member.delivery = heir;
  member.owner = context.peer;
  context.peer.connection.maxFrameBytes = settings.limits.frameBytes;
  if (former === undefined) membership.arrive(member, arrival);
  else membership.bind(member, arrival);
  outcome.succeed({
    Success: true,
    Message: `Successfully registered as ${member.id}`,
    ID: member.id,
    Session: member.issueSession(),
    Room: lobby.code,
    // The notice that tells of a hole comes after this place and before the first message behind it.
    Seq: beginning.hole ? beginning.passed - 1 : beginning.passed,
    Epoch: services.epoch,
  });
  if (reached === undefined || member.delivery === undefined) return services.inboxes.arrived(member);
  member.delivery.start(reached.peer);
  follow(member.delivery, lobby, beginning);
  for (const [room, place] of elsewhere) follow(member.delivery, room, place);
  services.inboxes.arrived(member);
}

function newMember({ settings }: Services, { ID, Name }: RegisterParams, context: CallContext): Member {
  context.rate ??= new RateLimit(settings.messagesPerSecond);
  return new Member({ id: ID, name: Name, from: `${context.address}:${context.port}`, rate: context.rate });
}

function newDelivery({ deliveryMeans }: Services, member: Member, route: Route, { call }: RegisterOutcome): Delivery {
  return new Delivery(deliveryMeans, { id: member.id, form: formOf(call.dialect, call.style), route });
}
