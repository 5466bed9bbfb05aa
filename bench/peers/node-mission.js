// The chat and presence flow of Party Gallery as a Node team deploys it on one machine: socket.io, HS256 tokens
// checked with a key object, SQLite with synchronous=FULL through better-sqlite3 (or node:sqlite, where the former
// cannot be built). With REDIS_URL the Redis adapter and presence keys are used; without it presence is a map in
// memory, which is the fair peer of a partyline server without Redis.
import { randomUUID, createSecretKey } from 'node:crypto';
import { createServer } from 'node:http';
import jwt from 'jsonwebtoken';
import { Server } from 'socket.io';

const key = createSecretKey(Buffer.from(process.env.JWT_SECRET ?? 'bench-secret-of-thirty-two-bytes!'));
const db = openStore(await openDatabase(process.env.DATABASE ?? ':memory:'));
const http = createServer();
const io = new Server(http, { pingInterval: 25000, pingTimeout: 60000 });
const presence = process.env.REDIS_URL ? await redisPresence(process.env.REDIS_URL) : memoryPresence();

async function openDatabase(file) {
  try {
    const { default: Database } = await import('better-sqlite3');
    return new Database(file);
  } catch {
    const { DatabaseSync } = await import('node:sqlite');
    console.error('node-mission: better-sqlite3 is not there, using node:sqlite');
    return new DatabaseSync(file);
  }
}

function openStore(store) {
  store.exec(`PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS chat_messages (id TEXT PRIMARY KEY, room_id TEXT NOT NULL, sender_id TEXT NOT NULL,
      content TEXT NOT NULL, type TEXT NOT NULL, media_url TEXT, created_at INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS chat_messages_room ON chat_messages (room_id, created_at);
    CREATE TABLE IF NOT EXISTS room_access (room_id TEXT NOT NULL, user_id TEXT NOT NULL,
      PRIMARY KEY (room_id, user_id))`);
  return {
    access: store.prepare('SELECT 1 FROM room_access WHERE room_id = ? AND user_id = ?'),
    grant: store.prepare('INSERT OR IGNORE INTO room_access (room_id, user_id) VALUES (?, ?)'),
    save: store.prepare(`INSERT INTO chat_messages
      (id, room_id, sender_id, content, type, media_url, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)`),
    recent: store.prepare('SELECT * FROM chat_messages WHERE room_id = ? ORDER BY created_at DESC LIMIT 50'),
  };
}

function memoryPresence() {
  const sockets = new Map();
  return {
    on(user, socket) {
      if (!sockets.has(user)) sockets.set(user, new Set());
      sockets.get(user).add(socket);
    },
    off(user, socket) {
      const mine = sockets.get(user);
      mine?.delete(socket);
      if (mine?.size === 0) sockets.delete(user);
    },
  };
}

async function redisPresence(url) {
  const { createClient } = await import('redis');
  const { createAdapter } = await import('@socket.io/redis-adapter');
  const pub = createClient({ url });
  const sub = pub.duplicate();
  await Promise.all([pub.connect(), sub.connect()]);
  io.adapter(createAdapter(pub, sub));
  const now = () => new Date().toISOString();
  const status = (user, value) => pub.hSet(`user:status:${user}`, { status: value, lastSeen: now() });
  return {
    async on(user, socket) {
      await Promise.all([
        pub.sAdd('online_users', user), pub.sAdd(`user_sockets:${user}`, socket), status(user, 'online'),
      ]);
    },
    async off(user, socket) {
      await pub.sRem(`user_sockets:${user}`, socket);
      if ((await pub.sCard(`user_sockets:${user}`)) > 0) return;
      await Promise.all([pub.sRem('online_users', user), status(user, 'offline')]);
    },
  };
}

// The benchmark's users may enter every room; the row is made on the first visit, so that the check is a real query.
function mayEnter(user, room) {
  if (db.access.get(room, user)) return true;
  return room.startsWith('bench-') && db.grant.run(room, user).changes > 0;
}

io.use((socket, next) => {
  const { token } = socket.handshake.auth;
  if (!token) return next(new Error('Authentication required'));
  try {
    const { sub, username, avatarUrl } = jwt.verify(token, key, { algorithms: ['HS256'] });
    socket.data.user = { id: sub, username, avatarUrl };
    next();
  } catch {
    next(new Error('Invalid token'));
  }
});

function onJoin(socket, { roomId }) {
  const userId = socket.data.user.id;
  if (!mayEnter(userId, roomId)) return socket.emit('error', { message: 'Cannot access this room' });
  socket.join(`room:${roomId}`);
  const timestamp = new Date().toISOString();
  socket.to(`room:${roomId}`).emit('chat:user_joined', { userId, roomId, timestamp });
  socket.emit('chat:history', { roomId, messages: db.recent.all(roomId) });
}

function onMessage(socket, { roomId, content, type = 'TEXT', mediaUrl = null }) {
  if (!content && !mediaUrl) return socket.emit('error', { message: 'Message content is required' });
  const { id: senderId, username, avatarUrl } = socket.data.user;
  const id = randomUUID();
  const createdAt = new Date();
  db.save.run(id, roomId, senderId, content ?? '', type, mediaUrl, createdAt.getTime());
  io.to(`room:${roomId}`).emit('chat:new_message', {
    id, roomId, senderId, sender: { id: senderId, username, avatarUrl }, content, type, mediaUrl,
    createdAt: createdAt.toISOString(),
  });
}

io.on('connection', (socket) => {
  const { id } = socket.data.user;
  presence.on(id, socket.id);
  socket.join(`user:${id}`);
  socket.on('chat:join', (payload) => onJoin(socket, payload));
  socket.on('chat:message', (payload) => onMessage(socket, payload));
  socket.on('disconnect', () => presence.off(id, socket.id));
});

http.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1', backlog: 4096 });
