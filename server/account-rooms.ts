/**
 * Which rooms the accounts are in, and how far each has read there, so that a membership outlives absence and restarts.
 * It holds the accounts of those who are here and reads the others from their facts. It knows no tokens and no
 * passwords.
 */
import type { Broadcaster } from './broadcaster.ts';
import type { Member } from './member.ts';
import type { Room } from './room.ts';
import { cursorRecord, joinedRecords, lastPart, leftRecords, memberKey, ownedKey, readCursor } from './room-facts.ts';
import type { Rooms } from './rooms.ts';
import type { Store, StoredRecord } from './store/store.ts';

/** An account with registrations here, or one that is arriving. */
interface Present {
  readonly members: Set<Member>;
  /** By code of the room: the last message that the account was brought, as it is or will soon be on disk. */
  readonly cursors: Map<string, number>;
  /** Codes of the rooms that it owns. */
  readonly owned: Set<string>;
  /** Registrations, and arrivals that are under way. */
  users: number;
  read: Promise<void>;
}

/** What a registration brings with it. */
export interface Arrival {
  readonly account: string | undefined;
  /** Codes of the rooms that it owns: all registrations of an account share them. */
  readonly owned: Set<string>;
  /** The rooms that its account is in, and after which message of each it goes on. They stay in memory until `release`. */
  readonly rooms: ReadonlyMap<Room, number>;
  readonly release: () => void;
}

export class AccountRooms {
  readonly #store: Store;
  readonly #broadcaster: Broadcaster;
  readonly #rooms: Rooms;
  readonly #present = new Map<string, Present>();

  constructor(store: Store, broadcaster: Broadcaster, rooms: Rooms) {
    this.#store = store;
    this.#broadcaster = broadcaster;
    this.#rooms = rooms;
  }

  /** Accounts in memory. */
  get size(): number {
    return this.#present.size;
  }

  /** What has to be known before a registration of `account`, `undefined` for a guest, is let in. @throws RpcError `StorageFailed` */
  async expect(account: string | undefined): Promise<Arrival> {
    if (account === undefined) return { account, owned: new Set(), rooms: new Map(), release: () => undefined };
    const present = this.#use(account);
    const held: Room[] = [];
    const release = (): void => {
      for (const room of held.splice(0)) this.#rooms.release(room);
      this.#leave(account, present);
    };
    try {
      await present.read;
      const rooms = new Map<Room, number>();
      for (const code of [...present.cursors.keys()]) {
        const room = await this.#rooms.hold(code);
        if (room === undefined) {
          this.#forget(account, present, code);
          continue;
        }
        held.push(room);
        rooms.set(room, present.cursors.get(code) ?? 0);
      }
      return { account, owned: present.owned, rooms, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** A registration was let in, or one that was a guest's is the account's from now on. */
  arrived(member: Member, { account, owned }: Arrival): void {
    if (account === undefined || this.#present.get(account)?.members.has(member) === true) return;
    this.#use(account).members.add(member);
    for (const code of member.owned) owned.add(code);
    member.owned = owned;
  }

  /** A registration goes. Called while its delivery still knows what was answered; what it has read is kept soon. */
  departed(member: Member): void {
    const { accountId: account } = member;
    const present = account === undefined ? undefined : this.#present.get(account);
    if (account === undefined || present?.members.has(member) !== true) return;
    this.#keepSoon(this.#progress(account, present, member));
    present.members.delete(member);
    this.#leave(account, present);
  }

  /** The account enters `room` and will go on there after `seq`; on disk when it resolves. @throws RpcError `StorageFailed` or `ShuttingDown` */
  async joined({ accountId: account }: Member, room: Room, seq: number): Promise<void> {
    if (account === undefined) return;
    // First, so that many who join at the same time do not go over a bound.
    this.entered(account, room.code, seq);
    try {
      await this.#broadcaster.keep(joinedRecords(account, room.code, seq));
    } catch (error) {
      this.#present.get(account)?.cursors.delete(room.code);
      throw error;
    }
  }

  /** The same for a room whose facts are kept already. */
  entered(account: string, code: string, seq: number): void {
    this.#present.get(account)?.cursors.set(code, seq);
  }

  /** The account leaves `room`; on disk when it resolves. @throws RpcError `StorageFailed` or `ShuttingDown` */
  async left({ accountId: account }: Member, { code }: Room): Promise<void> {
    if (account === undefined) return;
    const cursors = this.#present.get(account)?.cursors;
    const seq = cursors?.get(code);
    // First, so that no cursor is written down behind it.
    cursors?.delete(code);
    try {
      await this.#broadcaster.keep(leftRecords(account, code));
    } catch (error) {
      if (seq !== undefined) cursors?.set(code, seq);
      throw error;
    }
  }

  /** `room` is gone, and its facts with it. */
  removed({ code, about }: Room): void {
    for (const { cursors } of this.#present.values()) cursors.delete(code);
    if (about.owner !== null) this.#present.get(about.owner)?.owned.delete(code);
  }

  /** All registrations of the same account; a guest has one. */
  registrations(member: Member): readonly Member[] {
    const present = member.accountId === undefined ? undefined : this.#present.get(member.accountId);
    return [...new Set([member, ...(present?.members ?? [])])];
  }

  /** In how many rooms an account is; 0 for one that is not here. */
  count(account: string): number {
    return this.#present.get(account)?.cursors.size ?? 0;
  }

  /** Writes down how far all who are here have read; on disk when it resolves. @throws RpcError `StorageFailed` or `ShuttingDown` */
  async save(): Promise<void> {
    const records: StoredRecord[] = [];
    for (const [account, present] of this.#present)
      for (const member of present.members) records.push(...this.#progress(account, present, member));
    if (records.length > 0) await this.#broadcaster.keep(records);
  }

  /** The rooms that an account owns. For an account that is deleted: they go with it. @throws RpcError `StorageFailed` */
  async ownedBy(account: string): Promise<readonly string[]> {
    return [...(await this.#store.records(ownedKey(account))).keys()].map(lastPart);
  }

  /** What has to be kept so that an account is in no room any more: for one that is deleted. @throws RpcError `StorageFailed` */
  async farewell(account: string): Promise<readonly StoredRecord[]> {
    const codes = [...(await this.#store.records(memberKey(account))).keys()].map(lastPart);
    this.#present.get(account)?.cursors.clear();
    return codes.flatMap((code) => leftRecords(account, code));
  }

  /** Cursors that have moved since they were last written down. A room that said nothing costs a comparison. */
  #progress(account: string, { cursors }: Present, { delivery }: Member): readonly StoredRecord[] {
    if (delivery === undefined) return [];
    const records: StoredRecord[] = [];
    for (const [code, seq] of cursors) {
      const room = this.#rooms.get(code);
      if (room === undefined || room.log.lastSeq <= seq) continue;
      const settled = delivery.settledThrough(room.log);
      if (settled <= seq) continue;
      cursors.set(code, settled);
      records.push(cursorRecord(account, code, settled));
    }
    return records;
  }

  /** What is lost when the disk fails comes again: a message may be delivered twice, never not at all. */
  #keepSoon(records: readonly StoredRecord[]): void {
    if (records.length > 0) this.#broadcaster.keep(records).catch(() => undefined);
  }

  #forget(account: string, { cursors }: Present, code: string): void {
    cursors.delete(code);
    this.#keepSoon(leftRecords(account, code));
  }

  #use(account: string): Present {
    let present = this.#present.get(account);
    if (present === undefined) {
      const made: Present = { members: new Set(), cursors: new Map(), owned: new Set(), users: 0, read: Promise.resolve() };
      made.read = this.#read(account, made);
      // Who waits for it is told; nobody else has to be.
      made.read.catch(() => undefined);
      this.#present.set(account, made);
      present = made;
    }
    present.users += 1;
    return present;
  }

  #leave(account: string, present: Present): void {
    present.users -= 1;
    if (present.users === 0) this.#present.delete(account);
  }

  async #read(account: string, { cursors, owned }: Present): Promise<void> {
    // What its last registration has read may still be on its way to the disk.
    await this.#broadcaster.keep([]).catch(() => undefined);
    const facts = await this.#store.records(memberKey(account));
    for (const [key, value] of facts) cursors.set(lastPart(key), readCursor(value));
    for (const code of await this.ownedBy(account)) owned.add(code);
  }
}
