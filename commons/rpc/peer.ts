/**
 * One program at the other end of a connection, which may call us and be called: calls are dispatched in order of
 * arrival and answered in that order, answers go to whoever called. It knows no chat.
 */
import { RpcError } from '../errors.ts';
import type { Connection, ConnectionHandler } from '../wire/connection.ts';
import type { Dispatcher } from './dispatcher.ts';
import { encodeError, encodeResult, parseFrame, type Answer, type Call, type Dialect, type FrameLimits, type Item } from './frame.ts';

/** Who waits for the answers of a connection. */
export interface AnswerSink {
  /** See `ConnectionHandler.bytes`: answers that are recognised without parsing them. */
  bytes(chunk: Buffer, start: number, end: number): number;
  /** A parsed answer, with its bytes; both are only lent. */
  answer(answer: Answer, chunk: Buffer, start: number, end: number): void;
  /** The connection is gone. */
  closed(reason: string): void;
}

export interface PeerLimits extends FrameLimits {
  /** Calls that may be unanswered before the connection is not read any more; half of it lets it be read again. */
  readonly requestsInFlight: number;
  /** Time for the first valid call, milliseconds. */
  readonly firstCallMs: number;
  /** Time for a frame from its first byte to its newline, milliseconds. */
  readonly frameMs: number;
}

export interface PeerOptions<C> {
  readonly dispatcher: Dispatcher<C>;
  readonly limits: PeerLimits;
  /** What handlers get with every call of this peer. */
  readonly context: (peer: Peer<C>) => C;
  /**
   * Whether what is neither a call nor an answer gets an error. A connection that we dialled stays mute instead and is
   * closed: nothing may make us talk to a server that never asked for it.
   */
  readonly answersGarbage: boolean;
  readonly closed?: (peer: Peer<C>) => unknown;
}

/** One answer that is due, in its turn. `text` undefined: not known yet; '': nothing to say. */
interface Slot {
  text: string | undefined;
  call: Call | undefined;
  /** Close the connection after this answer. */
  last: boolean;
  /** Already passed in the queue: the answer goes out when it is there. */
  outOfTurn: boolean;
}

export class Peer<C> implements ConnectionHandler {
  readonly connection: Connection;
  readonly context: C;
  /** Who gets the answers to our calls on this connection; without one they are ignored. */
  sink: AnswerSink | undefined;
  /** When it last called us, as of `performance.now()`. */
  calledAt = -Infinity;
  readonly #options: PeerOptions<C>;
  readonly #openedAt = performance.now();
  #slots: Slot[] = [];
  /** Answers that are due out of turn. */
  #overtaken = 0;
  #ended = false;
  #crowded = false;
  #dialect: Dialect = '2.0';
  #spoke = false;
  #expired = false;

  constructor(connection: Connection, options: PeerOptions<C>) {
    this.connection = connection;
    this.#options = options;
    this.context = options.context(this);
    connection.attach(this);
  }

  /**
   * Closes the connection, with one error, when its first valid call or the end of a frame is overdue; says whether it was.
   * `now`: `performance.now()`.
   */
  closeOverdue(now: number): boolean {
    const { firstCallMs, frameMs } = this.#options.limits;
    const since = this.connection.partialSince;
    if (!this.#spoke && now - this.#openedAt > firstCallMs) this.#expire(`The first call must come within ${firstCallMs} ms.`);
    else if (since > 0 && now - since > frameMs) this.#expire(`A frame must end within ${frameMs} ms.`);
    else return false;
    return true;
  }

  #expire(sentence: string): void {
    if (this.#expired || !this.#options.answersGarbage) return this.connection.destroy();
    this.#expired = true;
    this.connection.send(`${encodeError(this.#dialect, 'null', new RpcError('InvalidRequest', sentence))}\n`);
    this.connection.end();
  }

  /** The peer has proved itself otherwise (we dialled it): the deadline for its first call does not apply. */
  trust(): void {
    this.#spoke = true;
  }

  /** Lets later answers overtake that of `call`, which may take long. Not for calls inside a batch. */
  answerOutOfTurn(call: Call): void {
    const slot = this.#slots.at(-1);
    if (slot?.call !== call) return;
    slot.outOfTurn = true;
    this.#slots.pop();
    this.#overtaken += 1;
  }

  bytes(chunk: Buffer, start: number, end: number): number {
    return this.sink === undefined ? start : this.sink.bytes(chunk, start, end);
  }

  frame(chunk: Buffer, start: number, end: number): void {
    const frame = this.#parse(chunk, start, end);
    if (frame === undefined) return;
    const [only] = frame.items;
    if (frame.batch) this.#batch(frame.items);
    else if (only?.kind === 'answer') this.sink?.answer(only, chunk, start, end);
    else if (only !== undefined) this.#single(only);
  }

  overflow(): void {
    this.#refuse(new RpcError('TooLarge', `A frame may have at most ${this.connection.maxFrameBytes} bytes here.`));
  }

  /** Whoever only stopped writing still gets its answers. */
  ended(): void {
    this.#ended = true;
    this.#endWhenAnswered();
  }

  closed(reason: string): void {
    this.#slots = [];
    this.#options.closed?.(this);
    this.sink?.closed(reason);
  }

  #parse(chunk: Buffer, start: number, end: number): ReturnType<typeof parseFrame> | undefined {
    try {
      return parseFrame(chunk, start, end, this.#options.limits);
    } catch (error) {
      this.#refuse(error instanceof RpcError ? error : new RpcError('ParseError'));
      return undefined;
    }
  }

  /** Answers a frame that could not be read; after `TooLarge` the connection ends. */
  #refuse(error: RpcError): void {
    if (!this.#options.answersGarbage) return this.connection.destroy();
    const slot = this.#open(undefined);
    slot.last = error.reason === 'TooLarge';
    if (slot.last) this.connection.hold();
    this.#fill(slot, encodeError(this.#dialect, 'null', error));
  }

  #single(item: Item): void {
    const slot = this.#open(item.kind === 'call' ? item : undefined);
    const admission = this.#run(item, (text) => this.#fill(slot, text));
    if (admission === undefined) return;
    this.connection.hold();
    void admission.then(() => this.connection.release());
  }

  /** Runs the elements in order; the answers go out together when the last one is there. */
  #batch(items: readonly Item[]): void {
    const slot = this.#open(undefined);
    const texts = new Array<string>(items.length).fill('');
    let missing = items.length;
    const give = (index: number, text: string): void => {
      texts[index] = text;
      missing -= 1;
      const said = texts.filter((answer) => answer !== '');
      if (missing === 0) this.#fill(slot, said.length === 0 ? '' : `[${said.join(',')}]`);
    };
    const runFrom = (first: number): void => {
      for (let index = first; index < items.length; index += 1) {
        const item = items[index];
        const admission = item === undefined ? undefined : this.#run(item, (text) => give(index, text));
        if (admission === undefined) continue;
        this.connection.hold();
        void admission.then(() => {
          runFrom(index + 1);
          this.connection.release();
        });
        return;
      }
    };
    runFrom(0);
  }

  /** Runs one item and gives its answer's text exactly once; '' when there is nothing to say. */
  #run(item: Item, give: (text: string) => void): void | Promise<void> {
    if (item.kind === 'answer') {
      const bytes = Buffer.from(JSON.stringify({ id: item.id, result: item.result, error: item.error }));
      this.sink?.answer(item, bytes, 0, bytes.length);
      return give('');
    }
    if (item.kind === 'refused') {
      if (!this.#options.answersGarbage) return this.connection.destroy();
      return give(encodeError(item.dialect ?? this.#dialect, item.id, item.error));
    }
    this.#spoke = true;
    this.calledAt = performance.now();
    this.#dialect = item.dialect;
    return this.#options.dispatcher.dispatch(item, this.context, (error, result) => {
      if (item.id === undefined) give('');
      else give(error === null ? encodeResult(item.dialect, item.id, result) : encodeError(item.dialect, item.id, error));
    });
  }

  #open(call: Call | undefined): Slot {
    const slot: Slot = { text: undefined, call, last: false, outOfTurn: false };
    this.#slots.push(slot);
    if (!this.#crowded && this.#slots.length >= this.#options.limits.requestsInFlight) {
      this.#crowded = true;
      this.connection.hold();
    }
    return slot;
  }

  #fill(slot: Slot, text: string): void {
    if (slot.outOfTurn) return this.#fillLate(text);
    slot.text = text;
    if (this.#slots[0] !== slot) return;
    let done = 0;
    for (const due of this.#slots) {
      if (due.text === undefined) break;
      done += 1;
      if (due.text !== '') this.connection.send(`${due.text}\n`);
      if (due.last) return this.connection.end();
    }
    this.#slots.splice(0, done);
    this.#endWhenAnswered();
    if (!this.#crowded || this.#slots.length > this.#options.limits.requestsInFlight / 2) return;
    this.#crowded = false;
    this.connection.release();
  }

  #fillLate(text: string): void {
    this.#overtaken -= 1;
    if (text !== '') this.connection.send(`${text}\n`);
    this.#endWhenAnswered();
  }

  #endWhenAnswered(): void {
    if (this.#ended && this.#slots.length === 0 && this.#overtaken === 0) this.connection.end();
  }
}
