/** Everything that a client is to be sent now, in one write. */
import type { Connection } from '../../commons/wire/connection.ts';

/** Where the pieces come from; `undefined` when there is none for now. */
interface Pieces {
  next(): Buffer | undefined;
}

/** @param first the piece that was taken already */
export function writeAll(connection: Connection, first: Buffer, pieces: Pieces): void {
  const second = pieces.next();
  if (second !== undefined) connection.cork();
  connection.write(first);
  for (let piece = second; piece !== undefined; piece = pieces.next()) connection.write(piece);
  if (second !== undefined) connection.uncork();
}
