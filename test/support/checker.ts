/**
 * The checker: whether a run kept the room's promise, from what was sent, what was acknowledged and what each receiver
 * was given. Every load and fault test asks it. It is pure: it knows no sockets, no clocks and nothing of the product.
 *
 *   lost        acknowledged, and not shown by a receiver that was owed it
 *   duplicated  one text shown twice, under two `Seq`. The same `Seq` again is a legal redelivery (at least once): shown once
 *   reordered   `Seq` not increasing in what one receiver shows; two accounts of which message has a `Seq`; or a sender's own order broken
 *   phantom     shown, never sent; shown although refused; an own message shown to its sender; or shown to who is not there
 *
 * One room, or one inbox, is checked at a time; `together` adds up what was found in many.
 *
 * A send that was never answered may appear once or not at all. Texts are unique in a run: senders write `sender-counter`.
 */

export const FAULT_KINDS = ['lost', 'duplicated', 'reordered', 'phantom'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** What became of a send: its `Seq` when it was acknowledged, `refused` when the server said no, neither when it never said. */
export interface Send {
  readonly text: string;
  readonly seq?: number;
  readonly refused?: boolean;
}

export interface SenderRecord {
  readonly id: string;
  /** In the order in which they were written. */
  readonly sends: readonly Send[];
}

/** One call of ReceiveMessage. `text` is undefined for lines of the room itself (joins, leaves, notices): of those only the order is checked. */
export interface Delivery {
  readonly seq: number;
  readonly text?: string | undefined;
}

export interface ReceiverRecord {
  /** The ID it is registered under: its own sends are not owed to it. */
  readonly id: string;
  /** Owed is every acknowledged message after this `Seq` … */
  readonly since: number;
  /** … and up to this one; left out for one that stayed until the end. */
  readonly until?: number;
  /** False for one whose member was not there throughout: nothing is owed to it, all else is checked. */
  readonly owed: boolean;
  /** True for one that is not in the room: whatever it was shown of it is a phantom. */
  readonly outsider?: boolean;
  /** In the order in which they arrived. */
  readonly deliveries: readonly Delivery[];
}

export interface Fault {
  readonly kind: FaultKind;
  readonly receiver: string;
  readonly text: string;
  readonly sentence: string;
}

export interface Verdict {
  readonly proven: boolean;
  readonly counts: Readonly<Record<FaultKind, number>>;
  /** The first of each kind, at most `FAULTS_KEPT`. */
  readonly faults: readonly Fault[];
  readonly acknowledged: number;
  readonly unanswered: number;
  /** Messages of senders that receivers showed. */
  readonly shown: number;
  /** Deliveries of a `Seq` that the receiver had been given before: legal. */
  readonly redelivered: number;
}

/** Findings of one kind that are kept as sentences; all are counted. */
export const FAULTS_KEPT = 20;

export function check(senders: readonly SenderRecord[], receivers: readonly ReceiverRecord[]): Verdict {
  const ledger = new Ledger(senders);
  for (const receiver of receivers) new Reading(ledger, receiver).run();
  return ledger.verdict();
}

/** What was found in many rooms. */
export function together(verdicts: readonly Verdict[]): Verdict {
  const sum = (of: (verdict: Verdict) => number): number => verdicts.reduce((all, verdict) => all + of(verdict), 0);
  return {
    proven: verdicts.every(({ proven }) => proven),
    counts: {
      lost: sum(({ counts }) => counts.lost),
      duplicated: sum(({ counts }) => counts.duplicated),
      reordered: sum(({ counts }) => counts.reordered),
      phantom: sum(({ counts }) => counts.phantom),
    },
    faults: FAULT_KINDS.flatMap((kind) =>
      verdicts.flatMap(({ faults }) => faults.filter((fault) => fault.kind === kind)).slice(0, FAULTS_KEPT),
    ),
    acknowledged: sum(({ acknowledged }) => acknowledged),
    unanswered: sum(({ unanswered }) => unanswered),
    shown: sum(({ shown }) => shown),
    redelivered: sum(({ redelivered }) => redelivered),
  };
}

interface Known {
  readonly sender: string;
  readonly index: number;
  readonly send: Send;
}

/** What all receivers are held against, and what was found. */
class Ledger {
  readonly sends = new Map<string, Known>();
  /** Which message a `Seq` stands for: by the acknowledgements, else by whoever showed it first. */
  readonly textAt = new Map<number, string>();
  readonly acknowledged: (Known & { readonly seq: number })[] = [];
  shown = 0;
  redelivered = 0;
  private unanswered = 0;
  private readonly faults: Fault[] = [];
  private readonly counts: Record<FaultKind, number> = { lost: 0, duplicated: 0, reordered: 0, phantom: 0 };

  constructor(senders: readonly SenderRecord[]) {
    for (const { id, sends } of senders) for (const [index, send] of sends.entries()) this.enter({ sender: id, index, send });
  }

  private enter(known: Known): void {
    const { text, seq, refused = false } = known.send;
    if (this.sends.has(text)) throw new Error(`the checker needs unique texts, "${text}" was sent twice`);
    this.sends.set(text, known);
    if (seq === undefined) {
      if (!refused) this.unanswered++;
      return;
    }
    this.acknowledged.push({ ...known, seq });
    const other = this.textAt.get(seq);
    if (other === undefined) this.textAt.set(seq, text);
    else this.found('reordered', known.sender, text, `was acknowledged as ${seq}, and so was "${other}"`);
  }

  found(kind: FaultKind, receiver: string, text: string, what: string): void {
    this.counts[kind]++;
    if (this.counts[kind] > FAULTS_KEPT) return;
    this.faults.push({ kind, receiver, text, sentence: `${kind}: "${text}" ${what}` });
  }

  verdict(): Verdict {
    const { counts, faults, unanswered, shown, redelivered } = this;
    const proven = FAULT_KINDS.every((kind) => counts[kind] === 0);
    return { proven, counts, faults, acknowledged: this.acknowledged.length, unanswered, shown, redelivered };
  }
}

/** One receiver's deliveries, read from first to last. A message has at most one fault of order. */
class Reading {
  private readonly ledger: Ledger;
  private readonly receiver: ReceiverRecord;
  private readonly seen = new Set<number>();
  private readonly texts = new Set<string>();
  /** Index of the newest message shown of each sender. */
  private readonly newest = new Map<string, number>();
  private last = -Infinity;

  constructor(ledger: Ledger, receiver: ReceiverRecord) {
    this.ledger = ledger;
    this.receiver = receiver;
  }

  run(): void {
    for (const delivery of this.receiver.deliveries) this.take(delivery);
    if (this.receiver.owed) this.findLost();
  }

  private take({ seq, text }: Delivery): void {
    if (this.seen.has(seq)) {
      this.ledger.redelivered++;
      if (text !== undefined) this.compare(seq, text);
      return;
    }
    this.seen.add(seq);
    const late = seq <= this.last;
    if (late) this.found('reordered', text ?? `#${seq}`, `(${seq}) was shown to ${this.receiver.id} after ${this.last}`);
    this.last = Math.max(this.last, seq);
    if (text !== undefined) this.show(seq, text, late);
  }

  private show(seq: number, text: string, late: boolean): void {
    this.ledger.shown++;
    const known = this.ledger.sends.get(text);
    if (known === undefined) return this.found('phantom', text, `was shown to ${this.receiver.id} and never sent`);
    if (known.send.refused === true) return this.found('phantom', text, `was shown to ${this.receiver.id} although it was refused`);
    if (this.receiver.outsider === true) return this.found('phantom', text, `was shown to ${this.receiver.id}, who is not there`);
    if (known.sender === this.receiver.id) return this.found('phantom', text, `was shown to ${this.receiver.id}, who sent it`);
    if (this.texts.has(text)) return this.found('duplicated', text, `was shown to ${this.receiver.id} again as ${seq}`);
    this.texts.add(text);
    const disagrees = !late && !this.compare(seq, text);
    const before = this.newest.get(known.sender) ?? -1;
    this.newest.set(known.sender, Math.max(before, known.index));
    if (known.index > before || late || disagrees) return;
    this.found('reordered', text, `was shown to ${this.receiver.id} after later ones of ${known.sender}`);
  }

  /** Whether `seq` stands for this text everywhere. */
  private compare(seq: number, text: string): boolean {
    const agreed = this.ledger.textAt.get(seq);
    if (agreed === undefined) this.ledger.textAt.set(seq, text);
    const promised = this.ledger.sends.get(text)?.send.seq ?? seq;
    if ((agreed ?? text) === text && promised === seq) return true;
    const other = promised === seq ? `which elsewhere is "${agreed}"` : `and acknowledged as ${promised}`;
    this.found('reordered', text, `was shown to ${this.receiver.id} as ${seq}, ${other}`);
    return false;
  }

  private findLost(): void {
    const { id, since, until = Infinity } = this.receiver;
    for (const { sender, seq, send } of this.ledger.acknowledged) {
      if (sender === id || seq <= since || seq > until || this.texts.has(send.text)) continue;
      this.found('lost', send.text, `was acknowledged as ${seq} and never shown to ${id}`);
    }
  }

  private found(kind: FaultKind, text: string, what: string): void {
    this.ledger.found(kind, this.receiver.id, text, what);
  }
}
