/**
 * Socket.IO 4: one room, broadcast as its documentation shows. With `--ack` every recipient acknowledges, and so is the
 * sender's emit; without, nothing is.
 */
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const acknowledged = process.argv.includes('--ack');
const http = createServer();
const never = 600_000;
const io = new Server(http, {
  transports: ['websocket'],
  perMessageDeflate: false,
  serveClient: false,
  pingInterval: never,
  pingTimeout: never,
});

io.on('connection', (socket) => {
  void socket.join('room');
  socket.on('chat', (text, done) => {
    if (!acknowledged) {
      socket.to('room').emit('chat', text);
      return;
    }
    socket
      .to('room')
      .timeout(10_000)
      .emit('chat', text, (error) => {
        if (error) process.stderr.write('not everybody acknowledged in time\n');
      });
    done(true);
  });
});
http.listen({ port: 9999, host: '127.0.0.1', backlog: 1024 });
