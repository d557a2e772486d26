/** Why the client itself, not the server, could not do what it was asked. Refusals of the server are `RpcError`s. */

/** The server cannot be reached, does not answer, or is no chat server; also: not connected at the moment. */
export class ServerUnreachable extends Error {
  override readonly name = 'ServerUnreachable';
}

/** The callback address that was asked for cannot be listened on. */
export class CallbackUnusable extends Error {
  override readonly name = 'CallbackUnusable';
}

/** The client has left, or lost its server for good; what was still waiting was not accepted as far as we know. */
export class ClientClosed extends Error {
  override readonly name = 'ClientClosed';
}

/** Too many lines wait to be sent; this one was not taken. */
export class QueueFull extends Error {
  override readonly name = 'QueueFull';
}

/** It is too late to repeat a line that was never answered: the server may have said it, and could say it twice. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown';
}

/** An error's sentence, whatever was thrown. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
