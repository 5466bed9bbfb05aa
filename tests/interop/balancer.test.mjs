/* Three nodes behind nginx, HAProxy and Caddy without any stickiness: polls, WebSockets and upgrades reach whatever server, and
 * work; a node that is killed costs its clients a reconnect, not more. */

import assert from "node:assert/strict";
import http from "node:http";
import { after, afterEach, before, describe, test } from "node:test";
import { TRANSPORTS, closeAll } from "./lib/client.mjs";
import { heard, join, say, unique, user } from "./lib/chat.mjs";
import { wholeHistory } from "./lib/model.mjs";
import { Postgres } from "./lib/postgres.mjs";
import { hasProxy, startProxy } from "./lib/proxies.mjs";
import { Redis, hasRedis } from "./lib/redis.mjs";
import { partyline } from "./lib/server.mjs";
import { once, until, within } from "./lib/wait.mjs";

const NODES = 3;
const EACH = 15; /* clients of a kind */
const WAIT_MS = 30000;

const redisMissing = hasRedis() ? false : "no redis-server";
let redis, pg, nodes;

const startNode = (port = 0) => partyline({
    port,
    env: {
        DATABASE_URL: pg.url(pg.name), REDIS_URL: redis.url, CLUSTER_SECRET: "a secret of all three nodes", CLUSTER_HOST: "127.0.0.1",
        CLUSTER_LEASE: "2s", PRESENCE_GRACE: "500", PING_INTERVAL: "1000", PING_TIMEOUT: "5000", TRUSTED_PROXIES: "127.0.0.1", LOOPS: "2",
    },
});

const metric = async (node, name) => {
    const text = await (await fetch(`${node.url}/metrics`)).text();
    return Number(new RegExp(`^partyline_${name} (\\d+)`, "m").exec(text)?.[1] ?? assert.fail(`no ${name} in ${text}`));
};
const sum = async (name) => (await Promise.all(nodes.map((n) => metric(n, name)))).reduce((a, b) => a + b, 0);
const ready = async (node) => (await fetch(`${node.url}/readyz`)).status === 200;

/* Users of all transports, each in the room. `lost` says whose connection ended meanwhile. */
async function crowd(url, roomId, options = {}) {
    const all = [];

    for (const [kind, transports] of Object.entries(TRANSPORTS))
        for (let i = 0; i < EACH; i++)
            all.push(user({ url }, unique(kind), { transports, ...options }).then(async (socket) => {
                socket.kind = kind;
                socket.on("disconnect", (why) => { socket.lost = why; });
                await join(socket, roomId);
                return socket;
            }));
    return Promise.all(all);
}

/* Everybody says something and hears everybody. */
async function everybodyHearsEverybody(sockets, roomId, text) {
    const said = sockets.map((s, i) => `${text} ${i} ${i % 5 ? "" : "long ".repeat(500)}`);

    await within(Promise.all(sockets.map((s, i) => say(s, roomId, said[i]))), "acknowledgements", WAIT_MS);
    await within(Promise.all(sockets.map((s) => Promise.all(said.map((content) => heard(s, content))))), "everybody to hear everybody", WAIT_MS);
}

describe("balancers without stickiness", { skip: redisMissing }, () => {
    before(async () => {
        [redis, pg] = await Promise.all([Redis.start(), Postgres.start()]);
        pg.name = pg.database();
        nodes = [await startNode()]; /* makes the tables */
        nodes.push(...await Promise.all(Array.from({ length: NODES - 1 }, () => startNode())));
        await Promise.all(nodes.map((n) => until(() => ready(n), "nodes to be ready")));
    });
    after(async () => {
        await Promise.all((nodes || []).map((n) => n.stop()));
        await redis?.stop();
        pg?.stop();
    });
    afterEach(closeAll);

    for (const kind of ["nginx", "haproxy", "caddy"]) {
        describe(kind, { skip: hasProxy(kind) ? false : `no ${kind}` }, () => {
            let proxy;

            before(async () => { proxy = await startProxy(kind, nodes.map((n) => n.port)); });
            after(() => proxy.end());

            test("clients of all transports reach their sessions through every node", async () => {
                const roomId = unique("room"), relayed = await sum("requests_relayed_total");
                const sockets = await crowd(proxy.url, roomId);

                await everybodyHearsEverybody(sockets, roomId, kind);
                assert.deepEqual(sockets.filter((s) => s.lost).map((s) => [s.kind, s.lost]), []);
                assert.ok(await sum("requests_relayed_total") - relayed > 4 * EACH, "hardly a request went to a node that had to relay it");
            });

            test("polls hang as long as they have to, and pings are answered in time", async () => {
                const socket = await user(proxy, unique("poller"), { transports: TRANSPORTS.polling });
                let pings = 0;

                socket.io.on("ping", () => { pings++; });
                await until(() => pings >= 4, "pings");
                assert.ok(socket.connected);
            });

            test("an upgrade that reached the wrong node is a WebSocket like any other", async () => {
                const tunnels = await sum("requests_relayed_total");
                const sockets = await Promise.all(Array.from({ length: 9 }, () =>
                    user(proxy, unique("upgrader"), { transports: TRANSPORTS.upgrade })));
                const roomId = unique("room");

                for (const s of sockets) {
                    assert.equal(s.io.engine.transport.name, "websocket");
                    await join(s, roomId);
                }
                assert.ok(await sum("requests_relayed_total") > tunnels);
                await everybodyHearsEverybody(sockets, roomId, "over tunnels");
            });

            test("servers are told who asks, and for which host", async () => {
                const echo = http.createServer((request, response) => response.end(JSON.stringify(request.headers)));

                echo.listen(0, "127.0.0.1");
                await once(echo, "listening");
                const before = await startProxy(kind, Array(NODES).fill(echo.address().port));
                const headers = await until(async () => (await fetch(`${before.url}/socket.io/`)).json().catch(() => null), "an echo");

                assert.match(headers["x-forwarded-for"], /(^|, )127\.0\.0\.1$/);
                assert.equal(headers.host, `127.0.0.1:${before.port}`);
                await before.end();
                echo.close();
                echo.closeAllConnections();
            });

            test("while Redis is away every session is served as before", async () => {
                const sockets = await Promise.all(Array.from({ length: 9 }, () =>
                    user(proxy, unique("poller"), { transports: TRANSPORTS.polling })));
                const roomId = unique("room");

                await Promise.all(sockets.map((s) => join(s, roomId)));
                await redis.stop("SIGKILL");
                for (let round = 0; round < 3; round++)
                    await Promise.all(sockets.map((s, i) => say(s, roomId, `${round} ${i}`)));
                assert.ok(sockets.every((s) => s.connected));
                await redis.resume();
                await Promise.all(nodes.map((n) => until(() => metric(n, "redis_up"), "Redis to be back")));
            });

            test("our own paths are not for everybody", async () => {
                for (const path of ["/metrics", "/healthz", "/readyz"])
                    assert.equal((await fetch(proxy.url + path)).status, 404, path);
            });

            test("the clients of a killed node come back elsewhere", async () => {
                const roomId = unique("room");
                const sockets = await crowd(proxy.url, roomId, { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 500 });
                const { port } = nodes[1];

                await everybodyHearsEverybody(sockets, roomId, "before");
                sockets.forEach((s) => { s.back = new Promise((resolve) => s.on("connect", resolve)); });
                const acked = []; /* what is said while it dies */
                sockets.forEach((s, i) => {
                    for (let n = 0; n < 5; n++)
                        s.emit("chat:message", { roomId, content: `dying ${i} ${n}`, clientId: `${s.userId} ${n}` }, (a) => a.ok && acked.push(a.id));
                });
                await until(() => acked.length, "the first acknowledgement");
                await nodes[1].crash();
                await until(() => sockets.some((s) => s.lost), "somebody to notice", WAIT_MS);
                await within(Promise.all(sockets.filter((s) => s.lost).map((s) => s.back)), "those to be back", WAIT_MS);
                await until(() => sockets.every((s) => s.connected), "all to be connected", WAIT_MS);
                await Promise.all(sockets.map((s) => join(s, roomId)));
                await everybodyHearsEverybody(sockets, roomId, "after");
                const kept = new Set((await wholeHistory(sockets[0], roomId)).map((m) => m.id));
                assert.deepEqual(acked.filter((id) => !kept.has(id)), [], "acknowledged and lost");
                const there = sockets.map((s) => s.userId).sort();
                await until(async () => JSON.stringify((await redis.ask("SMEMBERS", "online_users")).sort()) === JSON.stringify(there),
                    "online_users to be those who are there");
                nodes[1] = await startNode(port);
                await until(() => ready(nodes[1]), "the node to be ready again");
            });
        });
    }
});
