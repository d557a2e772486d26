/** Writing to one person, who may do that, and the inbox. */
import { inertLine } from '../../../commons/text.ts';
import { addressed, meant } from '../addressee.ts';
import { messages } from '../words.ts';
import { type Chat, type Command, Misuse, oneOf, people, words } from './command.ts';

const GUEST = 'Type /signup or /login.';
const NOBODY = '/who shows who is here; an account that is away is named as its owner spells it.';

export const DIRECT_COMMANDS: readonly Command[] = [
  {
    name: '/msg',
    usage: '/msg WHO TEXT',
    summary: 'write to somebody here, an account or an ID',
    run: async (chat, argument) => {
      const { to, label, text } = addressed(argument, await chat.listUsers());
      if (to === '' || text.trim() === '') throw new Misuse('/msg takes who it is for and what you say: /msg Alice Hello.');
      chat.sayTo({ to, label }, text);
    },
    complete: people,
    speaks: true,
  },
  {
    name: '/reply',
    usage: '/reply TEXT',
    summary: 'write to whoever wrote to you last',
    run: (chat, argument) => {
      if (chat.correspondent === undefined) throw new Misuse('Nobody has written to you yet. /msg WHO TEXT writes to somebody.');
      if (argument.trim() === '') throw new Misuse(`/reply takes what you say to ${chat.correspondent.label}.`);
      chat.sayTo(chat.correspondent, argument);
    },
    speaks: true,
  },
  { name: '/inbox', usage: '/inbox', summary: 'read the direct messages that wait', run: (chat) => chat.showInbox() },
  {
    name: '/notify',
    usage: '/notify [on|off]',
    summary: 'show direct messages as they come, or not',
    run: notify,
    complete: words('on', 'off'),
  },
  {
    name: '/allow',
    usage: '/allow WHO',
    summary: 'let somebody write to you; ends a /block',
    run: async (chat, argument) => {
      const { to, label } = await person(chat, argument, '/allow');
      await chat.client.allow(to);
      chat.tell(`${label} may write to you.`);
    },
    complete: people,
    advice: { NotFound: NOBODY, Forbidden: GUEST },
  },
  {
    name: '/block',
    usage: '/block WHO',
    summary: 'let somebody not write to you; ends an /allow',
    run: async (chat, argument) => {
      const { to, label } = await person(chat, argument, '/block');
      await chat.client.block(to);
      chat.tell(`${label} cannot write to you any more.`);
    },
    complete: people,
    advice: { NotFound: NOBODY, Forbidden: GUEST },
  },
  {
    name: '/policy',
    usage: '/policy [everyone|allowed]',
    summary: 'who may write to you, and what you have chosen',
    run: policy,
    complete: words('everyone', 'allowed'),
    advice: { Forbidden: GUEST },
  },
];

async function notify(chat: Chat, argument: string): Promise<void> {
  const wanted = argument.trim() === '' ? undefined : oneOf('/notify', argument, ['on', 'off']);
  if (wanted !== undefined) await chat.client.notify(wanted === 'on');
  const { Notify, Waiting } = await chat.client.directSettings();
  const waiting = Waiting > 0 ? ` ${messages(Waiting)} ${Waiting === 1 ? 'waits' : 'wait'}.` : '';
  chat.tell((Notify ? 'Direct messages are shown when they come.' : 'Direct messages wait until you type /inbox.') + waiting);
}

async function policy(chat: Chat, argument: string): Promise<void> {
  if (argument.trim() !== '') await chat.client.setDirectPolicy(oneOf('/policy', argument, ['everyone', 'allowed']));
  const { Policy, Notify, Allow, Block, Waiting } = await chat.client.directSettings();
  const lines = [
    Policy === 'everyone' ? 'Everyone may write to you.' : 'Only those that you allow may write to you.',
    `  allowed   ${names(Allow)}`,
    `  blocked   ${names(Block)}`,
    `  notify    ${Notify ? 'on' : 'off'}`,
    `  waiting   ${messages(Waiting)}`,
  ];
  chat.tell(lines.join('\n'));
}

function names(some: readonly string[]): string {
  return some.length === 0 ? 'nobody' : some.map(inertLine).join(', ');
}

async function person(chat: Chat, argument: string, command: string): Promise<{ readonly to: string; readonly label: string }> {
  const name = argument.trim().replace(/^"(.*)"$/, '$1');
  if (name === '') throw new Misuse(`${command} takes the name of somebody: ${command} Alice.`);
  return meant(name, await chat.listUsers());
}
