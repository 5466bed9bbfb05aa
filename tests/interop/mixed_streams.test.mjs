/* A cluster of Node's socket.io and ours over Redis streams, also with connection state recovery from one server to another.
 * What is tested for every adapter is in lib/mixed.mjs. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { unique } from "./lib/chat.mjs";
import { ask, connected } from "./lib/client.mjs";
import {
    KINDS, Redis, SKIP, acknowledgements, broadcasts, bytes, closeAll, frozen, garbage, killed, redisAway, same, servers, sockets, withCluster,
} from "./lib/mixed.mjs";
import { once, until } from "./lib/wait.mjs";

describe("streams adapter", { skip: SKIP }, () => {
    let redis;
    before(async () => { redis = await Redis.start(); });
    after(async () => { closeAll(); await redis?.stop(); });

    for (const mode of ["streams", "streams-recovery"]) {
        withCluster(mode, mode, () => redis, (c) => {
            acknowledgements(c);
            sockets(c);
            if (mode === "streams") {
                broadcasts(c);
                servers(c);
                frozen(c);
                killed(c);
                redisAway(c);
            } else {
                recovery(c);
            }
        });
    }
    withCluster("garbage", "streams-recovery", () => redis, (c) => garbage(c, { channels: (key) => [`${key}#/#`], streams: true }), ["c", "c"]);
});

/* The connection breaks; the client will go to another server when it connects again. */
async function lose(c, socket, from, to) {
    const gone = once(socket, "disconnect");
    socket.io.engine.close();
    await gone;
    socket.io.uri = to.url;
    if (socket._pid)
        await until(() => c.redis.ask("EXISTS", `sio:session:${socket._pid}`), `${from.name} to keep the session`);
}

/* Every event of the peers' clients but for the offset that follows the arguments. */
const EVENTS = [[1, "text"], [{ deep: [bytes(5), { ü: null }] }], [], [bytes(70000)]];

function recovery(c) {
    for (const i of KINDS.keys()) {
        for (const j of KINDS.keys()) {
            test(`lost at ${i} (${KINDS[i]}), back at ${j} (${KINDS[j]}): same id, rooms, data, and what was missed`, async () => {
                const room = unique("room"), other = unique("other"), from = c.peers[i], to = c.peers[j];
                const data = { user: "ü", n: [1, null] };
                const socket = await c.client(from, { rooms: [room], data });
                const { id } = socket;
                await from.order("emit", { args: ["first"] });
                await socket.inbox.next("first");
                await lose(c, socket, from, to);
                for (const peer of c.peers) {
                    for (const args of EVENTS)
                        await peer.order("emit", { rooms: [room], args: ["missed", peer.port, ...args] });
                    await peer.order("emit", { rooms: [other], args: ["missed", "not ours"] });
                    await peer.order("emit", { except: [room], args: ["missed", "not ours"] });
                    await peer.order("emit", { flags: { volatile: true }, rooms: [other], args: ["missed", "not ours"] });
                }
                await c.peers[0].order("emit", { rooms: [id], args: ["missed", "you", "alone"] });
                socket.inbox.items = [];
                await connected(socket);
                assert.equal(socket.recovered, true);
                assert.equal(socket.id, id);
                const wanted = [...c.peers.flatMap((p) => EVENTS.map((args) => [p.port, ...args])), ["you", "alone"]];
                const all = () => socket.inbox.items.filter(([event]) => event === "missed").map(([, ...args]) => args);
                await until(() => all().length >= wanted.length, "what was missed"); /* a Node server says done before Redis has it */
                const got = all();
                for (const sender of [...c.peers.map((p) => p.port), "you"]) /* each one's in order; servers write the stream side by side */
                    same(got.filter(([by]) => by === sender).map((args) => args.slice(0, -1)), wanted.filter(([by]) => by === sender));
                assert.equal(got.length, wanted.length);
                for (const args of got)
                    assert.match(args.at(-1), /^[0-9]+-[0-9]+$/);
                const [found] = await c.peers[0].good("fetch", { rooms: [id] });
                assert.deepEqual([[...found.rooms].sort(), found.data], [[id, room].sort(), data]);
                await c.peers[1].order("emit", { rooms: [room], args: ["again"] });
                await socket.inbox.next("again");
            });
        }
    }

    test("several times, and from server to server", async () => {
        const socket = await c.client(c.peers[0], { rooms: ["tour"] });
        const { id } = socket;
        await ask(socket, "self", { args: ["hello"] });
        await socket.inbox.next("hello");
        for (let n = 0; n < 6; n++) {
            await lose(c, socket, c.peers[n % 3], c.peers[(n + 1) % 3]);
            await c.peers[(n + 2) % 3].order("emit", { rooms: ["tour"], args: ["stop", n] });
            await connected(socket);
            assert.deepEqual([socket.recovered, socket.id], [true, id]);
            assert.equal(await socket.inbox.next("stop"), n);
        }
        await c.nothingMore(c.peers[0], [socket], "stop");
    });

    test("not twice, not with an offset that is gone, not when it left by itself", async () => {
        for (const [i, to] of c.peers.entries()) {
            const from = c.peers[(i + 1) % 3];
            const socket = await c.client(from);
            await ask(socket, "self", { args: ["hello"] });
            await socket.inbox.next("hello");
            const { id, _pid: pid, _lastOffset: offset } = socket;
            await lose(c, socket, from, to);
            await connected(socket);
            assert.deepEqual([socket.recovered, socket.id], [true, id]);
            const thief = await c.client(to, { auth: { pid, offset } });
            assert.notEqual(thief.id, id);
            assert.ok(!thief.recovered);

            await lose(c, socket, to, from);
            socket._lastOffset = "1-1";
            await connected(socket);
            assert.notEqual(socket.id, id);

            const polite = await c.client(from);
            await ask(polite, "self", { args: ["hello"] });
            await polite.inbox.next("hello");
            const state = { pid: polite._pid, offset: polite._lastOffset };
            polite.disconnect();
            const again = await c.client(to, { auth: state });
            assert.ok(!again.recovered);
        }
    });
}
