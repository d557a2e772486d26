/**
 * A received message as lines of a terminal or of a file. Everything in it was written by others: it passes `inert`
 * before anything else, and no row of it begins in the first columns, which belong to the room's clock and to `[SYSTEM]`.
 * Knows no stream.
 */
import { type ChalkInstance } from 'chalk';
import { type Message } from '../../commons/protocol.ts';
import { inert, inertLine } from '../../commons/text.ts';
import { timeOf } from './clock.ts';
import { columnsOf, wrap } from './columns.ts';
import { colorOf } from './palette.ts';

/** How messages are shown. */
export interface Look {
  readonly chalk: ChalkInstance;
  /** The own name: highlighted where it is mentioned. */
  readonly self: string;
  /** HH:MM in front of each message. */
  readonly clock: boolean;
  /** Width of the terminal; `undefined` = lines are left as long as they are. */
  readonly columns: number | undefined;
}

/** Narrower terminals than this are left to break lines themselves. */
const LEAST_COLUMNS = 30;
const LONGEST_NAME = 32;
const TAB = '    ';
/** In front of what is said to one person only. No name can hold a bracket. */
export const DIRECT = '[direct] ';

/** The message as it is shown, its last line ended. */
export function renderMessage(message: Message, look: Look): string {
  const clock = look.clock ? `${timeOf(message.SentAt)} ` : '';
  const { chalk } = look;
  if (message.IsSystem) {
    const text = `[SYSTEM] ${block(message.Content, clock.length, '[SYSTEM] '.length, look)}`;
    return `${chalk.dim(clock)}${chalk.dim.italic(text)}\n`;
  }
  const direct = message.Kind === 'direct' ? DIRECT : '';
  const [before, after, said] = spoken(message);
  const name = shortened(inertLine(message.Name));
  const text = block(said, clock.length, columnsOf(direct + before + name + after), look);
  const label = `${chalk.bold.magenta(direct)}${before}${chalk.bold[colorOf(message.Name)](name)}${after}`;
  return `${chalk.dim(clock)}${label}${highlight(text, look)}\n`;
}

/**
 * What stands before the name and behind it, and the text. Who does something (`/me`) sends `* Name waves`, which every
 * client understands; here it takes the place of `Name: `. Of another name than the sender's own it is only a text.
 */
function spoken({ Name, Text }: Message): readonly [before: string, after: string, text: string] {
  const action = `* ${Name} `;
  return Text.startsWith(action) ? ['* ', ' ', Text.slice(action.length)] : ['', ': ', Text];
}

/**
 * One JSON object and a line feed. What is no graphic character is escaped, which leaves the value as it is and makes
 * the line harmless on a terminal.
 */
export function renderJson(message: Message): string {
  const escaped = JSON.stringify(message).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  );
  return `${escaped}\n`;
}

/** Whether a message rings: it speaks of `self`, or it is for `self` alone. */
export function mentions(message: Message, self: string): boolean {
  if (message.IsSystem) return false;
  return message.Kind === 'direct' || mentionOf(self).test(message.Text);
}

/** A text behind a clock and a label of so many columns; its later lines, and later rows of long ones, are indented. */
function block(text: string, clock: number, label: number, { columns }: Look): string {
  const indent = clock + 2;
  const width = columns !== undefined && columns >= LEAST_COLUMNS ? columns : Infinity;
  const [first = '', ...later] = inert(text).replaceAll('\t', TAB).split('\n');
  const rows = wrap(first, width - clock - label, width - indent);
  return [...rows, ...later.flatMap((line) => wrap(line, width - indent, width - indent))].join(`\n${' '.repeat(indent)}`);
}

/** No honest server has longer names. */
function shortened(name: string): string {
  const characters = [...name];
  return characters.length <= LONGEST_NAME ? name : `${characters.slice(0, LONGEST_NAME - 1).join('')}…`;
}

function highlight(text: string, { chalk, self }: Look): string {
  return text.replaceAll(mentionOf(self), (found) => chalk.bold.inverse(found));
}

/** The name as a word of its own, in any case. */
function mentionOf(name: string): RegExp {
  const literal = inertLine(name).replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  return new RegExp(`(?<![\\p{L}\\p{N}_])${literal}(?![\\p{L}\\p{N}_])`, 'giu');
}
