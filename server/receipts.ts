/** Receipts: whether every other member of a room has answered a message, within a time. */
import type { Receipt } from '../commons/protocol.ts';
import type { Member } from './member.ts';
import type { Room } from './room.ts';

/** Receipts that one member may wait for at a time; for one more it is told `Busy`. */
export const OPEN_RECEIPTS = 256;
/** Names that a receipt lists at most. */
const NAMES = 20;

/**
 * Gives the receipt of message `seq` once all members of `room` but `sender` have answered it or were given up, at the
 * latest after `timeoutMs`. Members who pull have nothing to answer with and do not count.
 */
export function whenDelivered(room: Room, seq: number, sender: Member, timeoutMs: number, give: (receipt: Receipt) => void): void {
  const pending = new Map<Member, () => void>();
  let delivered = 0;
  let failed = 0;
  const finish = (): void => {
    clearTimeout(timer);
    for (const unwatch of pending.values()) unwatch();
    const names = [...pending.keys()].slice(0, NAMES).map(({ name }) => name);
    give({ Delivered: delivered, Pending: names, Failed: failed });
  };
  const timer = setTimeout(finish, timeoutMs);
  const readers = room.members.filter((member) => member !== sender && member.delivery !== undefined);
  for (const reader of readers) pending.set(reader, () => undefined);
  for (const reader of readers) {
    const unwatch = reader.delivery?.watch(room.log, seq, (answered) => {
      pending.delete(reader);
      if (answered) delivered += 1;
      else failed += 1;
      if (pending.size === 0) finish();
    });
    if (unwatch !== undefined && pending.has(reader)) pending.set(reader, unwatch);
  }
  if (readers.length === 0) finish();
}
