/** How the log reads in a terminal: `[TAG] text`, a colour per tag, details behind it. Knows no stream. */
import { Chalk } from 'chalk';
import type { Facts } from './facts.ts';

export type Tag = 'SERVER' | 'JOIN' | 'LEAVE' | 'BROADCAST' | 'CLIENT' | 'WARN' | 'ERROR' | 'DEBUG';

/** @returns the line for people, newline included */
export type LineWriter = (tag: Tag, text: string, facts: Facts) => string;

/** @param coloured whether the reader is a terminal that wants colours */
export function lineWriter(coloured: boolean): LineWriter {
  const chalk = new Chalk({ level: coloured ? 1 : 0 });
  const colours = {
    SERVER: chalk.cyan,
    JOIN: chalk.green,
    LEAVE: chalk.yellow,
    BROADCAST: chalk.blue,
    CLIENT: chalk.magenta,
    WARN: chalk.yellowBright,
    ERROR: chalk.redBright,
    DEBUG: chalk.gray,
  };
  return (tag, text, facts) => {
    const { stack, ...details } = facts;
    const behind = Object.entries(details).map(([name, value]) => ` ${name}=${String(value)}`);
    const below = stack === undefined ? '' : `\n    ${String(stack).replaceAll(' ⏎ ', '\n    ')}`;
    return `${colours[tag](`[${tag}]`)} ${text}${chalk.dim(behind.join('') + below)}\n`;
  };
}

/** Whether lines on `descriptor` get colours: a terminal that is not dumb, and nobody set NO_COLOR. */
export function wantsColour(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  const refused = env.NO_COLOR !== undefined && env.NO_COLOR !== '';
  return isTerminal && !refused && env.TERM !== 'dumb';
}
