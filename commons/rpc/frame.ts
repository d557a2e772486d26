/** Frames as JSON values, and values as the calls and answers of the two dialects. It knows no connection and no method. */
import { isUtf8 } from 'node:buffer';
import { RpcError } from '../errors.ts';
import { spelledIds, withinLimits, type ScanLimits } from './scan.ts';

/** `2.0` by the specification; `1.0` as Go's `net/rpc/jsonrpc` speaks it: no `jsonrpc` member, errors are strings. */
export type Dialect = '2.0' | '1.0';
/** How params are written: `{"A":1}` or `[{"A":1}]`. */
export type ParamsStyle = 'name' | 'position';

export interface Call {
  readonly kind: 'call';
  readonly dialect: Dialect;
  readonly style: ParamsStyle;
  readonly method: string;
  /** Always one value: `[{…}]` by position is taken apart. */
  readonly params: unknown;
  /** There were more values by position, which no method takes. */
  readonly surplus: boolean;
  /** The id as JSON text, to be echoed as it is; `undefined` for a notification. */
  readonly id: string | undefined;
}
export interface Answer {
  readonly kind: 'answer';
  readonly id: unknown;
  readonly result: unknown;
  /** The error member; `undefined` when the call succeeded. */
  readonly error: unknown;
}
/** Something that is neither; it is answered with `error`. */
export interface Refused {
  readonly kind: 'refused';
  readonly dialect: Dialect | undefined;
  readonly id: string;
  readonly error: RpcError;
}
export type Item = Call | Answer | Refused;
export interface Frame {
  readonly batch: boolean;
  readonly items: readonly Item[];
}

export interface FrameLimits extends ScanLimits {
  readonly batchElements: number;
}

/** @throws RpcError `ParseError` (the connection goes on) or `TooLarge` (it must be closed after the answer). */
export function parseFrame(chunk: Buffer, start: number, end: number, limits: FrameLimits): Frame {
  const text = chunk.toString('utf8', start, end);
  if (text.includes('\ufffd') && !isUtf8(chunk.subarray(start, end))) throw new RpcError('ParseError');
  if (!withinLimits(text, limits))
    throw new RpcError('TooLarge', `A frame may nest ${limits.nestingDepth} levels and hold ${limits.frameTokens} tokens.`);
  const value = parseJson(text);
  if (!Array.isArray(value)) return { batch: false, items: [classify(value, new Spelling(text), 0)] };
  if (value.length === 0) return { batch: false, items: [refusal(undefined, 'null')] };
  if (value.length > limits.batchElements) throw new RpcError('TooLarge', `A batch may have ${limits.batchElements} elements.`);
  const spelling = new Spelling(text);
  return { batch: true, items: value.map((element: unknown, index) => classify(element, spelling, index)) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RpcError('ParseError');
  }
}

/** How the ids of one frame were spelt; the text is only read again when an id needs it, and then once. */
class Spelling {
  readonly #text: string;
  #ids: readonly (string | undefined)[] | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  id(index: number): string | null {
    this.#ids ??= spelledIds(this.#text);
    return this.#ids[index] ?? null;
  }
}

function classify(value: unknown, spelling: Spelling, index: number): Item {
  if (!isRecord(value)) return refusal(undefined, 'null');
  const version = value['jsonrpc'];
  const method = value['method'];
  if (method === undefined && ('result' in value || 'error' in value)) return toAnswer(value);
  const dialect = version === '2.0' ? '2.0' : version === undefined && typeof method === 'string' ? '1.0' : undefined;
  const id = 'id' in value ? spell(value['id'], spelling, index) : undefined;
  if (id === null) return refusal(dialect, 'null');
  const params = value['params'];
  const wellFormed = dialect !== undefined && typeof method === 'string' && (params === undefined || isStructured(params));
  if (!wellFormed) return refusal(dialect, id ?? 'null');
  // In 1.0 a call without an answer is one with the id null; in 2.0 one without an id.
  const silent = id === undefined || (dialect === '1.0' && id === 'null');
  const style = Array.isArray(params) ? 'position' : 'name';
  const surplus = Array.isArray(params) && params.length > 1;
  return { kind: 'call', dialect, style, method, params: single(params), surplus, id: silent ? undefined : id };
}

function single(params: unknown): unknown {
  if (params === undefined) return {};
  if (!Array.isArray(params)) return params;
  const first: unknown = params[0];
  return first === undefined || first === null ? {} : first;
}

function refusal(dialect: Dialect | undefined, id: string): Refused {
  return { kind: 'refused', dialect, id, error: new RpcError('InvalidRequest') };
}

function toAnswer(value: Record<string, unknown>): Answer {
  const error = value['error'];
  return { kind: 'answer', id: value['id'], result: value['result'], error: error === null ? undefined : error };
}

/** The id as JSON text; `null` for what cannot be an id. */
function spell(id: unknown, spelling: Spelling, index: number): string | null {
  if (typeof id === 'string' || id === null) return JSON.stringify(id);
  if (typeof id !== 'number') return null;
  // Of other numbers the parsed value may be a rounded one: 9007199254740993, 1e400, 1e-400, 4503599627370497.3.
  const exact = Number.isInteger(id) && id !== 0 && Math.abs(id) < 2 ** 42;
  return exact ? String(id) : spelling.id(index);
}

const isStructured = (value: unknown): boolean => typeof value === 'object' && value !== null;

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A result that is already JSON text: for the answers that are given a hundred thousand times a second. */
export class Encoded {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }
}

/** A successful answer, without its newline. In 1.0 a success never has a null result. */
export function encodeResult(dialect: Dialect, id: string, result: unknown): string {
  const json = result instanceof Encoded ? result.json : (JSON.stringify(result ?? null) ?? 'null');
  if (dialect === '2.0') return `{"jsonrpc":"2.0","id":${id},"result":${json}}`;
  return `{"id":${id},"result":${json === 'null' ? '{}' : json},"error":null}`;
}

/** A refusal, without its newline; in 1.0 the error is its sentence. */
export function encodeError(dialect: Dialect, id: string, error: RpcError): string {
  if (dialect === '1.0') return `{"id":${id},"result":null,"error":${JSON.stringify(error.message)}}`;
  const { code, message, data } = error;
  return `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify({ code, message, data })}}`;
}

/** A call to the peer, without its newline. `id` undefined makes it a notification. */
export function encodeCall(dialect: Dialect, style: ParamsStyle, method: string, params: unknown, id: number): string {
  const json = JSON.stringify(params);
  const written = style === 'position' || dialect === '1.0' ? `[${json}]` : json;
  const version = dialect === '2.0' ? '"jsonrpc":"2.0",' : '';
  return `{${version}"method":${JSON.stringify(method)},"params":${written},"id":${id}}`;
}
