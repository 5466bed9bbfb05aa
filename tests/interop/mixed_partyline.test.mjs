/* Two partyline servers beside the Node server that they are to replace, on one Redis: rooms, users' rooms, parties, presence
 * keys and the emitter reach from each to each. */

import assert from "node:assert/strict";
import path from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { join, unique, user } from "./lib/chat.mjs";
import { ask, closeAll } from "./lib/client.mjs";
import { Redis, hasRedis } from "./lib/redis.mjs";
import { Program, SECRET, partyline, tempDir } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const SEED_SERVER = path.join(path.dirname(fileURLToPath(import.meta.url)), "lib/seed_server.mjs");
const LEASE_MS = 1500;

describe("Node beside partyline", { skip: !hasRedis() && "redis-server is not installed" }, () => {
    let redis, node, ours, all, emitter, publisher;

    before(async () => {
        redis = await Redis.start();
        const env = { REDIS_URL: redis.url, CLUSTER_LEASE: String(LEASE_MS), PRESENCE_GRACE: "300", PRESENCE_INTERVAL: "20", LOOPS: "2" };
        const db = path.join(tempDir(), "chat.db");
        const first = await partyline({ env, db, others: true });
        [node, ...ours] = await Promise.all([
            Program.start(process.execPath, [SEED_SERVER], { REDIS_URL: redis.url, JWT_SECRET: SECRET }),
            first, partyline({ env, db, others: true }),
        ]);
        all = [node, ...ours];
        publisher = createClient({ url: redis.url });
        await publisher.connect();
        emitter = new Emitter(publisher);
        await until(async () => (await redis.ask("PUBSUB", "NUMSUB", "socket.io-request#/#"))[1] === 3, "three servers");
    });
    after(async () => {
        closeAll();
        publisher?.destroy();
        await Promise.all((all ?? []).map((server) => server.stop()));
        await redis?.stop();
    });
    afterEach(() => {
        closeAll();
        for (const server of all)
            assert.equal(server.ended, undefined, `${server.file} has ended:\n${server.log}`);
        assert.equal(node.log, "", "what the Node server complains of");
    });

    const crowd = (name = "user") => Promise.all(all.map((server, i) => user(server, unique(`${name}${i}`))));
    const onlineUsers = async () => new Set(await redis.ask("SMEMBERS", "online_users"));
    const socketsOf = async (userId) => (await redis.ask("SMEMBERS", `user_sockets:${userId}`)).sort();
    const statusOf = (userId) => redis.ask("HGET", `user:status:${userId}`, "status");

    test("chat: what is said at one server is heard at all, with the fields of the seed", async () => {
        const roomId = unique("room");
        const members = await crowd();
        for (const member of members)
            await join(member, roomId);
        for (const speaker of members) {
            const content = unique("Grüße 🎉");
            speaker.emit("chat:message", { roomId, content });
            for (const member of members) {
                const message = await member.inbox.next("chat:new_message", (m) => m.content === content);
                assert.deepEqual([message.roomId, message.senderId, message.sender.id, message.sender.username, message.type],
                    [roomId, speaker.userId, speaker.userId, speaker.userId, "TEXT"]);
                assert.ok(message.id && Math.abs(Date.parse(message.createdAt) - Date.now()) < 60000);
            }
        }
        for (const speaker of members) {
            speaker.emit("chat:typing", { roomId, isTyping: true });
            for (const member of members.filter((m) => m !== speaker)) {
                const { userId, username, isTyping } = await member.inbox.next("chat:user_typing", (t) => t.userId === speaker.userId);
                assert.deepEqual([userId, username, isTyping], [speaker.userId, speaker.userId, true]);
            }
        }
        members[0].emit("chat:leave", { roomId });
        for (const member of members.slice(1))
            await member.inbox.next("chat:user_left", (l) => l.userId === members[0].userId);
        assert.deepEqual(members.flatMap((m) => m.inbox.all("chat:new_message")), [], "nothing twice");
    });

    test("users' rooms: the emitter and the Node server reach every device of a user, on whatever server it is", async () => {
        const id = unique("someone");
        const devices = await Promise.all(all.map((server) => user(server, id)));
        const others = await crowd("other");
        emitter.to(`user:${id}`).emit("notification", { title: "From the backend", bytes: Buffer.from([1, 2, 3]) });
        for (const device of devices) {
            const { title, bytes } = await device.inbox.next("notification");
            assert.deepEqual([title, [...bytes]], ["From the backend", [1, 2, 3]]);
        }
        emitter.emit("maintenance", { at: "noon" });
        for (const socket of [...devices, ...others])
            assert.deepEqual(await socket.inbox.next("maintenance"), { at: "noon" });
        assert.deepEqual(others.flatMap((o) => o.inbox.all("notification")), []);
    });

    test("parties: news of the Node server and of the emitter reach the viewers of all", async () => {
        const partyId = unique("party");
        const viewers = await crowd("viewer");
        for (const viewer of viewers.slice(1)) /* a party of the demo is there when somebody of ours watches it */
            assert.equal((await ask(viewer, "party:join_live", { partyId })).ok, true);
        viewers[0].emit("party:join_live", { partyId });
        for (const viewer of viewers.slice(1))
            await viewer.inbox.next("party:viewer_joined", (v) => v.userId === viewers[0].userId);
        emitter.to(`party:${partyId}`).emit("party:new_media", { partyId, media: { id: "m1" } });
        for (const viewer of viewers)
            assert.deepEqual(await viewer.inbox.next("party:new_media"), { partyId, media: { id: "m1" } });
        const late = await user(ours[1], unique("late"));
        const answer = await ask(late, "party:join_live", { partyId });
        assert.equal(answer.ok, true);
        const { userId } = await viewers[0].inbox.next("party:viewer_joined", (v) => v.userId === late.userId);
        assert.equal(userId, late.userId);
    });

    test("presence: the same keys from all servers; a user is online until the last device has gone, wherever it is", async () => {
        const id = unique("busy");
        const devices = await Promise.all(all.map((server) => user(server, id)));
        const ids = devices.map((d) => d.id).sort();
        await until(async () => JSON.stringify(await socketsOf(id)) === JSON.stringify(ids), `the sockets of ${id}`);
        assert.ok((await onlineUsers()).has(id));
        assert.equal(await statusOf(id), "online");
        assert.ok(Math.abs(Date.parse(await redis.ask("HGET", `user:status:${id}`, "lastSeen")) - Date.now()) < 60000);

        for (const asker of await crowd("asker")) {
            asker.emit("presence:check", [id, "nobody"]);
            const list = await asker.inbox.next("presence:status_list");
            assert.deepEqual(list.map((u) => [u.userId, u.isOnline]), [[id, true], ["nobody", false]]);
        }
        for (const [i, device] of devices.entries()) {
            assert.ok((await onlineUsers()).has(id), `${devices.length - i} devices are there`);
            device.disconnect();
            await until(async () => (await socketsOf(id)).length === devices.length - 1 - i, "the socket to be gone");
        }
        await until(async () => !(await onlineUsers()).has(id) && await statusOf(id) === "offline", `${id} to be offline`);
    });

    test("presence: who leaves partyline first is kept by the Node server", async () => {
        const id = unique("moving");
        const old = await user(node, id), fresh = await user(ours[0], id);
        await until(async () => (await socketsOf(id)).length === 2, "both sockets");
        fresh.disconnect();
        await until(async () => (await socketsOf(id)).length === 1, "one socket");
        const watcher = await user(ours[1], unique("watcher"));
        const [{ isOnline }] = (await ask(watcher, "presence:check", [id])).users;
        assert.equal(isOnline, true);
        assert.equal(await statusOf(id), "online");
        old.disconnect();
        await until(async () => !(await onlineUsers()).has(id), "nobody");
    });

    test("presence:update reaches the clients of the other kind", async () => {
        const [a, b, c] = await crowd("talker");
        a.emit("presence:status", "busy");
        for (const socket of [b, c])
            await socket.inbox.next("presence:update", (u) => u.userId === a.userId && u.status === "busy");
        assert.equal((await ask(b, "presence:status", "away")).ok, true);
        for (const socket of [a, c])
            await socket.inbox.next("presence:update", (u) => u.userId === b.userId && u.status === "away");
        await until(async () => await statusOf(b.userId) === "away", "the status in Redis");
    });

    test("kill -9: the dead server's users are gone within the lease, the others' stay", async () => {
        const [a, b, c] = await crowd("mortal");
        await until(async () => {
            const online = await onlineUsers();
            return [a, b, c].every((s) => online.has(s.userId));
        }, "all three");
        await until(async () => (await socketsOf(c.userId)).length === 1, "the socket of the third");
        const dead = ours[1];
        await dead.crash();
        const start = Date.now();
        await until(async () => !(await onlineUsers()).has(c.userId), "the dead server's user to be gone");
        assert.ok(Date.now() - start < LEASE_MS + 5000, `after ${Date.now() - start} ms`);
        assert.deepEqual(await socketsOf(c.userId), []);
        assert.deepEqual([await socketsOf(a.userId), await socketsOf(b.userId)], [[a.id], [b.id]]);
        assert.equal(await statusOf(c.userId), "offline");
        ours[1] = await partyline({ env: dead.env, db: dead.db, port: dead.port, others: true });
        all[2] = ours[1];
    });
});
