/** Whole numbers in as few bytes as they need: seven bits a byte, the lowest first. Knows nothing of what they mean. */

/** By division, because times and numbers need more than 32 bits. */
export function pushVarint(bytes: number[], number: number): void {
  let left = number;
  while (left >= 0x80) {
    bytes.push((left % 0x80) | 0x80);
    left = Math.floor(left / 0x80);
  }
  bytes.push(left);
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

/** Numbers in a row, read one after the other without a copy. */
export class Varints {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Whether exactly as many were read as there are. */
  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  next(): number {
    let number = 0;
    for (let scale = 1; this.#at < this.#end; scale *= 0x80) {
      const byte = this.#bytes[this.#at] ?? 0;
      this.#at += 1;
      number += (byte & 0x7f) * scale;
      if (byte < 0x80) return number;
    }
    // One more than there are: what is made of it does not add up.
    this.#at = Infinity;
    return Number.NaN;
  }

  /** All that are left. */
  all(): number[] {
    const numbers: number[] = [];
    while (this.#at < this.#end) numbers.push(this.next());
    return numbers;
  }
}
