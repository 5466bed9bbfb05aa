/* What every adapter must do in a cluster of Node servers and ours: the tests that mixed_*.test.mjs run for each mode. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { unique } from "./chat.mjs";
import { ask, client, closeAll, connected } from "./client.mjs";
import { Peer } from "./peer.mjs";
import { Redis, hasRedis } from "./redis.mjs";
import { once, until, within } from "./wait.mjs";

/* Which servers make up the cluster; MIXED_KINDS=node,node,node proves the tests themselves. */
export const KINDS = (process.env.MIXED_KINDS || "node,c,c").split(",");
export const SKIP = !hasRedis() && "redis-server is not installed";
const TIMEOUT_MS = 1500; /* of the servers' requests: time for those who answer, on a busy machine */

const bytes = (n, seed = 1) => Buffer.from(Array.from({ length: n }, (_, i) => (i * 31 + seed) & 255));
export const VALUES = [
    null, true, false, 0, -1, 127, 128, 255, 256, 65535, 65536, -32, -33, -128, -129, -32769, 1.5, -0.25, 5e-324, 4294967296,
    9007199254740991, -9007199254740991, "", "text", "x".repeat(31), "x".repeat(32), "x".repeat(300), "x".repeat(70000),
    "ünïcödé 😀 \u2028", "\" \\ / \b\f\n\r\t\u001f", [], {}, [[[[1], []], {}], null], Array.from({ length: 20 }, (_, i) => i),
    { a: { b: { c: [1, { d: "e" }] } }, "": 0, "1": 1, "ключ": "значение" }, Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`key${i}`, i])),
];
export const BINARY = [
    bytes(3), { list: [bytes(0), { deep: bytes(300) }, "x"], big: bytes(70000) }, [bytes(1), [bytes(2)]], null, { none: 1 },
];
/* As they arrive, whatever sort of bytes the client makes of them. */
export const plainBytes = (value) => JSON.parse(JSON.stringify(value));
export const same = (got, sent, what) => assert.deepEqual(plainBytes(got), plainBytes(sent), what);

/* A cluster: .peers, .redis, .mode; clients are gone after each test. */
export class Cluster {
    static async start(mode, redis, kinds, ourUrl) {
        const cluster = new Cluster();
        Object.assign(cluster, { mode, redis, kinds, ourUrl, key: unique("mixed"), mine: [] });
        cluster.peers = await Promise.all(kinds.map((kind) => cluster.another(kind)));
        await cluster.complete();
        return cluster;
    }

    another(kind) {
        const url = kind === "c" ? this.ourUrl : this.redis.url;
        return Peer.start(kind, { url, mode: this.mode, key: this.key, timeout: TIMEOUT_MS });
    }

    /* Every server sees all of them. */
    async complete(nsp = "/", n = this.peers.length, of = this.peers) {
        for (const peer of of) {
            let last;
            await until(async () => {
                last = await peer.order("server-count", { nsp }, 500).catch((error) => error.message);
                return last.count === n;
            }, `${n} servers in ${nsp}, as ${peer.name} sees it`)
                .catch((error) => assert.fail(`${error.message}; it said ${JSON.stringify(last)}; its log ends with:\n${peer.log.slice(-1500)}`));
        }
    }

    async client(peer, options) {
        const socket = await peer.client(options);
        this.mine.push(socket);
        return socket;
    }

    /* A client on each server, in the rooms. */
    async crowd({ rooms = [], nsp = "/", ...options } = {}) {
        const crowd = await Promise.all(this.peers.map((peer) => this.client(peer, { nsp, rooms, ...options })));
        for (const room of rooms)
            await this.subscribed(room, nsp, this.peers.length);
        if (this.mode === "sharded-dynamic-private")
            await Promise.all(crowd.map((c) => this.subscribed(c.id, nsp, 1)));
        return crowd;
    }

    /* In the dynamic modes a room is heard of as soon as its channel is subscribed, which nobody waits for. */
    async subscribed(room, nsp = "/", n = 1) {
        if (!this.mode.startsWith("sharded-dynamic"))
            return;
        const channel = `${this.key}#${nsp}#${room}#`;
        await until(async () => (await this.redis.ask("PUBSUB", "SHARDNUMSUB", channel))[1] === n, `${n} subscriptions of ${channel}`);
    }

    /* What `peer` has sent before has arrived everywhere once this has; then nobody may have more of `event`. */
    async nothingMore(peer, crowd, event, nsp = "/") {
        const fence = unique("fence");
        await peer.order("emit", { nsp, args: [fence] });
        await Promise.all(crowd.map((c) => c.inbox.next(fence)));
        for (const c of crowd)
            assert.deepEqual(c.inbox.all(event), [], `${event} at ${c.inbox.name}`);
    }

    cleanUp() {
        for (const socket of this.mine.splice(0))
            socket.disconnect();
        for (const peer of this.peers)
            peer.sound();
    }

    async stop() {
        await Promise.all(this.peers.map((peer) => peer.stop()));
    }
}

/* Runs `body(cluster)` in a describe with a cluster of that mode; ourUrl: another way to the same Redis, for the servers in C. */
export function withCluster(title, mode, redis, body, kinds = KINDS, ourUrl = (r) => r.url) {
    describe(`${title}: ${kinds.join(", ")}`, () => {
        const cluster = new Cluster();
        before(async () => Object.assign(cluster, await Cluster.start(mode, redis(), kinds, ourUrl(redis()))));
        after(() => cluster.peers && cluster.stop());
        afterEach(() => cluster.cleanUp());
        body(cluster);
    });
}

/* A test for each server as the one that acts. */
function fromEach(c, title, fn, kinds = KINDS) {
    kinds.forEach((kind, i) => test(`${title}, from ${i} (${kind})`, (t) => fn(c.peers[i], c.peers.filter((p) => p !== c.peers[i]), t)));
}

/* ---- broadcasts --------------------------------------------------------------------------------------- */

export function broadcasts(c) {
    fromEach(c, "everybody gets every value, once and in order", async (peer) => {
        const crowd = await c.crowd();
        const event = unique("values");
        for (const value of [...VALUES, ...BINARY])
            peer.control.emit("emit", { args: [event, value] }, () => {});
        await peer.order("emit", { args: [event, ...VALUES.slice(0, 20)] });
        for (const socket of crowd) {
            for (const value of [...VALUES, ...BINARY])
                same(await socket.inbox.next(event), value);
        }
        for (const socket of crowd)
            await socket.inbox.next(event, (...args) => (same(args, VALUES.slice(0, 20)), true));
        await c.nothingMore(peer, crowd, event);
    });

    fromEach(c, "rooms: a union, once each, without the excepted", async (peer) => {
        const [one, two, both, none] = ["one", "two", "both", "none"].map(unique);
        const event = unique("rooms");
        const ones = await c.crowd({ rooms: [one, both] }), twos = await c.crowd({ rooms: [two, both] }), nones = await c.crowd();
        const all = [...ones, ...twos, ...nones];
        const expect = async (order, wanted) => {
            await peer.order("emit", { ...order, args: [event, order.rooms ?? []] });
            await Promise.all(wanted.map((s) => s.inbox.next(event)));
            await c.nothingMore(peer, all, event);
        };
        await expect({ rooms: [one] }, ones);
        await expect({ rooms: [one, two] }, [...ones, ...twos]);
        await expect({ rooms: [one, both] }, [...ones, ...twos]);
        await expect({ rooms: [both], except: [two] }, ones);
        await expect({ except: [both] }, nones);
        await expect({ rooms: [one, two, none], except: ones.map((s) => s.id) }, twos);
        await expect({ rooms: [none] }, []);
    });

    fromEach(c, "rooms of any name", async (peer) => {
        const names = ["ünï-комната-部屋-🎉", "with space", "a:b", "a#b", "##", "*?[x]", "\\", "user:" + "1".repeat(15), "x".repeat(20),
            "\"quoted\"", "line\nbreak", "42"];
        const crowd = await c.crowd({ rooms: names });
        for (const name of names) {
            await peer.order("emit", { rooms: [name], args: ["named", name] });
            await Promise.all(crowd.map((s) => s.inbox.next("named", (n) => n === name)));
        }
        await c.nothingMore(peer, crowd, "named");
    });

    fromEach(c, "from a socket: to the others, in rooms or everywhere", async (peer) => {
        const room = unique("room");
        const crowd = await c.crowd({ rooms: [room] });
        const speaker = await c.client(peer, { rooms: [room] });
        const all = [...crowd, speaker];
        for (const order of [{ rooms: [room] }, {}, { rooms: [room], flags: { volatile: true } }, { flags: { compress: false } }]) {
            await ask(speaker, "tell", { ...order, args: ["told", order, bytes(5)] });
            await Promise.all(crowd.map((s) => s.inbox.next("told", (got, bin) => (same([got, bin], [order, bytes(5)]), true))));
        }
        await ask(speaker, "tell", { rooms: [room], except: [crowd[0].id], args: ["told", 1] });
        await Promise.all(crowd.slice(1).map((s) => s.inbox.next("told")));
        await c.nothingMore(peer, all, "told");
    });

    fromEach(c, "to one socket by its id, volatile, uncompressed, and only here", async (peer) => {
        const crowd = await c.crowd();
        for (const socket of crowd) {
            await peer.order("emit", { rooms: [socket.id], args: ["you", socket.id] });
            assert.equal(await socket.inbox.next("you"), socket.id);
        }
        await peer.order("emit", { flags: { volatile: true, compress: false }, args: ["flags", bytes(9)] });
        await Promise.all(crowd.map((s) => s.inbox.next("flags")));
        await peer.order("emit", { flags: { local: true }, args: ["here"] });
        await crowd[c.peers.indexOf(peer)].inbox.next("here");
        for (const event of ["you", "flags", "here"])
            await c.nothingMore(peer, crowd, event);
    });

    fromEach(c, "other namespaces, also such as are made when a client asks", async (peer) => {
        const dyn = `/dyn-${unique("ns")}-ü`;
        const main = await c.crowd(), admin = await c.crowd({ nsp: "/admin" });
        const dynamic = await c.crowd({ nsp: dyn, rooms: [] });
        await c.complete(dyn);
        for (const [nsp, crowd] of [["/admin", admin], [dyn, dynamic]]) {
            await peer.order("emit", { nsp, args: ["there", nsp, bytes(2)] });
            await Promise.all(crowd.map((s) => s.inbox.next("there", (n) => n === nsp)));
            await c.nothingMore(peer, crowd, "there", nsp);
        }
        await c.nothingMore(peer, main, "there");
    });

    fromEach(c, "five hundred in a row keep their order", async (peer) => {
        const crowd = await c.crowd({ rooms: ["row"] });
        for (let i = 0; i < 500; i++)
            peer.control.emit("emit", { rooms: ["row"], args: ["row", i] }, () => {});
        for (const socket of crowd)
            assert.deepEqual(await socket.inbox.take("row", 500), Array.from({ length: 500 }, (_, i) => i));
    });
}

/* ---- acknowledgements --------------------------------------------------------------------------------- */

export function acknowledgements(c) {
    const answering = async (options) => {
        const crowd = await c.crowd(options);
        crowd.forEach((socket, i) => socket.on("q", (x, done) => done({ i, x, bin: bytes(i) }, "only the first counts")));
        return crowd;
    };
    const sorted = (answers) => [...answers].sort((a, b) => a.i - b.i);
    const wanted = (x, n = c.peers.length) => Array.from({ length: n }, (_, i) => ({ i, x, bin: bytes(i) }));

    fromEach(c, "a broadcast with acknowledgements: one of each client, binary too", async (peer) => {
        const room = unique("room");
        await answering({ rooms: [room] });
        same(sorted(await peer.good("gather", { rooms: [room], timeout: 5000, args: ["q", bytes(3)] })), wanted(bytes(3)));
        same(sorted(await peer.good("gather", { rooms: [room], timeout: 5000, args: ["q", "text"] })), wanted("text"));
        assert.deepEqual(await peer.good("gather", { rooms: [unique("nobody")], timeout: 5000, args: ["q", 1] }), []);
        if (peer.kind === "c") { /* Node waits for the others all the same, until the time is up */
            const local = await peer.good("gather", { rooms: [room], flags: { local: true }, timeout: 5000, args: ["q", 1] });
            assert.equal(local.length, 1);
        }
    });

    fromEach(c, "in another namespace", async (peer) => {
        const crowd = await answering({ nsp: "/admin" });
        same(sorted(await peer.good("gather", { nsp: "/admin", timeout: 5000, args: ["q", 1] })), wanted(1, crowd.length));
    });

    fromEach(c, "who does not answer is missing, the others are not", async (peer) => {
        const room = unique("room");
        const crowd = await answering({ rooms: [room] });
        const mute = await c.client(peer, { rooms: [room] });
        const { err, answers } = await peer.order("gather", { rooms: [room], timeout: 1000, args: ["q", 1] });
        assert.ok(err, "an error");
        assert.equal(answers.length, crowd.length);
        await mute.inbox.next("q");
    });

    fromEach(c, "one socket, wherever it is, is asked", async (peer) => {
        const crowd = await answering();
        for (const [i, socket] of crowd.entries()) {
            same(await peer.good("call", { id: socket.id, timeout: 5000, args: ["q", bytes(4)] }), { i, x: bytes(4), bin: bytes(i) });
            socket.on("mute", () => {});
        }
        const results = await Promise.all(crowd.map((s) => peer.order("call", { id: s.id, timeout: 200, args: ["mute"] })));
        for (const { err } of results)
            assert.ok(err);
    });
}

/* ---- sockets of others -------------------------------------------------------------------------------- */

export function sockets(c) {
    const ids = (list) => list.map((s) => s.id).sort();

    fromEach(c, "fetchSockets: id, rooms, data and handshake", async (peer) => {
        const room = unique("room"), other = unique("other");
        const data = { user: { id: "ü1", roles: ["a", 1, null] }, n: 1.5 };
        const crowd = await c.crowd({ rooms: [room, other], data, query: { q: "1 ü" }, extraHeaders: { "X-Test": "here" } });
        const found = await peer.good("fetch", { rooms: [room] });
        assert.deepEqual(ids(found), ids(crowd));
        for (const socket of found) {
            assert.deepEqual([...socket.rooms].sort(), [socket.id, room, other].sort());
            assert.deepEqual(socket.data, data);
            const { headers, time, address, xdomain, secure, issued, url, query, auth } = socket.handshake;
            assert.equal(headers["x-test"], "here");
            assert.ok(Math.abs(Date.parse(time) - issued) < 2000 && Math.abs(issued - Date.now()) < 60000, `${time}, ${issued}`);
            assert.match(address, /^(::ffff:)?127\.0\.0\.1$/);
            assert.deepEqual([xdomain, secure, auth], [false, false, { data }]);
            assert.match(url, /^\/socket\.io\/\?/);
            assert.equal(query.q, "1 ü");
            assert.equal(query.EIO, "4");
        }
        assert.deepEqual(ids(await peer.good("fetch", { rooms: [room], except: [crowd[0].id] })), ids(crowd.slice(1)));
        assert.deepEqual(await peer.good("fetch", { rooms: [unique("nobody")] }), []);
        assert.equal((await peer.good("fetch", { rooms: [room], flags: { local: true } })).length, 1);
        for (const socket of crowd)
            await ask(socket, "data", [socket.id]);
        for (const socket of await peer.good("fetch", {}))
            assert.deepEqual(socket.data, [socket.id]);
    });

    fromEach(c, "socketsJoin and socketsLeave", async (peer) => {
        const [room, next, third] = ["room", "next", "third"].map(unique);
        const crowd = await c.crowd({ rooms: [room] });
        const members = async (name) => ids(await peer.good("fetch", { rooms: [name] }));
        const become = (name, list) => until(async () => JSON.stringify(await members(name)) === JSON.stringify(ids(list)),
            `${name} to have ${ids(list)}`);
        await peer.order("join", { rooms: [room], except: [crowd[1].id], to: [next, third] });
        await become(next, [crowd[0], crowd[2]]);
        await become(third, [crowd[0], crowd[2]]);
        await c.subscribed(next, "/", 2);
        await peer.order("emit", { rooms: [next], args: ["joined"] });
        await Promise.all([crowd[0], crowd[2]].map((s) => s.inbox.next("joined")));
        await peer.order("leave", { rooms: [room], except: [crowd[2].id], to: [next] });
        await become(next, [crowd[2]]);
        await peer.order("leave", { to: [third, next] });
        await become(third, []);
        await become(next, []);
        await peer.order("join", { rooms: [room], flags: { local: true }, to: [next] });
        await become(next, [crowd[c.peers.indexOf(peer)]]);
        await c.nothingMore(peer, crowd, "joined");
    });

    fromEach(c, "disconnectSockets: from the namespace, or for good", async (peer) => {
        const [soft, hard] = ["soft", "hard"].map(unique);
        const softs = await c.crowd({ rooms: [soft] }), hards = await c.crowd({ rooms: [hard] }), stays = await c.crowd();
        const seconds = await Promise.all([...softs, ...hards].map((s) => {
            const admin = s.io.socket("/admin");
            admin.connect();
            return within(new Promise((resolve) => admin.once("connect", () => resolve(admin))), "a second namespace");
        }));
        const ends = [...softs, ...hards].map((s) => once(s, "disconnect"));
        const seconded = seconds.slice(softs.length).map((s) => once(s, "disconnect"));
        await peer.order("kick", { rooms: [soft], except: [softs[1].id], close: false });
        await peer.order("kick", { rooms: [hard], close: true });
        for (const i of [0, 2, 3, 4, 5])
            assert.equal((await ends[i])[0], "io server disconnect");
        for (const reason of seconded)
            assert.match((await reason)[0], /^(io server disconnect|transport close)$/);
        await c.nothingMore(peer, [softs[1], ...stays], "nothing");
        assert.ok(seconds.slice(0, softs.length).every((s) => s.connected), "the second namespace stays");
    });
}

/* ---- servers ------------------------------------------------------------------------------------------ */

export function servers(c) {
    fromEach(c, "serverSideEmit reaches the others, not itself", async (peer, others) => {
        const mark = unique("sse");
        const payload = [1, { ü: [true, null] }, bytes(3)];
        await peer.order("server-emit", { args: ["sse", mark, ...payload] });
        await peer.order("server-emit", { nsp: "/admin", args: ["sse", mark, "admin"] });
        for (const other of others) {
            const heard = await other.inbox.next("heard", (h) => h.args[1] === mark && h.nsp === "/");
            same(heard, { nsp: "/", args: ["sse", mark, ...payload] });
            await other.inbox.next("heard", (h) => h.args[1] === mark && h.nsp === "/admin");
        }
        await peer.good("server-call", { args: ["sse-ask"] });
        assert.deepEqual(peer.inbox.all("heard").filter((h) => h.args[1] === mark), []);
    });

    fromEach(c, "serverSideEmit with acknowledgements", async (peer, others) => {
        const answers = await peer.good("server-call", { args: ["sse-ask", { a: [1, "ü"] }] });
        assert.deepEqual([...answers].sort((a, b) => a.port - b.port),
            others.map(({ port }) => ({ port, args: [{ a: [1, "ü"] }] })).sort((a, b) => a.port - b.port));
        assert.equal((await peer.good("server-call", { nsp: "/admin", args: ["sse-ask"] })).length, others.length);
    });

    test("a server that never answers is missing", async () => {
        /* Node's sharded and streams adapters wait for 5 s, whatever they are told. */
        const askers = c.mode.startsWith("classic") ? c.peers : c.peers.filter((p) => p.kind === "c");
        const results = await Promise.all(askers.map((p) => p.order("server-call", { args: ["sse-mute", 1] })));
        for (const { err, answers } of results) {
            assert.ok(err);
            assert.deepEqual(answers, []);
        }
    });

    fromEach(c, "every server counts all, in each namespace", async (peer) => {
        assert.equal(await peer.good("server-count", {}), c.peers.length);
        assert.equal(await peer.good("server-count", { nsp: "/admin" }), c.peers.length);
    });
}

/* ---- misfortunes: last, they change the cluster ------------------------------------------------------- */

/* While one server stands still the others get what the rest says, in time, and say that something is missing. */
export function frozen(c) {
    KINDS.forEach((kind, i) => test(`while ${i} (${kind}) stands still`, async () => {
        const sleeper = c.peers[i], awake = c.peers.filter((p) => p !== sleeper);
        const room = unique("room");
        const crowd = await c.crowd({ rooms: [room] });
        for (const socket of crowd)
            socket.on("q", (done) => done(socket.id));
        sleeper.freeze();
        try {
            await Promise.all(awake.map(async (peer) => {
                const alive = crowd.filter((s, j) => c.peers[j] !== sleeper).map((s) => s.id).sort();
                const gathered = peer.order("gather", { rooms: [room], timeout: TIMEOUT_MS, args: ["q"] });
                const fetched = peer.order("fetch", { rooms: [room], timeout: TIMEOUT_MS });
                const called = peer.kind === "c" || c.mode.startsWith("classic") ? peer.order("server-call", { args: ["sse-ask"] }) : null;
                const { err, answers } = await gathered;
                assert.ok(err);
                assert.deepEqual([...answers].sort(), alive);
                const { err: missing, sockets: found } = await fetched;
                assert.ok(missing);
                if (peer.kind === "c")
                    assert.deepEqual(found.map((s) => s.id).sort(), alive, "those that are known");
                if (called) {
                    const result = await called;
                    assert.ok(result.err);
                    assert.equal(result.answers.length, awake.length - 1);
                }
            }));
            await awake[0].order("emit", { rooms: [room], args: ["later"] });
        } finally {
            sleeper.thaw();
        }
        await Promise.all(crowd.map((s) => s.inbox.next("later")));
        await c.complete();
    }));
}

/* One is stopped, or killed, and comes back; its clients too. */
export function killed(c) {
    KINDS.forEach((kind, i) => test(`${i} (${kind}) says goodbye`, async () => {
        const [leaver] = c.peers.splice(i, 1);
        const crowd = await c.crowd();
        await c.client(leaver);
        await leaver.stop();
        await c.complete();
        assert.equal((await c.peers[0].good("fetch", {})).length, crowd.length);
        c.peers.splice(i, 0, await c.another(kind));
        await c.complete();
    }));


    KINDS.forEach((kind, i) => test(`kill -9 of ${i} (${kind}), and it comes back`, async () => {
        const victim = c.peers[i], others = c.peers.filter((p) => p !== victim);
        await victim.program.crash();
        await c.complete("/", others.length, others);
        const crowd = await Promise.all(others.map((p) => c.client(p)));
        await others[0].order("emit", { args: ["without"] });
        await Promise.all(crowd.map((s) => s.inbox.next("without")));
        assert.equal((await others[1].good("fetch", {})).length, crowd.length);
        victim.control.disconnect();
        c.peers[i] = await c.another(kind);
        await c.complete();
        crowd.push(await c.client(c.peers[i]));
        await others[0].order("emit", { args: ["with"] });
        await Promise.all(crowd.map((s) => s.inbox.next("with")));
    }));
}

/* When Redis restarts at the wrong moment, Node's client of it never connects again (redis/node-redis issue 3346): such a server
 * is started anew, with a client in the room. */
async function reviveNodes(c, crowd, room) {
    const ours = c.peers.find((p) => p.kind === "c");
    const isBack = async (i) => {
        const mark = unique("there");
        await ours.order("emit", { rooms: [room], args: [mark] });
        await Promise.all([c.peers[i].order("server-count", {}, 500), crowd[i].inbox.next(mark, undefined, 500)]);
        return true;
    };
    for (const [i, peer] of c.peers.entries()) {
        if (peer.kind !== "node" || await until(() => isBack(i).catch(() => false), "Node to be back", 4000).catch(() => false))
            continue;
        await peer.program.crash();
        peer.control.disconnect();
        c.peers[i] = await c.another("node");
        crowd[i] = await c.client(c.peers[i], { rooms: [room] });
    }
}

/* Redis goes away and comes back, empty: all go on, the local clients all the while. */
export function redisAway(c) {
    test("Redis goes and comes back", async () => {
        const room = unique("room");
        const crowd = await c.crowd({ rooms: [room] });
        await c.redis.stop("SIGKILL");
        const ours = c.peers.filter((p) => p.kind === "c");
        for (const peer of ours) { /* our own clients go on */
            await peer.order("emit", { args: ["alone", peer.port] });
            if (!c.mode.startsWith("streams"))
                await crowd[c.peers.indexOf(peer)].inbox.next("alone", (p) => p === peer.port);
        }
        await c.redis.resume();
        await reviveNodes(c, crowd, room);
        await c.complete();
        await c.subscribed(room, "/", c.peers.length);
        for (const peer of c.peers) {
            await until(async () => {
                const mark = unique("back");
                await peer.order("emit", { rooms: [room], args: [mark] });
                return Promise.all(crowd.map((s) => within(s.inbox.next(mark), mark, 300))).then(() => true, () => false);
            }, `${peer.name} to be heard again`);
            assert.equal((await peer.good("fetch", { rooms: [room] })).length, crowd.length);
            assert.equal(peer.program.ended, undefined, `${peer.name} has ended:\n${peer.log}`);
            peer.program.log = ""; /* they may complain meanwhile */
        }
    });
}

/* What nobody sends who is in his right mind: it is survived, and what comes behind it arrives. For clusters of our own only:
 * Node's adapters end the process at some of it. */
export function garbage(c, { channels, streams = false }) {
    test("garbage from Redis is survived", async () => {
        const crowd = await c.crowd();
        for (const channel of channels(c.key)) {
            for (const command of ["PUBLISH", "SPUBLISH"]) {
                for (const payload of GARBAGE)
                    await c.redis.ask(command, channel, payload);
            }
        }
        if (streams) {
            for (const data of GARBAGE) {
                await c.redis.ask("XADD", c.key, "*", "uid", "x", "nsp", "/", "type", "3", "data", data);
                await c.redis.ask("XADD", c.key, "*", "uid", "x", "nsp", "/", "type", data, "data", "{}");
                await c.redis.ask("XADD", c.key, "*", data, data);
            }
        }
        for (const peer of c.peers) {
            await peer.order("emit", { args: ["still", peer.port] });
            await Promise.all(crowd.map((s) => s.inbox.next("still", (p) => p === peer.port)));
            assert.equal((await peer.good("fetch", {})).length, crowd.length);
            assert.match(peer.log, /refused from another server/);
            peer.program.log = "";
        }
    });
}

const hex = (text) => Buffer.from(text, "hex");
const broadcast = (packet, opts) => JSON.stringify({ type: 3, uid: "x", nsp: "/", data: { packet, opts } });
const GARBAGE = [
    "", "{", "{}", "[]", "null", "7", '""', '{"type":5}', '{"type":2,"opts":7,"rooms":{}}', '{"type":99}', "{nope",
    broadcast(), broadcast({ type: 2, data: [] }, {}), broadcast({ type: 2, data: ["connect"] }, { rooms: [], except: [], flags: {} }),
    `{"type":6,"uid":"x","data":${"[".repeat(5000)}${"]".repeat(5000)}}`,
    ...["c0", "93", "90", "dfffffffff", "ddffffffff", "c6ffffffff", "93a178c0c0", "93a17880c0", "91".repeat(300),
        "93a17883a47479706502a46461746190a36e7370a12f83a5726f6f6d7390a665786365707490a5666c61677380",
        "93a17883a47479706502a46461746191a7636f6e6e656374a36e7370a12f83a5726f6f6d7390a665786365707490a5666c61677380"].map(hex),
    Buffer.alloc(100000, 0x78),
];

export { Redis, bytes, closeAll };
