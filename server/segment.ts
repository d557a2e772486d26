/**
 * Messages of one room that were accepted together, encoded once: the very same bytes go to every member. A segment
 * keeps bytes and numbers only, no message objects; every other form is cut from them when somebody needs it first.
 */
import type { Message } from '../commons/protocol.ts';
import type { Dialect, ParamsStyle } from '../commons/rpc/frame.ts';
import type { AnswerShape, ExpectedAnswers } from './answer-shape.ts';
import { isPlain, jsonInner, type Speaker } from './speaker.ts';

/** How calls to a client are written: its dialect and its params style. */
export type Form = 'named' | 'positional' | 'classic';

export interface Spoken {
  readonly dialect: Dialect;
  readonly style: ParamsStyle;
}

const METHOD = '"method":"ClientCallback.ReceiveMessage","params":';
/** What stands around a message's JSON in each form; between `close` and the end comes the id, which is its `Seq`. */
const FRAME: Readonly<Record<Form, { readonly open: string; readonly close: string }>> = {
  named: { open: `{"jsonrpc":"2.0",${METHOD}{"Message":`, close: '},"id":' },
  positional: { open: `{"jsonrpc":"2.0",${METHOD}[{"Message":`, close: '}],"id":' },
  classic: { open: `{${METHOD}[{"Message":`, close: '}],"id":' },
};
const END = '}\n';
/** Shapes whose answers a view keeps; clients of further shapes have their answers parsed. */
const SHAPES_PER_VIEW = 8;
/** Characters after which encoded messages become bytes: V8 joins a text in memory first, and one of 128 KiB on pages of its own. */
const PAGE = 16_384;
/** Up to so many messages they are looked through; beyond, a set of their senders costs less than the looking. */
const LOOKED_THROUGH = 8;

export function formOf(dialect: Dialect, style: ParamsStyle): Form {
  if (dialect === '1.0') return 'classic';
  return style === 'position' ? 'positional' : 'named';
}

/** How calls are spoken in each form. */
export const SPOKEN: Readonly<Record<Form, Spoken>> = {
  named: { dialect: '2.0', style: 'name' },
  positional: { dialect: '2.0', style: 'position' },
  classic: { dialect: '1.0', style: 'position' },
};

/** Encoded calls, back to back, with their ids: what one write sends and what the answers to it will look like. */
export class View {
  readonly bytes: Buffer;
  /** Where each call ends in `bytes`, ascending. */
  readonly ends: readonly number[];
  /** The id of each call, which is its message's `Seq`, ascending. */
  readonly seqs: readonly number[];
  /** A handful at most, and mostly one. */
  #answers: readonly ExpectedAnswers[] | undefined;

  constructor(bytes: Buffer, ends: readonly number[], seqs: readonly number[]) {
    this.bytes = bytes;
    this.ends = ends;
    this.seqs = seqs;
  }

  /** The bytes of the calls from `from` up to but not including `to`. */
  slice(from: number, to: number): Buffer {
    if (from === 0 && to === this.seqs.length) return this.bytes;
    return this.bytes.subarray(this.startOf(from), this.startOf(to));
  }

  /** Where call number `index` begins in `bytes`; for the number of calls, where they end. */
  startOf(index: number): number {
    return index === 0 ? 0 : (this.ends[index - 1] ?? this.bytes.length);
  }

  /**
   * The answers of clients of one shape, made once for all of them; `undefined` when so many shapes are kept already
   * that one more would cost more memory than the messages themselves.
   */
  answers(shape: AnswerShape): ExpectedAnswers | undefined {
    const answers = this.#answers ?? [];
    const known = answers.find((each) => each.shape === shape);
    if (known !== undefined || answers.length >= SHAPES_PER_VIEW) return known;
    const expected = shape.expect(this.seqs);
    this.#answers = [...answers, expected];
    return expected;
  }
}

/** There are many of these, most with one message: what few readers need is made when the first one does. */
export class Segment {
  /** The calls in the form `named`; the bodies of all other forms are cut from it. */
  readonly named: View;
  /** Who said each message; '' for the room itself. */
  readonly senders: readonly string[];
  /** How many messages the room had before this segment. */
  readonly ordinal: number;
  #views: Map<Form, View> | undefined;
  readonly #speakers: ReadonlySet<string> | undefined;

  constructor(named: View, senders: readonly string[], ordinal: number) {
    this.named = named;
    this.senders = senders;
    if (senders.length > LOOKED_THROUGH) this.#speakers = new Set(senders);
    this.ordinal = ordinal;
  }

  get firstSeq(): number {
    return this.named.seqs[0] ?? 0;
  }

  get lastSeq(): number {
    return this.named.seqs.at(-1) ?? 0;
  }

  /** All its calls in one form, made once for all members who are called that way. */
  view(form: Form): View {
    const known = form === 'named' ? this.named : this.#views?.get(form);
    if (known !== undefined) return known;
    const view = this.#cut(form);
    (this.#views ??= new Map()).set(form, view);
    return view;
  }

  /** Where, from `index` on, the first message is that is not `reader`'s own; the number of messages when there is none. */
  firstFor(reader: string, index: number): number {
    let first = index;
    while (this.senders[first] === reader) first += 1;
    return first;
  }

  /** Where, from `index` on, the first message is that is `reader`'s own; the number of messages when there is none. */
  ownOf(reader: string, index: number): number {
    const own = this.#speakers?.has(reader) === false ? -1 : this.senders.indexOf(reader, index);
    return own < 0 ? this.senders.length : own;
  }

  /** The JSON of message number `index`. */
  body(index: number): Buffer {
    const { bytes, seqs } = this.named;
    const { open, close } = FRAME.named;
    const tail = close.length + String(seqs[index]).length + END.length;
    return bytes.subarray(this.named.startOf(index) + open.length, this.named.startOf(index + 1) - tail);
  }

  #cut(form: Form): View {
    const { open, close } = FRAME[form];
    const { seqs } = this.named;
    const opening = Buffer.from(open);
    const parts: Buffer[] = [];
    const ends: number[] = [];
    let length = 0;
    seqs.forEach((seq, index) => {
      const body = this.body(index);
      const closing = Buffer.from(close + String(seq) + END);
      parts.push(opening, body, closing);
      length += opening.length + body.length + closing.length;
      ends.push(length);
    });
    return new View(Buffer.concat(parts, length), ends, seqs);
  }
}

/** Index of the first of the ascending `seqs` that is greater than `seq`. */
export function indexAfter(seqs: readonly number[], seq: number): number {
  if (seq < (seqs[0] ?? Infinity)) return 0;
  let low = 0;
  let high = seqs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((seqs[middle] ?? Infinity) <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A message before it has its place in a room's order. */
export interface Draft {
  readonly kind: Message['Kind'];
  /** Who says it; `THE_ROOM` for notices. */
  readonly speaker: Speaker;
  readonly text: string;
}

/** Encodes what a room accepted in one batch. `seqs` has one number for each draft, ascending. */
export function encodeSegment(room: string, drafts: readonly Draft[], seqs: readonly number[], sentAt: string, ordinal: number): Segment {
  const senders: string[] = [];
  const ends: number[] = [];
  const pages: string[] = [];
  let page = '';
  let length = 0;
  let plain = true;
  let repeated: Repeated | undefined;
  for (const draft of drafts) {
    if (repeated?.speaker !== draft.speaker || repeated.kind !== draft.kind) repeated = repeatedBy(draft, room, sentAt);
    const frame = encodeCall(draft.text, String(seqs[ends.length]), repeated);
    const ascii = draft.speaker.plain && isPlain(draft.text);
    length += ascii ? frame.length : Buffer.byteLength(frame);
    plain = plain && ascii;
    page += frame;
    if (page.length > PAGE) {
      pages.push(page);
      page = '';
    }
    ends.push(length);
    senders.push(draft.speaker.id);
  }
  pages.push(page);
  // The copies are of exactly this length: an array that grows is given room for many more.
  return new Segment(new View(bytesOf(pages, length, plain), ends.slice(), seqs), senders.slice(), ordinal);
}

/** @param length the bytes of all texts together. @param plain whether each character is one */
function bytesOf(texts: readonly string[], length: number, plain: boolean): Buffer {
  const [only] = texts;
  if (only !== undefined && texts.length === 1) return Buffer.from(only, plain ? 'latin1' : 'utf8');
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const text of texts) at += bytes.write(text, at, plain ? 'latin1' : 'utf8');
  return bytes;
}

/** What the calls for one speaker's messages of one kind have in common, in order, between what differs. */
interface Repeated {
  readonly speaker: Speaker;
  readonly kind: Message['Kind'];
  readonly beforeContent: string;
  readonly beforeSeq: string;
  readonly beforeText: string;
  readonly beforeId: string;
}

function repeatedBy({ speaker, kind }: Draft, room: string, sentAt: string): Repeated {
  const { open, close } = FRAME.named;
  const system = kind !== 'chat' && kind !== 'direct';
  return {
    speaker,
    kind,
    beforeContent: `${open}{"SenderID":"${speaker.idJson}","Content":"${system ? '' : `${speaker.nameJson}: `}`,
    beforeSeq: `","IsSystem":${system ? 'true' : 'false'},"Seq":`,
    beforeText: `,"Room":"${room}","Name":"${speaker.nameJson}","Text":"`,
    beforeId: `","Kind":"${kind}","SentAt":"${sentAt}"}${close}`,
  };
}

/** The call that brings a message; its text is escaped once for both places where it stands. */
function encodeCall(text: string, seq: string, { beforeContent, beforeSeq, beforeText, beforeId }: Repeated): string {
  const said = jsonInner(text);
  return beforeContent + said + beforeSeq + seq + beforeText + said + beforeId + seq + END;
}
