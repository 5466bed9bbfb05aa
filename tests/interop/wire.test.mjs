/* The wire, byte for byte: statuses, bodies and headers of the Engine.IO endpoint, CORS, polling, upgrade, frames. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import zlib from "node:zlib";
import { ask, client, closeAll, connected } from "./lib/client.mjs";
import { ACCEPT, Polling, Raw, UPGRADE, exchange, frame, request, upgrade, webSocket } from "./lib/raw.mjs";
import { Program, example, partyline } from "./lib/server.mjs";

const ERRORS = {
    0: '{"code":0,"message":"Transport unknown"}',
    1: '{"code":1,"message":"Session ID unknown"}',
    2: '{"code":2,"message":"Bad handshake method"}',
    3: '{"code":3,"message":"Bad request"}',
    5: '{"code":5,"message":"Unsupported protocol version"}',
};
const POLL = "/socket.io/?EIO=4&transport=polling";
const WS = "/socket.io/?EIO=4&transport=websocket";
const EMPTY = { status: 400, body: "" };

function assertError(answer, code) {
    assert.deepEqual([answer.status, String(answer.body)], [400, ERRORS[code]]);
    assert.equal(answer.headers["content-type"], "application/json");
}

const brief = (answer) => ({ status: answer.status, body: String(answer.body) });

describe("HTTP errors", () => {
    let server;
    before(async () => { server = await partyline(); });
    after(() => server?.stop());
    afterEach(closeAll);
    const ex = (...args) => exchange(server.port, ...args);

    for (const [what, method, target, code] of [
        ["no transport", "GET", "/socket.io/?EIO=4", 0],
        ["unknown transport", "GET", "/socket.io/?EIO=4&transport=abc", 0],
        ["transport __proto__", "GET", "/socket.io/?EIO=4&transport=__proto__", 0],
        ["webtransport", "GET", "/socket.io/?EIO=4&transport=webtransport", 0],
        ["transport is looked at before the sid", "GET", "/socket.io/?EIO=4&transport=abc&sid=abc", 0],
        ["unknown sid", "GET", `${POLL}&sid=abc`, 1],
        ["unknown sid, POST", "POST", `${POLL}&sid=abc`, 1],
        ["unknown sid, PUT", "PUT", `${POLL}&sid=abc`, 1],
        ["unknown sid is looked at before EIO", "GET", "/socket.io/?EIO=3&transport=polling&sid=abc", 1],
        ["POST without sid", "POST", POLL, 2],
        ["PUT without sid", "PUT", POLL, 2],
        ["DELETE without sid", "DELETE", POLL, 2],
        ["websocket without upgrade", "GET", WS, 3],
        ["no EIO", "GET", "/socket.io/?transport=polling", 5],
        ["EIO 3", "GET", "/socket.io/?EIO=3&transport=polling", 5],
        ["EIO 5", "GET", "/socket.io/?EIO=5&transport=polling", 5],
        ["the last EIO counts", "GET", "/socket.io/?EIO=4&EIO=3&transport=polling", 5],
        ["unknown file of the client", "GET", "/socket.io/nope.js", 0],
    ]) {
        test(what, async () => {
            assertError(await ex(method, target, method === "GET" ? {} : { body: "40" }), code);
        });
    }

    test("HEAD without sid has no body", async () => {
        const answer = await ex("HEAD", POLL);
        assert.deepEqual(brief(answer), EMPTY);
        assert.equal(answer.headers["content-type"], "application/json");
    });

    test("a session refuses another transport and another EIO, and goes on", async () => {
        const session = await Polling.open(server.port);
        assertError(await ex("GET", `${WS}&sid=${session.sid}`), 3);
        assertError(await ex("GET", `/socket.io/?transport=polling&sid=${session.sid}`), 3);
        assertError(await ex("POST", `/socket.io/?EIO=3&transport=polling&sid=${session.sid}`, { body: "40" }), 3);
        for (const method of ["PUT", "DELETE"])
            assert.deepEqual(brief(await ex(method, session.query, { body: "40" })), { status: 500, body: "" });
        assert.deepEqual(brief(await session.post("40")), { status: 200, body: "ok" });
    });

    test("other paths", async () => {
        assert.equal((await ex("GET", "/socket.io?EIO=4&transport=polling")).status, 404);
        assert.equal((await ex("GET", "/no-such-page")).status, 404);
        assert.equal((await ex("GET", "/../../../../etc/passwd")).status >= 400, true);
        assert.equal((await ex("GET", "/%2e%2e/%2e%2e/%2e%2e/etc/passwd")).status >= 400, true);
        assert.equal((await ex("GET", "/socket.io/extra/x?EIO=4&transport=polling")).status, 200);
    });

    for (const [what, bytes] of [
        ["a control character in Origin", request("GET", POLL, { headers: { Origin: "http://a\x01" } })],
        ["no HTTP", Buffer.from("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "latin1")],
        ["a header without name", Buffer.from(`GET ${POLL} HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n`)],
        ["two lengths", Buffer.from(`POST ${POLL} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n40`)],
        ["a negative length", Buffer.from(`POST ${POLL} HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n40`)],
        ["length and chunks", Buffer.from(`POST ${POLL} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)],
    ]) {
        test(`${what}: 400 and the end`, async () => {
            const raw = await Raw.open(server.port);
            raw.send(bytes);
            assert.equal((await raw.response()).status, 400);
            await raw.end();
        });
    }

    test("headers without end are cut off", async () => {
        const raw = await Raw.open(server.port);
        raw.send(`GET ${POLL} HTTP/1.1\r\nHost: x\r\n`);
        raw.socket.on("error", () => {});
        for (let i = 0; i < 200 && !raw.ended; i++)
            raw.send(`X-${i}: ${"y".repeat(1000)}\r\n`);
        await raw.end();
        if (raw.bytes.length)
            assert.match(String(raw.bytes), /^HTTP\/1\.1 4(00|31) /);
    });

    test("a request byte by byte, and two in one segment", async () => {
        const raw = await Raw.open(server.port);
        for (const byte of request("GET", `${POLL}&sid=abc`))
            raw.send(Buffer.from([byte]));
        assertError(await raw.response(), 1);
        raw.send(Buffer.concat([request("GET", `${POLL}&sid=abc`), request("GET", "/socket.io/?EIO=4")]));
        assertError(await raw.response(), 1);
        assertError(await raw.response(), 0);
        raw.destroy();
    });

    test("a chunked POST", async () => {
        const session = await Polling.open(server.port);
        const raw = await Raw.open(server.port);
        raw.send(`POST ${session.query} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n`);
        raw.send("1;ext=1\r\n0\r\n0\r\n\r\n");
        assert.deepEqual(brief(await raw.response()), { status: 200, body: "ok" });
        raw.destroy();
        assert.deepEqual(await session.packets(), ['44{"message":"Authentication required"}']);
    });

    for (const [what, target, options, status, body] of [
        ["unknown sid", `${WS}&sid=abc`, {}, 400, "Session ID unknown"],
        ["unknown transport", "/socket.io/?EIO=4&transport=abc", {}, 400, "Transport unknown"],
        ["POST", WS, { method: "POST" }, 400, "Bad handshake method"],
        ["wrong version", WS, { headers: { "Sec-WebSocket-Version": "12" } }, 400, null],
        ["no key", WS, { headers: { "Sec-WebSocket-Key": null } }, 400, null],
        ["bad key", WS, { headers: { "Sec-WebSocket-Key": "c2hvcnQ=" } }, 400, null],
    ]) {
        test(`websocket upgrade, ${what}`, async () => {
            const { raw, answer } = await upgrade(server.port, target, options);
            assert.equal(answer.status, status);
            assert.equal(answer.headers.connection, "close");
            if (body)
                assert.equal(String(answer.body), body);
            if (what === "wrong version")
                assert.match(answer.headers["sec-websocket-version"], /\b13\b/);
            await raw.end();
        });
    }

    for (const target of ["/socket.io/?EIO=3&transport=websocket", "/socket.io/?EIO=4&transport=polling"]) {
        test(`websocket upgrade of ${target} comes to nothing`, async () => {
            const { raw, answer } = await upgrade(server.port, target);
            assert.ok([400, 101].includes(answer.status), String(answer.status));
            if (answer.status === 101)
                await raw.closed();
            else
                await raw.end();
            raw.destroy();
        });
    }
});

describe("polling", () => {
    let server;
    /* One loop: what was sent first on one connection is read before what is sent later on another. */
    before(async () => { server = await partyline({ env: { LOOPS: "1" } }); });
    after(() => server?.stop());
    afterEach(closeAll);
    const open = () => Polling.open(server.port);

    test("handshake", async () => {
        const { handshake, answer, sid } = await open();
        assert.deepEqual(Object.keys(handshake), ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
        assert.deepEqual({ ...handshake, sid: 0 },
            { sid: 0, upgrades: ["websocket"], pingInterval: 25000, pingTimeout: 60000, maxPayload: 1000000 });
        assert.match(sid, /^[A-Za-z0-9_-]{16,}$/);
        assert.equal(answer.headers["content-type"], "text/plain; charset=UTF-8");
        assert.equal(answer.headers["cache-control"], "no-store");
        assert.equal(answer.headers["content-length"], String(answer.body.length));
        assert.equal(answer.headers["set-cookie"], undefined);
    });

    test("session ids are unguessable: no two alike, none repeats a long prefix in order", async () => {
        const sids = (await Promise.all(Array.from({ length: 50 }, open))).map((s) => s.sid);
        assert.equal(new Set(sids).size, 50);
        assert.equal(new Set(sids.map((s) => s.slice(0, 12))).size, 50);
    });

    test("POST answers ok", async () => {
        const session = await open();
        const answer = await session.post("40", { headers: { "Content-Type": "text/plain;charset=UTF-8" } });
        assert.deepEqual(brief(answer), { status: 200, body: "ok" });
        assert.equal(answer.headers["content-type"], "text/html");
        assert.equal(answer.headers["content-length"], "2");
        assert.equal(answer.headers["cache-control"], "no-store");
    });

    test("a poll hangs until there is something", async () => {
        const session = await open();
        const poll = await session.poll();
        await session.post("40/nope,");
        assert.deepEqual(String((await poll.response()).body), '44/nope,{"message":"Invalid namespace"}');
        poll.destroy();
    });

    test("what is buffered goes out in one body", async () => {
        const session = await open();
        await session.post("40/a,\x1e40/b,");
        assert.deepEqual(String((await session.get()).body),
            '44/a,{"message":"Invalid namespace"}\x1e44/b,{"message":"Invalid namespace"}');
    });

    for (const [what, body] of [
        ["empty", ""], ["unknown type", "abc"], ["only a separator", "\x1e"], ["a trailing separator", "40\x1e"],
        ["an empty packet in the middle", "40\x1e\x1e40"], ["ping, the wrong direction", "2"],
    ]) {
        test(`${what} body ends the session`, async () => {
            const session = await open();
            const answer = await session.post(body);
            assert.ok(answer.status === 400 || String(answer.body) === "ok");
            assertError(await session.get(), 1);
        });
    }

    test("octet-stream is refused and ends the session", async () => {
        const session = await open();
        assert.deepEqual(brief(await session.post("40", { headers: { "Content-Type": "application/octet-stream" } })), EMPTY);
        assertError(await session.get(), 1);
    });

    test("a body over the limit: 413, the session goes on; the exact limit passes", async () => {
        const session = await open();
        assert.deepEqual(brief(await session.post(`4${"x".repeat(1000000)}`)), { status: 413, body: "" });
        const chunked = await Raw.open(server.port);
        chunked.send(`POST ${session.query} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
        chunked.socket.on("error", () => {});
        chunked.send(`f4241\r\n${"x".repeat(1000001)}\r\n0\r\n\r\n`);
        assert.equal((await chunked.response()).status, 413);
        chunked.destroy();
        const large = `40/${"n".repeat(1000000 - 3)}`;
        assert.equal(large.length, 1000000);
        assert.deepEqual(brief(await session.post(large)), { status: 200, body: "ok" });
    });

    test("two GETs at a time: the second is refused, the first gets the close, the session ends", async () => {
        const session = await open();
        const first = await session.poll();
        await session.post("6"); /* arrives behind the poll: it is pending by now */
        assert.deepEqual(brief(await session.get()), EMPTY);
        assert.deepEqual(brief(await first.response()), { status: 200, body: "1" });
        assertError(await session.get(), 1);
    });

    test("two POSTs at a time: the second is refused, the first is cut off, the session ends", async () => {
        const session = await open();
        const first = await Raw.open(server.port);
        first.send(`POST ${session.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n4`);
        await exchange(server.port, "GET", `${POLL}&sid=other`); /* a round trip, so that the first POST has been read */
        assert.deepEqual(brief(await session.post("6")), EMPTY);
        await first.end();
        assert.equal(first.bytes.length, 0);
        assertError(await session.get(), 1);
    });

    test("the client closes: pending poll gets 6", async () => {
        const session = await open();
        const poll = await session.poll();
        assert.deepEqual(brief(await session.post("1")), { status: 200, body: "ok" });
        assert.deepEqual(brief(await poll.response()), { status: 200, body: "6" });
        assertError(await session.get(), 1);
    });

    test("a poll that is dropped ends the session", async () => {
        const session = await open();
        const poll = await session.poll();
        await session.post("6");
        poll.destroy();
        for (;;) { /* the server learns of the drop when the kernel tells it */
            const answer = await session.post("6");
            if (answer.status === 200)
                continue;
            assertError(answer, 1);
            break;
        }
    });

    test("an unfinished POST that is dropped ends the session", async () => {
        const session = await open();
        const post = await Raw.open(server.port);
        post.send(`POST ${session.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n4`);
        await exchange(server.port, "GET", `${POLL}&sid=other`);
        const poll = await session.poll();
        post.destroy();
        const end = brief(await poll.response()); /* the poll came before the server knew of the drop, or after it */
        assert.ok([{ status: 200, body: "1" }, { status: 400, body: ERRORS[1] }].some((e) => isDeepStrictEqual(e, end)),
            JSON.stringify(end));
        assertError(await session.get(), 1);
    });

    test("a protocol error closes a pending poll with 1", async () => {
        const session = await open();
        const poll = await session.poll();
        await session.post("4abc");
        assert.deepEqual(brief(await poll.response()), { status: 200, body: "1" });
        assertError(await session.get(), 1);
    });
});

const PATH = "/engine.io/";

describe("heartbeats of the engine", () => {
    let server;
    before(async () => { server = await Program.start(example("engineio-suite"), [], { PATIENT: "1" }); });
    after(() => server?.stop());

    test("heartbeat over polling: ping, and without an answer the close", async () => {
        const session = await Polling.open(server.port, PATH);
        const start = Date.now();
        assert.equal(String((await session.get()).body), "2");
        assert.ok(Date.now() - start > 250, "ping too early");
        await session.post("3");
        assert.equal(String((await session.get()).body), "2");
        assert.equal(String((await session.get()).body), "1");
        assertError(await session.get(), 1);
    });

    test("heartbeat over websocket: ping, and without an answer the close", async () => {
        const raw = await webSocket(server.port, PATH);
        assert.equal(String((await raw.frame()).payload), "2");
        raw.send(frame("3"));
        assert.equal(String((await raw.frame()).payload), "2");
        const { opcode, payload } = await raw.frame();
        assert.deepEqual([opcode, payload.length], [8, 0]);
        raw.destroy();
    });
});

describe("echo on the engine", () => {
    let server;
    before(async () => { server = await Program.start(example("engineio-echo")); });
    after(() => server?.stop());
    const open = () => Polling.open(server.port, PATH);

    test("an upgrade on a foreign path is closed without a byte", async () => {
        const raw = await Raw.open(server.port);
        raw.send(request("GET", "/other/", { headers: UPGRADE }));
        await raw.end();
        assert.equal(raw.bytes.length, 0);
    });

    test("text and binary in one payload, and back", async () => {
        const session = await open();
        await session.post("4hello\x1e4wörld 😀\x1ebAQIDBA==\x1e4\x1eb");
        const got = [];
        while (got.length < 5)
            got.push(...await session.packets());
        assert.deepEqual(got, ["4hello", "4wörld 😀", "bAQIDBA==", "4", "b"]);
    });

    for (const encoding of ["gzip", "deflate"]) {
        test(`large polls are compressed with ${encoding}`, async () => {
            const session = await open();
            const text = "partyline ".repeat(2000);
            await session.post(`4${text}`);
            const answer = await session.get({ headers: { "Accept-Encoding": encoding } });
            assert.equal(answer.headers["content-encoding"], encoding);
            assert.equal(String(zlib.unzipSync(answer.body)), `4${text}`);
            assert.ok(answer.body.length < text.length / 10);
        });
    }

    test("small polls and clients that cannot unpack get it as it is", async () => {
        const session = await open();
        await session.post("4small");
        const small = await session.get({ headers: { "Accept-Encoding": "gzip, deflate" } });
        assert.deepEqual([small.headers["content-encoding"], String(small.body)], [undefined, "4small"]);
        const text = "x".repeat(5000);
        await session.post(`4${text}`);
        const plain = await session.get();
        assert.deepEqual([plain.headers["content-encoding"], String(plain.body)], [undefined, `4${text}`]);
    });

    test("the upgrade: probe, a noop for the open poll, then everything over the websocket", async () => {
        const session = await open();
        const poll = await session.poll();
        const { raw, answer } = await upgrade(server.port, `${PATH}?EIO=4&transport=websocket&sid=${session.sid}`);
        assert.equal(answer.status, 101);
        assert.equal(answer.headers["sec-websocket-accept"], ACCEPT);
        raw.send(frame("2probe"));
        assert.equal(await raw.text(), "3probe");
        assert.ok(["6", "2"].includes(String((await poll.response()).body)));
        await session.post("4by polling");
        raw.send(frame("5"));
        assert.equal(await raw.text(), "4by polling");
        raw.send(frame("4by websocket"));
        assert.equal(await raw.text(), "4by websocket");
        raw.send(frame(Buffer.from([1, 2, 3]), { opcode: 2 }));
        assert.deepEqual((await raw.parsed((b) => b[0] === 0x82 && b.length >= 5 && { used: 5, data: b.subarray(0, 5) }, "binary"))
            .data.toString("hex"), "8203010203");
        assertError(await session.get(), 3);
        const second = await upgrade(server.port, `${PATH}?EIO=4&transport=websocket&sid=${session.sid}`);
        assert.equal((await second.raw.closed())?.length ?? 0, 0);
        second.raw.destroy();
        raw.send(frame("4still"));
        assert.equal(await raw.text(), "4still");
        raw.destroy();
    });

    test("a failed probe leaves the polling session alone", async () => {
        const session = await open();
        const { raw } = await upgrade(server.port, `${PATH}?EIO=4&transport=websocket&sid=${session.sid}`);
        raw.send(frame("4too early"));
        await raw.closed();
        raw.destroy();
        const dropped = await upgrade(server.port, `${PATH}?EIO=4&transport=websocket&sid=${session.sid}`);
        dropped.raw.send(frame("2probe"));
        assert.equal(await dropped.raw.text(), "3probe");
        dropped.raw.destroy();
        await session.post("4polling lives");
        let packets = [];
        while (!packets.includes("4polling lives"))
            packets = await session.packets();
    });

    const echo = async (raw, text) => {
        raw.send(frame(`4${text}`));
        assert.equal(await raw.text(), `4${text}`);
    };

    test("fragments, with a ping between them", async () => {
        const raw = await webSocket(server.port, PATH);
        raw.send(frame("4frag", { fin: 0 }));
        raw.send(frame("are you there", { opcode: 9 }));
        raw.send(frame("ments", { opcode: 0 }));
        const pong = await raw.frame();
        assert.deepEqual([pong.opcode, String(pong.payload), pong.masked], [10, "are you there", 0]);
        assert.equal(await raw.text(), "4fragments");
        raw.destroy();
    });

    test("a frame byte by byte, and many in one segment", async () => {
        const raw = await webSocket(server.port, PATH);
        for (const byte of frame("4slow"))
            raw.send(Buffer.from([byte]));
        assert.equal(await raw.text(), "4slow");
        const texts = Array.from({ length: 200 }, (_, i) => `4 ${i}`);
        raw.send(Buffer.concat(texts.map((t) => frame(t))));
        for (const text of texts)
            assert.equal(await raw.text(), text);
        raw.destroy();
    });

    test("a separator has no meaning inside a frame", async () => {
        const raw = await webSocket(server.port, PATH);
        await echo(raw, "a\x1e4b");
        raw.destroy();
    });

    test("base64 text is binary here too", async () => {
        const raw = await webSocket(server.port, PATH);
        raw.send(frame("bAQID"));
        for (;;) {
            const { opcode, payload } = await raw.frame();
            if (opcode === 1)
                continue; /* a ping */
            assert.deepEqual([opcode, payload.toString("hex")], [2, "010203"]);
            break;
        }
        raw.destroy();
    });

    test("the client's close is answered with its own code, then TCP ends", async () => {
        const raw = await webSocket(server.port, PATH);
        raw.send(frame(Buffer.concat([Buffer.from([0x0f, 0xa1]), Buffer.from("bye")]), { opcode: 8 }));
        const payload = await raw.closed();
        assert.equal(payload.readUInt16BE(0), 4001);
        await raw.end();
    });

    for (const [what, code, bytes] of [
        ["an unmasked frame", 1002, frame("4x", { mask: false })],
        ["a reserved bit", 1002, frame("4x", { rsv: 4 })],
        ["an unknown opcode", 1002, frame("4x", { opcode: 3 })],
        ["a fragmented ping", 1002, frame("x", { opcode: 9, fin: 0 })],
        ["a long ping", 1002, frame("x".repeat(126), { opcode: 9 })],
        ["a continuation of nothing", 1002, frame("x", { opcode: 0 })],
        ["invalid UTF-8", 1007, frame(Buffer.from([0x34, 0xc0, 0x80]))],
        ["a surrogate in UTF-8", 1007, frame(Buffer.from([0x34, 0xed, 0xa0, 0x80]))],
        ["a message over the limit", 1009, frame(`4${"x".repeat(1000000)}`)],
        ["fragments over the limit", 1009, Buffer.concat([frame(`4${"x".repeat(600000)}`, { fin: 0 }),
            frame("x".repeat(600000), { opcode: 0 })])],
        ["a length beyond reason", 1009, Buffer.from("81ff7fffffffffffffff00000000", "hex")],
    ]) {
        test(`${what} is closed with ${code}`, async () => {
            const other = await webSocket(server.port, PATH);
            const raw = await webSocket(server.port, PATH);
            raw.socket.on("error", () => {});
            raw.send(bytes);
            const payload = await raw.closed();
            assert.ok(payload, "a close frame");
            assert.equal(payload.readUInt16BE(0), code);
            raw.destroy();
            await echo(other, "unharmed");
            other.destroy();
        });
    }

    for (const text of ["", "7", "abc", "2", "2probe"]) {
        test(`the packet ${JSON.stringify(text)} closes the session without a code`, async () => {
            const raw = await webSocket(server.port, PATH);
            raw.send(frame(text));
            assert.equal((await raw.closed())?.length ?? 0, 0);
            raw.destroy();
        });
    }

    test("packets without meaning on a websocket are ignored", async () => {
        const raw = await webSocket(server.port, PATH);
        for (const text of ["3", "5", "6", "3probe"])
            raw.send(frame(text));
        await echo(raw, "here");
        raw.destroy();
    });
});

describe("malformed Socket.IO packets", () => {
    let server;
    before(async () => { server = await Program.start(example("socketio-suite"), [], { PATIENT: "1" }); });
    after(() => server?.stop());
    afterEach(closeAll);

    const deep = `42["message",${"[".repeat(200000)}${"]".repeat(200000)}]`;
    for (const [what, joined, ...texts] of [
        ["empty", true, "4"], ["no type", true, "4abc"], ["type 7", true, "47"], ["no array", true, "42{}"],
        ["broken JSON", true, '42["a"'], ["text behind the JSON", true, '42["a"]x'], ["reserved name", true, '42["connect"]'],
        ["name is an object", true, "42[{}]"], ["joined already", true, "40"], ["error from a client", true, '44{"message":"x"}'],
        ["not joined namespace", true, '42/custom,["a"]'], ["leaving what was not joined", true, "41/custom,"],
        ["no attachments", true, '450-["a"]'], ["too many attachments", true, '4511-["a"]'],
        ["a text instead of the attachment", true, '451-["a",{"_placeholder":true,"num":0}]', '42["b"]'],
        ["placeholder out of range", true, '451-["a",{"_placeholder":true,"num":1}]', Buffer.from([1])],
        ["an attachment nobody waits for", true, Buffer.from([1])], ["payload of a disconnect", true, "41[]"],
        ["no end of nesting", true, deep], ["event before connect", false, '42["a"]'], ["connect with an array", false, "40[]"],
    ]) {
        test(`${what}: that client is closed, another stays`, async () => {
            const good = await connected(client(server.url, { transports: ["websocket"] }));
            const bad = await webSocket(server.port);
            if (joined) {
                bad.send(frame("40"));
                assert.match(await bad.text(), /^40\{"sid":"/);
                assert.equal(await bad.text(), '42["auth",{}]');
            }
            for (const text of texts)
                bad.send(frame(text, { opcode: typeof text === "string" ? 1 : 2 }));
            assert.equal((await bad.closed())?.length ?? 0, 0);
            bad.destroy();
            assert.deepEqual(await ask(good, "message-with-ack", 1), 1);
        });
    }

    for (const text of ["43[]", "43999[1]", '42["nobody listens"]', "42", '421["nobody listens"]', '42[5,"number as name"]']) {
        test(`${text} is ignored`, async () => {
            const raw = await webSocket(server.port);
            raw.send(frame("40"));
            await raw.text();
            await raw.text();
            raw.send(frame(text));
            raw.send(frame('42["message",1]'));
            assert.equal(await raw.text(), '42["message-back",1]');
            raw.destroy();
        });
    }

    test("texts go through as they are", async () => {
        const raw = await webSocket(server.port);
        raw.send(frame('40{"token":"123"}'));
        assert.match(await raw.text(), /^40\{"sid":"[A-Za-z0-9_-]{20}"\}$/);
        assert.equal(await raw.text(), '42["auth",{"token":"123"}]');
        const values = String.raw`1,1.5,-0.25,1e+21,"ä/\"\\\n😀","\ud83d",[],{},{"b":1,"a":{"10":[null,true,false]}}`;
        raw.send(frame(`42["message",[${values}],0]`));
        assert.equal(await raw.text(), `42["message-back",[${values}],0]`);
        raw.send(frame(`4277["message-with-ack",[${values}],0]`));
        assert.equal(await raw.text(), `4377[[${values}],0]`);
        raw.destroy();
    });

    test("who never connects is closed", async () => {
        const raw = await webSocket(server.port);
        await raw.closed();
        raw.destroy();
    });
});

describe("CORS", () => {
    const GOOD = "https://app.example";
    let listed;
    let open;
    before(async () => {
        listed = await partyline({ env: { ALLOWED_ORIGINS: `https://other.example,${GOOD}` } });
        open = await partyline();
    });
    after(async () => {
        await listed?.stop();
        await open?.stop();
    });
    const cors = (answer) => answer.lines.filter((l) => /^(access-control|vary)/i.test(l));
    const allowed = [`Access-Control-Allow-Origin: ${GOOD}`, "Vary: Origin", "Access-Control-Allow-Credentials: true"];
    const denied = ["Vary: Origin", "Access-Control-Allow-Credentials: true"];

    for (const [what, method, target, status] of [
        ["handshake", "GET", POLL, 200], ["error", "GET", `${POLL}&sid=zzz`, 400],
        ["client bundle", "GET", "/socket.io/socket.io.min.js", 200],
    ]) {
        test(`list of origins: ${what}`, async () => {
            const from = (Origin) => exchange(listed.port, method, target, { headers: Origin ? { Origin } : {} });
            assert.equal((await from(GOOD)).status, status);
            assert.deepEqual(cors(await from(GOOD)), allowed);
            assert.deepEqual(cors(await from("https://evil.example")), denied);
            assert.deepEqual(cors(await from(`${GOOD}.evil.example`)), denied);
            assert.deepEqual(cors(await from(null)), denied);
        });

        test(`any origin: ${what}`, async () => {
            const answer = await exchange(open.port, method, target, { headers: { Origin: GOOD } });
            assert.equal(answer.status, status);
            assert.deepEqual(cors(answer), ["Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true"]);
        });
    }

    test("list of origins: POST and upgrade", async () => {
        const session = await Polling.open(listed.port);
        assert.deepEqual(cors(await session.post("40", { headers: { Origin: GOOD } })), allowed);
        const { raw, answer } = await upgrade(listed.port, WS, { headers: { Origin: GOOD } });
        assert.equal(answer.status, 101);
        assert.deepEqual(cors(answer), allowed);
        raw.destroy();
    });

    test("preflight", async () => {
        const ask = (port, Origin) => exchange(port, "OPTIONS", `${POLL}&sid=unknown`, {
            headers: { Origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-custom" },
        });
        const good = await ask(listed.port, GOOD);
        assert.equal(good.status, 204);
        assert.equal(good.headers["content-length"], "0");
        assert.deepEqual(cors(good), [
            `Access-Control-Allow-Origin: ${GOOD}`,
            "Vary: Origin, Access-Control-Request-Headers",
            "Access-Control-Allow-Credentials: true",
            "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE",
            "Access-Control-Allow-Headers: content-type,x-custom",
        ]);
        const evil = await ask(listed.port, "https://evil.example");
        assert.equal(evil.status, 204);
        assert.equal(evil.headers["access-control-allow-origin"], undefined);
        assert.equal((await ask(open.port, GOOD)).headers["access-control-allow-origin"], "*");
    });
});

describe("client bundle", () => {
    let server;
    before(async () => { server = await partyline(); });
    after(() => server?.stop());
    const get = (file, headers = {}) => exchange(server.port, "GET", `/socket.io/${file}`, { headers });

    for (const file of ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"]) {
        test(file, async () => {
            const answer = await get(file);
            assert.equal(answer.status, 200);
            assert.equal(answer.headers["content-type"], "application/javascript; charset=utf-8");
            assert.equal(answer.headers["cache-control"], "public, max-age=0");
            assert.match(answer.headers.etag, /^(W\/)?"[^"]+"$/);
            assert.match(String(answer.body), /^\/\*!\n \* Socket\.IO v4\.8/);
            const again = await get(file, { "If-None-Match": answer.headers.etag });
            assert.deepEqual(brief(again), { status: 304, body: "" });
            assert.equal((await get(file, { "If-None-Match": '"other"' })).status, 200);
            const map = await get(`${file}.map`);
            assert.equal(map.headers["content-type"], "application/json; charset=utf-8");
            assert.ok(JSON.parse(map.body).sources.length > 0);
        });
    }

    test("compressed for who can unpack", async () => {
        const plain = await get("socket.io.js");
        const packed = await get("socket.io.js", { "Accept-Encoding": "gzip" });
        assert.equal(packed.headers["content-encoding"], "gzip");
        assert.ok(zlib.gunzipSync(packed.body).equals(plain.body));
    });

    test("nothing else comes out of that directory", async () => {
        for (const file of ["..%2fpackage.json", "../package.json", "%2e%2e/package.json", "socket.io.js%00", "/etc/passwd"])
            assert.equal((await get(file)).status >= 400, true, file);
    });
});
