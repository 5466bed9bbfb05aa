/* The Socket.IO protocol as the stock JavaScript client speaks it, against the example programs socketio-client-suite
 * and msgpack-echo, and (what needs two clients) against partyline. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import * as msgpackModule from "socket.io-msgpack-parser";
import { heard, join, say, unique, user } from "./lib/chat.mjs";
import { CLIENTS, TRANSPORTS, ask, client, closeAll, connected, refused, upgraded } from "./lib/client.mjs";
import { Program, example, partyline } from "./lib/server.mjs";
import { once, within } from "./lib/wait.mjs";

const msgpack = msgpackModule.default ?? msgpackModule;

const MAX_PAYLOAD = 1000000;
const VALUES = [
    null, true, false, 0, -1, 1.5, 1e21, 5e-324, 9007199254740991, -2147483649, "", "text", "ünïcödé 😀 \u2028", "\" \\ / \b\f\n\r\t\u001f",
    "\ud83d", [], {}, [[[[1], []], {}], null], { a: { b: { c: [1, { d: "e" }] } }, "": 0, "1": 1, "_placeholder": false },
    { constructor: "c", toString: 1 },
];
const bytes = (n, seed = 1) => Buffer.from(Array.from({ length: n }, (_, i) => (i * 31 + seed) & 255));

describe("one client", () => {
    let server;
    before(async () => { server = await Program.start(example("socketio-client-suite")); });
    after(() => server?.stop());
    afterEach(closeAll);

    const open = (path = "/", options = {}, io) =>
        connected(client(server.url + path, { transports: ["websocket"], ...options }, io));

    for (const [version, io] of Object.entries(CLIENTS)) {
        for (const [name, transports] of Object.entries(TRANSPORTS)) {
            const enter = async () => {
                const socket = await open("/", { transports }, io);
                return name === "upgrade" ? upgraded(socket) : socket;
            };
            test(`every JSON value and binary comes back, client ${version}, ${name}`, async () => {
                const socket = await enter();
                for (const value of VALUES)
                    assert.deepEqual(await ask(socket, "echo", value), JSON.parse(JSON.stringify(value)));
                for (const size of [0, 1, 2, 3, 125, 126, 127, 65535, 65536, 200000])
                    assert.deepEqual(Buffer.from(await ask(socket, "echo", bytes(size))), bytes(size), `${size} bytes`);
            });

            test(`binary anywhere in the arguments, client ${version}, ${name}`, async () => {
                const socket = await enter();
                const value = { list: [bytes(3), { deep: bytes(0) }, "x"], same: bytes(70000), n: null };
                const back = await ask(socket, "echo", value);
                assert.deepEqual(JSON.stringify(back), JSON.stringify(value));
                socket.emit("doge");
                assert.equal(Buffer.from(await socket.inbox.next("doge")).toString(), "asdfasdf");
                socket.emit("buffa", bytes(10));
                await socket.inbox.next("buffack");
            });
        }
    }

    test("the upgrade loses and repeats nothing", async () => {
        for (let round = 0; round < 5; round++) {
            const socket = await open("/", { transports: ["polling", "websocket"] });
            const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => ask(socket, "echo", i)));
            assert.deepEqual(answers, Array.from({ length: 300 }, (_, i) => i));
            await upgraded(socket);
            assert.equal(await ask(socket, "echo", "after"), "after");
            socket.disconnect();
        }
    });

    test("events of the server, in order, with UTF-8 and false", async () => {
        const socket = await open();
        socket.emit("getUtf8");
        assert.deepEqual(await socket.inbox.take("takeUtf8", 5),
            ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"]);
        socket.emit("false");
        assert.equal(await socket.inbox.next("false"), false);
        socket.emit("getDate");
        assert.ok(Math.abs(Date.parse(await socket.inbox.next("takeDate")) - Date.now()) < 60000);
    });

    test("the server asks, the client answers", async () => {
        const socket = await open();
        socket.on("ack", (answer) => answer(5, { test: true }));
        socket.emit("ack");
        await socket.inbox.next("got it");
    });

    test("ids differ between engine and namespaces; one connection carries all", async () => {
        const main = client(server.url, { transports: ["websocket"] });
        const foo = main.io.socket("/foo");
        const [fooConnected] = [once(foo, "connect")];
        foo.connect();
        await connected(main);
        await fooConnected;
        assert.equal(await ask(main, "getId"), main.id);
        assert.equal(await ask(foo, "getId"), foo.id);
        assert.equal(new Set([main.id, foo.id, main.io.engine.id]).size, 3);
        assert.match(main.id, /^[A-Za-z0-9_-]{20}$/);
        foo.disconnect();
        assert.equal(await ask(main, "echo", "still here"), "still here");
        foo.connect();
        await once(foo, "connect");
        assert.equal(await ask(foo, "getId"), foo.id);
    });

    test("refusals: middleware, unknown namespace; the others go on", async () => {
        assert.equal((await refused(client(`${server.url}/no`))).message, "Auth failed (custom namespace)");
        assert.equal((await refused(client(`${server.url}/nope`))).message, "Invalid namespace");
        assert.equal((await refused(client(`${server.url}/?fail=true`))).message, "Auth failed (main namespace)");

        const main = await open();
        const nope = main.io.socket("/nope");
        const [error] = await (nope.connect(), once(nope, "connect_error"));
        assert.equal(error.message, "Invalid namespace");
        assert.equal(await ask(main, "echo", 1), 1);
    });

    for (const [how, path, query] of [
        ["option", "/abc", { "&a": "&=?a", ä: "ö", plus: "1 + 1" }],
        ["address", "/abc?%26a=%26%3D%3Fa&%C3%A4=%C3%B6&plus=1%20%2B%201", undefined],
    ]) {
        test(`the handshake shows auth, and a query given as ${how}`, async () => {
            const auth = { token: "t", nested: { list: [1, null, "ä"] } };
            const socket = await open(path, { transports: ["polling"], query, auth });
            const handshake = await socket.inbox.next("handshake");
            assert.deepEqual([handshake.query["&a"], handshake.query.ä, handshake.query.plus], ["&=?a", "ö", "1 + 1"]);
            assert.equal(handshake.query.EIO, "4");
            assert.deepEqual(handshake.auth, auth);
            assert.equal(handshake.headers.host, `127.0.0.1:${server.port}`);
            assert.ok(Math.abs(handshake.issued - Date.now()) < 60000);
        });
    }

    test("the first acknowledgement has id 0, and unknown events are never acknowledged", async () => {
        const socket = await open();
        assert.equal(socket.ids, 0);
        assert.equal(await ask(socket, "echo", "zero"), "zero");
        const error = await within(new Promise((resolve) => socket.timeout(150).emit("unknown", resolve)), "the timeout");
        assert.ok(error instanceof Error);
        assert.equal(await socket.timeout(5000).emitWithAck("echo", "in time"), "in time");
    });

    test("retries send again until the budget is spent, in order", async () => {
        const socket = await open("/", { retries: 2, ackTimeout: 500 });
        const first = new Promise((resolve) => socket.emit("unknown", 1, resolve));
        const second = new Promise((resolve) => socket.emit("echo", 2, (error, value) => resolve(value)));
        assert.ok(await within(first, "the failure") instanceof Error);
        assert.equal(await within(second, "the answer"), 2);
        assert.equal(socket.ids, 4);
    });

    test("volatile events are not kept for later", async () => {
        const socket = client(server.url, { transports: ["websocket"] });
        socket.volatile.emit("hi");
        await connected(socket);
        assert.equal(await ask(socket, "echo", "marker"), "marker");
        assert.deepEqual(socket.inbox.all("hi"), []);
    });

    test("a disconnect by the client is final, connecting again works", async () => {
        const socket = await open();
        const before = socket.id;
        socket.disconnect();
        await connected(socket);
        assert.notEqual(socket.id, before);
        assert.equal(await ask(socket, "echo", 1), 1);
    });

    for (const transport of ["websocket", "polling"]) {
        test(`heartbeats keep an idle client over ${transport}`, async () => {
            const socket = await open("/", { transports: [transport] });
            const pings = once(socket.io, "ping");
            let lost;
            socket.once("disconnect", (reason) => { lost = reason; });
            await pings;
            await once(socket.io, "ping");
            assert.equal(lost, undefined);
            assert.equal(await ask(socket, "echo", 1), 1);
        });

        test(`ten attachments pass, eleven end the connection, over ${transport}`, async () => {
            const socket = await open("/", { transports: [transport] });
            const ten = Array.from({ length: 10 }, (_, i) => bytes(i, i));
            assert.equal(JSON.stringify(await ask(socket, "echo", ten)), JSON.stringify(ten));
            const gone = once(socket, "disconnect");
            socket.emit("echo", [...ten, bytes(1)]);
            await gone;
        });

        test(`a message of exactly the limit passes, one byte more does not, over ${transport}`, async () => {
            const socket = await open("/", { transports: [transport] });
            const overhead = '420["echo",""]'.length; /* the type 4, the packet, the ack id 0 */
            const largest = "x".repeat(MAX_PAYLOAD - overhead);
            assert.equal(await ask(socket, "echo", largest), largest);
            const gone = once(socket, "disconnect");
            socket.emit("echo", `${largest}x`, () => {}); /* the ack id 1 is as long */
            await gone;
        });
    }

    test("binary up to the limit over a websocket", async () => {
        const socket = await open();
        const big = bytes(MAX_PAYLOAD);
        assert.ok(Buffer.from(await ask(socket, "echo", big)).equals(big));
        const gone = once(socket, "disconnect");
        socket.emit("echo", bytes(MAX_PAYLOAD + 1), () => {});
        await gone;
    });

    test("a misbehaving client is closed alone", async () => {
        const good = await open();
        for (const text of ["4", "4abc", "42[", "42{}", "4251-[1", "43", "42[\"disconnect\"]", "8", "2"]) {
            const bad = await open();
            const gone = once(bad, "disconnect", `the end after ${text}`);
            bad.io.engine.transport.ws.send(text);
            if (text === "43") { /* an answer without id is ignored: the connection stays */
                assert.equal(await ask(bad, "echo", 1), 1);
                gone.catch(() => {});
                bad.disconnect();
                continue;
            }
            await gone;
        }
        assert.equal(await ask(good, "echo", "unharmed"), "unharmed");
    });

    test("a recovered session keeps its id", async () => {
        const socket = await open();
        socket.emit("hi"); /* an event of the server carries the offset that recovery needs */
        await socket.inbox.next("hi");
        const { id } = socket;
        const gone = once(socket, "disconnect");
        socket.io.engine.transport.ws.terminate();
        await gone;
        await connected(socket);
        assert.equal(socket.recovered, true);
        assert.equal(socket.id, id);
        assert.equal(await ask(socket, "getId"), id);
    });
});

describe("a server that comes back", () => {
    afterEach(closeAll);

    for (const transports of [["websocket"], ["polling"]]) {
        test(`the client reconnects and sends what it kept, over ${transports}`, async () => {
            const server = await Program.start(example("socketio-client-suite"));
            const socket = client(server.url, { transports, reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 100 });
            await connected(socket);
            const gone = once(socket, "disconnect");
            await server.crash();
            const [reason] = await gone;
            assert.match(reason, /^transport (close|error)$/);
            const kept = ["one", "two", "three"].map((text) => ask(socket, "echo", text));
            const again = await Program.start(example("socketio-client-suite"), [], {}, server.port);
            assert.deepEqual(await Promise.all(kept), ["one", "two", "three"]);
            socket.disconnect();
            await again.stop();
        });
    }
});

describe("connection state recovery", () => {
    let server;
    before(async () => { server = await partyline({ env: { RECOVERY_DURATION: "60s" } }); });
    after(() => server?.stop());
    afterEach(closeAll);

    async function lose(socket) {
        const gone = once(socket, "disconnect");
        if (socket.io.engine.transport.name === "websocket")
            socket.io.engine.transport.ws.terminate();
        else
            socket.io.engine.close();
        await gone;
    }

    for (const transport of ["websocket", "polling"]) {
        test(`missed messages arrive once and in order after a loss, over ${transport}`, async () => {
            const roomId = unique("room");
            const alice = await user(server, unique("alice"), { transports: [transport] });
            const bob = await user(server, unique("bob"));
            await join(alice, roomId);
            await join(bob, roomId);
            await say(bob, roomId, "before");
            await heard(alice, "before");
            const { id } = alice;
            for (let round = 0; round < 3; round++) {
                await lose(alice);
                const missed = Array.from({ length: 20 }, (_, i) => `round ${round} message ${i}`);
                for (const text of missed)
                    await say(bob, roomId, text);
                await connected(alice);
                assert.equal(alice.recovered, true);
                assert.equal(alice.id, id);
                const got = (await alice.inbox.take("chat:new_message", 20)).map((m) => m.content);
                assert.deepEqual(got, missed);
                await say(bob, roomId, `live again ${round}`);
                await heard(alice, `live again ${round}`);
                assert.deepEqual(alice.inbox.all("chat:new_message"), []);
            }
        });
    }

    test("an unknown session simply starts anew", async () => {
        const socket = await user(server, unique("alice"));
        await join(socket, unique("room"));
        const before = socket.id;
        await lose(socket);
        socket._pid = "unknownunknownunknow";
        await connected(socket);
        assert.equal(socket.recovered, false);
        assert.notEqual(socket.id, before);
    });

    test("who left on purpose is not recovered", async () => {
        const socket = await user(server, unique("alice"));
        await join(socket, unique("room"));
        socket.disconnect();
        await connected(socket);
        assert.equal(socket.recovered, false);
    });
});

describe("msgpack parser", () => {
    let server;
    before(async () => { server = await Program.start(example("msgpack-echo")); });
    after(() => server?.stop());
    afterEach(closeAll);

    for (const [name, transports] of Object.entries(TRANSPORTS)) {
        test(`events and acknowledgements, ${name}`, async () => {
            const socket = await connected(client(server.url, { transports, parser: msgpack }));
            if (name === "upgrade")
                await upgraded(socket);
            for (const value of VALUES.filter((v) => v !== "\ud83d" && v !== 1e21) /* the encoder's own bounds */)
                assert.deepEqual(await ask(socket, "echo", value), value);
            const mixed = { list: [1, bytes(3), null, { deep: bytes(70000) }], text: "x".repeat(70000) };
            const back = await ask(socket, "echo", mixed, 2);
            assert.equal(JSON.stringify(back), JSON.stringify(mixed));
            socket.inbox.items.length = 0;
            socket.emit("echo", "no ack", [1.25, -5, 4294967296]);
            assert.equal(await socket.inbox.next("echo"), "no ack");
        });
    }

    test("a client with the default parser is closed, not served", async () => {
        const good = await connected(client(server.url, { parser: msgpack, transports: ["websocket"] }));
        const bad = client(server.url, { transports: ["websocket"] });
        const closed = within(new Promise((resolve) => bad.io.once("close", resolve)), "the close");
        bad.connect();
        await closed;
        assert.equal(bad.connected, false);
        assert.equal(await ask(good, "echo", 1), 1);
    });
});
