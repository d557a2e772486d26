/** Bare ws: broadcast to all others, as its README shows; nothing is acknowledged. */
import { WebSocket, WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 9999, host: '127.0.0.1', backlog: 1024, perMessageDeflate: false });
server.on('connection', (client) => {
  client.on('error', (error) => process.stderr.write(`${error.message}\n`));
  client.on('message', (data, isBinary) => {
    for (const other of server.clients) {
      if (other !== client && other.readyState === WebSocket.OPEN) other.send(data, { binary: isBinary });
    }
  });
});
