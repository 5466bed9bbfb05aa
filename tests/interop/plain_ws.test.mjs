/* A plain WebSocket on "/", token by header, text frames ["event", payload]: same handlers and rooms as Socket.IO. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { heard, join, say, unique, user } from "./lib/chat.mjs";
import { CLIENTS, TRANSPORTS, closeAll, plain, plainUnopened } from "./lib/client.mjs";
import { Raw } from "./lib/raw.mjs";
import { SECRET, partyline } from "./lib/server.mjs";
import { userToken } from "./lib/token.mjs";
import { once, within } from "./lib/wait.mjs";

describe("plain websocket", () => {
    let server;
    before(async () => { server = await partyline(); });
    after(() => server?.stop());
    afterEach(closeAll);

    const enter = (id) => plain(server.url, userToken(SECRET, id));

    async function plainJoin(ws, roomId) {
        ws.emitEvent("chat:join", { roomId });
        return (await ws.inbox.next("chat:history", (h) => h.roomId === roomId)).messages;
    }

    async function refusal(token) {
        const ws = plainUnopened(server.url, token);
        ws.on("error", () => {});
        const response = await within(new Promise((resolve, reject) => {
            ws.once("unexpected-response", (request, answer) => resolve(answer));
            ws.once("open", () => reject(new Error("opened, though it should not")));
        }), "a refusal");
        let body = "";
        response.on("data", (bytes) => { body += bytes; });
        await once(response, "end");
        return { status: response.statusCode, body };
    }

    test("talks with Socket.IO clients in the same room", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        await join(alice, roomId);
        await say(alice, roomId, "from before");

        const id = unique("walter");
        const ws = await enter(id);
        assert.deepEqual((await plainJoin(ws, roomId)).map((m) => m.content), ["from before"]);
        assert.equal((await alice.inbox.next("chat:user_joined")).userId, id);

        ws.emitEvent("chat:typing", { roomId, isTyping: true });
        assert.equal((await alice.inbox.next("chat:user_typing")).userId, id);
        alice.emit("chat:typing", { roomId, isTyping: true });
        assert.equal((await ws.inbox.next("chat:user_typing")).userId, alice.userId);

        ws.emitEvent("chat:message", { roomId, content: "plain ünïcödé 😀" });
        const [atAlice, atPlain] = [await heard(alice, "plain ünïcödé 😀"), await heard(ws, "plain ünïcödé 😀")];
        assert.deepEqual(atAlice, atPlain);
        assert.deepEqual([atAlice.senderId, atAlice.sender.username], [id, id]);

        await say(alice, roomId, "to plain");
        await heard(ws, "to plain");
        ws.emitEvent("chat:leave", { roomId });
        assert.equal((await alice.inbox.next("chat:user_left")).userId, id);
    });

    test("two plain clients with each other", async () => {
        const roomId = unique("room");
        const [one, two] = [await enter(unique("one")), await enter(unique("two"))];
        await plainJoin(one, roomId);
        await plainJoin(two, roomId);
        one.emitEvent("chat:message", { roomId, content: "hi" });
        assert.deepEqual(await heard(two, "hi"), await heard(one, "hi"));
    });

    test("errors arrive as an event", async () => {
        const ws = await enter(unique("walter"));
        ws.emitEvent("chat:message", { roomId: "anywhere", content: "" });
        const error = await ws.inbox.next("error");
        assert.equal(error.message, "Message content is required");
        assert.equal(error.event, "chat:message");
    });

    test("without a token: 401 before the upgrade", async () => {
        assert.deepEqual(await refusal(undefined), { status: 401, body: "Authentication required" });
    });

    test("with a bad token: 401 before the upgrade", async () => {
        assert.deepEqual(await refusal("nonsense"), { status: 401, body: "Invalid token" });
        assert.deepEqual(await refusal(userToken("other secret", "x")), { status: 401, body: "Invalid token" });
    });

    for (const [what, frame] of [
        ["no JSON", "hello"], ["no array", '{"event":"x"}'], ["an empty array", "[]"], ["no event name", "[5]"],
        ["nothing", ""], ["a half array", '["chat:join",'], ["binary", Buffer.from([1, 2, 3])],
        ["deep nesting", "[".repeat(100000)],
    ]) {
        test(`a frame with ${what} harms nobody else`, async () => {
            const roomId = unique("room");
            const [bad, good] = [await enter(unique("bad")), await enter(unique("good"))];
            await plainJoin(good, roomId);
            const told = Promise.race([bad.inbox.next("error"), once(bad, "close")]);
            bad.send(frame);
            await within(told, "an error or the close");
            good.emitEvent("chat:message", { roomId, content: "still here" });
            await heard(good, "still here");
        });
    }

    test("an unknown event is ignored", async () => {
        const roomId = unique("room");
        const ws = await enter(unique("walter"));
        ws.emitEvent("no:such_event", { a: 1 });
        await plainJoin(ws, roomId);
        assert.deepEqual(ws.inbox.items, []);
    });

    test("who goes away leaves the room", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        await join(alice, roomId);
        const ws = await enter(unique("walter"));
        await plainJoin(ws, roomId);
        await alice.inbox.next("chat:user_joined");
        ws.close(1000, "bye");
        const [code] = await once(ws, "close");
        assert.equal(code, 1000);
        for (let i = 0; i < 20; i++) /* a send to the dead connection must not trouble the room */
            await say(alice, roomId, `after ${i}`);
        assert.equal((await alice.inbox.take("chat:new_message", 20)).length, 20);
    });
});

describe("permessage-deflate", () => {
    const LONG = "lorem ipsum dolor sit amet ".repeat(148).trim(); /* 4000 characters are the most a message may have */
    const ALWAYS = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let server;
    before(async () => { server = await partyline({ env: { WS_DEFLATE: "true" } }); });
    after(() => server?.stop());
    afterEach(closeAll);

    async function enter(perMessageDeflate) {
        const ws = plainUnopened(server.url, userToken(SECRET, unique("user")), {}, { perMessageDeflate });
        ws.once("upgrade", (response) => { ws.agreed = response.headers["sec-websocket-extensions"] ?? ""; });
        await once(ws, "open");
        return ws;
    }

    async function joined(perMessageDeflate, roomId) {
        const ws = await enter(perMessageDeflate);
        ws.emitEvent("chat:join", { roomId });
        await ws.inbox.next("chat:history", (h) => h.roomId === roomId);
        return ws;
    }

    /* How many bytes of the wire it takes to hear the text from somebody. */
    async function cost(ws, speak, text) {
        const before = ws._socket.bytesRead;
        speak();
        await heard(ws, text);
        return ws._socket.bytesRead - before;
    }

    for (const [name, options, answer, compressed] of [
        ["as ws offers it", true, ALWAYS, true],
        ["without context takeover", { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 }, ALWAYS, true],
        ["windows that hold the message", { serverMaxWindowBits: 14, clientMaxWindowBits: 9, threshold: 0 },
            `${ALWAYS}; server_max_window_bits=14; client_max_window_bits=9`, true],
        ["a window too small for it", { serverMaxWindowBits: 8 }, `${ALWAYS}; server_max_window_bits=8`, false],
        ["not offered", false, "", false],
    ]) {
        test(`the ws client, ${name}`, async () => {
            const roomId = unique("room");
            const [ws, other] = [await joined(options, roomId), await joined(true, roomId)];
            const text = `${LONG} ${name}`.slice(-4000);
            assert.equal(ws.agreed, answer);
            ws.emitEvent("chat:message", { roomId, content: text }); /* compressed by the client, if it does */
            const n = await cost(ws, () => {}, text);
            assert.ok(compressed ? n < 1000 : n > 4000, `${n} bytes`);
            await heard(other, text);
            ws.emitEvent("chat:message", { roomId, content: "short" });
            await heard(other, "short");
        });
    }

    test("compressed or not, in pieces or not: it is the client's choice for each message", async () => {
        const roomId = unique("room");
        const ws = await joined({ threshold: 0 }, roomId);
        const event = (content) => JSON.stringify(["chat:message", { roomId, content }]);
        ws.send(event(`${LONG}1`), { compress: false });
        await heard(ws, `${LONG}1`);
        for (const compress of [true, false]) {
            const text = `${LONG.slice(0, 3900)} ünïcödé ${compress}`;
            const whole = Buffer.from(event(text));
            ws.send(whole.subarray(0, 1), { compress, fin: false, binary: false });
            ws.send(whole.subarray(1, 3000), { fin: false });
            ws.ping();
            ws.send(whole.subarray(3000), { fin: true });
            await heard(ws, text);
        }
    });

    test("Socket.IO clients, over every transport", async () => {
        const roomId = unique("room");
        for (const io of Object.values(CLIENTS)) {
            for (const transports of Object.values(TRANSPORTS)) {
                const alice = await user(server, unique("alice"), { io, transports, perMessageDeflate: { threshold: 0 } });
                await join(alice, roomId);
                const text = `${LONG} ${alice.userId}`.slice(-4000);
                await say(alice, roomId, text);
                await heard(alice, text);
                alice.compress(false).emit("chat:message", { roomId, content: `${alice.userId} as it is` });
                await heard(alice, `${alice.userId} as it is`);
            }
        }
    });

    test("what unpacks to more than the limit ends the connection with 1009", async () => {
        const ws = await enter({ threshold: 0 });
        ws.send(Buffer.alloc(8 << 20));
        assert.deepEqual((await once(ws, "close"))[0], 1009);
    });

    test("an offer nobody knows is declined, one that is malformed refused", async () => {
        for (const [offer, status] of [["permessage-deflate; unknown", 101], ["permessage-deflate;", 400]]) {
            const raw = await Raw.open(server.port);
            raw.send("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                + `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: ${offer}\r\n\r\n`);
            const answer = await raw.response({ bodyless: status === 101 });
            assert.equal(answer.status, status);
            assert.equal(answer.headers["sec-websocket-extensions"], undefined);
            raw.destroy();
        }
    });
});
