/** Colours: whether there are any, and which one a name has. The same name has the same colour on every screen. */
import { Chalk, supportsColor, supportsColorStderr, type ChalkInstance, type ColorName } from 'chalk';
import { fold } from '../../commons/text.ts';

/** Readable on dark and on light; red is left to errors, grey to the room's own lines. */
const NAME_COLORS: readonly ColorName[] = [
  'cyan',
  'green',
  'yellow',
  'magenta',
  'blueBright',
  'cyanBright',
  'greenBright',
  'magentaBright',
  'yellowBright',
];

/**
 * chalk ignores NO_COLOR on a terminal, so the level is decided here. `true` means colours even where the stream is no terminal.
 */
export function chalkFor(stream: 'stdout' | 'stderr', color: boolean | 'auto'): ChalkInstance {
  if (color === false) return new Chalk({ level: 0 });
  const support = stream === 'stdout' ? supportsColor : supportsColorStderr;
  if (support === false) return new Chalk({ level: color === true ? 1 : 0 });
  return new Chalk({ level: support.level });
}

/** The colour of a name, by a hash (FNV-1a) of its folded form. */
export function colorOf(name: string): ColorName {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(fold(name))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return NAME_COLORS[hash % NAME_COLORS.length] ?? 'cyan';
}
