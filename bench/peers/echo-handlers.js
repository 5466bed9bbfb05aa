// What bench/ measures on socket.io: echo with ack, rooms, speaking to a room.
export function attachEcho(io) {
  io.on('connection', (socket) => {
    socket.on('echo', (value, ack) => ack(value));
    socket.on('join', ({ room }, ack) => {
      socket.join(room);
      ack();
    });
    socket.on('say', (room, text) => io.to(room).emit('say', text));
  });
}
