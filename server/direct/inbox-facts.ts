/** How inboxes are written down as facts, and read back. It keeps nothing; `inboxes.ts` decides when a fact is kept. */
import * as v from 'valibot';
import type { StoredRecord } from '../store/store.ts';

const CursorFact = v.object({ seq: v.number() });

/** How far the inbox of an account was answered or read. */
export const inboxKey = (account: string): string => `inbox/${account}`;
/** That what stands in an inbox is to be dropped, by its code. */
export const droppedKey = (code = ''): string => `dropped/${code}`;

export function cursorRecord(account: string, seq: number): StoredRecord {
  return { key: inboxKey(account), value: JSON.stringify({ seq } satisfies v.InferOutput<typeof CursorFact>) };
}

export function readCursor(value: string): number {
  return v.parse(CursorFact, JSON.parse(value)).seq;
}
