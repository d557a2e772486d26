/**
 * The log: what happened, in the lines that people know (`[JOIN] User Alice …`) or as JSON lines. pino keeps the levels
 * and writes the JSON. Everything that peers wrote becomes inert here, so callers pass names and reasons as they came.
 * Knows no room and no socket.
 */
import { isatty } from 'node:tty';
import pino from 'pino';
import type { LogFormat, LogLevel } from './config.ts';
import { type Facts, failureFacts, safeFacts, safeText } from './log/facts.ts';
import { type LineWriter, lineWriter, type Tag, wantsColour } from './log/lines.ts';
import { FileSink, type Sink } from './log/sink.ts';
import { inertLine } from './text.ts';

export type { Facts } from './log/facts.ts';
export type { Sink } from './log/sink.ts';

export interface LogOptions {
  readonly level: LogLevel;
  /** `auto` (the default) = lines for people when the destination is a terminal, else JSON lines. */
  readonly format?: LogFormat;
  /** Whether `broadcast` writes anything; true when left out. */
  readonly messages?: boolean;
  /** A file descriptor (1 = stdout, the default), the path of a file, or anything that takes lines. */
  readonly destination?: number | string | Sink;
  /** Colours in lines for people; left out, the terminal and NO_COLOR decide. */
  readonly color?: boolean;
}

type Level = Exclude<LogLevel, 'silent'>;

/** One log of a process. Every method returns at once; a line that the level leaves out costs a comparison. */
export class Log {
  /** Whether `broadcast` writes anything: ask before a message is prepared for it. */
  readonly messagesEnabled: boolean;
  readonly debugEnabled: boolean;
  readonly #pino: pino.Logger;
  readonly #sink: Sink;
  /** Writes lines for people; `undefined` = JSON lines. */
  readonly #line: LineWriter | undefined;

  constructor(level: LogLevel, messages: boolean, sink: Sink, line: LineWriter | undefined) {
    this.#sink = sink;
    this.#line = line;
    this.#pino = pino(
      {
        level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      sink,
    );
    this.messagesEnabled = messages && this.#pino.isLevelEnabled('info');
    this.debugEnabled = this.#pino.isLevelEnabled('debug');
  }

  /** `[SERVER] line` as plain text in every format and at every level: what scripts wait for. */
  announce(line: string): void {
    this.#sink.write(`[SERVER] ${inertLine(line)}\n`);
  }

  /** The server's own life: starting, stopping, what was found on the disk. */
  server(text: string, facts: Facts = {}): void {
    this.#write('info', 'SERVER', text, facts);
  }

  /** @param from the peer's address, `host:port` */
  join({ name, id, from }: { readonly name: string; readonly id: string; readonly from: string }): void {
    if (!this.#pino.isLevelEnabled('info')) return;
    this.#write(
      'info',
      'JOIN',
      `User ${safeText(name)} (ID: ${safeText(id)}) joined the chat from ${safeText(from)}`,
      {},
      { name, id, from },
    );
  }

  leave({ name, id, reason }: { readonly name: string; readonly id: string; readonly reason?: string }): void {
    if (!this.#pino.isLevelEnabled('info')) return;
    this.#write('info', 'LEAVE', `User ${safeText(name)} (ID: ${safeText(id)}) left the chat`, {}, { name, id, reason });
  }

  /** The only line that holds what people wrote; nothing when `messagesEnabled` is false. */
  broadcast({
    name,
    text,
    room,
    seq,
  }: {
    readonly name: string;
    readonly text: string;
    readonly room: string;
    readonly seq: number;
  }): void {
    if (!this.messagesEnabled) return;
    this.#write('info', 'BROADCAST', `${safeText(name)}: ${text}`, {}, { name, room, seq });
  }

  /** What one client did or got that is worth a line: a refused callback, a retry. */
  client(text: string, facts: Facts = {}): void {
    this.#write('info', 'CLIENT', text, facts);
  }

  /** Something an operator may want to act on; the service goes on. */
  warn(text: string, facts: Facts = {}): void {
    this.#write('warn', 'WARN', text, facts);
  }

  /** A failure of ours. Its details go here and nowhere else. */
  error(text: string, failure: unknown, facts: Facts = {}): void {
    this.#write('error', 'ERROR', text, { ...facts, ...failureFacts(failure) });
  }

  /** For those who look for a fault. Ask `debugEnabled` before anything is prepared for it. */
  debug(text: string, facts: Facts = {}): void {
    this.#write('debug', 'DEBUG', text, facts);
  }

  /** Waits until the lines are out, for half a second at most. */
  async close(): Promise<void> {
    if (this.#sink instanceof FileSink) await this.#sink.close();
  }

  /** @param fields what only JSON lines hold, because the text says it already */
  #write(level: Level, tag: Tag, text: string, facts: Facts, fields: Facts = {}): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    const shown = inertLine(text);
    if (this.#line === undefined) this.#pino[level]({ tag, ...safeFacts(fields), ...safeFacts(facts) }, shown);
    else this.#sink.write(this.#line(tag, shown, safeFacts(facts)));
  }
}

/**
 * Opens the log of a process.
 * @throws the system's error when the file of `destination` cannot be opened
 */
export function createLog({ level, format = 'auto', messages = true, destination = 1, color }: LogOptions): Log {
  const isTerminal = typeof destination === 'number' && isatty(destination);
  const forPeople = format === 'pretty' || (format === 'auto' && isTerminal);
  const line = forPeople ? lineWriter(color ?? wantsColour(isTerminal, process.env)) : undefined;
  if (typeof destination === 'object') return new Log(level, messages, destination, line);
  const sink = new FileSink(destination);
  const log = new Log(level, messages, sink, line);
  sink.onDropped = (lines) => log.warn('Log lines were dropped: their reader was too slow.', { lines });
  return log;
}

/** A log that writes nothing, for tests and for programs that use the client library without one. */
export function silentLog(): Log {
  return new Log('silent', false, { write: () => undefined }, undefined);
}
