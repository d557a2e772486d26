/**
 * The fields of which parameters and results are made: each a schema whose broken rule is a sentence that names the field,
 * and whose description goes into the OpenRPC document. It knows no method.
 */
import * as v from 'valibot';
import { DEFAULT_LIMITS } from '../limits.ts';
import { idProblem, nameProblem, textProblem } from '../text.ts';

/** What JSON Schema can say of a rule, for the OpenRPC document. The rule itself is the check beside it; sentences tell the rest. */
const documented = <T>(jsonSchema: JsonRules): v.MetadataAction<T, JsonRules> => v.metadata(jsonSchema);
type JsonRules = Readonly<Record<string, string | number>>;

export const text = (field: string, maxBytes: number, description: string) =>
  v.pipe(
    v.string((issue) => (issue.input === undefined ? `${field} is required.` : `${field} must be a string.`)),
    v.check((value) => value !== '', `${field} must not be empty.`),
    v.check((value) => Buffer.byteLength(value) <= maxBytes, `${field} must have at most ${maxBytes} bytes.`),
    documented({ minLength: 1, maxLength: maxBytes, description: `${description}; at most ${maxBytes} bytes` }),
  );
export const ruled = (field: string, problem: (value: string) => string | undefined, jsonSchema: JsonRules) =>
  v.pipe(
    v.string((issue) => (issue.input === undefined ? `${field} is required.` : `${field} must be a string.`)),
    v.rawCheck(({ dataset, addIssue }) => {
      const message = dataset.typed ? problem(dataset.value) : undefined;
      if (message !== undefined) addIssue({ message });
    }),
    documented({ minLength: 1, ...jsonSchema }),
  );
export const whole = (field: string, min: number, max: number, description: string) =>
  v.pipe(
    v.number(`${field} must be a number.`),
    v.check(
      (value) => Number.isSafeInteger(value) && value >= min && value <= max,
      `${field} must be a whole number from ${min} to ${max}.`,
    ),
    documented({ type: 'integer', minimum: min, maximum: max, description }),
  );

const { idCharacters, nameCharacters } = DEFAULT_LIMITS;
export const ID = ruled('ID', (id) => idProblem(id, idCharacters), {
  maxLength: idCharacters,
  description: 'public, proves nothing; visible characters and single blanks, none of [ ] < >, no reserved word',
});
export const Name = ruled('Name', (name) => nameProblem(name, nameCharacters), {
  maxLength: nameCharacters,
  description: 'as others see it, may be shared; visible characters and single blanks, none of : [ ] < >, no reserved word',
});
export const UserName = ruled('UserName', (name) => nameProblem(name, nameCharacters, 'UserName'), {
  maxLength: nameCharacters,
  description: 'the name of an account, by the rules of Name; nobody else may have it, nor a look-alike of it',
});
export const UserID = text('UserID', 1024, 'the ID that the call acts for');
export const Session = v.optional(text('Session', 256, 'what Register returned; needed on any connection but the one that registered'));
/** What somebody says, to a room or to one person. */
export const SaidText = ruled('Text', (value) => (value === '' ? 'Text must not be empty.' : textProblem(value)), {
  description: 'at most Limits.textBytes bytes (see ChatServer.Info); no control characters but LF and TAB',
});
export const RoomCode = v.optional(text('Room', 256, 'code of a room that the caller is in; lobby when left out'));
export const Seq = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const Success = v.literal(true);
export const Room = v.string();
/** What a `MessageID`, an `Epoch` or a `Session` may be is the sender's business; only its size is ours. */
export const opaque = (field: string, description: string) => text(field, 128, description);
