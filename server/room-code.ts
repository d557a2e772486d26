/** Codes of rooms: short, random, and unmistakable when they are read aloud or written down. It knows no room. */
import { randomInt } from 'node:crypto';
import { LOBBY } from './room.ts';

/**
 * No letter that passes for a digit or for another letter (0 O Q, 1 I L, 2 Z, 5 S, 8 B, U V), in either case: codes may be
 * typed in small letters. Without most vowels they spell few words.
 */
export const CODE_ALPHABET = 'ACDEFGHJKMNPRTVWXY34679';

/** A code that may be taken already. */
export function randomCode(length: number): string {
  return Array.from({ length }, () => CODE_ALPHABET[randomInt(CODE_ALPHABET.length)]).join('');
}

/** The code that somebody means, as it is written everywhere. */
export function canonicalCode(given: string): string {
  return given.toLowerCase() === LOBBY ? LOBBY : given.toUpperCase();
}
