/**
 * How rooms and memberships are written down as facts, and read back. It keeps nothing; `rooms.ts` and `account-rooms.ts`
 * decide when a fact is kept.
 */
import * as v from 'valibot';
import type { About } from './room.ts';
import type { StoredRecord } from './store/store.ts';

const RoomFact = v.object({
  name: v.string(),
  owner: v.nullable(v.string()),
  password: v.nullable(v.string()),
  createdAt: v.string(),
  /** Since when nobody was in it, milliseconds since 1970; `null` while somebody is. */
  emptySince: v.nullable(v.number()),
});
export type RoomFact = v.InferOutput<typeof RoomFact>;

const CursorFact = v.object({ seq: v.number() });

/** Where the facts about all rooms begin, or those about rooms whose code begins with `start`. */
export const roomKey = (start = ''): string => `room/${start}`;
/** The rooms that an account is in, and how far it has read in each. */
export const memberKey = (account: string, code = ''): string => `member/${account}/${code}`;
/** The accounts that are in a room. */
export const insideKey = (code: string, account = ''): string => `inside/${code}/${account}`;
/** The rooms that an account owns. */
export const ownedKey = (account: string, code = ''): string => `owned/${account}/${code}`;

/** What stands behind the last `/` of a key. */
export function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

export function roomRecord(code: string, { name, owner, password, createdAt }: About, emptySince: number | null): StoredRecord {
  const fact: RoomFact = { name, owner, password, createdAt, emptySince };
  return { key: roomKey(code), value: JSON.stringify(fact) };
}

export function readRoom(value: string): RoomFact {
  return v.parse(RoomFact, JSON.parse(value));
}

/** `seq`: the last message of the room that the account has been brought. */
export function cursorRecord(account: string, code: string, seq: number): StoredRecord {
  return { key: memberKey(account, code), value: JSON.stringify({ seq }) };
}

export function readCursor(value: string): number {
  return v.parse(CursorFact, JSON.parse(value)).seq;
}

/** That an account is in a room: both ways to find it. */
export function joinedRecords(account: string, code: string, seq: number): readonly StoredRecord[] {
  return [cursorRecord(account, code, seq), { key: insideKey(code, account), value: '{}' }];
}

export function leftRecords(account: string, code: string): readonly StoredRecord[] {
  return [
    { key: memberKey(account, code), value: null },
    { key: insideKey(code, account), value: null },
  ];
}
