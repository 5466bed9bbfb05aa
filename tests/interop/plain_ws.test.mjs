/* A plain WebSocket on "/", token by header, text frames ["event", payload]: same handlers and rooms as Socket.IO. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { heard, join, say, unique, user } from "./lib/chat.mjs";
import { closeAll, plain, plainUnopened } from "./lib/client.mjs";
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
