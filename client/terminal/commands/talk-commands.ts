/** Talking in a room and looking around in it, and leaving. */
import { whoLines } from '../who.ts';
import { type Chat, type Command, Misuse, oneOf, words } from './command.ts';

/** Lines that /history shows unless it is told how many, and at most. */
const SOME_LINES = 20;
const MOST_LINES = 1_000;

export const TALK_COMMANDS: readonly Command[] = [
  {
    name: '/me',
    usage: '/me TEXT',
    summary: 'say what you do: /me waves',
    run: (chat, argument) => {
      if (argument.trim() === '') throw new Misuse('/me takes what you do: /me waves.');
      chat.say(`* ${chat.client.name} ${argument}`);
    },
    speaks: true,
    atOnce: true,
  },
  {
    name: '/who',
    usage: '/who',
    summary: 'who is here, and who is behind',
    run: async (chat) => chat.tell(whoLines(await chat.listUsers(), chat.client.id)),
  },
  {
    name: '/history',
    usage: '/history [N]',
    summary: `the last lines of this room, ${SOME_LINES} unless you say`,
    run: (chat, argument) => chat.showHistory(lines(argument)),
  },
  {
    name: '/receipts',
    usage: '/receipts [on|off]',
    summary: 'tell who has got your lines',
    run: (chat, argument) => chat.tell(receipts(chat, argument)),
    complete: words('on', 'off'),
    // It counts for the lines typed behind it, which wait for no command either.
    atOnce: true,
  },
];

export const PARTING_COMMANDS: readonly Command[] = [
  { name: '/clear', usage: '/clear', summary: 'an empty screen', run: (chat) => chat.clear(), atOnce: true },
  { name: '/quit', usage: '/quit', summary: 'leave', run: (chat) => chat.leave(), atOnce: true },
  { name: 'exit', usage: 'exit', summary: 'leave', run: (chat) => chat.leave(), atOnce: true },
];

function lines(argument: string): number {
  const typed = argument.trim();
  if (typed === '') return SOME_LINES;
  const count = /^\d{1,6}$/.test(typed) ? Number(typed) : 0;
  if (count < 1 || count > MOST_LINES) throw new Misuse(`/history takes a number from 1 to ${MOST_LINES}, not ${JSON.stringify(typed)}.`);
  return count;
}

function receipts(chat: Chat, argument: string): string {
  if (argument.trim() !== '') chat.receipts = oneOf('/receipts', argument, ['on', 'off']) === 'on';
  return chat.receipts ? 'Receipts are on: who has got your lines is told.' : 'Receipts are off.';
}
