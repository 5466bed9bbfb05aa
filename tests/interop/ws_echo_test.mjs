/* WebSocket (RFC 6455) against examples/ws-echo, along the groups of the Autobahn test suite: framing, pings, reserved
 * bits, opcodes, fragmentation, UTF-8, closing, and large messages. Frames are written and read by hand here, since no
 * client library would send most of them. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import net from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import WebSocket from "ws";
import { Program, example } from "./lib/server.mjs";
import { within } from "./lib/wait.mjs";

const CONT = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

/* ---- frames ---- */

function xor(data, key) {
    const out = Buffer.allocUnsafe(data.length);
    for (let i = 0; i < data.length; i++)
        out[i] = data[i] ^ key[i & 3];
    return out;
}

/* A masked frame. `form` forces the 2 or 8 byte form of the length. */
function frame(opcode, payload = "", { fin = true, rsv = 0, mask = true, form = 0 } = {}) {
    const data = Buffer.from(payload);
    const extra = form || (data.length > 65535 ? 8 : data.length > 125 ? 2 : 0);
    const head = Buffer.alloc(2 + extra);
    head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
    head[1] = (mask ? 0x80 : 0) | (extra === 8 ? 127 : extra === 2 ? 126 : data.length);
    if (extra === 2)
        head.writeUInt16BE(data.length, 2);
    if (extra === 8)
        head.writeBigUInt64BE(BigInt(data.length), 2);
    if (!mask)
        return Buffer.concat([head, data]);
    const key = randomBytes(4);
    return Buffer.concat([head, key, xor(data, key)]);
}

/* A message cut into frames with `size` bytes each. */
function* fragments(opcode, payload, size) {
    const data = Buffer.from(payload);
    for (let at = 0; at === 0 || at < data.length; at += size)
        yield frame(at ? CONT : opcode, data.subarray(at, at + size), { fin: at + size >= data.length });
}

const closePayload = (code, reason = "") => Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);

/* ---- a connection ---- */

const open = new Set();

class Peer {
    static async connect(port, path = "/", headers = {}) {
        const peer = new Peer();
        Object.assign(peer, { chunks: [], have: 0, ended: false, wake: () => {} });
        peer.socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
        peer.socket.on("data", (bytes) => { peer.chunks.push(bytes); peer.have += bytes.length; peer.wake(); });
        for (const event of ["end", "error", "close"])
            peer.socket.on(event, () => { peer.ended = true; peer.wake(); });
        open.add(peer);
        const lines = Object.entries({
            Host: "localhost", Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", ...headers,
        }).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}\r\n`);
        peer.socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
        peer.answer = await within(peer.readHead(), "the answer to the upgrade");
        return peer;
    }

    /* Waits until n bytes are here; false when the connection ended before. */
    async arrived(n) {
        while (this.have < n) {
            if (this.ended)
                return false;
            await new Promise((resolve) => { this.wake = resolve; });
        }
        return true;
    }

    joined() {
        if (this.chunks.length > 1)
            this.chunks = [Buffer.concat(this.chunks)];
        return this.chunks[0] ?? Buffer.alloc(0);
    }

    take(n) {
        const all = this.joined();
        this.chunks = [all.subarray(n)];
        this.have -= n;
        return all.subarray(0, n);
    }

    async readHead() {
        for (;;) {
            const end = this.joined().indexOf("\r\n\r\n");
            if (end >= 0)
                return this.take(end + 4).toString("latin1");
            assert.ok(await this.arrived(this.have + 1), "the connection ended inside the answer");
        }
    }

    /* The next frame {opcode, payload}, or null at the end of the connection. The server must not mask or fragment. */
    async readFrame() {
        if (!await this.arrived(2))
            return null;
        const short = this.joined()[1];
        assert.ok(short < 128, "a masked frame from the server");
        const head = short === 127 ? 10 : short === 126 ? 4 : 2;
        assert.ok(await this.arrived(head), "the connection ended inside a head");
        const length = head === 10 ? Number(this.joined().readBigUInt64BE(2))
            : head === 4 ? this.joined().readUInt16BE(2) : short;
        assert.ok(await this.arrived(head + length), "the connection ended inside a frame");
        const bytes = this.take(head + length);
        assert.equal(bytes[0] & 0xf0, 0x80, "FIN and no reserved bit");
        return { opcode: bytes[0] & 15, payload: bytes.subarray(head) };
    }

    next(what = "a frame", ms) {
        return within(this.readFrame(), what, ms);
    }

    send(...frames) {
        this.socket.write(Buffer.concat(frames));
        return this;
    }

    /* Sends in pieces, each handed to the kernel before the next. */
    async chopped(bytes, size = 1) {
        for (let at = 0; at < bytes.length && !this.ended; at += size)
            await new Promise((resolve) => { this.socket.write(bytes.subarray(at, at + size), () => resolve()); });
    }

    async expect(opcode, payload, ms) {
        const got = await this.next(`opcode ${opcode}`, ms);
        assert.ok(got, "the connection ended instead");
        assert.equal(got.opcode, opcode);
        assert.ok(got.payload.equals(Buffer.from(payload)), `${got.payload.length} other bytes came back`);
    }

    /* The next frame must be a close frame with exactly this payload, then TCP must end. */
    async expectClose(payload) {
        const got = await this.next("a close frame");
        assert.ok(got, "the connection ended without a close frame");
        assert.deepEqual([got.opcode, got.payload.toString("hex")], [CLOSE, Buffer.from(payload).toString("hex")]);
        assert.equal(await this.next("the end"), null, "something came after the close frame");
    }

    expectFailure(code) {
        return this.expectClose(closePayload(code));
    }

    /* Everything before was digested, and the connection is still in order. */
    async finish() {
        await this.send(frame(CLOSE, closePayload(1000))).expectClose(closePayload(1000));
    }
}

describe("WebSocket echo", () => {
    let server;
    before(async () => { server = await Program.start(example("ws-echo")); });
    after(() => server?.stop());
    afterEach(() => {
        for (const peer of open)
            peer.socket.destroy();
        open.clear();
    });

    const connect = async (path) => {
        const peer = await Peer.connect(server.port, path);
        assert.match(peer.answer, /^HTTP\/1\.1 101 /);
        return peer;
    };

    /* Runs `body` on a connection of its own for each way of sending the frames: in one piece, and byte by byte. */
    async function bothWays(frames, body) {
        const bytes = Buffer.concat(frames);
        const whole = await connect();
        await Promise.all([whole.send(bytes), body(whole)]);
        const pieces = await connect();
        await Promise.all([pieces.chopped(bytes), body(pieces)]);
    }

    describe("handshake", () => {
        test("is answered on any path", async () => {
            for (const path of ["/", "/any/path?query=1", "http://localhost/absolute"]) {
                const peer = await connect(path);
                assert.match(peer.answer, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
                assert.doesNotMatch(peer.answer, /Sec-WebSocket-(Extensions|Protocol)/i);
                await peer.send(frame(TEXT, path)).expect(TEXT, path);
            }
        });

        test("is refused with 400 for a bad version or key", async () => {
            const old = await Peer.connect(server.port, "/", { "Sec-WebSocket-Version": "12" });
            assert.match(old.answer, /^HTTP\/1\.1 400 [^]*\r\nSec-WebSocket-Version: 13/i);
            for (const key of [null, "", "short", "dGhlIHNhbXBsZSBub25jZQ=a"]) {
                const peer = await Peer.connect(server.port, "/", { "Sec-WebSocket-Key": key });
                assert.match(peer.answer, /^HTTP\/1\.1 400 /);
            }
        });

        test("frames may come together with the request", async () => {
            const socket = net.connect(server.port, "127.0.0.1");
            socket.write(Buffer.concat([Buffer.from("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                + "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
            frame(TEXT, "early"), frame(CLOSE)]));
            let got = "";
            socket.on("data", (bytes) => { got += bytes.toString("latin1"); });
            await within(new Promise((resolve) => socket.once("close", resolve)), "the end");
            assert.match(got, /^HTTP\/1\.1 101 [^]*\r\n\r\n\x81\x05early\x88\x00$/);
        });
    });

    describe("1 framing", () => {
        const sizes = [0, 1, 125, 126, 127, 128, 65535, 65536, 70000];

        for (const [name, opcode] of [["text", TEXT], ["binary", BINARY]]) {
            test(`${name} of every length form comes back`, async () => {
                const peer = await connect();
                for (const size of sizes)
                    await peer.send(frame(opcode, Buffer.alloc(size, "*"))).expect(opcode, Buffer.alloc(size, "*"));
                await peer.finish();
            });

            test(`${name} arrives in pieces of 997 bytes`, async () => {
                const peer = await connect();
                const payload = Buffer.alloc(65536, "0123456789");
                await Promise.all([peer.chopped(frame(opcode, payload), 997), peer.expect(opcode, payload)]);
            });
        }

        test("many small messages in one write come back in order", async () => {
            const peer = await connect();
            const texts = Array.from({ length: 2000 }, (_, i) => `message ${i}`);
            peer.send(...texts.map((t) => frame(TEXT, t)));
            for (const text of texts)
                await peer.expect(TEXT, text);
            await peer.finish();
        });

        test("binary payloads are not touched", async () => {
            const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
            await bothWays([frame(BINARY, all)], (peer) => peer.expect(BINARY, all));
        });

        test("lengths need not be minimal", async () => {
            await bothWays([frame(TEXT, "a", { form: 2 }), frame(TEXT, "b", { form: 8 })], async (peer) => {
                await peer.expect(TEXT, "a");
                await peer.expect(TEXT, "b");
            });
        });

        test("an unmasked frame fails the connection", async () => {
            await bothWays([frame(TEXT, "a", { mask: false })], (peer) => peer.expectFailure(1002));
        });

        test("a length with its top bit fails the connection", async () => {
            const head = Buffer.from("82ff800000000000000000000000", "hex");
            await bothWays([head], (peer) => peer.expectFailure(1002));
        });
    });

    describe("2 pings and pongs", () => {
        for (const [name, payload] of [["empty", ""], ["text", "Hello, world!"], ["binary", Buffer.from("00fffefdfcfb00ff", "hex")],
            ["125 bytes", Buffer.alloc(125, 0xfe)]])
            test(`a ping (${name}) is answered with the same payload`, () =>
                bothWays([frame(PING, payload)], (peer) => peer.expect(PONG, payload)));

        test("a ping with 126 bytes fails the connection", () =>
            bothWays([frame(PING, Buffer.alloc(126))], (peer) => peer.expectFailure(1002)));

        test("unsolicited pongs are ignored", () =>
            bothWays([frame(PONG), frame(PONG, "x"), frame(PING, "y")], (peer) => peer.expect(PONG, "y")));

        test("ten pings are answered in order", () =>
            bothWays(Array.from({ length: 10 }, (_, i) => frame(PING, `ping ${i}`)), async (peer) => {
                for (let i = 0; i < 10; i++)
                    await peer.expect(PONG, `ping ${i}`);
            }));
    });

    describe("3 reserved bits", () => {
        for (let rsv = 1; rsv < 8; rsv++)
            test(`RSV ${rsv} fails the connection, what came before is answered`, async () => {
                for (const opcode of [TEXT, BINARY, PING, CLOSE])
                    await bothWays([frame(TEXT, "first"), frame(opcode, "", { rsv }), frame(PING, "never")], async (peer) => {
                        await peer.expect(TEXT, "first");
                        await peer.expectFailure(1002);
                    });
            });
    });

    describe("4 opcodes", () => {
        for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
            test(`opcode ${opcode} fails the connection`, async () => {
                for (const payload of ["", "reserved"])
                    await bothWays([frame(TEXT, "first"), frame(opcode, payload), frame(PING)], async (peer) => {
                        await peer.expect(TEXT, "first");
                        await peer.expectFailure(1002);
                    });
            });
    });

    describe("5 fragmentation", () => {
        for (const [name, opcode] of [["ping", PING], ["pong", PONG], ["close", CLOSE]])
            test(`a fragmented ${name} fails the connection`, () =>
                bothWays([frame(opcode, "ab", { fin: false }), frame(CONT, "c")], (peer) => peer.expectFailure(1002)));

        test("fragments are joined", async () => {
            for (const opcode of [TEXT, BINARY])
                for (const size of [1, 2, 7])
                    await bothWays([...fragments(opcode, "fragment1fragment2", size)],
                        (peer) => peer.expect(opcode, "fragment1fragment2"));
        });

        test("empty fragments are no obstacle", () =>
            bothWays([frame(TEXT, "", { fin: false }), frame(CONT, "", { fin: false }), frame(CONT, "x", { fin: false }),
                frame(CONT, "")], (peer) => peer.expect(TEXT, "x")));

        test("a message of empty fragments is empty", () =>
            bothWays([frame(BINARY, "", { fin: false }), frame(CONT, "", { fin: false }), frame(CONT, "")],
                (peer) => peer.expect(BINARY, "")));

        test("pings between fragments are answered at once", async () => {
            const peer = await connect();
            for (const [i, piece] of [...fragments(TEXT, "abcde", 1)].entries()) {
                if (i > 0)
                    await peer.send(frame(PING, `p${i}`)).expect(PONG, `p${i}`);
                peer.send(piece);
            }
            await peer.expect(TEXT, "abcde");
            await bothWays([frame(TEXT, "a", { fin: false }), frame(PING, "p"), frame(CONT, "b")], async (other) => {
                await other.expect(PONG, "p");
                await other.expect(TEXT, "ab");
            });
        });

        test("a continuation without a beginning fails the connection", async () => {
            for (const fin of [true, false])
                await bothWays([frame(CONT, "x", { fin }), frame(TEXT, "y")], (peer) => peer.expectFailure(1002));
            await bothWays([...fragments(TEXT, "abc", 2), frame(CONT, "late")], async (peer) => {
                await peer.expect(TEXT, "abc");
                await peer.expectFailure(1002);
            });
        });

        test("a new message inside a message fails the connection", async () => {
            for (const opcode of [TEXT, BINARY])
                for (const fin of [true, false])
                    await bothWays([frame(TEXT, "a", { fin: false }), frame(opcode, "b", { fin })],
                        (peer) => peer.expectFailure(1002));
        });
    });

    describe("6 UTF-8", () => {
        const good = ["", "Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\u0000", "\u0080", "\u07ff", "\u0800", "\uffff", "\u{10000}",
            "\u{10ffff}", "\ud7ff", "\ue000", "\ufffd", "\ufffe", "\u{1f600}"].map((t) => Buffer.from(t));
        const bad = ["cebae1bdb9cf83cebcceb5eda080656469746564", "f8888080 80", "fc8480808080", "f7bfbfbf", "f4908080",
            "80", "bf", "8080", "c0", "e0", "f0", "ff", "fe", "c0af", "e080af", "f08080af", "c1bf", "e09fbf", "f08fbfbf",
            "eda080", "edafbf", "edb080", "edbfbf", "eda080edb080", "61c3", "61e282", "61f09f98", "c328", "e28228", "f0288cbc",
        ].map((hex) => Buffer.from(hex.replace(/ /g, ""), "hex"));

        test("good texts come back, whole and in fragments of every size", async () => {
            for (const text of good) {
                await bothWays([frame(TEXT, text)], (peer) => peer.expect(TEXT, text));
                const peer = await connect();
                for (let size = 1; size <= text.length; size++) {
                    peer.send(...fragments(TEXT, text, size));
                    await peer.expect(TEXT, text);
                }
            }
        });

        test("bad texts fail the connection, whole and in fragments of every size", async () => {
            for (const text of bad) {
                await bothWays([frame(TEXT, text)], (peer) => peer.expectFailure(1007));
                for (let size = 1; size <= text.length; size++) {
                    const peer = await connect();
                    peer.send(...fragments(TEXT, text, size));
                    await peer.expectFailure(1007);
                }
            }
        });

        test("bad texts are good binary", async () => {
            const peer = await connect();
            for (const bytes of bad)
                await peer.send(frame(BINARY, bytes)).expect(BINARY, bytes);
        });

        test("a bad fragment fails before the message ends", async () => {
            const peer = await connect();
            peer.send(frame(TEXT, "κόσμε", { fin: false }), frame(CONT, Buffer.from("f4908080", "hex"), { fin: false }));
            await peer.expectFailure(1007);
        });

        test("a bad byte fails before its frame ends", async () => {
            const whole = frame(TEXT, Buffer.concat([Buffer.from("κόσμε"), Buffer.from("f4908080", "hex"), Buffer.alloc(100)]));
            const peer = await connect();
            await peer.chopped(whole.subarray(0, 30));
            await peer.expectFailure(1007);
        });
    });

    describe("7 closing", () => {
        const echoed = (payload) => bothWays([frame(CLOSE, payload)], (peer) => peer.expectClose(payload));

        test("an empty close is answered by one", () => echoed(""));

        for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])
            test(`code ${code} is answered with itself`, () => echoed(closePayload(code)));

        test("the reason comes back", async () => {
            await echoed(closePayload(1000, "Hello World!"));
            await echoed(closePayload(1000, "κόσμε"));
            await echoed(closePayload(1000, "*".repeat(123)));
        });

        for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
            test(`code ${code} fails the connection`, () =>
                bothWays([frame(CLOSE, closePayload(code))], (peer) => peer.expectFailure(1002)));

        test("a payload of one byte or of 126 fails the connection", async () => {
            await bothWays([frame(CLOSE, "a")], (peer) => peer.expectFailure(1002));
            await bothWays([frame(CLOSE, closePayload(1000, "*".repeat(124)))], (peer) => peer.expectFailure(1002));
        });

        test("a reason that is no UTF-8 fails the connection", () =>
            bothWays([frame(CLOSE, Buffer.from("03e8cebae1bdb9cf83cebcceb5eda080656469746564", "hex"))],
                (peer) => peer.expectFailure(1007)));

        test("what comes before a close is answered, what comes after is not", () =>
            bothWays([frame(TEXT, "before"), frame(CLOSE), frame(TEXT, "after"), frame(PING), frame(CLOSE)], async (peer) => {
                await peer.expect(TEXT, "before");
                await peer.expectClose("");
            }));

        test("a close ends an unfinished message", () =>
            bothWays([frame(TEXT, "half", { fin: false }), frame(CLOSE), frame(CONT, "late")],
                (peer) => peer.expectClose("")));

        test("the end of TCP without a close frame is survived", async () => {
            for (const bytes of [Buffer.alloc(0), frame(TEXT, "half", { fin: false }), frame(TEXT, "half").subarray(0, 7)]) {
                const peer = await connect();
                peer.send(bytes);
                peer.socket.end();
                assert.equal(await peer.next("the end"), null);
            }
            await (await connect()).finish();
        });
    });

    describe("9 large messages", () => {
        const MIB = 1 << 20;
        const ms = 60000;
        const filler = randomBytes(MIB).toString("base64");
        const textOf = (size) => Buffer.alloc(size, filler);

        for (const size of [64 << 10, 256 << 10, MIB, 4 * MIB, 8 * MIB, 16 * MIB])
            test(`${size} bytes of text and of binary`, async () => {
                const peer = await connect();
                await peer.send(frame(TEXT, textOf(size))).expect(TEXT, textOf(size), ms);
                const bytes = randomBytes(size);
                await peer.send(frame(BINARY, bytes)).expect(BINARY, bytes, ms);
                await peer.finish();
            });

        for (const size of [64, 256, 1024, 65536])
            test(`4 MiB in fragments of ${size} bytes`, async () => {
                const payload = textOf(4 * MIB);
                const peer = await connect();
                await peer.send(...fragments(TEXT, payload, size)).expect(TEXT, payload, ms);
            });

        test("100,000 fragments are no limit", async () => {
            const peer = await connect();
            const payload = textOf(100001);
            await peer.send(...fragments(BINARY, payload, 1)).expect(BINARY, payload, ms);
        });

        test("1 MiB in pieces of 64 bytes", async () => {
            const peer = await connect();
            const payload = textOf(MIB);
            await Promise.all([peer.chopped(frame(TEXT, payload), 64), peer.expect(TEXT, payload, ms)]);
        });

        test("a client that reads late gets everything", async () => {
            const peer = await connect();
            const payload = textOf(MIB);
            peer.socket.pause();
            for (let i = 0; i < 48; i++)
                peer.send(frame(BINARY, payload));
            peer.send(frame(PING, "last"));
            await untilStuck(peer.socket);
            peer.socket.resume();
            for (let i = 0; i < 48; i++)
                await peer.expect(BINARY, payload, ms);
            await peer.expect(PONG, "last", ms);
        });
    });

    describe("10 frames as a library would cut them", () => {
        test("64 KiB in fragments of 1300 bytes", async () => {
            const payload = Buffer.alloc(65536, "*");
            await bothWays([...fragments(TEXT, payload, 1300)], (peer) => peer.expect(TEXT, payload));
        });
    });
});

/* Waits until the kernel takes no more from us, because the other side has stopped reading: that has no event, so what
 * is left to write is looked at until it no longer shrinks. */
async function untilStuck(socket) {
    for (let last = -1; last !== socket.writableLength;) {
        last = socket.writableLength;
        await new Promise((resolve) => { setTimeout(resolve, 300); });
    }
    assert.ok(socket.writableLength > 0, "the server took everything though nobody read its answers");
}

/* Groups 12 and 13: messages of all sizes there and back, with every kind of offer. */
describe("ws-echo with permessage-deflate", () => {
    let server;
    before(async () => { server = await Program.start(example("ws-echo"), [], { DEFLATE: "1" }); });
    after(() => server?.stop());

    const JSON_TEXT = JSON.stringify(Array.from({ length: 3000 }, (_, i) => ({ id: i, name: `näme ${i % 97}`, on: i % 3 === 0, x: i * 7919 % 1009 / 8 })));
    const NOISE = randomBytes(131072);
    const SIZES = [0, 1, 16, 64, 125, 126, 256, 1024, 4096, 8192, 16384, 32768, 65535, 65536, 131072];

    async function echo(ws, data, options) {
        ws.send(data, options);
        const [back, binary] = await within(new Promise((resolve) => ws.once("message", (...args) => resolve(args))), "an echo");
        assert.equal(binary, options.binary);
        assert.ok(back.equals(Buffer.from(data)), `${back.length} of ${data.length} bytes`);
    }

    for (const [name, offer] of Object.entries({
        "no more than the name": { clientMaxWindowBits: false },
        "the server may not take over": { serverNoContextTakeover: true },
        "server window 9": { serverMaxWindowBits: 9 },
        "server window 15": { serverMaxWindowBits: 15 },
        "no taking over, server window 9": { serverNoContextTakeover: true, serverMaxWindowBits: 9 },
        "no taking over, both windows 15": { serverNoContextTakeover: true, serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
        "client window 9": { clientMaxWindowBits: 9 },
    })) {
        test(name, async () => {
            const ws = new WebSocket(`ws://127.0.0.1:${server.port}/`, { perMessageDeflate: { threshold: 0, ...offer } });
            await within(new Promise((resolve, reject) => ws.once("open", resolve).once("error", reject)), "open");
            assert.equal(ws.extensions, "permessage-deflate");
            for (const size of SIZES) {
                await echo(ws, JSON_TEXT.slice(0, size), { binary: false });
                await echo(ws, NOISE.subarray(0, size), { binary: true });
                await echo(ws, Buffer.alloc(size), { binary: true });
                await echo(ws, Buffer.alloc(size, "ab"), { binary: true, compress: false });
            }
            ws.close(1000);
            const code = await within(new Promise((resolve) => ws.once("close", resolve)), "close");
            assert.equal(code, 1000);
        });
    }
});
