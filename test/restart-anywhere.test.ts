/**
 * A restart between any two steps changes nothing that was promised: one story of people, rooms and direct messages, told
 * once without a kill and once with a SIGKILL after each step. Real processes on real folders.
 *
 * PARTYLINE_KILLS=each tells it once more for each step, with a kill after that one alone.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { kill, withFolder, type DataFolder, type Running } from './support/data-folder.ts';
import { at } from './support/line-client.ts';
import { callOnce, member as account, PASSWORD, reasonOf, textOf } from './support/people.ts';
import { join, type Heard, type Member } from './support/room.ts';

/** Who is in the story: an account each, and one that joins and is sent something while it is away. */
const PEOPLE = ['Ann', 'Bob', 'Cara'] as const;
type Name = (typeof PEOPLE)[number];

/** The story so far: what outlives a server, as clients keep it. */
class Story {
  readonly tokens = new Map<Name, string>();
  readonly rooms = new Map<string, string>();
  /** What each was shown, each number once, in order of arrival. */
  readonly shown = new Map<Name, Heard[]>(PEOPLE.map((name) => [name, []]));
  /** What was answered, in words: it has to be the same in every telling. */
  readonly outcomes: string[] = [];
  readonly #here = new Map<Name, Member>();
  readonly #folder: DataFolder;
  server: Running;

  private constructor(folder: DataFolder, server: Running) {
    this.#folder = folder;
    this.server = server;
  }

  static async begin(folder: DataFolder): Promise<Story> {
    return new Story(folder, await folder.start());
  }

  /** Comes, or comes back: what it is brought is kept from now on. */
  async arrive(name: Name): Promise<Member> {
    const last = this.#shown(name).findLast(({ Room }) => Room === 'lobby');
    const resume = last === undefined ? {} : { ResumeAfter: last.Seq };
    const member = await join(this.server, { id: name, name, more: { Token: this.tokens.get(name), ...resume } });
    this.#here.set(name, member);
    return member;
  }

  /** Makes a call for somebody who is here; why it was refused, or `ok`. */
  async act(name: Name, method: string, params: object): Promise<unknown> {
    const member = this.#here.get(name);
    assert.ok(member !== undefined, `${name} is here`);
    const answer = await member.client.call(`ChatServer.${method}`, { UserID: name, ...params });
    this.outcomes.push(`${name} ${method}: ${String(reasonOf(answer))}`);
    return answer;
  }

  code(room: string): string {
    return this.rooms.get(room) ?? '';
  }

  async leave(name: Name): Promise<void> {
    const member = this.#here.get(name);
    await member?.client.call('ChatServer.Unregister', [name]);
    this.#keep(name);
    await member?.client.close();
    this.#here.delete(name);
  }

  /** The server is killed and started again, and everybody who was here comes back. */
  async restart(): Promise<void> {
    const names = [...this.#here.keys()];
    await kill(this.server);
    for (const name of names) {
      await this.#here.get(name)?.client.closed;
      this.#keep(name);
    }
    this.server = await this.#folder.start();
    this.#here.clear();
    for (const name of names) await this.arrive(name);
  }

  /** What somebody was shown of a room, or of the own inbox (`@`), once all of it has come. */
  async texts(name: Name, room: string, last: string): Promise<readonly string[]> {
    const isIn = ({ Room }: Heard): boolean => (room === '@' ? Room.startsWith('@') : Room === room);
    const texts = (): string[] =>
      this.#shown(name).flatMap((heard) => (isIn(heard) && /^(chat|direct)$/.test(heard.Kind) ? heard.Text : []));
    this.#keep(name);
    if (!texts().includes(last)) await this.#here.get(name)?.hear((heard) => isIn(heard) && heard.Text === last, 20_000);
    this.#keep(name);
    return texts();
  }

  hasShown(name: Name, seq: unknown): boolean {
    return this.#shown(name).some(({ Seq }) => Seq === seq);
  }

  #shown(name: Name): Heard[] {
    const shown = this.shown.get(name);
    assert.ok(shown !== undefined);
    return shown;
  }

  /** Shows what came: a number that was shown is not shown again. */
  #keep(name: Name): void {
    const shown = this.#shown(name);
    const seqs = new Set(shown.map(({ Seq }) => Seq));
    for (const heard of this.#here.get(name)?.heard ?? []) if (!seqs.has(heard.Seq)) shown.push(heard);
  }
}

/** Each step is answered before the next: then it is promised. */
const STEPS: readonly (readonly [what: string, does: (story: Story) => Promise<unknown>])[] = [
  [
    'Ann and Bob sign up',
    async (story) => {
      for (const name of ['Ann', 'Bob'] as const) story.tokens.set(name, await account(story.server, name));
    },
  ],
  ['Cara signs up and stays away', async (story) => story.tokens.set('Cara', await account(story.server, 'Cara'))],
  ['Ann comes', (story) => story.arrive('Ann')],
  ['Bob comes', (story) => story.arrive('Bob')],
  [
    'Ann makes a room',
    async (story) => {
      story.rooms.set('den', textOf(await story.act('Ann', 'CreateRoom', { Name: 'Den', Password: 'the key' }), 'Code'));
    },
  ],
  ['Bob guesses its password', (story) => story.act('Bob', 'JoinRoom', { Room: story.code('den'), Password: 'a guess' })],
  ['Bob enters it', (story) => story.act('Bob', 'JoinRoom', { Room: story.code('den'), Password: 'the key' })],
  ['Ann speaks in it', (story) => story.act('Ann', 'SendMessage', { Room: story.code('den'), Text: 'den 1', MessageID: 'den 1' })],
  ['Ann says it again', (story) => story.act('Ann', 'SendMessage', { Room: story.code('den'), Text: 'den 1', MessageID: 'den 1' })],
  [
    'Bob makes a room and lets Ann in',
    async (story) => {
      story.rooms.set('attic', textOf(await story.act('Bob', 'CreateRoom', { Name: 'Attic' }), 'Code'));
      await story.act('Ann', 'JoinRoom', { Room: story.code('attic') });
    },
  ],
  [
    'Bob speaks in both',
    async (story) => {
      for (const [name, code] of story.rooms) await story.act('Bob', 'SendMessage', { Room: code, Text: `${name} of Bob` });
    },
  ],
  ['Bob writes to Cara, who is away', (story) => story.act('Bob', 'SendDirect', { To: 'Cara', Text: 'to Cara 1', MessageID: 'to Cara 1' })],
  ['Bob writes it again', (story) => story.act('Bob', 'SendDirect', { To: 'Cara', Text: 'to Cara 1', MessageID: 'to Cara 1' })],
  [
    'Bob wants no letters but Cara’s',
    async (story) => {
      await story.act('Bob', 'SetDirectPolicy', { Policy: 'allowed' });
      await story.act('Bob', 'Allow', { User: 'Cara' });
    },
  ],
  ['Ann writes to Bob, who does not want it', (story) => story.act('Ann', 'SendDirect', { To: 'Bob', Text: 'unwanted' })],
  ['Ann goes', (story) => story.leave('Ann')],
  ['Bob speaks while Ann is away', (story) => story.act('Bob', 'SendMessage', { Room: story.code('den'), Text: 'den while away' })],
  ['Bob leaves his room, which Ann is in', (story) => story.act('Bob', 'LeaveRoom', { Room: story.code('attic') })],
  [
    'Cara comes and is brought what waits',
    async (story) => {
      await story.arrive('Cara');
      await story.texts('Cara', '@', 'to Cara 1');
    },
  ],
  ['Cara reads no more by push', (story) => story.act('Cara', 'Notify', { Enabled: false })],
  ['Bob writes to Cara again', (story) => story.act('Bob', 'SendDirect', { To: 'Cara', Text: 'to Cara 2' })],
  ['Cara writes to Bob', (story) => story.act('Cara', 'SendDirect', { To: 'Bob', Text: 'to Bob' })],
  ['Ann comes back', (story) => story.arrive('Ann')],
];

const FACTS = ['Members', 'Protected', 'Joined', 'Owned'] as const;

/** Tells the story, and what everybody has and sees in the end. */
async function tell(folder: DataFolder, killedAfter: ReadonlySet<number>): Promise<unknown> {
  const story = await Story.begin(folder);
  for (const [index, [, does]] of STEPS.entries()) {
    await does(story);
    if (killedAfter.has(index)) await story.restart();
  }
  await story.act('Bob', 'SendMessage', { Text: 'the end' });
  await story.act('Bob', 'SendMessage', { Room: story.code('den'), Text: 'the end of den' });
  const inbox = at(await story.act('Cara', 'Read', {}), 'result', 'Messages');
  const settings = at(await story.act('Bob', 'DirectSettings', {}), 'result');
  const listed = at(await story.act('Ann', 'ListRooms', {}), 'result', 'Rooms');
  const names = new Map([...story.rooms].map(([name, code]) => [code, name]));
  assert.ok(Array.isArray(inbox) && Array.isArray(listed));
  const told = {
    outcomes: story.outcomes,
    ann: [await story.texts('Ann', 'lobby', 'the end'), await story.texts('Ann', story.code('den'), 'the end of den')],
    attic: await story.texts('Ann', story.code('attic'), 'attic of Bob'),
    bob: [await story.texts('Bob', story.code('den'), 'den 1'), await story.texts('Bob', '@', 'to Bob')],
    cara: [await story.texts('Cara', 'lobby', 'the end'), await story.texts('Cara', '@', 'to Cara 1')],
    // What was answered in the last moment may come again under its number: it is shown once.
    inbox: inbox.flatMap((message: unknown) => (story.hasShown('Cara', at(message, 'Seq')) ? [] : at(message, 'Text'))),
    settings,
    rooms: listed.map((room: unknown) => [names.get(String(at(room, 'Room'))), ...FACTS.map((field) => at(room, field))].join(' ')).sort(),
    login: reasonOf(await callOnce(story.server, 'LogIn', { UserName: 'Ann', Password: PASSWORD })),
  };
  await story.server.stop();
  return told;
}

const ALL = STEPS.map((_, index) => index);
/** The steps after which each telling has a kill. */
const TELLINGS = [new Set(ALL), ...(process.env['PARTYLINE_KILLS'] === 'each' ? ALL.map((index) => new Set([index])) : [])];

test('a kill after any step changes no outcome, and nobody is shown anything else', { timeout: 180_000 }, async (context) => {
  let plain: unknown;
  await withFolder(async (folder) => void (plain = await tell(folder, new Set())));
  context.diagnostic(JSON.stringify(plain));
  for (const killed of TELLINGS)
    await withFolder(async (folder) => assert.deepEqual(await tell(folder, killed), plain, `killed after ${[...killed].join(', ')}`));
});
