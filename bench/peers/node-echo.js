// Socket.IO on Node with `ws`, as most teams run it: echo with ack, rooms, broadcast to a room.
// examples/bench-server.c does the same on libsio. With REDIS_URL it is one of a cluster.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { attachEcho } from './echo-handlers.js';

const http = createServer();
const io = new Server(http);

if (process.env.REDIS_URL) {
  const { createClient } = await import('redis');
  const { createAdapter } = await import('@socket.io/redis-adapter');
  const pub = createClient({ url: process.env.REDIS_URL });
  const sub = pub.duplicate();
  await Promise.all([pub.connect(), sub.connect()]);
  io.adapter(createAdapter(pub, sub));
}

attachEcho(io);
http.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1', backlog: 4096 });
