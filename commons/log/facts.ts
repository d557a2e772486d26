/**
 * What a log line may hold beside its text. Whatever a peer wrote is made inert, secrets and message texts never get
 * in, and every value is bounded: a log must be as safe to read as it is to keep.
 */
import { inertLine } from '../text.ts';

/** Details of a log line, by name. */
export type Facts = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Longest value, characters; the rest is cut. */
const VALUE_CHARACTERS = 1_000;
/** What gives access, and what people wrote: not at any level. */
const SECRET_NAMES = new Set(['session', 'token', 'password', 'newpassword', 'secret', 'challenge', 'text', 'content']);

/** The facts as they may be logged; those that are not set are left out. */
export function safeFacts(facts: Facts): Facts {
  const safe: Record<string, string | number | boolean | null> = {};
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined) continue;
    if (SECRET_NAMES.has(name.toLowerCase())) safe[name] = '[redacted]';
    else safe[name] = typeof value === 'string' ? safeText(value) : value;
  }
  return safe;
}

/** A text in one bounded line without anything that could move a cursor. */
export function safeText(text: string): string {
  return inertLine(text.length > VALUE_CHARACTERS ? `${text.slice(0, VALUE_CHARACTERS)}…` : text);
}

/**
 * A failure as facts: its message, code and stack. The message of a SyntaxError is left out, because V8's quotes the
 * input that could not be parsed, and that may be anybody's password.
 */
export function failureFacts(failure: unknown): Facts {
  if (!(failure instanceof Error)) return { failure: typeof failure === 'string' ? failure : `thrown: ${typeof failure}` };
  const quotesInput = failure instanceof SyntaxError;
  const message = quotesInput ? failure.name : `${failure.name}: ${failure.message}`;
  const frames = (failure.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    failure: message,
    code: 'code' in failure && (typeof failure.code === 'string' || typeof failure.code === 'number') ? failure.code : undefined,
    cause: failure.cause instanceof Error && !(failure.cause instanceof SyntaxError) ? failure.cause.message : undefined,
    stack: frames.length === 0 ? undefined : frames.map((frame) => frame.trim()).join(' ⏎ '),
  };
}
