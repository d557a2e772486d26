/** How a row of the method table becomes a handler: its parameters are validated by the contract's schema, and nothing else is. */
import * as v from 'valibot';
import { RpcError, type Issue } from '../../commons/errors.ts';
import { SERVER_METHODS, type ParamsOf, type ResultOf, type ServerMethod } from '../../commons/protocol.ts';
import type { Handler } from '../../commons/rpc/dispatcher.ts';
import { isRecord, type Call, type Encoded } from '../../commons/rpc/frame.ts';
import type { CallContext } from '../call-context.ts';

/** Gets the outcome of one call, once. */
export interface Outcome<M extends ServerMethod> {
  readonly call: Call;
  readonly context: CallContext;
  readonly succeed: (result: ResultOf<M> | Encoded) => void;
  readonly refuse: (error: RpcError) => void;
}

/** What a method does; it may throw an `RpcError`, and returns a promise when the connection's next call has to wait for it. */
export type Act<M extends ServerMethod> = (params: ParamsOf<M>, outcome: Outcome<M>) => void | Promise<void>;

/** Rules broken at the same time that are told at most. */
const ISSUES_TOLD = 8;

/** A handler of `method`. `reshape` turns other spellings of the parameters into the one that the schema knows. */
export function method<M extends ServerMethod>(name: M, act: Act<M>, reshape?: (params: unknown) => unknown): [M, Handler<CallContext>] {
  const schema: v.GenericSchema<unknown, ParamsOf<M>> = schemaOf(name);
  return [
    name,
    (params, context, call, reply) => {
      const given = reshape === undefined ? params : reshape(params);
      let parsed = v.safeParse(schema, given);
      if (!parsed.success) parsed = v.safeParse(schema, withoutUnset(name, given));
      if (!parsed.success) return reply(invalidParams(parsed.issues));
      return act(parsed.output, { call, context, succeed: (result) => reply(null, result), refuse: reply });
    },
  ];
}

/**
 * The parameters without optional ones that are `null` or empty: how languages whose records have no missing fields (Go's
 * structs, for one) write that a field is not set.
 */
function withoutUnset(name: ServerMethod, params: unknown): unknown {
  if (!isRecord(params)) return params;
  const { entries } = SERVER_METHODS[name].params;
  const optional = new Map(Object.entries<v.GenericSchema>({ ...entries }));
  const set = Object.entries(params).filter(
    ([field, value]) => optional.get(field)?.type !== 'optional' || (value !== null && value !== ''),
  );
  return Object.fromEntries(set);
}

function schemaOf<M extends ServerMethod>(name: M): (typeof SERVER_METHODS)[M]['params'] {
  return SERVER_METHODS[name].params;
}

function invalidParams(issues: readonly v.BaseIssue<unknown>[]): RpcError {
  const told: Issue[] = issues.slice(0, ISSUES_TOLD).map((issue) => ({ Path: v.getDotPath(issue) ?? '', Message: sentence(issue) }));
  return new RpcError('InvalidParams', `Invalid params: ${told[0]?.Message ?? 'they must be one object.'}`, { Issues: told });
}

function sentence(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  if (issue.received === 'undefined' && path !== null) return `${path} is required.`;
  return path === null ? 'Params must be one object.' : issue.message;
}
