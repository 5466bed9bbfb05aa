/* The Node server of the seed, as a team has it that moves to partyline one server at a time: socket.io with the Redis adapter,
 * tokens, chat, presence in Redis through ioredis, live parties. Its database is beside the point here: it lets everybody in
 * and keeps the messages of each room in memory.
 *
 *     PORT=3000 REDIS_URL=redis://127.0.0.1:6379 JWT_SECRET=... node seed_server.mjs
 */

import crypto from "node:crypto";
import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { Server } from "socket.io";

const ONLINE_USERS_KEY = "online_users";
const USER_SOCKETS_KEY = "user_sockets";

const io = new Server({ pingTimeout: 60000, pingInterval: 25000 });
const redis = new Redis(process.env.REDIS_URL);
const pub = createClient({ url: process.env.REDIS_URL });
const sub = pub.duplicate();
for (const client of [redis, pub, sub])
    client.on("error", (error) => console.error(`redis: ${error.message}`));
await Promise.all([pub.connect(), sub.connect()]);
io.adapter(createAdapter(pub, sub));

function verifyToken(token) {
    const [head, body, signature] = token.split(".");
    const right = crypto.createHmac("sha256", process.env.JWT_SECRET).update(`${head}.${body}`).digest("base64url");
    if (signature !== right)
        throw new Error("signature");
    const { sub: id, username, avatarUrl } = JSON.parse(Buffer.from(body, "base64url"));
    return { id, username, avatarUrl };
}

io.use((socket, next) => {
    const { token } = socket.handshake.auth;
    if (!token)
        return next(new Error("Authentication required"));
    try {
        socket.data.user = verifyToken(token);
        next();
    } catch {
        next(new Error("Invalid token"));
    }
});

/* ---- chat --------------------------------------------------------------------------------------------- */

const rooms = new Map();

function chat(socket) {
    const { id: userId, username, avatarUrl } = socket.data.user;
    socket.on("chat:join", ({ roomId }) => {
        socket.join(`room:${roomId}`);
        socket.to(`room:${roomId}`).emit("chat:user_joined", { userId, roomId, timestamp: new Date().toISOString() });
        socket.emit("chat:history", { roomId, messages: rooms.get(roomId) ?? [] });
    });
    socket.on("chat:leave", ({ roomId }) => {
        socket.leave(`room:${roomId}`);
        socket.to(`room:${roomId}`).emit("chat:user_left", { userId, roomId, timestamp: new Date().toISOString() });
    });
    socket.on("chat:message", ({ roomId, content, type = "TEXT", mediaUrl }) => {
        const message = { id: crypto.randomUUID(), roomId, senderId: userId, sender: { id: userId, username, avatarUrl }, content, type,
            mediaUrl, createdAt: new Date().toISOString() };
        rooms.set(roomId, [...rooms.get(roomId) ?? [], message]);
        io.to(`room:${roomId}`).emit("chat:new_message", message);
    });
    socket.on("chat:typing", ({ roomId, isTyping }) => {
        socket.to(`room:${roomId}`).emit("chat:user_typing", { userId, username, isTyping, roomId });
    });
}

/* ---- presence ----------------------------------------------------------------------------------------- */

async function markOnline(userId, socketId) {
    await redis.sadd(ONLINE_USERS_KEY, userId);
    await redis.sadd(`${USER_SOCKETS_KEY}:${userId}`, socketId);
    await redis.hset(`user:status:${userId}`, { status: "online", lastSeen: new Date().toISOString() });
}

async function markOffline(userId, socketId) {
    await redis.srem(`${USER_SOCKETS_KEY}:${userId}`, socketId);
    if (await redis.scard(`${USER_SOCKETS_KEY}:${userId}`) === 0) {
        await redis.srem(ONLINE_USERS_KEY, userId);
        await redis.hset(`user:status:${userId}`, { status: "offline", lastSeen: new Date().toISOString() });
    }
}

async function getOnlineUsers(userIds) {
    const pipeline = redis.pipeline();
    userIds.forEach((id) => pipeline.sismember(ONLINE_USERS_KEY, id));
    const results = await pipeline.exec();
    return userIds.map((userId, i) => ({ userId, isOnline: results?.[i]?.[1] === 1 }));
}

function presence(socket) {
    const userId = socket.data.user.id;
    markOnline(userId, socket.id);
    socket.join(`user:${userId}`);
    socket.on("presence:status", async (status) => {
        await redis.hset(`user:status:${userId}`, { status, lastSeen: new Date().toISOString() });
        socket.broadcast.emit("presence:update", { userId, status });
    });
    socket.on("presence:check", async (userIds) => socket.emit("presence:status_list", await getOnlineUsers(userIds)));
    socket.on("disconnect", () => markOffline(userId, socket.id));
}

/* ---- parties, and what the rest of the backend sends --------------------------------------------------- */

function party(socket) {
    const userId = socket.data.user.id;
    const viewerCount = async (partyId) => (await io.in(`party:${partyId}`).fetchSockets()).length;
    socket.on("party:join_live", async ({ partyId }) => {
        socket.join(`party:${partyId}`);
        socket.to(`party:${partyId}`).emit("party:viewer_joined", { userId, partyId, viewerCount: await viewerCount(partyId) });
    });
    socket.on("party:leave_live", async ({ partyId }) => {
        socket.leave(`party:${partyId}`);
        socket.to(`party:${partyId}`).emit("party:viewer_left", { userId, partyId, viewerCount: await viewerCount(partyId) });
    });
}

/* Tests have it emit where they like. */
process.on("message", ({ room, args }) => io.to(room).emit(...args));

io.on("connection", (socket) => {
    chat(socket);
    presence(socket);
    party(socket);
});

process.once("SIGTERM", async () => {
    await io.close();
    process.exit(0);
});
io.listen(Number(process.env.PORT));
