/** What `import { … } from 'partyline'` gives: the client, what it is told and tells, and its errors. Nothing else is public. */
export { RpcError, type ErrorDetails, type Issue, type Reason } from '../commons/errors.ts';
export type { ListedRoom, Message, MessageKind, Receipt, User } from '../commons/protocol.ts';
export * from './chat-client.ts';
