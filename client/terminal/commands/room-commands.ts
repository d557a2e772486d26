/** Making rooms, going in and out, and looking from one to another. A password is asked for only where a room has one. */
import { RpcError } from '../../../commons/errors.ts';
import { type ListedRoom } from '../../../commons/protocol.ts';
import { fold, inertLine } from '../../../commons/text.ts';
import { nearest } from '../../../commons/config/nearest.ts';
import { LOBBY } from '../../inbox.ts';
import { columnsOf } from '../columns.ts';
import { LOBBY_NAME } from '../looking.ts';
import { askUntilRight } from './asking.ts';
import { type Chat, type Command, type Known, Misuse } from './command.ts';

const WORDS = ['new', 'join', 'leave', 'list', 'delete'] as const;

export const ROOM_COMMANDS: readonly Command[] = [
  {
    name: '/room',
    usage: '/room [ROOM]',
    summary: 'your rooms, or look at one, by its code or name',
    run: (chat, argument) => {
      if (argument.trim() === '') chat.tell(ownRooms(chat));
      else chat.look(ownRoom(chat, argument));
    },
    complete: ownCodes,
  },
  {
    name: '/room new',
    usage: '/room new NAME',
    summary: 'make a room, with a password if you like',
    moves: true,
    asks: true,
    run: make,
    advice: { Forbidden: '/room delete ROOM makes room for another one.' },
  },
  {
    name: '/room join',
    usage: '/room join CODE',
    summary: 'go into a room; asks for its password, if any',
    moves: true,
    asks: true,
    run: join,
    advice: {
      NotFound: '/room list shows which rooms there are.',
      Forbidden: 'Try /room join again, with the password that its owner knows.',
      RateLimited: 'Wait until then: the right password is refused too.',
    },
  },
  {
    name: '/room leave',
    usage: '/room leave [ROOM]',
    summary: 'go out of a room, of this one unless you say',
    moves: true,
    run: async (chat, argument) => {
      const code = argument.trim() === '' ? chat.room : ownRoom(chat, argument);
      const name = nameOf(chat, code);
      await chat.client.leaveRoom(code);
      chat.tell(`You have left ${name}.`);
    },
    complete: ownCodes,
    advice: { Forbidden: '/quit leaves everything.', InvalidParams: '/quit leaves everything.' },
  },
  {
    name: '/room list',
    usage: '/room list',
    summary: 'which rooms there are',
    run: async (chat) => chat.tell(listed(await chat.client.listRooms(), chat.room)),
  },
  {
    name: '/room delete',
    usage: '/room delete ROOM',
    summary: 'delete a room of yours, and what was said in it',
    moves: true,
    run: async (chat, argument) => {
      if (argument.trim() === '') throw new Misuse('/room delete takes the code of a room, so that none is deleted by mistake.');
      const code = codeOf(chat, argument);
      const name = nameOf(chat, code);
      await chat.client.deleteRoom(code);
      chat.tell(`${name} is deleted.`);
    },
    complete: ownCodes,
    advice: { Forbidden: 'Only its owner can: /room leave goes out of it.', NotFound: '/room list shows which rooms there are.' },
  },
];

async function make(chat: Chat, argument: string): Promise<void> {
  const name = argument.trim();
  if (name === '') throw new Misuse('/room new takes the name that people will call the room: /room new Games.');
  const password = await chat.askHidden(`Password for ${name}, Enter for none: `);
  if (password === undefined) return chat.tell('No room was made.');
  const code = await chat.client.createRoom(name, password === '' ? {} : { password });
  chat.look(code);
  chat.tell(`Others come in with /room join ${code}${password === '' ? '' : ' and the password'}.`);
}

async function join(chat: Chat, argument: string): Promise<void> {
  const code = codeOf(chat, argument);
  if (code === '') throw new Misuse('/room join takes the code of a room; /room list shows the codes.');
  if (roomsOf(chat).has(code)) return chat.look(code);
  const room = (await chat.client.listRooms()).find(({ Room }) => Room === code);
  const needed = room !== undefined && room.Protected && room.Owned !== true;
  if (needed) return joinWithPassword(chat, code, room.Name);
  try {
    await chat.client.joinRoom(code);
  } catch (error) {
    // Of many rooms not all are listed.
    if (room !== undefined || !(error instanceof RpcError) || error.reason !== 'Forbidden') throw error;
    return joinWithPassword(chat, code, code);
  }
  chat.look(code);
}

async function joinWithPassword(chat: Chat, code: string, name: string): Promise<void> {
  const given = await askUntilRight(chat, `Password of ${inertLine(name)}: `, 'Forbidden', (password) =>
    chat.client.joinRoom(code, { password }),
  );
  if (!given) return chat.tell(`You are not in ${inertLine(name)}: no password was given.`);
  chat.look(code);
}

/** The rooms that one is in, the lobby among them. */
function roomsOf({ client }: Chat): ReadonlyMap<string, string> {
  return new Map([[LOBBY, LOBBY_NAME], ...client.rooms]);
}

/** The code that is meant: that of an own room by its code or its name, else what was typed, in the letters of codes. */
function codeOf(chat: Chat, argument: string): string {
  const typed = argument.trim();
  const own = roomsOf(chat);
  const byCode = [...own.keys()].find((code) => fold(code) === fold(typed));
  const byName = [...own].filter(([, name]) => fold(name) === fold(typed)).map(([code]) => code);
  if (byCode !== undefined) return byCode;
  if (byName.length > 1) throw new Misuse(`Several of your rooms are called ${typed}: say which one by its code, ${byName.join(', ')}.`);
  return byName[0] ?? typed.toUpperCase();
}

/** @throws Misuse when one is in no such room */
function ownRoom(chat: Chat, argument: string): string {
  const code = codeOf(chat, argument);
  if (roomsOf(chat).has(code)) return code;
  const [first = ''] = argument.split(/\s/, 1);
  const word = nearest(first.toLowerCase(), WORDS);
  const advice =
    word === undefined ? `/room join ${inertLine(code)} goes into it, /room list shows them all.` : `Did you mean /room ${word}?`;
  throw new Misuse(`You are in no room ${inertLine(argument.trim())}. ${advice}`);
}

function nameOf(chat: Chat, code: string): string {
  return inertLine(roomsOf(chat).get(code) ?? code);
}

/** For Tab. */
function ownCodes(start: string, { rooms }: Known): readonly string[] {
  return [LOBBY, ...rooms.keys()].filter((code) => code.toLowerCase().startsWith(start.toLowerCase()));
}

function ownRooms(chat: Chat): string {
  const rows = [...roomsOf(chat)].map(([code, name]) => [code, inertLine(name) + (code === chat.room ? ' (here)' : '')] as const);
  return ['You are in:', ...rows.map(([code, name]) => `  ${code.padEnd(8)}${name}`), '/room CODE looks at another one.'].join('\n');
}

function listed(rooms: readonly ListedRoom[], here: string): string {
  const names = rooms.map(({ Name }) => inertLine(Name));
  const width = Math.max(0, ...names.map(columnsOf));
  const lines = rooms.map((room, i) => {
    const name = names[i] ?? '';
    return `  ${inertLine(room.Room).padEnd(8)}${name}${' '.repeat(width - columnsOf(name))}  ${peopleIn(room)}${marksOf(room, here)}`;
  });
  return [`${rooms.length} ${rooms.length === 1 ? 'room' : 'rooms'}:`, ...lines].join('\n');
}

function peopleIn({ Members }: ListedRoom): string {
  return `${Members} ${Members === 1 ? 'person' : 'people'}`;
}

function marksOf({ Room, Protected, Joined, Owned }: ListedRoom, here: string): string {
  const place = Room === here ? 'you are here' : Joined === true ? 'you are in it' : '';
  const marks = [place, Owned === true ? 'yours' : '', Protected ? 'password' : ''].filter((mark) => mark !== '');
  return marks.map((mark) => `, ${mark}`).join('');
}
