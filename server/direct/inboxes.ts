/**
 * The inboxes that are alive: of accounts that are here or written to, and of guests that were written to. The others are
 * read from the store when they are asked for. It knows registrations and accounts, and nothing of who may write to whom.
 */
import { randomBytes } from 'node:crypto';
import { Account } from '../accounts/account.ts';
import type { Broadcaster } from '../broadcaster.ts';
import { History, type HistoryPages } from '../history.ts';
import type { Member } from '../member.ts';
import type { Registry } from '../registry.ts';
import { INBOX, Room } from '../room.ts';
import type { RoomMemory } from '../room-memory.ts';
import { FIRST_SEQ, type Store, type StoredRecord } from '../store/store.ts';
import { settingsOf } from './consent.ts';
import { Inbox } from './inbox.ts';
import { cursorRecord, droppedKey, inboxKey, readCursor } from './inbox-facts.ts';

/** Whose an inbox is: an account's, with all its registrations, or a guest's, as long as its registration lives. */
export type Person = Account | Member;

export interface InboxesMeans {
  readonly store: Store;
  readonly broadcaster: Broadcaster;
  readonly registry: Registry;
  readonly memory: RoomMemory;
  readonly pages: HistoryPages;
  readonly limits: { readonly inboxMessages: number; readonly roomBytes: number; readonly messageIdMs: number };
}

interface Alive {
  readonly opening: Promise<Inbox>;
  /** Known as soon as it is open. */
  inbox: Inbox | undefined;
  /** Registrations, and calls that use it. */
  users: number;
}

/** What guests' inboxes begin with; those of accounts have the account's ID. */
const GUEST = `${INBOX}guest-`;
/** What one look for waiting messages reads, bytes. */
const READ_BYTES = 1_048_576;

export class Inboxes {
  readonly #means: InboxesMeans;
  readonly #alive = new Map<Person, Alive>();
  /** The accounts that the registrations count as users of. */
  readonly #homes = new Map<Member, Account>();

  constructor(means: InboxesMeans) {
    this.#means = means;
  }

  /** Inboxes in memory. */
  get size(): number {
    return this.#alive.size;
  }

  /** Drops what guests of an earlier life were sent, and what is left over of deleted accounts. @throws RpcError `StorageFailed` */
  async start(): Promise<void> {
    const { store, broadcaster } = this.#means;
    const dropped = [...(await store.records(droppedKey())).keys()];
    const codes = [...store.rooms.keys()].filter((code) => code.startsWith(GUEST));
    for (const code of [...codes, ...dropped.map((key) => key.slice(droppedKey().length))]) await store.drop(code);
    if (dropped.length > 0) await broadcaster.keep(dropped.map((key) => ({ key, value: null })));
  }

  /** Runs `use` with an inbox that stays in memory meanwhile. @throws RpcError `StorageFailed` */
  async using<T>(person: Person, use: (inbox: Inbox) => T | Promise<T>): Promise<T> {
    const alive = this.#hold(person);
    try {
      return await use(await alive.opening);
    } finally {
      this.#release(person, alive);
    }
  }

  /** Runs `admit`, which lets in a registration of `account`, while that inbox is in memory; a guest's comes later. @throws as `using` */
  async arriving<T>(account: Account | undefined, admit: () => Promise<T>): Promise<T> {
    return account === undefined ? admit() : this.using(account, admit);
  }

  /** A registration was let in, or is called in another way, or became an account's. Only inside `arriving`. */
  arrived(member: Member): void {
    const { account } = member;
    const home = account === undefined ? undefined : this.#alive.get(account);
    if (account !== undefined && home !== undefined && this.#homes.get(member) !== account) {
      this.#homes.set(member, account);
      home.users += 1;
    }
    for (const alive of [home, this.#alive.get(member)]) void alive?.inbox?.review();
  }

  /** A registration is gone. */
  departed(member: Member): void {
    const account = this.#homes.get(member);
    this.#homes.delete(member);
    for (const person of account === undefined ? [member] : [member, account]) {
      const alive = this.#alive.get(person);
      if (alive !== undefined) void this.#part(person, alive);
    }
  }

  /** All inboxes that the calls of a registration are about: its account's, and what it was sent as a guest. */
  of(member: Member): readonly Person[] {
    const guest = this.#alive.has(member) ? [member] : [];
    return member.account === undefined ? [member] : [...guest, member.account];
  }

  /** What is kept about the inbox of an account that is deleted: goes, and a note that the messages are to go comes. */
  farewell({ id }: Account): readonly StoredRecord[] {
    return [
      { key: inboxKey(id), value: null },
      { key: droppedKey(codeOf(id)), value: '{}' },
    ];
  }

  /** Drops the messages of an account that is deleted, unless a call uses them: then when it has ended. */
  async removed(account: Account): Promise<void> {
    if (!this.#alive.has(account)) await this.#drop(account, codeOf(account.id));
  }

  /** Each resolves when what is pushed of one inbox was answered and that is written down, or will not be. */
  settled(): readonly Promise<void>[] {
    return [...this.#alive.values()].map(async ({ inbox }) => {
      await inbox?.answered();
      await inbox?.saved();
    });
  }

  #hold(person: Person): Alive {
    let alive = this.#alive.get(person);
    if (alive === undefined) {
      const opening = this.#open(person);
      // Who waits for it is told; nobody else has to be.
      opening.catch(() => undefined);
      // A guest's lives as long as its registration does.
      const made: Alive = { opening, inbox: undefined, users: !(person instanceof Account) && this.#isHere(person) ? 1 : 0 };
      void opening.then(
        (inbox) => (made.inbox = inbox),
        () => undefined,
      );
      this.#alive.set(person, made);
      alive = made;
    }
    alive.users += 1;
    return alive;
  }

  async #part(person: Person, alive: Alive): Promise<void> {
    await alive.inbox?.review();
    await alive.inbox?.saved();
    this.#release(person, alive);
  }

  #release(person: Person, alive: Alive): void {
    alive.users -= 1;
    if (alive.users > 0) return;
    this.#alive.delete(person);
    const { inbox } = alive;
    if (inbox === undefined) return;
    this.#means.memory.release(inbox.room.log);
    if (!(person instanceof Account) || person.isDeleted) void this.#drop(person, inbox.room.code).catch(() => undefined);
  }

  /** What cannot be dropped now is dropped at the next start. */
  async #drop(person: Person, code: string): Promise<void> {
    const { store, broadcaster } = this.#means;
    if (store.rooms.has(code)) await store.drop(code);
    if (person instanceof Account) await broadcaster.keep([{ key: droppedKey(code), value: null }]);
  }

  async #open(person: Person): Promise<Inbox> {
    const { store, memory, pages, limits, registry } = this.#means;
    const isAccount = person instanceof Account;
    const code = isAccount ? codeOf(person.id) : GUEST + randomBytes(8).toString('hex');
    const key = isAccount ? inboxKey(person.id) : undefined;
    const fact = key === undefined ? undefined : (await store.records(key)).get(key);
    const passed = fact === undefined ? FIRST_SEQ : readCursor(fact);
    const waiting = await this.#waitingIn(code, passed);
    if (waiting.length === 0) await this.#clear(code);
    const kept = store.rooms.get(code);
    const older = { history: new History(store, code, pages), count: kept?.count ?? 0 };
    const room = new Room(code, limits.roomBytes, Math.max(kept?.lastSeq ?? FIRST_SEQ, passed), older, memory);
    const all = isAccount ? () => registry.of(person) : () => (this.#isHere(person) ? [person] : []);
    const readers = (): readonly Member[] => (settingsOf(person).notify ? all() : []);
    const keep = (seq: number): Promise<void> => this.#keep(person, seq);
    const inbox = new Inbox(room, { readers, keep, maxWaiting: limits.inboxMessages, epoch: store.epoch }, passed, waiting);
    if (!isAccount) void inbox.review();
    return inbox;
  }

  /** Forgets what was answered or read, once no repetition can be about it any more. */
  async #clear(code: string): Promise<void> {
    const { store, limits } = this.#means;
    const [newest] = store.rooms.has(code) ? await store.before(code, Number.MAX_SAFE_INTEGER, 1) : [];
    // What a failing disk keeps of it is forgotten another time.
    if (newest !== undefined && Date.now() - newest.at > limits.messageIdMs) await store.drop(code).catch(() => undefined);
  }

  async #waitingIn(code: string, passed: number): Promise<readonly number[]> {
    const { store } = this.#means;
    const last = store.rooms.get(code)?.lastSeq ?? 0;
    const seqs: number[] = [];
    for (let after = passed; after < last;) {
      const segments = await store.after(code, after, READ_BYTES);
      seqs.push(...segments.flatMap((segment) => segment.seqs.filter((seq) => seq > after)));
      after = segments.at(-1)?.seqs.at(-1) ?? last;
    }
    return seqs;
  }

  /** Of a guest nothing is kept: its inbox ends with its registration. Of a deleted account neither. */
  async #keep(person: Person, seq: number): Promise<void> {
    if (person instanceof Account && !person.isDeleted) await this.#means.broadcaster.keep([cursorRecord(person.id, seq)]);
  }

  #isHere(member: Member): boolean {
    return this.#means.registry.get(member.id) === member;
  }
}

function codeOf(accountId: string): string {
  return INBOX + accountId;
}
