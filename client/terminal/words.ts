/** Failures as sentences for people. */
import { RpcError } from '../../commons/errors.ts';
import { inertLine } from '../../commons/text.ts';

/** What went wrong, in one harmless line: the server chose the words of a refusal. */
export function reasonOf(error: unknown): string {
  if (error instanceof RpcError) return inertLine(error.data.Issues?.[0]?.Message ?? error.message);
  return inertLine(error instanceof Error ? error.message : String(error));
}

/** "1 message", "2 messages". */
export function messages(count: number): string {
  return `${count} ${count === 1 ? 'message' : 'messages'}`;
}
