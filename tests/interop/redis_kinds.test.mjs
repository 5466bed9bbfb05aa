/* Two partyline servers over every kind of Redis that REDIS_URL can name but a plain one: a Redis Cluster whose slots move, a master
 * under a sentinel that fails over, TLS that asks for a certificate. What needs Redis works on each, by every adapter. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Queue, QueueEvents } from "bullmq5";
import { Cluster as IoCluster } from "ioredis";
import { heard, join, say, unique, user } from "./lib/chat.mjs";
import { ask, closeAll } from "./lib/client.mjs";
import { Authority } from "./lib/certs.mjs";
import { Redis, hasRedis } from "./lib/redis.mjs";
import { RedisCluster, RedisSentinel } from "./lib/redis_kinds.mjs";
import { freePort, partyline } from "./lib/server.mjs";
import { DEADLINE_MS, until, within } from "./lib/wait.mjs";

const LEASE_MS = 2000;

const env = (redis, adapter = "classic") => ({ REDIS_URL: redis.url, REDIS_ADAPTER: adapter, QUEUE_PREFIX: "{bull}", CLUSTER_LEASE: String(LEASE_MS),
    PRESENCE_GRACE: "100", BUS_RETRY: "60s", ...(adapter === "streams" ? { RECOVERY_DURATION: "60s" } : {}) });

async function pair(redis, adapter) {
    const a = await partyline({ env: env(redis, adapter) });
    return [a, await partyline({ env: env(redis, adapter), db: a.db })];
}

const online = async (redis, id) => (await redis.ask("SMEMBERS", "online_users")).includes(id);

/* Chat, typing, presence, viewers and both buses, from server to server and from Redis to both. */
async function everything(redis, [a, b]) {
    const [roomId, annId, bobId] = ["room", "ann", "bob"].map(unique);
    const [ann, bob] = [await user(a, annId), await user(b, bobId)];
    await join(ann, roomId);
    await join(bob, roomId);
    await say(ann, roomId, "from the first");
    await heard(bob, "from the first");
    await say(bob, roomId, "from the second");
    await heard(ann, "from the second");
    ann.emit("chat:typing", { roomId, isTyping: true });
    await bob.inbox.next("chat:user_typing");

    for (const id of [annId, bobId]) {
        await until(() => online(redis, id), `${id} to be online`);
        assert.equal((await redis.ask("SMEMBERS", `user_sockets:${id}`)).length, 1);
    }
    bob.emit("presence:check", [annId, "nobody"]);
    assert.deepEqual((await bob.inbox.next("presence:status_list")).map((one) => [one.userId, one.isOnline]), [[annId, true], ["nobody", false]]);

    assert.equal((await ask(ann, "party:join_live", { partyId: roomId })).viewerCount, 1);
    assert.equal((await ask(bob, "party:join_live", { partyId: roomId })).viewerCount, 2);
    await redis.ask("PUBLISH", "partyline:events", JSON.stringify({ type: "PARTY_MEDIA_ADDED", payload: { partyId: roomId, media: { id: "m" } } }));
    for (const socket of [ann, bob])
        assert.equal((await socket.inbox.next("party:new_media")).media.id, "m");
    await redis.ask("XADD", "partyline:events:log", "*", "type", "EMIT", "payload", JSON.stringify({ room: `user:${bobId}`, event: "service:told", args: [7] }));
    assert.equal(await bob.inbox.next("service:told"), 7);

    ann.disconnect();
    assert.equal((await bob.inbox.next("presence:update", (p) => p.userId === annId && p.status === "offline")).userId, annId);
    await until(async () => !await online(redis, annId), `${annId} to be offline`);
    bob.disconnect();
    await until(async () => !await online(redis, bobId), `${bobId} to be offline`);
}

const metric = async (server, name) => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(new RegExp(`^partyline_${name} (\\d+)`, "m").exec(text)?.[1] ?? assert.fail(`no ${name}`));
};
const up = (servers) => Promise.all(servers.map((s) => until(() => metric(s, "redis_up"), "Redis to be back", 2 * DEADLINE_MS)));
const stop = (servers) => Promise.all((servers ?? []).map((s) => s.stop()));

describe("Redis of other kinds", { skip: hasRedis() ? false : "redis-server is not installed" }, () => {
    afterEach(closeAll);

    describe("Redis Cluster", () => {
        let redis, nodes;
        before(async () => { redis = await RedisCluster.start(); });
        after(() => redis?.stop());
        afterEach(async () => { await stop(nodes); nodes = []; });

        for (const adapter of ["classic", "sharded", "streams"]) {
            test(`everything by the ${adapter} adapter, also when the slots of what is in use have moved`, async () => {
                nodes = await pair(redis, adapter);
                await everything(redis, nodes);
                for (const key of ["online_users", "socket.io", "partyline:events:log", "{partyline}:nodes"])
                    await redis.move(key);
                await everything(redis, nodes);
            });
        }

        test("a Node service adds jobs, and is told how they ended", async () => {
            nodes = await pair(redis, "sharded");
            const connect = () => new IoCluster([{ host: "127.0.0.1", port: redis.nodes[0].port }], { redisOptions: { maxRetriesPerRequest: null } });
            const connections = [connect(), connect()];
            const queue = new Queue("partyline", { connection: connections[0], prefix: "{bull}" });
            /* From the first event on: by itself it hears those after its first question to Redis, whenever that is. */
            const events = new QueueEvents("partyline", { connection: connections[1], prefix: "{bull}", lastEventId: "0" });
            try {
                await events.waitUntilReady();
                const bob = await user(nodes[0], unique("bob"));
                for (const n of [1, 2]) {
                    const job = await queue.add("emit", { userId: bob.userId, event: "service:told", args: [n] });
                    await within(job.waitUntilFinished(events, DEADLINE_MS), "the job");
                    assert.equal(await bob.inbox.next("service:told"), n);
                    await redis.move("{bull}:partyline:meta");
                }
            } finally {
                await within(Promise.allSettled([events.close(), queue.close()]), "BullMQ to close").catch(() => {});
                connections.forEach((c) => c.disconnect());
            }
        });
    });

    describe("a master under a sentinel", () => {
        let redis, nodes;
        before(async () => {
            redis = await RedisSentinel.start();
            nodes = await pair(redis, "streams");
        });
        after(async () => {
            await stop(nodes);
            await redis?.stop();
        });

        test("everything, also behind a failover, and who was there before it still is", async () => {
            await everything(redis, nodes);
            const [roomId, annId] = ["room", "ann"].map(unique);
            const [ann, bob] = [await user(nodes[0], annId), await user(nodes[1], unique("bob"))];
            await join(ann, roomId);
            await join(bob, roomId);
            await until(() => online(redis, annId), "ann to be online");
            const failed = redis.fail();
            const said = Array.from({ length: 20 }, (_, i) => `${i} meanwhile`);
            for (const text of said)
                await say(ann, roomId, text);
            await failed;
            await up(nodes);
            for (const text of said)
                await heard(bob, text);
            assert.deepEqual(bob.inbox.all("chat:new_message"), [], "each once");
            await until(() => online(redis, annId), "ann to be online with the new master");
            await everything(redis, nodes);
        });
    });

    describe("a Redis whose memory is full", () => {
        let redis, nodes;
        before(async () => {
            redis = await Redis.start();
            nodes = await pair(redis);
        });
        after(async () => {
            await stop(nodes);
            await redis?.stop();
        });

        test("clients are served, the log says it once, nobody is swept, and all of it is right when there is room again", async () => {
            const [roomId, earlyId, annId, bobId] = ["room", "early", "ann", "bob"].map(unique);
            await user(nodes[0], earlyId);
            await until(() => online(redis, earlyId), "the first to be online");
            await redis.ask("CONFIG", "SET", "maxmemory", "1");
            const [ann, bob] = [await user(nodes[0], annId), await user(nodes[1], bobId)];
            await join(ann, roomId);
            await join(bob, roomId);
            await say(ann, roomId, "no room");
            await heard(bob, "no room");
            const warned = (server) => server.log.match(/WARN +Redis refuses to keep who is here: online_users/g)?.length ?? 0;
            await until(() => nodes.every((node) => warned(node) > 0), "the warnings");
            await until(async () => {
                const ends = await redis.ask("ZRANGE", "{partyline}:nodes", 0, -1, "WITHSCORES");
                return [ends[1], ends[3]].every((end) => Number(end) < Date.now() - LEASE_MS / 2);
            }, "the leases to have run out long enough for a dead server to be swept");
            assert.deepEqual(await redis.ask("SMEMBERS", "online_users"), [earlyId]);
            assert.ok(nodes.every((node) => warned(node) <= 2), "one of each loop");
            await redis.ask("CONFIG", "SET", "maxmemory", "0");
            const wanted = JSON.stringify([earlyId, annId, bobId].sort());
            await until(async () => JSON.stringify((await redis.ask("SMEMBERS", "online_users")).sort()) === wanted, "online_users to be right");
        });
    });

    describe("TLS", () => {
        let redis, authority, files, port;
        const url = (query) => `rediss://localhost:${port}?${new URLSearchParams(query)}`;
        before(async () => {
            authority = new Authority();
            const { cert, key } = authority.issue("redis");
            files = authority.issue("partyline");
            port = await freePort();
            redis = await Redis.start("--tls-port", String(port), "--tls-cert-file", cert, "--tls-key-file", key,
                "--tls-ca-cert-file", authority.file, "--tls-auth-clients", "yes");
        });
        after(() => redis?.stop());

        test("everything, with a certificate of ours that the server asks for", async () => {
            const nodes = await pair({ url: url({ ca: authority.file, ...files }) }, "sharded");
            await everything(redis, nodes);
            await stop(nodes);
        });

        test("a server that is not who it says, and one that does not know us, are not spoken to; clients are served alone", async () => {
            await redis.ask("FLUSHALL");
            for (const [query, why] of [[{ ca: new Authority("other").file, ...files }, /TLS with .*self-signed certificate/],
                [{ ca: authority.file }, /TLS with .*certificate required/]]) {
                const server = await partyline({ env: { ...env({ url: url(query) }), LOG_LEVEL: "debug" } });
                const room = unique("room"), [ann, bob] = [await user(server, unique("ann")), await user(server, unique("bob"))];
                await until(() => /WARN +TLS with/.test(server.log), "a warning");
                await until(() => why.test(server.log), "the reason"); /* a reset may overtake what the first attempts were told */
                assert.equal(await metric(server, "redis_up"), 0);
                assert.equal((await (await fetch(`${server.url}/readyz`)).json()).status, "degraded");
                await join(ann, room);
                await join(bob, room);
                await say(ann, room, "alone");
                await heard(bob, "alone");
                assert.deepEqual(await redis.ask("KEYS", "*"), []);
                await server.stop();
            }
        });
    });
});
