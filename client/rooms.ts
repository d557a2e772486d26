/** What one can do about rooms: find, make, enter, leave and delete them. It keeps nothing but where the client is. */
import type { ListedRoom, Message, ResultOf } from '../commons/protocol.ts';
import type { Asking } from './asking.ts';
import type { Cursor } from './inbox.ts';
import type { JoinedRooms } from './joined-rooms.ts';
import type { RoomOptions } from './options.ts';

/** The first Seq is greater: nothing was said before it. */
const BEGINNING = 0;

export class Rooms {
  readonly #id: string;
  readonly #asking: Asking;
  readonly #joined: JoinedRooms;
  #learning = false;

  constructor(id: string, asking: Asking, joined: JoinedRooms) {
    this.#id = id;
    this.#asking = asking;
    this.#joined = joined;
  }

  async create(name: string, { password }: RoomOptions): Promise<string> {
    const params = { UserID: this.#id, Name: name, Password: password };
    const { Code } = await this.#asking.call('ChatServer.CreateRoom', params);
    this.#joined.entered(Code, name, password, BEGINNING);
    return Code;
  }

  async join(code: string, { password }: RoomOptions, from: Cursor | undefined): Promise<ResultOf<'ChatServer.JoinRoom'>> {
    const params = { UserID: this.#id, Room: code, Password: password, ResumeAfter: from?.after, Epoch: from?.epoch };
    return this.#joined.entering(code, async () => {
      const answer = await this.#asking.call('ChatServer.JoinRoom', params);
      this.#joined.entered(answer.Room, answer.Name, password, answer.Seq);
      return answer;
    });
  }

  async leave(code: string): Promise<void> {
    await this.#asking.call('ChatServer.LeaveRoom', { UserID: this.#id, Room: code });
    this.#joined.left(code);
  }

  async delete(code: string): Promise<void> {
    await this.#asking.call('ChatServer.DeleteRoom', { UserID: this.#id, Room: code });
    this.#joined.left(code);
  }

  async list(): Promise<ListedRoom[]> {
    const { Rooms: listed } = await this.#asking.call('ChatServer.ListRooms', { UserID: this.#id });
    this.#joined.sync(listed);
    return listed;
  }

  /** Another client of the account may have entered a room, and this one with it: its name is asked for. */
  heard(message: Message): void {
    if (!this.#joined.heard(message) || this.#learning) return;
    this.#learning = true;
    // Without an answer the room has no name yet; the next message asks again.
    this.list()
      .catch(() => undefined)
      .finally(() => (this.#learning = false));
  }
}
