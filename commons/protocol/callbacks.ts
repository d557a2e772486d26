/** What a server may ask of a client. */
import * as v from 'valibot';
import { Message } from './message.ts';

const Answer = v.object({ Success: v.boolean(), Error: v.optional(v.string()) });

/** The methods that a client's callback server answers; only `ReceiveMessage` is required of it. */
export const CLIENT_METHODS = {
  'ClientCallback.ReceiveMessage': {
    summary: 'A message of the room. Answer it: the answer is the acknowledgement.',
    params: v.object({ Message }),
    result: Answer,
  },
  'ClientCallback.Authenticate': {
    summary: 'The secret that Register gave, so that the client knows who calls. First call on each connection.',
    params: v.object({ Secret: v.string() }),
    result: Answer,
  },
  'ClientCallback.Verify': {
    summary: 'Echo the challenge: only asked of addresses that are not the caller’s own.',
    params: v.object({ Challenge: v.string() }),
    result: v.object({ Challenge: v.string() }),
  },
  'ClientCallback.Ping': {
    summary: 'Are you there? Any answer, an error included, is a sign of life.',
    params: v.object({}),
    result: Answer,
  },
} as const;
