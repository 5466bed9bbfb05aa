/* Recovery over Redis streams when servers end: a client of a server that says goodbye, or is killed, comes back to another,
 * on Node or ours, as if nothing had happened; and when Redis itself goes, as a new client. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { unique } from "./lib/chat.mjs";
import { connected } from "./lib/client.mjs";
import { Cluster, Redis, SKIP, closeAll, same } from "./lib/mixed.mjs";
import { once, until } from "./lib/wait.mjs";

const OFFSET = /^[0-9]+-[0-9]+$/;

describe("recovery when servers end", { skip: SKIP }, () => {
    let redis;
    before(async () => { redis = await Redis.start(); });
    after(async () => { closeAll(); await redis?.stop(); });

    const kept = (socket) => until(() => redis.ask("EXISTS", `sio:session:${socket._pid}`), "the session to be kept");

    async function recover(cluster, socket, to, room, data, id) {
        await to.order("emit", { rooms: [room], args: ["missed", "b", Buffer.from([1, 2, 3])] });
        await to.order("emit", { args: ["missed", "c"] });
        await to.order("emit", { except: [room], args: ["missed", "not for us"] });
        socket.io.uri = to.url;
        await connected(socket);
        assert.deepEqual([socket.recovered, socket.id], [true, id]);
        same(socket.inbox.items.filter(([name]) => name === "missed").map((item) => item.slice(1, -1)), [["b", Buffer.from([1, 2, 3])], ["c"]]);
        socket.inbox.items = [];
        const [found] = await to.good("fetch", { rooms: [id] });
        same([[...found.rooms].sort(), found.data], [[id, room].sort(), data]);
        await to.order("emit", { rooms: [room], args: ["live"] });
        await socket.inbox.next("live");
        assert.deepEqual(socket.inbox.all("missed"), []);
    }

    const WAYS = {
        "says goodbye": async (from, socket) => {
            const gone = once(socket, "disconnect");
            from.control.disconnect();
            await from.program.stop();
            await gone;
            await kept(socket);
        },
        "is killed behind its client": async (from, socket) => {
            const gone = once(socket, "disconnect");
            socket.io.engine.close();
            await gone;
            await kept(socket);
            from.control.disconnect();
            await from.program.crash();
        },
    };

    for (const [from, to] of [["node", "c"], ["c", "node"], ["c", "c"]]) {
        for (const [way, end] of Object.entries(WAYS)) {
            test(`a server (${from}) ${way}, the client comes back to another (${to})`, async () => {
                const cluster = await Cluster.start("streams-recovery", redis, [from, to], redis.url);
                const room = unique("room"), data = { user: "ü", list: [1, null, { x: "y" }] };
                const socket = await cluster.client(cluster.peers[0], { rooms: [room], data });
                const { id } = socket;
                await cluster.peers[1].order("emit", { args: ["hello"] });
                await socket.inbox.next("hello");
                await end(cluster.peers[0], socket);
                await recover(cluster, socket, cluster.peers[1], room, data, id);
                socket.disconnect();
                await cluster.peers[1].stop();
            });
        }
    }

    test("Redis goes: events without a position, then with one again; what was kept is gone, clients start anew", async () => {
        const own = await Redis.start();
        const cluster = await Cluster.start("streams-recovery", own, ["c", "c"], own.url);
        const [a, b] = cluster.peers;
        const socket = await cluster.client(a), other = await cluster.client(b);
        const arrives = async (s, name) => {
            let found;
            await s.inbox.next(name, (...args) => (found = args, true));
            return [name, ...found];
        };

        await a.order("emit", { args: ["before", 1] });
        assert.match((await arrives(socket, "before")).at(-1), OFFSET);
        await arrives(other, "before");
        await own.stop("SIGKILL");
        for (const [peer, s] of [[a, socket], [b, other]]) {
            await peer.order("emit", { args: ["alone", peer.port] });
            const args = await arrives(s, "alone");
            assert.deepEqual(args, ["alone", peer.port]);
        }
        await own.resume();
        await arrives(socket, "alone"); /* they are caught up with, once */
        await arrives(other, "alone");
        await cluster.complete();
        await until(async () => {
            await b.order("emit", { args: ["after"] });
            return OFFSET.test((await arrives(other, "after")).at(-1));
        }, "positions again");
        await arrives(socket, "after");
        assert.deepEqual([socket.inbox.all("alone"), other.inbox.all("alone")], [[], []]);

        const gone = once(socket, "disconnect"), { id } = socket;
        socket.io.engine.close();
        await gone;
        await until(() => own.ask("EXISTS", `sio:session:${socket._pid}`), "the session to be kept");
        await own.ask("FLUSHALL");
        socket.io.uri = b.url;
        await connected(socket);
        assert.ok(!socket.recovered);
        assert.notEqual(socket.id, id);
        await a.order("emit", { args: ["anew"] });
        await socket.inbox.next("anew");
        for (const s of [socket, other])
            s.disconnect();
        await Promise.all(cluster.peers.map((p) => p.stop()));
        await own.stop();
    });
});
