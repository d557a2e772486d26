/** Whole numbers in as few bytes as they need: seven bits a byte, the lowest first. Knows nothing of what they mean. */

/** Bytes that `number` takes. */
export function varintLength(number: number): number {
  let length = 1;
  for (let left = number; left >= 0x80; left /= 0x80) length += 1;
  return length;
}

/** Writes `number` at `from` and returns where it ends. By division, because times and numbers need more than 32 bits. */
export function writeVarint(bytes: Buffer, from: number, number: number): number {
  let at = from;
  let left = number;
  while (left >= 0x80) {
    bytes[at] = (left % 0x80) | 0x80;
    at += 1;
    left = Math.floor(left / 0x80);
  }
  bytes[at] = left;
  return at + 1;
}

/** The number that begins at `from`, and where it ends. */
export function readVarint(bytes: Buffer, from: number): readonly [number: number, end: number] {
  let number = 0;
  let scale = 1;
  for (let at = from; at < bytes.length; at += 1, scale *= 0x80) {
    const byte = bytes[at] ?? 0;
    number += (byte & 0x7f) * scale;
    if (byte < 0x80) return [number, at + 1];
  }
  return [number, bytes.length];
}

/**
 * All numbers from `start` up to `end`; one that is cut off is NaN. One plain loop, because a start reads a hundred thousand
 * messages before the compiler has warmed to it.
 */
export function readVarints(bytes: Buffer, start: number, end: number): number[] {
  const numbers: number[] = [];
  let number = 0;
  let scale = 1;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x80) {
      numbers.push(number + byte * scale);
      number = 0;
      scale = 1;
    } else {
      number += (byte & 0x7f) * scale;
      scale *= 0x80;
    }
  }
  if (scale > 1) numbers.push(Number.NaN);
  return numbers;
}
