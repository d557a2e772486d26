/** Steps of people: accounts, log-ins, registrations, clients that hang, and servers that crash. */
import { PASSWORD } from '../people.ts';
import { at } from '../line-client.ts';
import { CLIENTS, type Stage } from './stage.ts';
import { answers, anyone, ask, pick, step, wordOf, type Step } from './steps.ts';
import type { Account, Registration, World } from './world.ts';

const NAMES = ['Ann', 'Bob', 'Cid'] as const;
type As = 'guest' | 'member' | 'former member';

export const signUp = (which: number): Step =>
  step('SignUp', [which], (world) => async (stage) => {
    const UserName = pick(NAMES, which) ?? '';
    const answer = await stage.callOnce('SignUp', { UserName, Password: PASSWORD });
    answers(answer, world.accounts.has(UserName) ? 'AlreadyRegistered' : 'ok');
    if (world.accounts.has(UserName)) return;
    world.signedUp(UserName);
    world.commit();
  });

export const logIn = (which: number, isRight: boolean): Step =>
  step('LogIn', [which, isRight], (world) => async (stage) => {
    const UserName = pick(NAMES, which) ?? '';
    const account = world.accounts.get(UserName);
    const answer = await stage.callOnce('LogIn', { UserName, Password: isRight ? PASSWORD : 'a wrong guess' });
    answers(answer, account !== undefined && isRight ? 'ok' : 'Unauthorized');
    if (!isRight || account === undefined) return;
    account.tokens.push({ value: wordOf(answer, 'Token'), isVoid: false });
    world.commit();
  });

export const logOut = (which: number): Step =>
  step('LogOut', [which], (world) => {
    const token = pick(
      [...world.accounts.values()].flatMap(({ tokens }) => tokens),
      which,
    );
    if (token === undefined) return undefined;
    return async (stage) => {
      answers(await stage.callOnce('LogOut', { Token: token.value }), token.isVoid ? 'Unauthorized' : 'ok');
      if (token.isVoid) return;
      token.isVoid = true;
      world.commit();
      for (const registration of [...world.registrations.values()]) {
        if (registration.token !== token.value) continue;
        // An inline client is hung up on, too.
        const told = await ask(stage, registration, 'ListRooms');
        if (told !== undefined) answers(told, 'NotRegistered');
        stage.device(registration.id).cut();
        world.gone(registration, false);
      }
    };
  });

/** Where a client goes on in the lobby: after what it was shown last. */
function placeOf(world: World, id: string): { readonly after: number; readonly place: number } {
  const place = world.seen.get(id)?.get(world.lobby) ?? 0;
  return { place, after: world.lobby.log[place - 1]?.seq ?? 0 };
}

function tokenFor(account: Account | undefined, isVoid: boolean): string | undefined {
  return account?.tokens.find((token) => token.isVoid === isVoid)?.value;
}

/** A client registers that is not. @param Token of the account that it is of, as a guest when left out */
async function arrive(world: World, stage: Stage, id: string, { account, Token, resumes }: Arriving): Promise<void> {
  const device = stage.device(id);
  await stage.connected(device);
  // What may still have come to its former registration is not this one's.
  device.rest();
  const { after, place } = placeOf(world, id);
  const resume = resumes ? { ResumeAfter: after, ...(device.epoch === '' ? {} : { Epoch: device.epoch }) } : {};
  const params = { ID: id, Name: id, Callback: device.callback, ...(Token === undefined ? {} : { Token }), ...resume };
  const isVoid = account?.tokens.some(({ value, isVoid: ended }) => value === Token && ended) === true;
  const answer = await device.call('ChatServer.Register', params, device.way === 'classic' && !isVoid ? '1.0' : '2.0');
  answers(answer, isVoid ? 'Unauthorized' : 'ok');
  if (isVoid) return;
  device.epoch = wordOf(answer, 'Epoch');
  const { way } = device;
  const about = { id, isCalled: way !== 'pull', isPrompt: way === 'inline' || way === 'classic', account, token: Token };
  world.registered({ ...about, session: wordOf(answer, 'Session') }, resumes ? place : undefined);
}

interface Arriving {
  readonly account: Account | undefined;
  readonly Token: string | undefined;
  readonly resumes: boolean;
}

export const register = (who: number, as: As, which: number, resumes: boolean): Step =>
  step('Register', [who, as, which, resumes], (world) => {
    const [id] = pick(
      CLIENTS.filter(([each]) => !world.registrations.has(each)),
      who,
    ) ?? [undefined];
    const account = as === 'guest' ? undefined : pick(world.accounts.values(), which);
    const Token = tokenFor(account, as === 'former member');
    if (id === undefined || (as !== 'guest' && Token === undefined)) return undefined;
    return (stage) => arrive(world, stage, id, { account, Token, resumes });
  });

/** @param kill the client, one that hangs if there is one, is killed first, else it only registers once more */
export const takeOver = (who: number, kill: boolean, resumes: boolean, isRight: boolean): Step =>
  step('TakeOver', [who, kill, resumes, isRight], (world) => {
    const hung = [...world.registrations.values()].filter(({ hangs }) => hangs);
    const registration = (kill ? pick(hung, who) : undefined) ?? anyone(world, who);
    if (registration === undefined) return undefined;
    return async (stage) => {
      const { id, session, isPrompt, hangs } = registration;
      const device = stage.device(id);
      const dies = isRight && (kill || hangs);
      if (dies) device.cut();
      await stage.connected(device);
      const { after, place } = placeOf(world, id);
      const resume = resumes ? { ResumeAfter: after, Epoch: device.epoch } : {};
      const params = { ID: id, Name: id, Callback: device.callback, Session: isRight ? session : 'guessed', ...resume };
      const answer = await device.call('ChatServer.Register', params, device.way === 'classic' && isRight ? '1.0' : '2.0');
      answers(answer, isRight ? 'ok' : 'AlreadyRegistered');
      if (isRight)
        world.takenOver(registration, wordOf(answer, 'Session'), { resume: resumes ? place : undefined, exact: isPrompt && !dies });
    };
  });

export const unregister = (who: number): Step =>
  step('Unregister', [who], (world) => {
    const registration = anyone(world, who);
    if (registration === undefined) return undefined;
    return async (stage) => {
      const device = stage.device(registration.id);
      const answer = await device.call('ChatServer.Unregister', { ID: registration.id });
      if (at(answer, 'result') !== 'Successfully unregistered') throw new Error(JSON.stringify(answer));
      device.forget();
      world.gone(registration, registration.isPrompt);
    };
  });

/** Leaves, and comes back as who it was. */
export const goAndReturn = (who: number, resumes: boolean): Step =>
  step('GoAndReturn', [who, resumes], (world) => {
    const registration = anyone(world, who);
    if (registration === undefined) return undefined;
    return async (stage) => {
      const { id, account, token } = registration;
      await unregister(who).run(world, stage);
      await arrive(world, stage, id, { account, Token: token, resumes });
    };
  });

/** Not in dialect 1.0: what is in flight there depends on time. */
export const hang = (who: number): Step =>
  step('Hang', [who], (world) => {
    const registration = anyone(world, who);
    if (registration?.isCalled !== true || registration.hangs || wayOf(registration) === 'classic') return undefined;
    return async (stage) => {
      stage.device(registration.id).hangs = true;
      registration.hangs = true;
    };
  });

export const comeBack = (who: number): Step =>
  step('ComeBack', [who], (world) => {
    const registration = pick(
      [...world.registrations.values()].filter(({ hangs }) => hangs),
      who,
    );
    return registration === undefined ? undefined : async (stage) => stage.comeBack(world, registration);
  });

/** @param returns whether everybody who was here comes back, as clients do, one after the other */
export const crash = (returns: boolean): Step =>
  step('Crash', [returns], (world) => async (stage: Stage) => {
    const here = [...world.registrations.values()];
    await stage.crash(world);
    if (!returns) return;
    for (const { id, account, token } of here) {
      await arrive(world, stage, id, { account, Token: token, resumes: true });
      await stage.settle(world);
    }
  });

function wayOf({ id }: Registration): string | undefined {
  return CLIENTS.find(([each]) => each === id)?.[1];
}
