/** What is said about the connection: one notice when the server is lost, however many tries follow, and one when it is back. */
import { type ConnectionState } from '../chat-client.ts';

export class Loss {
  /** Between the two notices. */
  lost = false;

  /** The notice that `state` calls for, if any. */
  noticeOf(state: ConnectionState): string | undefined {
    if (state.kind === 'lost' && !this.lost) {
      this.lost = true;
      return `The server is lost: ${state.reason.replace(/\.$/, '')}. What is said here is kept and sent when it is back.`;
    }
    if (state.kind !== 'connected' || !this.lost) return undefined;
    this.lost = false;
    return 'The server is back.';
  }
}
