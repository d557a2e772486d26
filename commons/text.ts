/**
 * What people may write and what may be shown. The server refuses by these rules, and the client shows nothing else
 * (`inert`), so that a text never moves a cursor, forges a line or turns one around. Allow-lists, not lists of bad
 * sequences: Unicode's general categories decide.
 */

/**
 * Controls, formats (bidi, zero width), surrogates, private use, unassigned, separators, and letters that show nothing
 * (Hangul fillers). Of the variation selectors only the one that emoji need, right behind one.
 */
const INVISIBLE = /[[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]--\ufe0f]|(?<!\p{Extended_Pictographic})\ufe0f/v;
/** Spaces other than U+0020. */
const ODD_SPACE = /[\p{Zs}--\u0020]/v;
/** More combining marks on one letter than any living script needs. */
const MARK_FLOOD = /\p{M}{5,}/u;
const VISIBLE_START = /[\p{L}\p{N}\p{Extended_Pictographic}]/u;
/** What `inert` keeps of a text: graphic characters, the space, and the joiners that emoji and Persian need. */
const NOT_SHOWN = /[[\p{C}\p{Zl}\p{Zp}]--[\u200c\u200d]]/v;
const NOT_SHOWN_EVERY = /[[\p{C}\p{Zl}\p{Zp}]--[\u200c\u200d\n\t]]/gv;
/** What a message may hold beyond `NOT_SHOWN`: LF and TAB, the marks of direction that Hebrew and Arabic texts use. */
const NOT_ALLOWED =
  /[[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u202a-\u202e\u2066-\u2069\u200b\u2060-\u2064\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]--[\n\t]]/v;
/** Marks that change no letter of another script into another one: accents on Latin letters, points, not the vowels of India. */
const PASSED_OVER =
  /(?<=[\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}\p{N}]\p{M}*)\p{M}|[[\p{M}&&\p{sc=Inherited}]--[\u3099\u309a]]|[\u0591-\u05c7]/gv;
const PLAIN = /^[\x20-\x7e]*$/;

/** Letters of other scripts that look like Latin ones, and digits that pass for letters. */
const LOOK_ALIKES = new Map(
  Object.entries({
    a: 'аαɑ',
    b: 'вЬьβ',
    c: 'сϲ',
    d: 'ԁ',
    e: 'еεёҽ',
    g: 'ɡ',
    h: 'һнη',
    i: 'іιı1|!lӏⅼ',
    j: 'ј',
    k: 'кκ',
    m: 'мϻ',
    n: 'пո',
    o: 'оοσ0',
    p: 'рρ',
    r: 'гᴦ',
    s: 'ѕ5$',
    t: 'тτ',
    u: 'υս',
    v: 'ѵν',
    x: 'хχ',
    y: 'уγү',
  }).flatMap(([latin, others]) => [...others].map((other): [string, string] => [other, latin])),
);

/** Names that nobody may come near: also refused in look-alike letters and with punctuation in between (`skeleton`). */
const IMPOSING = ['system', 'server', 'partyline', 'admin', 'administrator', 'root', 'operator', 'moderator', 'everyone', 'everybody'];
/** Names that would pass for the room itself or for everybody; compared after `fold`. */
const RESERVED = new Set([...IMPOSING, 'all', 'here', 'channel', 'you', 'me', 'null', 'undefined', 'none']);
/** What the UserID of an account looks like: nobody may have it for a name or an ID. */
const USER_ID = /^user-[0-9a-f]{24}$/i;

/**
 * One form for names that people take for the same: compatibility forms, case (ß and SS, the dotted and the dotless i
 * included), blanks and the emoji selector are folded.
 */
export function fold(name: string): string {
  const cased = name.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC');
  return cased.replaceAll('i\u0307', 'i').replaceAll('\ufe0f', '').replaceAll(/\s+/gu, ' ');
}

/**
 * What a name looks like at a glance: without punctuation, blanks and the marks that readers pass over, look-alikes as one
 * letter (`I`, `l` and `1` too). Two names with the same skeleton are taken for each other; not for showing. What has
 * neither letters nor digits, a name of emoji, is only folded.
 */
export function skeleton(name: string): string {
  const folded = fold(name);
  const plain = folded.normalize('NFKD').replaceAll(/[\p{P}\p{S}\s]/gu, (c) => (LOOK_ALIKES.has(c) ? c : ''));
  const latin = [...plain].map((c) => LOOK_ALIKES.get(c) ?? c).join('');
  return latin.replaceAll(PASSED_OVER, '') || folded;
}
const IMPOSING_SKELETONS = new Set(IMPOSING.map(skeleton));
const LOBBY_SKELETON = skeleton('Lobby');

/** A code point as people look it up, `U+202E`. */
export function codePointName(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** The rule that `name` breaks as a display name, as a sentence that calls it `field`; `undefined` when it may be used. */
export function nameProblem(name: string, maxCharacters: number, field = 'Name'): string | undefined {
  const problem = labelProblem(field, name, maxCharacters);
  if (problem !== undefined) return problem;
  if (/[:[\]<>]/u.test(name)) return `${field} must not contain any of : [ ] < >`;
  if (isReserved(name)) return `${field} "${name}" is reserved.`;
  return undefined;
}

/** The rule that `name` breaks as a room's, as a sentence; `undefined` when it may be used. The lobby has its name alone. */
export function roomNameProblem(name: string, maxCharacters: number): string | undefined {
  return nameProblem(name, maxCharacters) ?? (skeleton(name) === LOBBY_SKELETON ? `Name "${name}" is the lobby's.` : undefined);
}

/** The rule that `id` breaks as a client's ID, as a sentence; `undefined` when it may be used. */
export function idProblem(id: string, maxCharacters: number): string | undefined {
  const problem = labelProblem('ID', id, maxCharacters);
  if (problem !== undefined) return problem;
  if (/[[\]<>]/u.test(id)) return 'ID must not contain any of [ ] < >';
  if (isReserved(id)) return `ID "${id}" is reserved.`;
  return undefined;
}

function isReserved(label: string): boolean {
  return RESERVED.has(fold(label)) || USER_ID.test(label) || IMPOSING_SKELETONS.has(skeleton(label));
}

function labelProblem(field: string, label: string, maxCharacters: number): string | undefined {
  if (label === '') return `${field} must not be empty.`;
  if ([...label].length > maxCharacters) return `${field} must have at most ${maxCharacters} characters.`;
  const bad = INVISIBLE.exec(label) ?? ODD_SPACE.exec(label);
  if (bad !== null) return `${field} must not contain ${codePointName(bad[0])}: only visible characters and single blanks.`;
  if (label !== label.trim() || label.includes('  ')) return `${field} must not start or end with a blank or have two in a row.`;
  if (MARK_FLOOD.test(label.normalize('NFD'))) return `${field} must not pile up combining marks.`;
  if (!VISIBLE_START.test(label)) return `${field} must contain a letter or a digit.`;
  return undefined;
}

/** The rule that a message's characters break, as a sentence; `undefined` when it may be sent. Length is checked apart. */
export function textProblem(text: string): string | undefined {
  if (PLAIN.test(text)) return undefined;
  const bad = NOT_ALLOWED.exec(text);
  if (bad !== null) return `Text must not contain ${codePointName(bad[0])}: of control characters only LF and TAB are allowed.`;
  if (/\p{M}{9,}/u.test(text)) return 'Text must not pile up combining marks.';
  return undefined;
}

/**
 * A text as a terminal or a log may show it: everything that is not a graphic character is replaced by its code point
 * in angle quotes (`‹U+001B›`). Line feeds and tabs are kept: who shows them indents later lines.
 */
export function inert(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replaceAll(NOT_SHOWN_EVERY, (character) => `‹${codePointName(character)}›`).replaceAll(/(\p{M}{8})\p{M}+/gu, '$1');
}

/** `inert` for one line: line feeds and tabs too become visible. */
export function inertLine(text: string): string {
  const shown = inert(text);
  return NOT_SHOWN.test(shown) ? shown.replaceAll(/[\n\t]/g, (c) => (c === '\n' ? '⏎' : ' ')) : shown;
}
