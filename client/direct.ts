/** Who may send one direct messages, and how those that came are taken. Sending them is speech. */
import type { ParamsOf, ResultOf } from '../commons/protocol.ts';
import type { Asking } from './asking.ts';
import type { Readers } from './readers.ts';

export type DirectPolicy = ParamsOf<'ChatServer.SetDirectPolicy'>['Policy'];

export class Direct {
  readonly #id: string;
  readonly #asking: Asking;

  readonly #readers: Readers;

  constructor(id: string, asking: Asking, readers: Readers) {
    this.#id = id;
    this.#asking = asking;
    this.#readers = readers;
  }

  async allow(user: string): Promise<void> {
    await this.#asking.call('ChatServer.Allow', { UserID: this.#id, User: user });
  }

  async block(user: string): Promise<void> {
    await this.#asking.call('ChatServer.Block', { UserID: this.#id, User: user });
  }

  async setPolicy(policy: DirectPolicy): Promise<void> {
    await this.#asking.call('ChatServer.SetDirectPolicy', { UserID: this.#id, Policy: policy });
  }

  read(max: number | undefined): Promise<ResultOf<'ChatServer.Read'>> {
    return this.#readers.hurried(() => this.#asking.call('ChatServer.Read', { UserID: this.#id, Max: max }));
  }

  async notify(enabled: boolean): Promise<void> {
    await this.#readers.hurried(() => this.#asking.call('ChatServer.Notify', { UserID: this.#id, Enabled: enabled }));
  }

  settings(): Promise<ResultOf<'ChatServer.DirectSettings'>> {
    return this.#asking.call('ChatServer.DirectSettings', { UserID: this.#id });
  }
}
