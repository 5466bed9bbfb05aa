/* Who is there and who watches, on several servers over one Redis: told once, counted exactly, right again soon after a server
 * was killed, Redis was emptied or away, and beside a Node server that keeps presence as the seed does. */

import assert from "node:assert/strict";
import path from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { unique, user } from "./lib/chat.mjs";
import { ask, client, closeAll, connected } from "./lib/client.mjs";
import { Redis, hasRedis } from "./lib/redis.mjs";
import { Program, ROOT, SECRET, partyline } from "./lib/server.mjs";
import { userToken } from "./lib/token.mjs";
import { until } from "./lib/wait.mjs";

const skip = hasRedis() ? false : "no redis-server";
const LEASE_MS = 2000;
/* What may pass until a dead server's users are gone: its lease, the renewal by which another one notices, the sweep
 * on a busy machine. */
const GONE_MS = LEASE_MS + LEASE_MS / 3 + 5000;

const settings = (redis, { grace = 200, lease = LEASE_MS }) => ({ LOOPS: "2", PRESENCE_GRACE: String(grace), PRESENCE_INTERVAL: "20", REDIS_URL: redis.url,
    CLUSTER_LEASE: String(lease), PARTY_ANNOUNCE_LIMIT: "5", PARTY_COUNT_INTERVAL: "300" });
const readiness = async (server) => (await (await fetch(`${server.url}/readyz`)).json()).status;
const nodes = (redis, n, more = {}) => Promise.all(Array.from({ length: n }, async () => {
    const server = await partyline({ env: settings(redis, more) });
    await until(async () => await readiness(server) === "ready", "every loop to count with the others");
    return server;
}));

const updates = (socket, userId) => socket.inbox.all("presence:update").filter((u) => u.userId === userId).map((u) => u.status);
const update = (socket, userId, status) =>
    socket.inbox.next("presence:update", (u) => u.userId === userId && u.status === status);
const check = async (socket, ...ids) => (await ask(socket, "presence:check", ids)).users;
const kill = (socket) => socket.io.engine.transport.ws.terminate();
const members = (redis, key) => redis.ask("SMEMBERS", key).then((list) => list.sort());

/* What `socket` has heard is all there is: news that were sent before have arrived, too. */
async function marked(socket, other) {
    const status = await ask(other, "presence:status", "away");
    assert.equal(status.ok, true);
    await update(socket, other.userId, "away");
}

async function watch(socket, partyId, viewerCount) {
    const answer = await ask(socket, "party:join_live", { partyId });
    assert.deepEqual(answer, { ok: true, viewerCount: viewerCount ?? answer.viewerCount, status: "LIVE" });
    return answer.viewerCount;
}

const viewers = (redis, partyId) => redis.ask("HLEN", `partyline:viewers:{${partyId}}`).then(Number);

/* n servers over a Redis of their own, for the tests of a describe, which is told of them once they run. */
function cluster(n, tell, more) {
    let redis, all;
    before(async () => {
        redis = await Redis.start();
        all = await nodes(redis, n, more);
        tell(redis, all);
    });
    after(async () => {
        await Promise.all(all.map((node) => node.stop()));
        await redis.stop();
    });
    afterEach(closeAll);
}

describe("presence on three servers", { skip }, () => {
    let redis, all;
    cluster(3, (...made) => [redis, all] = made, { grace: 1500 }); /* to change servers in */

    test("a user with a device on each of two is announced once, keeps the status, and goes with the last device", async () => {
        const [aId, eyes, other] = [unique("alice"), await user(all[2], unique("eyes")), await user(all[0], unique("other"))];
        const alice = await user(all[0], aId);
        await update(eyes, aId, "online");
        assert.deepEqual(await ask(alice, "presence:status", "busy"), { ok: true, status: "busy" });
        await update(eyes, aId, "busy");
        const alice2 = await user(all[1], aId);
        await until(async () => (await members(redis, `user_sockets:${aId}`)).length === 2, "both sockets in Redis");
        assert.deepEqual(await members(redis, `user_sockets:${aId}`), [alice.id, alice2.id].sort());
        assert.deepEqual(await members(redis, "online_users"), [aId, eyes.userId, other.userId].sort());
        for (const socket of [alice, alice2, eyes])
            assert.deepEqual((await check(socket, aId)).map(({ isOnline, status }) => ({ isOnline, status })),
                [{ isOnline: true, status: "busy" }]);
        assert.equal(await redis.ask("HGET", `user:status:${aId}`, "status"), "busy");
        kill(alice);
        await until(async () => (await members(redis, `user_sockets:${aId}`)).length === 1, "one socket to be gone");
        assert.equal((await check(eyes, aId))[0].status, "busy");
        alice2.disconnect();
        await update(eyes, aId, "offline");
        await until(async () => Number(await redis.ask("SISMEMBER", "online_users", aId)) === 0, "alice to be gone");
        assert.equal(await redis.ask("HGET", `user:status:${aId}`, "status"), "offline");
        const [{ isOnline, status, lastSeen }] = await check(other, aId);
        assert.deepEqual({ isOnline, status }, { isOnline: false, status: "offline" });
        assert.ok(Math.abs(Date.now() - Date.parse(lastSeen)) < 60000, lastSeen);
        await marked(eyes, other);
        assert.deepEqual(updates(eyes, aId), [], "told of more than there was");
    });

    test("who changes servers within the grace is never offline", async () => {
        const [aId, eyes, other] = [unique("alice"), await user(all[2], unique("eyes")), await user(all[0], unique("other"))];
        await user(all[0], aId).then(async (socket) => {
            await update(eyes, aId, "online");
            kill(socket);
        });
        const alice = await user(all[1], aId);
        await until(async () => (await members(redis, `user_sockets:${aId}`)).join() === alice.id, "the first socket to be gone");
        await marked(eyes, other);
        assert.deepEqual(updates(eyes, aId), []);
    });

    test("who subscribes on another server gets the answer, then the news", async () => {
        const [aId, sub] = [unique("alice"), await user(all[1], unique("sub"))];
        const answer = await ask(sub, "presence:subscribe", [aId]);
        assert.equal(answer.users[0].isOnline, false);
        const alice = await user(all[0], aId);
        await update(sub, aId, "online");
        assert.equal((await check(sub, aId))[0].isOnline, true);
        alice.disconnect();
        await update(sub, aId, "offline");
    });

    test("FLUSHALL is healed, and nobody is told of it", async () => {
        const everybody = await Promise.all([0, 1, 2, 0, 1, 2].map((i) => user(all[i], unique("u"))));
        const partyId = unique("party");
        for (const [i, socket] of everybody.entries())
            await watch(socket, partyId, i + 1);
        await ask(everybody[1], "presence:status", "busy");
        for (const socket of everybody)
            if (socket !== everybody[1])
                await update(socket, everybody[1].userId, "busy");
        await marked(everybody[0], everybody[5]);
        for (const socket of everybody)
            socket.inbox.items = [];
        await redis.ask("FLUSHALL");
        const ids = everybody.map((s) => s.userId).sort();
        await until(async () => (await members(redis, "online_users")).join() === ids.join(), "online_users to be back", 3 * LEASE_MS);
        await until(async () => await viewers(redis, partyId) === 6, "viewers to be back");
        for (const socket of everybody)
            await until(async () => (await members(redis, `user_sockets:${socket.userId}`)).join() === socket.id, "sockets to be back");
        await until(async () => (await check(everybody[0], everybody[1].userId))[0].status === "busy", "busy to be back");
        await marked(everybody[0], everybody[5]);
        const of = everybody.slice(0, 5).map((s) => s.userId); /* the sixth was just told of, and others leave from the tests before */
        for (const socket of everybody)
            for (const [event, payload] of socket.inbox.items)
                assert.ok(event.startsWith("party:") ? payload.viewerCount === 6 : !of.includes(payload.userId),
                    `${event} ${JSON.stringify(payload)}`);
    });
});

describe("servers that end", { skip }, () => {
    let redis, all;
    before(async () => { redis = await Redis.start(); });
    after(() => redis.stop());
    afterEach(async () => {
        closeAll();
        await Promise.all(all.filter((n) => !n.ended).map((n) => n.stop()));
        await redis.ask("FLUSHALL");
    });

    test("kill -9: its users and viewers are gone within the lease, told once, and those also elsewhere stay", async () => {
        all = await nodes(redis, 3);
        const partyId = unique("party");
        const eyes = await user(all[1], unique("eyes")), stays = await user(all[2], unique("stays"));
        const lost = await Promise.all(Array.from({ length: 20 }, () => user(all[0], unique("lost"))));
        const twin = await user(all[0], stays.userId);
        await watch(eyes, partyId, 1);
        await watch(stays, partyId, 2);
        await watch(twin, partyId, 2);
        for (const [i, socket] of lost.entries())
            await watch(socket, partyId, 3 + i);
        for (const socket of lost)
            await update(eyes, socket.userId, "online");
        eyes.inbox.items = [];
        await all[0].crash();
        const died = Date.now();
        const left = [eyes.userId, stays.userId].sort();
        await until(async () => (await members(redis, "online_users")).join() === left.join(), "the dead to be gone", GONE_MS);
        await until(async () => await viewers(redis, partyId) === 2, "their viewers to be gone", GONE_MS);
        assert.ok(Date.now() - died < GONE_MS);
        for (const socket of lost)
            await update(eyes, socket.userId, "offline");
        assert.deepEqual(await members(redis, `user_sockets:${stays.userId}`), [stays.id]);
        for (const socket of lost)
            assert.equal(Number(await redis.ask("EXISTS", `user_sockets:${socket.userId}`)), 0);
        const told = () => eyes.inbox.items.filter(([event]) => event.startsWith("party:viewer")).at(-1)?.[1].viewerCount;
        await until(() => told() === 2, `the count to be told, ${told()}`);
        await watch(eyes, partyId, 2);
        await marked(eyes, stays);
        for (const socket of [...lost, stays])
            assert.deepEqual(updates(eyes, socket.userId), []);
        const code = (await redis.ask("KEYS", "*")).filter((key) => /:(sockets|parties):/.test(key));
        assert.ok(code.length > 0);
        for (const key of code) /* nothing of the dead one is left */
            assert.ok(Number(await redis.ask("ZSCORE", "{partyline}:nodes", /\{(.*?)\}/.exec(key)[1])) > 0, key);
    });

    test("SIGTERM: others sweep without waiting for the lease", async () => {
        const lease = 3 * LEASE_MS; /* they notice with their next renewal, after a third of it */
        all = await nodes(redis, 2, { lease });
        const eyes = await user(all[1], unique("eyes")), lost = await user(all[0], unique("lost"));
        await update(eyes, lost.userId, "online");
        await all[0].stop();
        const stopped = Date.now();
        await update(eyes, lost.userId, "offline");
        assert.ok(Date.now() - stopped < lease, `${Date.now() - stopped} ms`);
        assert.deepEqual(await members(redis, "online_users"), [eyes.userId]);
    });

    test("all of them are killed: the next one to start sweeps behind them", async () => {
        all = await nodes(redis, 2);
        const lost = await user(all[0], unique("lost"));
        await until(async () => (await members(redis, "online_users")).join() === lost.userId, "lost to be there");
        await Promise.all(all.map((n) => n.crash()));
        all = await nodes(redis, 1);
        await until(async () => (await members(redis, "online_users")).length === 0, "nobody to be there", GONE_MS);
    });

    test("a server that stood still is swept, and is back with all it has", async () => {
        all = await nodes(redis, 2);
        const partyId = unique("party");
        const eyes = await user(all[1], unique("eyes")), still = await user(all[0], unique("still"));
        await watch(still, partyId, 1);
        await update(eyes, still.userId, "online");
        all[0].child.kill("SIGSTOP");
        try {
            await update(eyes, still.userId, "offline");
            await until(async () => await viewers(redis, partyId) === 0, "the viewer to be gone", GONE_MS);
        } finally {
            all[0].child.kill("SIGCONT");
        }
        await until(async () => (await members(redis, "online_users")).length === 2, "all to be back", 3 * LEASE_MS);
        await until(async () => await viewers(redis, partyId) === 1, "the viewer to be back");
        assert.equal(await watch(eyes, partyId), 2);
    });
});

describe("Redis away", { skip }, () => {
    let redis, all;
    cluster(2, (...made) => [redis, all] = made);

    test("stopped and started, empty: what happened meanwhile is seen here at once and everywhere afterwards", async () => {
        const partyId = unique("party");
        const [a, b, c] = [await user(all[0], unique("a")), await user(all[0], unique("b")), await user(all[1], unique("c"))];
        await watch(a, partyId, 1);
        await watch(b, partyId, 2);
        await watch(c, partyId, 3);
        await update(a, b.userId, "online");
        await redis.stop("SIGKILL");
        await until(() => all.every((n) => /Redis is away/.test(n.log)), "both to notice");
        const d = await user(all[0], unique("d"));
        await update(a, d.userId, "online");
        b.disconnect();
        await update(a, b.userId, "offline");
        await ask(d, "presence:status", "busy");
        await update(a, d.userId, "busy");
        assert.deepEqual((await check(a, d.userId, b.userId)).map((u) => u.status), ["busy", "offline"]);
        await watch(d, partyId, 2); /* as many as are here */
        await redis.resume();
        const ids = [a, c, d].map((s) => s.userId).sort();
        await until(async () => (await members(redis, "online_users")).join() === ids.join(), "those who are there", 3 * LEASE_MS);
        await until(async () => await viewers(redis, partyId) === 3, "the viewers");
        assert.equal((await check(c, d.userId))[0].status, "busy");
        await until(() => c.inbox.all("party:viewer_count").at(-1)?.viewerCount === 3
            || a.inbox.all("party:viewer_count").at(-1)?.viewerCount === 3, "the count to be told");
        assert.equal(await watch(c, partyId), 3);
    });
});

describe("viewers on three servers", { skip }, () => {
    let redis, all;
    cluster(3, (...made) => [redis, all] = made);

    test("each who comes or goes is announced once, with the count of all servers", async () => {
        const partyId = unique("party");
        const [a, b, c] = await Promise.all(all.map((n) => user(n, unique("viewer"))));
        const b2 = await user(all[2], b.userId);
        await watch(a, partyId, 1);
        await watch(b, partyId, 2);
        assert.deepEqual(await a.inbox.next("party:viewer_joined"), { userId: b.userId, partyId, viewerCount: 2 });
        await watch(b2, partyId, 2);
        await watch(c, partyId, 3);
        for (const socket of [a, b, b2]) /* one who has just entered may still hear of those before */
            assert.deepEqual(await socket.inbox.next("party:viewer_joined", (v) => v.userId === c.userId),
                { userId: c.userId, partyId, viewerCount: 3 });
        assert.deepEqual(await ask(b, "party:leave_live", { partyId }), { ok: true, viewerCount: 3 });
        kill(b2);
        for (const socket of [a, c])
            assert.deepEqual(await socket.inbox.next("party:viewer_left"), { userId: b.userId, partyId, viewerCount: 2 });
        assert.equal(await watch(a, partyId), 2);
        assert.deepEqual(a.inbox.all("party:viewer_joined"), []);
        for (const socket of [a, c])
            assert.deepEqual(socket.inbox.all("party:viewer_left"), []);
    });

    test("a large one is told its count at most once in an interval, by one of all servers, and exactly in the end", async () => {
        const partyId = unique("party");
        const eyes = await user(all[0], unique("eyes"));
        await watch(eyes, partyId, 1);
        const crowd = await Promise.all(Array.from({ length: 60 }, (_, i) => user(all[i % 3], unique("crowd"))));
        const began = Date.now();
        const counts = await Promise.all(crowd.map((socket) => watch(socket, partyId)));
        assert.deepEqual(counts.sort((a, b) => a - b), crowd.map((_, i) => i + 2)); /* each number once */
        await eyes.inbox.next("party:viewer_count", (m) => m.viewerCount === 61);
        for (const socket of crowd.slice(0, 30))
            socket.disconnect();
        await eyes.inbox.next("party:viewer_count", (m) => m.viewerCount === 31);
        const told = eyes.inbox.all("party:viewer_count").length + 2;
        assert.ok(told <= (Date.now() - began) / 300 + 3, `${told} counts in ${Date.now() - began} ms`);
        assert.ok(eyes.inbox.all("party:viewer_joined").length <= 5);
        assert.equal(await viewers(redis, partyId), 31);
    });
});

describe("beside a Node server that keeps presence as the seed does", { skip }, () => {
    let redis, ours, seed;
    before(async () => {
        redis = await Redis.start();
        [ours] = await nodes(redis, 1);
        seed = await Program.start(process.execPath, [path.join(ROOT, "tests/interop/lib/seed_server.mjs")],
            { REDIS_URL: redis.url, JWT_SECRET: SECRET });
    });
    after(async () => {
        await ours.stop();
        await seed.stop();
        await redis.stop();
    });
    afterEach(closeAll);

    /* The seed answers presence:check with an event alone. */
    const seedUser = async (id) => {
        const socket = client(seed.url, { auth: { token: userToken(SECRET, id) }, transports: ["websocket"] });
        return Object.assign(await connected(socket), { userId: id });
    };
    const seedCheck = async (socket, ...ids) => {
        socket.emit("presence:check", ids);
        return socket.inbox.next("presence:status_list");
    };

    test("each sees the other's users, and a user on both goes with the last device", async () => {
        const [aId, bId] = [unique("alice"), unique("bob")];
        const alice = await user(ours, aId), bob = await seedUser(bId);
        await until(async () => (await members(redis, "online_users")).length === 2, "both");
        assert.deepEqual(await seedCheck(bob, aId, "nobody"), [{ userId: aId, isOnline: true }, { userId: "nobody", isOnline: false }]);
        await until(async () => (await check(alice, bId))[0].status === "online", "bob to be online here");
        bob.emit("presence:status", "busy");
        await update(alice, bId, "busy");
        assert.equal((await check(alice, bId))[0].status, "busy");
        await ask(alice, "presence:status", "away");
        await update(bob, aId, "away");
        const alice2 = await seedUser(aId);
        await until(async () => (await members(redis, `user_sockets:${aId}`)).length === 2, "two sockets of alice");
        alice.disconnect();
        await until(async () => (await members(redis, `user_sockets:${aId}`)).join() === alice2.id, "one of them to be gone");
        assert.deepEqual(await seedCheck(bob, aId), [{ userId: aId, isOnline: true }]);
        const bob2 = await user(ours, bId);
        bob.disconnect();
        await until(async () => (await members(redis, `user_sockets:${bId}`)).join() === bob2.id, "bob's first to be gone");
        assert.equal((await check(bob2, bId, aId)).every((u) => u.isOnline), true);
        alice2.disconnect();
        await until(async () => (await members(redis, "online_users")).join() === bId, "alice to be gone");
        assert.equal((await check(bob2, aId))[0].isOnline, false);
    });

    test("what they do at the same time does not last", async () => {
        const ids = Array.from({ length: 5 }, () => unique("both"));
        for (let round = 0; round < 6; round++) {
            const there = await Promise.all(ids.map((id) => seedUser(id)));
            await until(async () => { /* it notes the user first, then the socket: who goes in between leaves one behind */
                const sockets = await Promise.all(ids.map((id) => members(redis, `user_sockets:${id}`)));
                return sockets.every((of) => of.length === 1);
            }, "all at the Node server");
            const here = ids.map((id) => user(ours, id)); /* they come here while they go there */
            for (const socket of there)
                socket.disconnect();
            const now = await Promise.all(here);
            await until(async () => (await members(redis, "online_users")).length === ids.length
                && (await check(now[0], ...ids)).every((u) => u.isOnline), "all to be online, as they are here");
            for (const socket of now)
                socket.disconnect();
            await until(async () => (await members(redis, "online_users")).length === 0, "nobody to be left");
        }
    });
});
