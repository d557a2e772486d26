/**
 * As much of JSON Schema (draft 7) as the server's OpenRPC document uses, written from the specification: what a program
 * of somebody else would make of the document. A keyword that is not known here is an error, never ignored.
 */
import { at, keysOf } from './line-client.ts';

/** The rules of `schema` that `value` breaks, `path: keyword` each; none when it is valid. */
export function schemaFaults(schema: unknown, value: unknown, path = ''): string[] {
  return keysOf(schema).flatMap((keyword) => {
    const check = KEYWORDS.get(keyword);
    if (check === undefined) return [`${path}: the schema has ${keyword}, which this validator does not know`];
    return check(at(schema, keyword), value, path, schema).map((fault) => (fault.includes(': ') ? fault : `${path}: ${fault}`));
  });
}

type Check = (rule: unknown, value: unknown, path: string, schema: unknown) => string[];

const KEYWORDS = new Map<string, Check>([
  ['description', () => []],
  ['type', (rule, value) => holds(TYPES.get(String(rule))?.(value) === true, `type ${String(rule)}`)],
  ['const', (rule, value) => holds(value === rule, 'const')],
  ['enum', (rule, value) => holds(list(rule).includes(value), 'enum')],
  [
    'anyOf',
    (rule, value) =>
      holds(
        list(rule).some((each) => schemaFaults(each, value).length === 0),
        'anyOf',
      ),
  ],
  ['minLength', (rule, value) => holds(typeof value !== 'string' || [...value].length >= Number(rule), 'minLength')],
  ['maxLength', (rule, value) => holds(typeof value !== 'string' || [...value].length <= Number(rule), 'maxLength')],
  ['minimum', (rule, value) => holds(typeof value !== 'number' || value >= Number(rule), 'minimum')],
  ['maximum', (rule, value) => holds(typeof value !== 'number' || value <= Number(rule), 'maximum')],
  ['propertyNames', (rule, value, path) => keysOf(value).flatMap((name) => schemaFaults(rule, name, `${path}/${name}`))],
  ['items', (rule, value, path) => list(value).flatMap((item, index) => schemaFaults(rule, item, `${path}/${index}`))],
  [
    'required',
    (rule, value) =>
      list(rule).flatMap((name) => holds(!isObject(value) || keysOf(value).includes(String(name)), `required ${String(name)}`)),
  ],
  [
    'properties',
    (rule, value, path) =>
      keysOf(rule).flatMap((name) =>
        keysOf(value).includes(name) ? schemaFaults(at(rule, name), at(value, name), `${path}/${name}`) : [],
      ),
  ],
  [
    'additionalProperties',
    (rule, value, path, schema) => {
      const others = keysOf(value).filter((name) => !keysOf(at(schema, 'properties')).includes(name));
      if (typeof rule === 'boolean') return holds(rule || others.length === 0, 'additionalProperties');
      return others.flatMap((name) => schemaFaults(rule, at(value, name), `${path}/${name}`));
    },
  ],
]);

const TYPES = new Map<string, (value: unknown) => boolean>([
  ['string', (value) => typeof value === 'string'],
  ['number', (value) => typeof value === 'number'],
  ['integer', (value) => Number.isInteger(value)],
  ['boolean', (value) => typeof value === 'boolean'],
  ['array', (value) => Array.isArray(value)],
  ['object', isObject],
]);

function holds(rule: boolean, fault: string): string[] {
  return rule ? [] : [fault];
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
