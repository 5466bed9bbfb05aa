/* Chat as mission and seed define it: every event, text and rule, over each transport, with the newest and the oldest
 * supported client. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { heard, join, say, silent, unique, user } from "./lib/chat.mjs";
import { CLIENTS, TRANSPORTS, ask, client, closeAll, refused } from "./lib/client.mjs";
import { SECRET, partyline, sql } from "./lib/server.mjs";
import { hs256, unsigned, userToken } from "./lib/token.mjs";

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const CUID = /^c[a-z0-9]{20,32}$/;

/* The members that the seed names, each present and equal. */
function includes(actual, expected) {
    for (const [key, value] of Object.entries(expected))
        assert.deepEqual(actual[key], value, `${key} of ${JSON.stringify(actual)}`);
}

function assertIsoNow(text) {
    assert.match(text, ISO);
    assert.ok(Math.abs(Date.parse(text) - Date.now()) < 60000, text);
}

describe("chat", () => {
    let server;
    before(async () => { server = await partyline(); });
    after(() => server?.stop());
    afterEach(closeAll);

    for (const [version, io] of Object.entries(CLIENTS)) {
        for (const [name, transports] of Object.entries(TRANSPORTS)) {
            test(`a conversation of two, client ${version}, ${name}`, () => conversation(server, { io, transports }));
        }
    }

    async function conversation(server, how) {
        const [roomId, aId, bId] = [unique("room"), unique("alice"), unique("bob")];
        const claims = { username: "Alice 🎉", avatarUrl: "https://img.example/a.png" };
        const alice = await user(server, aId, { ...how, claims });
        const bob = await user(server, bId, how);

        assert.deepEqual(await join(alice, roomId), []);
        assert.deepEqual(await join(bob, roomId), []);
        const joined = await alice.inbox.next("chat:user_joined");
        includes(joined, { userId: bId, roomId });
        assertIsoNow(joined.timestamp);

        alice.emit("chat:typing", { roomId, isTyping: true });
        includes(await bob.inbox.next("chat:user_typing"),
            { userId: aId, username: "Alice 🎉", isTyping: true, roomId });
        alice.emit("chat:typing", { roomId, isTyping: false });
        includes(await bob.inbox.next("chat:user_typing"), { userId: aId, isTyping: false, roomId });

        const text = "Grüße \u2028 \"quoted\" \\ </script> 😀 end";
        const answer = await say(alice, roomId, text);
        const [first, second] = [await heard(alice, text), await heard(bob, text)];
        assert.deepEqual(first, second);
        assert.equal(first.id, answer.id);
        assert.match(first.id, CUID);
        includes(first, {
            roomId, senderId: aId, content: text, type: "TEXT", mediaUrl: null,
            sender: { id: aId, username: "Alice 🎉", avatarUrl: "https://img.example/a.png" },
        });
        assertIsoNow(first.createdAt);

        bob.emit("chat:message", { roomId, mediaUrl: "https://img.example/1.jpg", type: "IMAGE" });
        includes(await alice.inbox.next("chat:new_message"),
            { senderId: bId, type: "IMAGE", mediaUrl: "https://img.example/1.jpg" });

        bob.emit("chat:leave", { roomId });
        const left = await alice.inbox.next("chat:user_left");
        includes(left, { userId: bId, roomId });
        assertIsoNow(left.timestamp);
        await say(alice, roomId, "bob does not hear this");
        await ask(bob, "chat:leave", { roomId }); /* a round trip: what was on its way to bob has arrived or never will */
        await join(bob, roomId);
        assert.deepEqual(bob.inbox.all("chat:new_message").filter((m) => m.content !== text && !m.mediaUrl), []);
        assert.deepEqual(alice.inbox.all("chat:user_typing"), [], "typing comes back to the one who types");
        assert.deepEqual(alice.inbox.all("error").concat(bob.inbox.all("error")), []);
    }

    test("no token and bad tokens are refused with the texts of the contract", async () => {
        const past = Math.floor(Date.now() / 1000) - 3600;
        const good = userToken(SECRET, "mallory");
        const refusal = async (auth) => (await refused(client(server.url, { auth, transports: ["websocket"] }))).message;

        assert.equal(await refusal({}), "Authentication required");
        assert.equal(await refusal({ token: "" }), "Authentication required");
        for (const token of [
            "nonsense", "a.b.c", `${good}x`, userToken("another secret", "mallory"), unsigned({ sub: "mallory" }),
            hs256(SECRET, { sub: "mallory", exp: past }), hs256(SECRET, { username: "nobody" }), 17, { a: 1 },
        ])
            assert.equal(await refusal({ token }), "Invalid token", JSON.stringify(token));
    });

    test("the user may also stand in the claim id, and the token in the Authorization header", async () => {
        const roomId = unique("room");
        const token = hs256(SECRET, { id: "by-id", username: "Ida" });
        const socket = client(server.url, { extraHeaders: { Authorization: `Bearer ${token}` }, transports: ["polling"] });
        await new Promise((resolve, reject) => {
            socket.once("connect", resolve).once("connect_error", reject);
            socket.connect();
        });
        await join(socket, roomId);
        await say(socket, roomId, "hello");
        includes((await heard(socket, "hello")).sender, { id: "by-id", username: "Ida" });
    });

    test("history is the last 50 of the room, oldest first", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        await join(alice, roomId);
        const sent = Array.from({ length: 60 }, (_, i) => `message ${i}`);
        for (const text of sent)
            await say(alice, roomId, text);
        const live = await alice.inbox.take("chat:new_message", 60);

        const bob = await user(server, unique("bob"));
        const messages = await join(bob, roomId);
        assert.deepEqual(messages.map((m) => m.content), sent.slice(-50));
        for (const [i, message] of messages.entries())
            includes(message, live[i + 10]);
    });

    test("a message needs content or mediaUrl", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        await join(alice, roomId);
        for (const payload of [{ roomId }, { roomId, content: "" }, { roomId, content: "", mediaUrl: "" }]) {
            const answer = await ask(alice, "chat:message", payload);
            assert.equal(answer.ok, false);
            assert.equal(answer.error.message, "Message content is required");
            assert.equal(typeof answer.error.code, "string");
            const error = await alice.inbox.next("error");
            includes(error, { message: "Message content is required", code: answer.error.code, event: "chat:message" });
        }
        assert.deepEqual(await join(alice, roomId), []);
    });

    test("content may have 4000 characters, of any width; null members are absent ones", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        await join(alice, roomId);
        const longest = "😀".repeat(4000);
        await say(alice, roomId, longest);
        await heard(alice, longest);
        const answer = await ask(alice, "chat:message", { roomId, content: `${longest}x` });
        assert.deepEqual([answer.ok, answer.error.code], [false, "too_long"]);
        await say(alice, roomId, "nulls", { type: null, mediaUrl: null, clientId: null });
        includes(await heard(alice, "nulls"), { type: "TEXT", mediaUrl: null });
        await say(alice, roomId, null, { mediaUrl: "https://img.example/2.jpg", type: "IMAGE" });
        includes(await alice.inbox.next("chat:new_message"), { mediaUrl: "https://img.example/2.jpg" });
    });

    test("a NUL inside a text is kept or refused, never cut off there", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        await join(alice, roomId);
        const answer = await ask(alice, "chat:message", { roomId, content: "before\u0000after" });
        const stored = (await join(alice, roomId)).map((m) => m.content);
        assert.deepEqual(stored, answer.ok ? ["before\u0000after"] : []);
    });

    test("malformed payloads are answered with an error and change nothing", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        await join(alice, roomId);
        const bad = [
            ["chat:join"], ["chat:join", null], ["chat:join", {}], ["chat:join", { roomId: 5 }], ["chat:join", { roomId: "" }],
            ["chat:join", "text"], ["chat:join", [1]], ["chat:join", Buffer.from("binary")], ["chat:leave", {}],
            ["chat:typing", { isTyping: true }], ["chat:message"], ["chat:message", 17], ["chat:message", { content: "x" }],
            ["chat:message", { roomId, content: 17 }], ["chat:message", { roomId, content: ["x"] }],
            ["chat:message", { roomId, content: "x", type: "NO_SUCH_TYPE" }],
            ["chat:message", { roomId, content: "x", mediaUrl: {} }],
        ];
        for (const [event, ...args] of bad) {
            alice.emit(event, ...args);
            const error = await alice.inbox.next("error");
            assert.equal(error.event, event, `${event} ${JSON.stringify(args)}`);
            assert.equal(typeof error.message, "string");
            assert.equal(typeof error.code, "string");
        }
        await silent(alice, "chat:new_message", alice, roomId);
        assert.equal(alice.inbox.all("error").length, 0);
    });

    test("who has not joined neither writes, types nor is heard leaving", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        const eve = await user(server, unique("eve"));
        await join(alice, roomId);
        for (const [event, payload] of [
            ["chat:message", { roomId, content: "let me in" }],
            ["chat:typing", { roomId, isTyping: true }],
        ]) {
            const answer = await ask(eve, event, payload);
            assert.equal(answer.ok, false, event);
            includes(await eve.inbox.next("error"), { event, code: answer.error.code, message: answer.error.message });
        }
        eve.emit("chat:leave", { roomId });
        await ask(eve, "chat:message", { roomId, content: "travels behind the leave" });
        await silent(alice, "chat:user_left", alice, roomId);
        assert.deepEqual([...alice.inbox.all("chat:user_typing"), ...alice.inbox.all("chat:new_message")], []);
        assert.deepEqual(eve.inbox.all("chat:new_message"), []);
    });

    test("acknowledgements of join, leave and typing", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        assert.equal((await ask(alice, "chat:join", { roomId })).ok, true);
        assert.equal((await ask(alice, "chat:typing", { roomId, isTyping: true })).ok, true);
        assert.equal((await ask(alice, "chat:leave", { roomId })).ok, true);
    });

    test("a repeated clientId returns the first result and is not sent again", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        const bob = await user(server, unique("bob"));
        await join(alice, roomId);
        await join(bob, roomId);
        const first = await say(alice, roomId, "once", { clientId: "k1" });
        const again = await say(alice, roomId, "once, edited", { clientId: "k1" });
        assert.equal(again.id, first.id);
        const together = await Promise.all([1, 2, 3].map((n) => say(alice, roomId, `race ${n}`, { clientId: "k2" })));
        assert.equal(new Set(together.map((a) => a.id)).size, 1);
        const other = await say(bob, roomId, "same key, other sender", { clientId: "k1" });
        assert.notEqual(other.id, first.id);
        await heard(bob, "once");
        await bob.inbox.next("chat:new_message", (m) => m.id === together[0].id);
        await heard(bob, "same key, other sender");
        await silent(bob, "chat:new_message", alice, roomId);
        assert.equal(sql(server.db, `SELECT count(*) AS n FROM chat_messages WHERE room_id = '${roomId}'`)[0].n, 4);
    });

    test("the acknowledgement comes after the commit", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        await join(alice, roomId);
        for (let i = 0; i < 10; i++) {
            const { id } = await say(alice, roomId, `durable ${i}`);
            const rows = sql(server.db, `SELECT content, room_id, sender_id FROM chat_messages WHERE id = '${id}'`);
            assert.deepEqual(rows, [{ content: `durable ${i}`, room_id: roomId, sender_id: alice.userId }]);
        }
    });

    test("500 messages of two senders: the same order for everybody, numbered without a gap", async () => {
        const roomId = unique("room");
        const senders = [await user(server, unique("alice")), await user(server, unique("bob"), { transports: ["polling"] })];
        const members = [...senders, await user(server, unique("carol")), await user(server, unique("dave"), { transports: ["polling"] })];
        for (const member of members)
            await join(member, roomId);
        await Promise.all(senders.flatMap((s) => Array.from({ length: 250 }, (_, i) => say(s, roomId, `${s.userId} ${i}`))));

        const [reference, ...others] = await Promise.all(members.map((m) => m.inbox.take("chat:new_message", 500)));
        for (const other of others)
            assert.deepEqual(other, reference);
        assert.deepEqual(reference.map((m) => m.seq), Array.from({ length: 500 }, (_, i) => i + 1));
        for (const { userId } of senders) {
            const own = reference.filter((m) => m.senderId === userId).map((m) => m.content);
            assert.deepEqual(own, Array.from({ length: 250 }, (_, i) => `${userId} ${i}`));
        }
        const newcomer = await user(server, unique("erin"));
        assert.deepEqual((await join(newcomer, roomId)).map((m) => m.id), reference.slice(-50).map((m) => m.id));
    });

    test("rooms do not hear each other, one socket may be in several", async () => {
        const [one, two] = [unique("room"), unique("room")];
        const alice = await user(server, unique("alice"));
        const bob = await user(server, unique("bob"));
        await join(alice, one);
        await join(alice, two);
        await join(bob, two);
        await say(alice, one, "in one");
        await say(alice, two, "in two");
        assert.equal((await heard(bob, "in two")).roomId, two);
        await heard(alice, "in one");
        await heard(alice, "in two");
        await silent(bob, "chat:new_message", alice, two);
    });

    test("joining twice is not announced twice", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        const bob = await user(server, unique("bob"));
        await join(alice, roomId);
        await join(bob, roomId);
        await alice.inbox.next("chat:user_joined");
        await join(bob, roomId);
        await silent(alice, "chat:user_joined", bob, roomId);
    });
});

describe("chat with the party's guest list", () => {
    const [open, closed] = ["room-open", "room-closed"];
    let server;
    before(async () => {
        server = await partyline({ demo: false });
        sql(server.db, guestList());
    });
    after(() => server?.stop());
    afterEach(closeAll);

    function guestList() {
        const people = ["host", "cohost", "going", "maybe", "declined", "stranger"];
        const party = (id, isPrivate) => `INSERT INTO party_events (id, host_id, title, status, is_private, created_at, updated_at)
            VALUES ('${id}', 'host', 'Party', 'LIVE', ${isPrivate}, 0, 0);
            INSERT INTO chat_rooms (id, party_id, created_at) VALUES ('room-${id}', '${id}', 0);`;
        const guest = (id, status) => `INSERT INTO party_attendees (id, party_id, user_id, status)
            VALUES ('at-${id}', 'closed', '${id}', '${status}');`;
        return `BEGIN;
            ${people.map((p) => `INSERT INTO users (id, firebase_id, email, username, created_at, updated_at)
                VALUES ('${p}', 'fb-${p}', '${p}@example.org', '${p}', 0, 0);`).join("\n")}
            ${party("open", 0)} ${party("closed", 1)}
            INSERT INTO party_cohosts (id, party_id, user_id, role) VALUES ('co', 'closed', 'cohost', 'COHOST');
            ${guest("going", "GOING")} ${guest("maybe", "MAYBE")} ${guest("declined", "NOT_GOING")}
            COMMIT;`;
    }

    for (const id of ["host", "cohost", "going", "maybe"]) {
        test(`${id} may enter the private room`, async () => {
            const socket = await user(server, id);
            await join(socket, closed);
            await say(socket, closed, `from ${id}`);
            assert.equal((await heard(socket, `from ${id}`)).senderId, id);
        });
    }

    test("a user whom the database does not have may listen, and says nothing", async () => {
        const [host, nobody] = [await user(server, "host"), await user(server, "nobody")];
        await join(host, open);
        await join(nobody, open);
        assert.deepEqual(await ask(nobody, "chat:message", { roomId: open, content: "I am nobody" }),
            { ok: false, error: { code: "forbidden", message: "There is no such user any more" } });
        await say(host, open, "one after the other");
        const { seq } = await heard(host, "one after the other");
        assert.equal((await say(host, open, "without a gap")).seq, seq + 1);
    });

    for (const [id, roomId] of [["declined", closed], ["stranger", closed], ["host", "no-such-room"]]) {
        test(`${id} may not enter ${roomId}`, async () => {
            const socket = await user(server, id);
            socket.emit("chat:join", { roomId });
            const error = await socket.inbox.next("error");
            includes(error, { message: "Cannot access this room", event: "chat:join" });
            assert.equal(typeof error.code, "string");
            const answer = await ask(socket, "chat:join", { roomId });
            assert.deepEqual(answer, { ok: false, error: { code: error.code, message: "Cannot access this room" } });
            assert.equal((await ask(socket, "chat:message", { roomId, content: "x" })).ok, false);
            assert.deepEqual(socket.inbox.all("chat:history"), []);
        });
    }

    test("anybody may enter the room of a party that is not private", async () => {
        const socket = await user(server, "stranger");
        await join(socket, open);
        await say(socket, open, "hello");
        await heard(socket, "hello");
    });

    test("tokens are not handed out", async () => {
        const response = await fetch(`${server.url}/demo/token`, { method: "POST", body: '{"id":"host","username":"x"}' });
        assert.equal(response.status, 404);
    });
});
