/** People at terminals of their own, in one room or several: what they type and what they see. Knows the screen, not the product. */
import assert from 'node:assert/strict';
import { newcomer, onTerminal, type Where } from './client-terminal.ts';
import { PASSWORD } from './people.ts';
import type { Terminal } from './pty.ts';

export interface Talking {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** From an earlier visit of the same person. */
  readonly state?: string;
  readonly columns?: number;
}

/** Runs `use` when the prompt of `name` is there; the terminal goes afterwards, and with it the person. */
export function talk(
  server: Where,
  name: string,
  use: (terminal: Terminal, state: string) => Promise<void>,
  { args = [], env = {}, state = newcomer().PARTYLINE_STATE, columns = 160 }: Talking = {},
): Promise<void> {
  const all = { PARTYLINE_STATE: state, ...env };
  return onTerminal(server, ['--name', name, ...args], { columns, rows: 50, env: all }, async (terminal) => {
    await terminal.shows('You:');
    await use(terminal, state);
  });
}

/** Types lines and enters each; several arrive in one go, as from somebody who does not wait for an answer. */
export function enter(terminal: Terminal, ...lines: readonly string[]): void {
  terminal.type(lines.map((line) => `${line}\r`).join(''));
}

/** Until the last line of the screen, where one types, is this. */
export function prompts(terminal: Terminal, line: string): Promise<void> {
  return terminal.until(({ lines }) => lines.at(-1) === line, `the prompt ${JSON.stringify(line)}`);
}

/** Until the screen ends with these lines, clocks taken away. */
export function endsWith(terminal: Terminal, ...lines: readonly string[]): Promise<void> {
  return terminal.until(
    () => withoutClocks(terminal).slice(-lines.length).join('\n') === lines.join('\n'),
    `at the bottom ${JSON.stringify(lines)}`,
  );
}

export function withoutClocks(terminal: Terminal): string[] {
  return terminal.screen.lines.map((line) => line.replace(/^\d\d:\d\d /, ''));
}

/** Leaves, and ends with 0. */
export async function leaves(terminal: Terminal): Promise<void> {
  enter(terminal, '/quit');
  assert.equal(await terminal.exit, 0);
}

/** Enters what nobody may see, at the question for it, and asserts that nobody saw it. */
export async function whispers(terminal: Terminal, question: string, secret: string): Promise<void> {
  await prompts(terminal, question);
  enter(terminal, secret);
  await terminal.until(({ lines }) => lines.at(-1) !== question, 'the next thing');
  assert.ok(!terminal.raw.includes(secret), 'it was shown');
}

/** Opens an account of one's own name, and is logged in. */
export async function signsUp(terminal: Terminal, name: string): Promise<void> {
  enter(terminal, '/signup');
  await whispers(terminal, `New password for ${name}:`, PASSWORD);
  await whispers(terminal, 'The same once more:', PASSWORD);
  await terminal.shows(`You are logged in as ${name}.`);
}
