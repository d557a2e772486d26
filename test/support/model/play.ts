/** Runs of the model: which steps there are and how often, how a run begins, and how it ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { LineClient } from '../line-client.ts';
import { logIn as tokenOf, signUp as signedUp } from '../people.ts';
import * as between from './direct-steps.ts';
import * as people from './people-steps.ts';
import * as rooms from './room-steps.ts';
import { inProcess, Stage, type Theatre } from './stage.ts';
import { flush, type Step } from './steps.ts';
import { World } from './world.ts';

/** A folder with accounts in it, so that no run has to wait for their passwords, and their tokens. */
export interface Beginning {
  readonly folder: string;
  readonly tokens: ReadonlyMap<string, readonly string[]>;
  remove(): Promise<void>;
}

export async function makeBeginning(): Promise<Beginning> {
  const home = await mkdtemp(join(tmpdir(), 'partyline-'));
  const folder = join(home, 'beginning');
  const tokens = new Map<string, string[]>();
  const theatre = await inProcess(join(home, 'before'));
  const server = { ...theatre, connect: () => LineClient.connect(theatre.host, theatre.port) };
  for (const name of ['Ann', 'Bob']) {
    await signedUp(server, name);
    tokens.set(name, [await tokenOf(server, name), await tokenOf(server, name)]);
  }
  // Without the goodbye of a server that stops.
  await theatre.crash(folder);
  await theatre.stop();
  return { folder, tokens, remove: () => rm(home, { recursive: true, force: true }) };
}

const who = fc.nat({ max: 9 });
const which = fc.nat({ max: 5 });
const often = fc.boolean();
/** Yes in seven of eight cases. */
const mostly = fc.nat({ max: 7 }).map((number) => number > 0);
const number = fc.nat({ max: 7 });
const as = fc.constantFrom('guest', 'member', 'member', 'member', 'member', 'former member');

/** Each step, and how much of a run it is. What waits for a password is rare. */
const STEPS: readonly (readonly [weight: number, step: fc.Arbitrary<Step>])[] = [
  [1, which.map(people.signUp)],
  [1, fc.tuple(which, mostly).map((given) => people.logIn(...given))],
  [2, which.map(people.logOut)],
  [12, fc.tuple(who, as, which, often).map((given) => people.register(...given))],
  [6, fc.tuple(who, often, often, mostly).map((given) => people.takeOver(...given))],
  [2, who.map(people.unregister)],
  [6, fc.tuple(who, often).map((given) => people.goAndReturn(...given))],
  [2, who.map(people.hang)],
  [6, fc.tuple(who, who).map((given) => between.hangOn(...given))],
  [6, who.map(people.comeBack)],
  [4, mostly.map(people.crash)],
  [3, fc.tuple(who, often).map((given) => rooms.createRoom(...given))],
  [6, fc.tuple(who, which, mostly, often).map((given) => rooms.joinRoom(...given))],
  [2, fc.tuple(who, which).map((given) => rooms.leaveRoom(...given))],
  [1, fc.tuple(who, which).map((given) => rooms.deleteRoom(...given))],
  [14, fc.tuple(who, which, number).map((given) => rooms.sendMessage(...given))],
  [2, fc.tuple(who, which).map((given) => rooms.history(...given))],
  [2, fc.tuple(who, which).map((given) => rooms.look(...given))],
  [18, fc.tuple(who, who, number).map((given) => between.sendDirect(...given))],
  [4, fc.tuple(who, who, fc.constantFrom('Allow', 'Block', 'Block')).map((given) => between.list(...given))],
  [2, fc.tuple(who, often).map((given) => between.setPolicy(...given))],
  [5, fc.tuple(who, often).map((given) => between.notify(...given))],
  [6, fc.tuple(who, fc.nat({ max: 3 })).map(([each, most]) => between.read(each, most + 1))],
  [2, who.map(between.settings)],
  [3, fc.tuple(who, who, often, number, fc.nat({ max: 12 })).map((given) => between.crashWhile(...given))],
];

/** What a run begins with, some of it: so that its steps meet people and rooms. */
const BEGUN: ReadonlyMap<string, Step> = new Map([
  ['ada is here as Ann', people.register(0, 'member', 0, false)],
  ['another one, as Ann', people.register(0, 'member', 0, false)],
  ['another one', people.register(0, 'guest', 0, false)],
  ['another one, as Bob', people.register(0, 'member', 1, false)],
  ['another one once more', people.register(0, 'guest', 0, true)],
  ['another one at last, as Bob', people.register(0, 'member', 1, true)],
  ['the first makes a room', rooms.createRoom(0, false)],
  ['the second too', rooms.createRoom(1, true)],
  ['the third enters the one', rooms.joinRoom(2, 1, true, false)],
  ['the fourth enters the other', rooms.joinRoom(3, 2, true, true)],
]);

export interface Play {
  readonly seed: number;
  readonly runs: number;
  /** Steps of each of the three parts of a run at most; fewer than half of them, as a rule. */
  readonly steps: number;
  /** Opens a server on a folder. */
  readonly open: (folder: string) => Promise<Theatre>;
  /** The search for a shorter run that fails ends after so long, milliseconds. */
  readonly shrinkMs: number;
}

/** How often each step was taken, by its name. */
export type Taken = ReadonlyMap<string, number>;

/** Plays runs of steps. @throws Error for the first that fails, with its seed and the fewest steps found that fail, too */
export async function play(beginning: Beginning, { seed, runs, steps, open, shrinkMs }: Play): Promise<Taken> {
  const taken = new Map<string, number>();
  const all = STEPS.flatMap(([weight, each]) => Array.from({ length: weight }, () => each.map((made) => counted(made, taken))));
  const begun = fc.oneof({ withCrossShrink: true }, fc.subarray([...BEGUN.keys()]), fc.constant([...BEGUN.keys()]));
  const some = fc.commands(all, { maxCommands: steps, size: 'max' });
  const property = fc.asyncProperty(begun, fc.tuple(some, some, some), async (first, parts) => {
    const stage = await Stage.begin(open, beginning.folder);
    const world = new World();
    for (const [name, tokens] of beginning.tokens) world.signedUp(name).tokens.push(...tokens.map((value) => ({ value, isVoid: false })));
    try {
      for (const name of first) {
        const made = BEGUN.get(name);
        if (made?.check(world) === true) await made.run(world, stage);
      }
      for (const commands of parts) await fc.asyncModelRun(() => ({ model: world, real: stage }), commands);
      await close(world, stage);
    } finally {
      await stage.end();
    }
  });
  await fc.assert(property, {
    seed,
    numRuns: runs,
    interruptAfterTimeLimit: shrinkMs,
    markInterruptAsFailure: true,
    includeErrorInReport: true,
  });
  return taken;
}

function counted(made: Step, taken: Map<string, number>): Step {
  const name = made.toString().replace(/\(.*/, '');
  return {
    check: (world) => made.check(world),
    run: async (world, stage) => {
      taken.set(name, (taken.get(name) ?? 0) + 1);
      await made.run(world, stage);
    },
    toString: () => made.toString(),
  };
}

/** Everybody answers, and one more message in each room is the last that anybody gets. */
async function close(world: World, stage: Stage): Promise<void> {
  for (const registration of world.registrations.values()) if (registration.hangs) stage.comeBack(world, registration);
  await stage.settle(world);
  await Promise.all(stage.pending);
  for (const [index, room] of world.rooms.entries()) {
    const [member] = room.members;
    if (member === undefined) continue;
    const at = [...world.registrations.values()].indexOf(member);
    await rooms.sendMessage(at, index, 7).run(world, stage);
    await rooms.readHistory(stage, member, room);
  }
  const [somebody] = world.registrations.values();
  if (somebody !== undefined) await flush(stage, somebody);
  await stage.settle(world);
}
