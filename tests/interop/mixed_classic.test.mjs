/* A cluster of Node's socket.io and ours over Redis pub/sub, with @socket.io/redis-adapter's classic adapter and the emitter.
 * What is tested for every adapter is in lib/mixed.mjs. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { unique } from "./lib/chat.mjs";
import {
    KINDS, Redis, SKIP, acknowledgements, broadcasts, bytes, closeAll, frozen, garbage, killed, redisAway, same, servers, sockets, withCluster,
} from "./lib/mixed.mjs";
import { once, until } from "./lib/wait.mjs";

describe("classic adapter", { skip: SKIP }, () => {
    let redis;
    before(async () => { redis = await Redis.start(); });
    after(async () => { closeAll(); await redis?.stop(); });

    for (const mode of ["classic", "classic-specific"]) {
        withCluster(mode, mode, () => redis, (c) => {
            broadcasts(c);
            acknowledgements(c);
            sockets(c);
            servers(c);
            emitter(c);
            others(c);
            if (mode === "classic") {
                frozen(c);
                killed(c);
                redisAway(c);
            }
        });
    }
    withCluster("classic on ioredis and a Unix socket", "classic", () => redis, (c) => {
        broadcasts(c);
        sockets(c);
    }, KINDS.map((kind) => kind === "node" ? "ioredis" : kind), (r) => r.unixUrl);
    withCluster("garbage", "classic", () => redis, (c) => garbage(c, { channels: (key) => [`${key}#/#`, `${key}#/#room#`, `${key}-request#/#`, `${key}-response#/#`] }), ["c", "c"]);
});

function others(c) {
    test("Node's allRooms knows ours", async () => {
        const rooms = [unique("room"), "ünï 🎉"];
        const crowd = await c.crowd({ rooms });
        for (const peer of c.peers.filter((p) => p.kind !== "c")) {
            const all = await peer.good("rooms");
            for (const room of [...rooms, ...crowd.map((s) => s.id)])
                assert.ok(all.includes(room), `${room} is not in ${all}`);
        }
    });

    /* Node's room 123 and "123" are two; ours is one, and gets what either is told. */
    test("a room whose name is a number", async () => {
        const crowd = await c.crowd({ rooms: [123] });
        for (const peer of c.peers.filter((p) => p.kind !== "c")) {
            await peer.order("emit", { rooms: [123], args: ["n", 1] });
            await Promise.all(crowd.map((s) => s.inbox.next("n")));
            await peer.order("emit", { rooms: [123, "other"], except: [456], args: ["n", 2] });
            await Promise.all(crowd.map((s) => s.inbox.next("n")));
            assert.equal((await peer.good("fetch", { rooms: [123] })).length, crowd.length);
        }
    });
}

function emitter(c) {
    describe("emitter", () => {
        let client, emit;
        before(async () => {
            client = createClient({ url: c.redis.url });
            await client.connect();
            emit = new Emitter(client, { key: c.key });
        });
        after(() => client.destroy());

        test("emit, with rooms, flags and binary, in each namespace", async () => {
            const room = unique("room"), other = unique("other");
            const crowd = await c.crowd({ rooms: [room] }), others = await c.crowd({ rooms: [other] }), admin = await c.crowd({ nsp: "/admin" });
            const expect = async (clients, ...args) => {
                for (const s of clients)
                    await s.inbox.next("em", (...got) => (same(got, args), true));
            };
            emit.emit("em", 1, { deep: [bytes(3), "ü"] });
            await expect([...crowd, ...others], 1, { deep: [bytes(3), "ü"] });
            emit.to(room).emit("em", 2);
            await expect(crowd, 2);
            emit.to([room, other]).except(crowd[0].id).volatile.compress(false).emit("em", 3);
            await expect([...crowd.slice(1), ...others], 3);
            emit.to(crowd[0].id).emit("em", 4);
            await expect([crowd[0]], 4);
            emit.of("/admin").emit("em", 5);
            emit.of("admin").to(admin[1].id).emit("em", 6);
            await expect(admin, 5);
            await expect([admin[1]], 6);
            for (const peer of c.peers) {
                await c.nothingMore(peer, [...crowd, ...others], "em");
                await c.nothingMore(peer, admin, "em", "/admin");
            }
        });

        test("socketsJoin, socketsLeave, disconnectSockets, serverSideEmit", async () => {
            const room = unique("room"), next = unique("next");
            const crowd = await c.crowd({ rooms: [room] });
            const become = (n) => until(async () => (await c.peers[0].good("fetch", { rooms: [next] })).length === n, `${n} in ${next}`);
            emit.in(room).socketsJoin(next);
            await become(crowd.length);
            emit.in(room).except(crowd[1].id).socketsLeave(next);
            await become(1);
            emit.serverSideEmit("sse", "from the emitter", { a: 1 });
            for (const peer of c.peers)
                assert.deepEqual((await peer.inbox.next("heard", (h) => h.args[1] === "from the emitter")).args.slice(2), [{ a: 1 }]);
            const ends = crowd.map((s) => once(s, "disconnect"));
            emit.in(next).disconnectSockets(true);
            assert.equal((await ends[1])[0], "io server disconnect");
            emit.in(room).disconnectSockets();
            for (const end of ends)
                assert.equal((await end)[0], "io server disconnect");
        });
    });
}
