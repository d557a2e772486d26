/** Who says something, with what every message of theirs repeats: prepared once, because it is written so often. */

/** Printable ASCII that JSON writes as it is. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** A text as it stands between the quotes of a JSON string. */
export function jsonInner(text: string): string {
  return isPlain(text) ? text : JSON.stringify(text).slice(1, -1);
}

/** Whether a text is its own JSON, one byte for each character. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

export class Speaker {
  readonly id: string;
  readonly name: string;
  /** `id` and `name` as JSON writes them between quotes. */
  readonly idJson: string;
  readonly nameJson: string;
  /** Whether both are printable ASCII. */
  readonly plain: boolean;

  constructor(id: string, name: string) {
    this.id = id;
    this.name = name;
    this.idJson = jsonInner(id);
    this.nameJson = jsonInner(name);
    this.plain = isPlain(id) && isPlain(name);
  }
}

/** The room itself, in notices. */
export const THE_ROOM = new Speaker('', '');
