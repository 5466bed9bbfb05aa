/* What was injected into a Node server with the classic adapter, and what came of it, done with ours: the same answers on Redis,
 * the same events at its client, the same rooms. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { createClient } from "redis";
import { client, closeAll, connected } from "./lib/client.mjs";
import { Peer } from "./lib/peer.mjs";
import { Redis, hasRedis } from "./lib/redis.mjs";
import { ROOT } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const FILE = path.join(ROOT, "tests/vectors/protocol/redis_classic_inject.json");
const SID = "hzjjngA8BMcbOVQyAAAA", UID = "vl1y33"; /* of the client and the server of the capture */
/* Ours has made such a change before it published it. */
const OWN_CHANGE = "type 2 new form with uid of this node (not ignored)";

const bytes = (value) => typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value.hex, "hex");

/* An event that comes behind everything published before. */
const fence = (n) => Buffer.concat([Buffer.from("93a17882a47479706502a46461746192a566656e6365cd", "hex"), Buffer.from([n >> 8, n & 255]),
    Buffer.from("82a5726f6f6d7390a665786365707490", "hex")]);

describe("injected into the classic adapter", { skip: !hasRedis() && "redis-server is not installed" }, () => {
    const { vectors } = JSON.parse(readFileSync(FILE, "utf8"));
    const said = [], received = [];
    let redis, peer, socket, listener, uid, fences = 0;

    before(async () => {
        redis = await Redis.start();
        peer = await Peer.start("c", { url: redis.url, mode: "classic" });
        await until(async () => (await redis.ask("PUBSUB", "CHANNELS", "socket.io-response#/#?*#")).length === 1, "the server's channels");
        const channels = (await redis.ask("PUBSUB", "CHANNELS", "socket.io-response#/#?*#")).map(String);
        uid = /#\/#(.{6})#$/.exec(channels[0])[1];
        listener = createClient({ url: redis.url });
        await listener.connect();
        await listener.subscribe("socket.io-response#/#", (payload) => said.push(payload), true);
        socket = client(peer.url, { transports: ["websocket"] });
        socket.onAny((...args) => {
            const done = typeof args.at(-1) === "function" ? args.pop() : null;
            done?.("A", "B");
            received.push([...args, ...done ? ["<ack>"] : []]);
        });
        await connected(socket);
        await new Promise((resolve) => socket.emit("join", ["room1"], resolve));
    });
    after(async () => {
        closeAll();
        listener?.destroy();
        await peer?.stop();
        await redis?.stop();
    });

    const here = (payload) => Buffer.from(payload.toString("latin1").replaceAll(SID, socket.id).replaceAll(UID, uid), "latin1");

    async function settle() {
        const n = ++fences;
        await redis.ask("PUBLISH", "socket.io#/#", fence(n));
        await until(() => received.some(([name, k]) => name === "fence" && k === n), `fence ${n}`);
        return received.splice(0).filter(([name]) => name !== "fence");
    }

    const roomsOf = async () => (await peer.good("fetch", { rooms: [socket.id], flags: { local: true } }))[0]?.rooms ?? [];

    /* A handshake is that of another connection, and events for the server have other names here. */
    function sameAnswer(got, want, vector) {
        if (want.hex)
            return assert.equal(got.toString("hex"), here(Buffer.from(want.hex, "hex")).toString("hex"));
        if (vector.name === "type 6 with ack")
            return assert.deepEqual(JSON.parse(got), { type: 6, requestId: "r9", data: { port: peer.port, args: [1] } });
        const mine = JSON.parse(got), theirs = JSON.parse(here(Buffer.from(want.text)));
        for (const [i, other] of (theirs.sockets ?? []).entries()) {
            if (!other.handshake)
                continue;
            const { handshake } = mine.sockets[i];
            assert.deepEqual(Object.keys(handshake).sort(), Object.keys(other.handshake).sort());
            assert.match(handshake.time, /^\w{3} \w{3} \d\d \d{4} \d\d:\d\d:\d\d GMT\+0000 \(Coordinated Universal Time\)$/);
            assert.deepEqual(Object.keys(handshake.query).slice(0, 2), ["EIO", "transport"]);
            other.handshake = handshake;
            other.rooms = [...other.rooms].sort();
            mine.sockets[i].rooms = [...mine.sockets[i].rooms].sort();
        }
        for (const answer of [mine, theirs])
            answer.rooms?.sort();
        assert.deepEqual(mine, theirs);
        assert.deepEqual(Object.keys(mine), Object.keys(theirs));
    }

    for (const vector of vectors) {
        test(vector.name, async () => {
            let payload = here(bytes(vector.payload));
            if (vector.name === "type 6 with ack")
                payload = Buffer.from(payload.toString().replace("sse", "sse-ask"));
            await redis.ask("PUBLISH", vector.channel, payload);
            if (vector.name.startsWith("type 4")) { /* the client is gone, and no fence comes any more */
                await until(() => socket.disconnected, "the client to be disconnected");
                return;
            }
            await until(() => said.length >= vector.published_by_node.length, "the answers");
            const events = await settle();
            assert.equal(said.length, vector.published_by_node.length);
            for (const want of vector.published_by_node)
                sameAnswer(said.shift(), want, vector);
            const wanted = vector.client_received.map((args) => args.map((a) => a?.$bin ? Buffer.from(a.$bin, "hex") : a));
            if (vector.name === "broadcast with ack id in packet")
                wanted[0].pop(); /* nobody waits for that acknowledgement: ours does not ask for it */
            assert.deepEqual(events, wanted);
            const heard = vector.server_events.length;
            for (let i = 0; i < heard; i++)
                assert.match((await peer.inbox.next("heard")).args[0], /^sse/);
            assert.deepEqual(peer.inbox.all("heard"), []);
            const rooms = vector.rooms.filter((r) => r !== "self").map((r) => r === SID ? socket.id : r);
            assert.deepEqual((await roomsOf()).sort(), rooms.sort());
            if (vector.name === OWN_CHANGE)
                assert.ok(vector.rooms.includes("self"));
        });
    }
});
