/** How a step of a run is made: it may be taken or not, does something to the real thing and to the model, and then all must agree. */
import assert from 'node:assert/strict';
import type fc from 'fast-check';
import { at } from '../line-client.ts';
import { reasonOf } from '../people.ts';
import type { Stage } from './stage.ts';
import type { Registration, Room, World } from './world.ts';

export type Step = fc.AsyncCommand<World, Stage>;
/** What a step does, decided by what there is: `undefined` when there is nothing to do it with. */
export type Plan = (world: World) => ((stage: Stage) => Promise<void>) | undefined;

export function step(name: string, given: readonly (string | number | boolean | undefined)[], plan: Plan): Step {
  return {
    check: (world: Readonly<World>) => plan(world) !== undefined,
    run: async (world, stage) => {
      await plan(world)?.(stage);
      await stage.settle(world);
    },
    toString: () => `${name}(${given.map(String).join(', ')})`,
  };
}

/** One of `all`, whatever the number. */
export function pick<T>(all: Iterable<T>, number: number): T | undefined {
  const list = [...all];
  return list[number % Math.max(1, list.length)];
}

export const anyone = (world: World, who: number): Registration | undefined => pick(world.registrations.values(), who);
/** A room, deleted ones included; the lobby is the first. */
export const anyRoom = (world: World, which: number): Room | undefined => pick(world.rooms, which);

/** A call for a registration, on its own connection. */
export function ask(stage: Stage, { id }: Registration, method: string, params: object = {}): Promise<unknown> {
  return stage.device(id).call(`ChatServer.${method}`, { UserID: id, ...params });
}

/** Asserts that an answer is what the model says: `ok`, or why not. */
export function answers(answer: unknown, reason: string): void {
  assert.equal(reasonOf(answer), reason, JSON.stringify(answer));
}

export function numberOf(answer: unknown, field = 'Seq'): number {
  const value = at(answer, 'result', field);
  assert.ok(typeof value === 'number', JSON.stringify(answer));
  return value;
}

export function wordOf(answer: unknown, field: string): string {
  const value = at(answer, 'result', field);
  assert.ok(typeof value === 'string', JSON.stringify(answer));
  return value;
}

/** Has all that was said before come into the logs, without saying anything. */
export async function flush(stage: Stage, registration: Registration): Promise<void> {
  answers(await ask(stage, registration, 'JoinRoom', { Room: 'lobby' }), 'ok');
}
