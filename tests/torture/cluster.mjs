/* The storm on a cluster: three nodes on one PostgreSQL and one Redis, behind a load balancer without any stickiness, with
 * clients on polling only, on websockets only, and upgrading. Nodes are killed with kill -9 and come back; Redis stands still,
 * is emptied, is stopped for a while and started again with nothing in it; connections to the database are cut.
 *
 * Then the checker of storm.mjs, and besides:
 *
 *   - what members of a room missed while Redis was away reaches them without their asking;
 *   - online_users, user_sockets:<id> and user:status:<id> say exactly who is there, and so do the counts of a party's viewers
 *     on every node;
 *   - the users and viewers of a node that dies are gone within the lease. */

import assert from "node:assert/strict";
import { Balancer } from "../interop/lib/balancer.mjs";
import { ask, client, closeAll, connected } from "../interop/lib/client.mjs";
import { random } from "../interop/lib/model.mjs";
import { Redis } from "../interop/lib/redis.mjs";
import { SECRET, partyline } from "../interop/lib/server.mjs";
import { userToken } from "../interop/lib/token.mjs";
import { until, within } from "../interop/lib/wait.mjs";
import { Device, ROOMS, checkAll, lastWords, pause, seedStore } from "./storm.mjs";

const NODES = 3;
const PARTY = ROOMS[1]; /* every user may watch it */
const TRANSPORTS = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };
const ADAPTERS = ["classic", "sharded", "streams"];
const PING_TIMEOUT_MS = 6000; /* so long a session whose client has gone elsewhere between two polls may live on */
const SLACK_MS = Number(process.env.TORTURE_SLACK_MS || 1500); /* of a busy machine */

/* Every third device watches a party, too. */
class Viewer extends Device {
    async settle() {
        if (this.watches)
            this.socket.emit("party:join_live", { partyId: PARTY });
        return super.settle();
    }
}

/* ---- three nodes ---------------------------------------------------------------------------------------- */

class Nodes {
    static async start({ store, redis, lease, adapter }) {
        const nodes = new Nodes();
        Object.assign(nodes, { redis, lease, store, list: [] });
        nodes.env = { ...store.env, REDIS_URL: redis.url, REDIS_ADAPTER: adapter, CLUSTER_LEASE: String(lease), CHAT_CHECK_INTERVAL: "1000",
            PRESENCE_GRACE: "500", PRESENCE_INTERVAL: "50", PING_INTERVAL: "1000", PING_TIMEOUT: String(PING_TIMEOUT_MS),
            CLUSTER_SECRET: "a secret of all three nodes", CLUSTER_HOST: "127.0.0.1" };
        nodes.list = await Promise.all(Array.from({ length: NODES }, () => nodes.one()));
        nodes.balancer = await Balancer.start(nodes.list.map((n) => n.port));
        nodes.url = nodes.balancer.url;
        return nodes;
    }

    one(port) {
        return partyline({ demo: false, env: this.env, port });
    }

    async crash(i) {
        await this.list[i].crash();
    }

    async revive(i) {
        this.list[i] = await this.one(this.list[i].port);
    }

    async stop() {
        await Promise.all(this.list.map((n) => n.stop()));
        this.balancer.stop();
        await this.redis.stop();
    }
}

/* ---- misfortunes ---------------------------------------------------------------------------------------- */

const MISFORTUNES = {
    "kill -9 of a node": async ({ nodes, next }) => {
        const i = Math.floor(next() * NODES);
        await nodes.crash(i);
        await pause(next() * 1.5 * nodes.lease); /* back before its lease has ended, or behind that */
        await nodes.revive(i);
    },
    "Redis stands still": async ({ nodes, next }) => {
        nodes.redis.freeze();
        await pause(200 + next() * 1000);
        nodes.redis.thaw();
    },
    "Redis is emptied": async ({ nodes }) => nodes.redis.flush(),
    "Redis is away, and comes back with nothing in it": async ({ nodes, away }) => {
        await nodes.redis.stop("SIGKILL");
        await pause(away);
        await nodes.redis.resume();
    },
    "connections to the database are cut": async ({ nodes }) => nodes.store.cut(),
};

/* Each of them in turn, the turns shuffled, until the time is up; each once at least. */
async function misfortunes(what, end, say) {
    let n = 0;
    while (n === 0 || Date.now() < end) {
        const deck = Object.keys(MISFORTUNES).map((name) => [what.next(), name]).sort(([a], [b]) => a - b);
        for (const [, name] of deck) {
            await pause(300 + what.next() * 700);
            say(name);
            await MISFORTUNES[name](what);
            n++;
        }
    }
    return n;
}

const isDone = (d) => d.ready && d.outbox.size === 0;

const describe = (d) => `${d.name} of ${d.roomId} by ${d.socket.io.engine?.transport?.name} ${d.socket.connected ? "" : "not "}connected, `
    + `${d.ready ? "" : "not "}ready, ${d.outbox.size} to be acknowledged, at ${d.model.seq}, ${d.counts.refusals} refusals`;

/* ---- what must be true at rest -------------------------------------------------------------------------- */

/* Everything that was acknowledged has been told to the members who were there, without chat:sync. */
async function caughtUp(devices) {
    for (const roomId of ROOMS) {
        const members = devices.filter((d) => d.roomId === roomId);
        const head = Math.max(...members.flatMap((d) => [...d.acked.values()].map((a) => a.seq)));
        for (const d of members)
            await until(() => d.model.seq >= head && !d.model.hasHole, `${d.name} to have heard all up to ${head}, not ${d.model.seq}`, 30000);
    }
}

const sorted = (list) => [...list].sort();

/* Redis' keys of presence, as they should be when exactly these sockets are there: sockets() gives them. */
async function presenceIs(redis, sockets, ms, what) {
    const keysOf = (list) => sorted(new Set(list.map((s) => s.userId))).map((userId) =>
        [userId, sorted(list.filter((s) => s.userId === userId).map((s) => s.id)), "online"]);
    const read = async () => Promise.all(sorted(await redis.ask("SMEMBERS", "online_users")).map(async (userId) =>
        [userId, sorted(await redis.ask("SMEMBERS", `user_sockets:${userId}`)), await redis.ask("HGET", `user:status:${userId}`, "status")]));
    let found, wanted;
    await until(async () => {
        [found, wanted] = [await read(), keysOf(sockets())];
        return JSON.stringify(found) === JSON.stringify(wanted);
    }, what, ms).catch(() => assert.deepEqual(found, wanted, what));
    const keys = (await redis.ask("KEYS", "user_sockets:*")).map((k) => k.slice("user_sockets:".length));
    assert.deepEqual(sorted(keys), wanted.map(([userId]) => userId), "no keys of users who are not there");
}

/* Every viewer's node says the same number. */
async function viewersAre(viewers, n, ms) {
    for (const socket of viewers) {
        let answer;
        await until(async () => {
            answer = await ask(socket, "party:join_live", { partyId: PARTY });
            return answer.viewerCount === n;
        }, "", ms).catch(() => assert.equal(answer?.viewerCount, n, "viewers"));
    }
}

async function direct(node, userId) {
    const socket = client(node.url, { auth: { token: userToken(SECRET, userId) }, transports: ["websocket"], name: userId });
    socket.userId = userId;
    return connected(socket);
}

/* A node dies with users only it had: they are gone within the lease, whatever else is there stays. */
async function death(nodes, devices, say) {
    const sockets = () => devices.map((d) => Object.assign(d.socket, { userId: d.userId }));
    const viewers = devices.filter((d) => d.watches);
    const users = new Set(viewers.map((d) => d.userId)).size;
    await presenceIs(nodes.redis, sockets, nodes.lease + 2 * PING_TIMEOUT_MS + SLACK_MS, "presence heals");
    await viewersAre(viewers.map((d) => d.socket), users, 15000);

    const ghosts = await Promise.all(["ghost-1", "ghost-2"].map((userId) => direct(nodes.list[0], userId)));
    for (const ghost of ghosts)
        assert.equal((await ask(ghost, "party:join_live", { partyId: PARTY })).ok, true);
    await presenceIs(nodes.redis, () => [...sockets(), ...ghosts], 5000, "two users more");
    const watcher = await direct(nodes.list[1], viewers[0].userId);
    await viewersAre([watcher], users + 2, 5000);

    await nodes.crash(0);
    const start = Date.now();
    const left = async () => (await nodes.redis.ask("SMEMBERS", "online_users")).filter((u) => u.startsWith("ghost-"));
    await until(async () => (await left()).length === 0, "the dead node's users to be gone", nodes.lease + SLACK_MS);
    await viewersAre([watcher], users, nodes.lease + SLACK_MS - (Date.now() - start));
    say(`the dead node's users and viewers were gone after ${Date.now() - start} ms, lease ${nodes.lease} ms`);
    await until(() => devices.every((d) => d.ready), "all to be back elsewhere", 15000);
    await presenceIs(nodes.redis, () => [...sockets(), watcher], nodes.lease + 2 * PING_TIMEOUT_MS + SLACK_MS, "the others are there");
    watcher.disconnect();
    await nodes.revive(0);
}

/* ---- the storm ------------------------------------------------------------------------------------------ */

/* Returns what happened, for people; throws what the checker found. away: ms without Redis; lease: ms; the adapter is the
 * seed's choice unless it is named. */
export async function clusterStorm({ seed, store, clients = 48, seconds = 10, think = 60, away = 2000, lease = 1500,
    transports = Object.keys(TRANSPORTS), adapter, say = () => {} }) {
    const next = random(seed);
    adapter ??= ADAPTERS[Math.floor(next() * ADAPTERS.length)];
    say(`${NODES} nodes, ${adapter} adapter`);
    const users = Array.from({ length: clients / 2 }, (_, i) => `user-${i}`);
    await seedStore(store, [...users, "ghost-1", "ghost-2"]);
    const nodes = await Nodes.start({ store, redis: await Redis.start(), lease, adapter });
    const devices = Array.from({ length: clients }, (_, i) => {
        const device = new Viewer(nodes, users[i >> 1], `${users[i >> 1]}.${i & 1}`, ROOMS[(i >> 1) % ROOMS.length], seed + 1 + i,
            TRANSPORTS[transports[i % transports.length]]);
        device.watches = i % 3 === 0;
        return device;
    });
    try {
        return await weather({ nodes, devices, next, seconds, think, away, say });
    } catch (error) {
        for (const [i, n] of nodes.list.entries())
            say(`node ${i} ${n.ended ? `has ended: ${JSON.stringify(n.ended)}` : "runs"}, it said at last:\n${n.log.slice(-3000)}`);
        throw error;
    }
}

/* The misfortunes and all that is checked behind them. */
async function weather({ nodes, devices, next, seconds, think, away, say }) {
    const lives = devices.map((d) => d.live(think));
    const count = await misfortunes({ nodes, next, away }, Date.now() + seconds * 1000, say);
    for (const device of devices)
        device.stopped = true;
    await Promise.all(lives);
    await until(() => devices.every(isDone), "the last acknowledgements", 60000)
        .catch((error) => assert.fail(`${error.message}: ${devices.filter((d) => !isDone(d)).map(describe).join("; ")}`));
    await caughtUp(devices);
    await within(Promise.all(devices.map((d) => d.rest())), "everybody to be up to date", 60000);
    await lastWords(devices);
    const result = { misfortunes: count, ...await checkAll(devices) };
    await death(nodes, devices, say);
    closeAll();
    await presenceIs(nodes.redis, () => [], 10000, "nobody is there any more");
    await nodes.stop();
    return result;
}
