// The `ws` package alone, answering just enough Socket.IO by hand: Node's sockets without socket.io.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const http = createServer();
const wss = new WebSocketServer({ server: http, perMessageDeflate: false });
const rooms = new Map();
const open = `0${JSON.stringify({
  sid: '00000000000000000000', upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1000000,
})}`;
const asText = { binary: false };

function roomOf(name) {
  if (!rooms.has(name)) rooms.set(name, new Set());
  return rooms.get(name);
}

function onEvent(socket, id, [name, first, second]) {
  if (name === 'echo') {
    socket.send(`43${id}${JSON.stringify([first])}`);
  } else if (name === 'join') {
    socket.room = roomOf(first.room);
    socket.room.add(socket);
    socket.send(`43${id}[]`);
  } else if (name === 'say') {
    const frame = Buffer.from(`42${JSON.stringify(['say', second])}`);
    for (const member of roomOf(first)) member.send(frame, asText);
  }
}

wss.on('connection', (socket) => {
  socket.send(open);
  socket.on('message', (data) => {
    const text = data.toString();
    if (text.startsWith('40')) return socket.send('40{"sid":"11111111111111111111"}');
    if (!text.startsWith('42')) return;
    const start = text.indexOf('[');
    onEvent(socket, text.slice(2, start), JSON.parse(text.slice(start)));
  });
  socket.on('close', () => socket.room?.delete(socket));
});

http.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1', backlog: 4096 });
