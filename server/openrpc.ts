/** The OpenRPC document, made from the very schemas that validate the calls. */
import { toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import { ERRORS } from '../commons/errors.ts';
import { CLIENT_METHODS, SERVER_METHODS } from '../commons/protocol.ts';
import { VERSION } from '../commons/version.ts';

type ObjectSchema = v.GenericSchema & { readonly entries: Readonly<Record<string, v.GenericSchema>> };

interface Row {
  readonly summary: string;
  readonly params: ObjectSchema;
  readonly result: v.GenericSchema;
}

/** A rule that JSON Schema cannot say (a length in bytes, a set of characters) is in the field's description. */
function schema(of: v.GenericSchema): object {
  const members = Object.entries(toJsonSchema(of, { errorMode: 'ignore' }));
  return Object.fromEntries(members.filter(([key]) => key !== '$schema'));
}

/** By position params are one value, the object itself, which OpenRPC has no word for: the document says `by-name`. */
function describe(name: string, { summary, params, result }: Row): object {
  return {
    name,
    summary,
    paramStructure: 'by-name',
    params: Object.entries(params.entries).map(([field, entry]) => ({
      name: field,
      required: entry.type !== 'optional',
      schema: schema(entry),
    })),
    result: { name: 'result', schema: schema(result) },
    errors: Object.entries(ERRORS).map(([reason, { code, sentence }]) => ({ code, message: sentence, data: { Reason: reason } })),
  };
}

export function openRpcDocument(): { readonly openrpc: string; readonly [member: string]: unknown } {
  return {
    openrpc: '1.3.2',
    info: { title: 'partyline', version: VERSION, description: 'A chat room over JSON-RPC on TCP.', license: { name: 'MIT' } },
    methods: Object.entries(SERVER_METHODS).map(([name, row]) => describe(name, row)),
    'x-client-methods': Object.entries(CLIENT_METHODS).map(([name, row]) => describe(name, row)),
  };
}
