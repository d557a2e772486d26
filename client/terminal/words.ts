/** Outcomes as words for people. */
import { RpcError } from '../../commons/errors.ts';
import { type Receipt } from '../../commons/protocol.ts';
import { inertLine } from '../../commons/text.ts';
import { OutcomeUnknown } from '../errors.ts';

/** What went wrong, in one harmless line: the server chose the words of a refusal. */
export function reasonOf(error: unknown): string {
  if (error instanceof RpcError) return inertLine(error.data.Issues?.[0]?.Message ?? error.message);
  return inertLine(error instanceof Error ? error.message : String(error));
}

/** What became of a line that was not accepted, or perhaps was. */
export function fateOf(error: unknown): string {
  return error instanceof OutcomeUnknown ? 'Perhaps not sent' : 'Not sent';
}

/** "1 message", "2 messages". */
export function messages(count: number): string {
  return `${count} ${count === 1 ? 'message' : 'messages'}`;
}

/** Names that a receipt is shown with; the others are counted. */
const NAMES = 5;
/** Names that the server lists; where it lists so many there may be more. */
const MOST_LISTED = 20;

/** "delivered to 12", "delivered to 11, waiting for bob"; everybody else is gone. */
export function receiptWords({ Delivered, Pending, Failed }: Receipt): string {
  const some = Pending.slice(0, NAMES).map(inertLine).join(', ');
  const others = Pending.length - NAMES;
  const more = others > 0 ? ` and ${others}${Pending.length >= MOST_LISTED ? ' or more' : ''} others` : '';
  const parts = [
    ...(Delivered > 0 || Pending.length + Failed === 0 ? [`delivered to ${Delivered}`] : []),
    ...(Pending.length > 0 ? [`waiting for ${some}${more}`] : []),
    ...(Failed > 0 ? [`${Failed} did not answer and ${Failed === 1 ? 'is' : 'are'} gone`] : []),
  ];
  return parts.join(', ');
}
