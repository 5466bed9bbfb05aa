/* Chat beyond the seed: edits, deletions, reactions, replies, history pages, sync, read cursors, typing that ends by itself,
 * access that ends, and messages that the application's backend wrote. Two users with two devices each where it matters. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { heard, join, say, silent, unique, user } from "./lib/chat.mjs";
import { ask, closeAll } from "./lib/client.mjs";
import { RoomModel, plain, random, wholeHistory } from "./lib/model.mjs";
import { partyline, sql } from "./lib/server.mjs";
import { until, within } from "./lib/wait.mjs";

const PEOPLE = ["host", "co", "ann", "bob", "eve"];
const TYPING_TTL_MS = 1500;
const quote = (text) => `'${text.replaceAll("'", "''")}'`;

describe("chat beyond the seed", () => {
    let server;
    before(async () => {
        server = await partyline({ demo: false, env: { CHAT_TYPING_TTL: `${TYPING_TTL_MS}ms` } });
        sql(server.db, PEOPLE.map((p) => `INSERT INTO users (id, firebase_id, email, username, created_at, updated_at)
            VALUES ('${p}', 'fb-${p}', '${p}@example.org', '${p.toUpperCase()}', 0, 0);`).join("\n"));
    });
    after(() => server?.stop());
    afterEach(closeAll);

    /* A private party of host, co, ann and bob with its room; eve is not invited. */
    function makeRoom({ isPrivate = true, host = "host" } = {}) {
        const roomId = unique("room");
        sql(server.db, `BEGIN;
            INSERT INTO party_events (id, host_id, title, status, is_private, created_at, updated_at)
                VALUES ('${roomId}', '${host}', 'Party', 'LIVE', ${Number(isPrivate)}, 0, 0);
            INSERT INTO party_cohosts VALUES ('${roomId}', '${roomId}', 'co', 'MODERATOR');
            INSERT INTO party_attendees VALUES ('${roomId}-1', '${roomId}', 'ann', 'GOING'), ('${roomId}-2', '${roomId}', 'bob', 'MAYBE');
            INSERT INTO chat_rooms (id, party_id, created_at) VALUES ('${roomId}', '${roomId}', 0); COMMIT;`);
        return roomId;
    }

    /* Two devices each of ann and bob, all in the room. */
    async function devices(roomId) {
        const all = [];
        for (const id of ["ann", "ann", "bob", "bob"]) {
            all.push(await user(server, id));
            await join(all.at(-1), roomId);
        }
        return all;
    }

    const rejected = async (socket, event, payload, code, message) => {
        const answer = await ask(socket, event, payload);
        assert.equal(answer.ok, false, JSON.stringify(answer));
        assert.equal(answer.error.code, code, JSON.stringify(answer));
        if (message)
            assert.equal(answer.error.message, message);
        const error = await socket.inbox.next("error", (e) => e.event === event);
        assert.deepEqual([error.code, error.message], [code, answer.error.message]);
    };

    const accepted = async (socket, event, payload) => {
        const answer = await ask(socket, event, payload);
        assert.equal(answer.ok, true, JSON.stringify(answer));
        return answer;
    };

    const history = async (socket, roomId) => (await accepted(socket, "chat:history", { roomId })).messages;

    test("a message is the log's entry, with rev and seq, and replies show what they answer", async () => {
        const roomId = makeRoom();
        const all = await devices(roomId);
        const question = await say(all[0], roomId, "what? ".repeat(50));
        assert.equal(question.seq, 1);
        const answer = await say(all[2], roomId, "that", { replyTo: question.id });
        for (const socket of all) {
            const message = await heard(socket, "that");
            assert.deepEqual([message.seq, message.rev], [2, 2]);
            assert.deepEqual(message.replyTo, { id: question.id, senderId: "ann", username: "ANN",
                content: "what? ".repeat(50).slice(0, 100), type: "TEXT", deleted: false });
        }
        await accepted(all[0], "chat:delete", { roomId, messageId: question.id });
        const late = (await history(all[1], roomId)).find((m) => m.id === answer.id);
        assert.deepEqual([late.replyTo.id, late.replyTo.content, late.replyTo.deleted], [question.id, "", true]);
        const elsewhere = makeRoom();
        await join(all[0], elsewhere);
        await rejected(all[0], "chat:message", { roomId: elsewhere, content: "x", replyTo: question.id }, "not_found");
        await rejected(all[0], "chat:message", { roomId, content: "x", replyTo: "nothing" }, "not_found");
    });

    test("edits reach every device of everybody; only own ones", async () => {
        const roomId = makeRoom();
        const all = await devices(roomId);
        const { id } = await say(all[0], roomId, "frist");
        const edit = await accepted(all[1], "chat:edit", { roomId, messageId: id, content: "first" });
        assert.equal(edit.seq, 2);
        for (const socket of all) {
            assert.deepEqual(await socket.inbox.next("chat:message_edited"), { roomId, messageId: id, seq: 2, userId: "ann",
                content: "first", editedAt: edit.editedAt });
        }
        const again = await accepted(all[0], "chat:edit", { roomId, messageId: id, content: "first" });
        assert.deepEqual([again.seq, again.editedAt], [2, edit.editedAt]);
        await silent(all[2], "chat:message_edited", all[0], roomId);
        const [message] = await history(all[3], roomId);
        assert.deepEqual([message.content, message.seq, message.rev, message.editedAt], ["first", 1, 2, edit.editedAt]);

        await rejected(all[2], "chat:edit", { roomId, messageId: id, content: "mine now" }, "forbidden");
        await rejected(all[0], "chat:edit", { roomId, messageId: "nothing", content: "x" }, "not_found");
        await rejected(all[0], "chat:edit", { roomId, messageId: id, content: "" }, "bad_request", "Message content is required");
        await rejected(all[0], "chat:edit", { roomId, messageId: id, content: "a\u0000" }, "bad_request");
        await rejected(all[0], "chat:edit", { roomId, messageId: id, content: "x".repeat(4001) }, "too_long");
        await rejected(all[0], "chat:edit", { roomId, messageId: id }, "bad_request");
        const outside = await user(server, "ann");
        await rejected(outside, "chat:edit", { roomId, messageId: id, content: "x" }, "not_a_member");
        const other = makeRoom();
        await join(all[0], other);
        await rejected(all[0], "chat:edit", { roomId: other, messageId: id, content: "x" }, "not_found");
    });

    test("deleting takes the content away everywhere: own messages, and any by host and cohosts", async () => {
        const roomId = makeRoom();
        const all = await devices(roomId);
        const [host, co] = [await user(server, "host"), await user(server, "co")];
        await join(host, roomId);
        await join(co, roomId);
        const said = [];
        for (const text of ["one", "two", "three"])
            said.push(await say(all[0], roomId, text, { mediaUrl: "https://img.example/1.jpg", type: "IMAGE" }));
        await accepted(all[2], "chat:react", { roomId, messageId: said[0].id, emoji: "🎉" });

        await rejected(all[2], "chat:delete", { roomId, messageId: said[0].id }, "forbidden");
        await rejected(all[2], "chat:delete", { roomId, messageId: "nothing" }, "not_found");
        await rejected(await user(server, "ann"), "chat:delete", { roomId, messageId: said[0].id }, "not_a_member");
        const gone = [await accepted(all[1], "chat:delete", { roomId, messageId: said[0].id }),
            await accepted(host, "chat:delete", { roomId, messageId: said[1].id }),
            await accepted(co, "chat:delete", { roomId, messageId: said[2].id })];
        assert.deepEqual(gone.map((g) => g.seq), [5, 6, 7]);
        for (const socket of [...all, host, co]) {
            const events = await socket.inbox.take("chat:message_deleted", 3);
            assert.deepEqual(events.map((e) => [e.roomId, e.messageId, e.seq, e.userId, e.deletedAt]), [
                [roomId, said[0].id, 5, "ann", gone[0].deletedAt], [roomId, said[1].id, 6, "host", gone[1].deletedAt],
                [roomId, said[2].id, 7, "co", gone[2].deletedAt]]);
        }
        for (const [i, message] of (await history(all[3], roomId)).entries()) {
            assert.deepEqual([message.content, message.mediaUrl, message.deletedAt, message.reactions, message.rev],
                ["", null, gone[i].deletedAt, undefined, 5 + i]);
        }
        assert.deepEqual(sql(server.db, `SELECT content, media_url FROM chat_messages WHERE room_id = '${roomId}'
            AND (content <> '' OR media_url IS NOT NULL)`), []);
        const again = await accepted(host, "chat:delete", { roomId, messageId: said[0].id });
        assert.deepEqual([again.seq, again.deletedAt], [5, gone[0].deletedAt]);
        await silent(all[2], "chat:message_deleted", all[0], roomId);
        await rejected(all[0], "chat:edit", { roomId, messageId: said[0].id, content: "back" }, "not_found");
        await rejected(all[0], "chat:react", { roomId, messageId: said[0].id, emoji: "🎉" }, "not_found");
    });

    test("reactions are counted, once for a user", async () => {
        const roomId = makeRoom();
        const all = await devices(roomId);
        const { id: messageId } = await say(all[0], roomId, "party");
        const react = (socket, emoji) => accepted(socket, "chat:react", { roomId, messageId, emoji });
        assert.equal((await react(all[0], "🎉")).count, 1);
        assert.equal((await react(all[2], "🎉")).count, 2);
        assert.equal((await react(all[3], "🎉")).count, 2, "bob's other device");
        assert.equal((await react(all[2], "👨‍👩‍👧‍👦")).seq, 4);
        assert.equal((await accepted(all[1], "chat:unreact", { roomId, messageId, emoji: "🎉" })).count, 1);
        assert.equal((await accepted(all[1], "chat:unreact", { roomId, messageId, emoji: "🎉" })).seq, 5, "nothing to take back");
        for (const socket of all) {
            const events = await socket.inbox.take("chat:reaction", 4);
            assert.deepEqual(events.map((e) => [e.messageId, e.seq, e.userId, e.emoji, e.added, e.count]), [
                [messageId, 2, "ann", "🎉", true, 1], [messageId, 3, "bob", "🎉", true, 2],
                [messageId, 4, "bob", "👨‍👩‍👧‍👦", true, 1], [messageId, 5, "ann", "🎉", false, 1]]);
        }
        await silent(all[0], "chat:reaction", all[2], roomId);
        assert.deepEqual((await history(all[0], roomId))[0].reactions,
            [{ emoji: "🎉", count: 1, mine: false }, { emoji: "👨‍👩‍👧‍👦", count: 1, mine: false }]);
        assert.deepEqual((await history(all[3], roomId))[0].reactions.map((r) => r.mine), [true, true]);

        for (const emoji of ["", "like", "🎉 🎉", "a\u0000", "🎉".repeat(17), 7, "\ud83c"])
            await rejected(all[0], "chat:react", { roomId, messageId, emoji }, "bad_request");
        await rejected(all[0], "chat:react", { roomId, messageId: "nothing", emoji: "🎉" }, "not_found");
        await rejected(all[0], "chat:unreact", { roomId, messageId: "nothing", emoji: "🎉" }, "not_found");
        await rejected(all[0], "chat:unreact", { roomId, messageId, emoji: "x" }, "bad_request");
        const outside = await user(server, "ann");
        await rejected(outside, "chat:react", { roomId, messageId, emoji: "🎉" }, "not_a_member");
        await rejected(outside, "chat:unreact", { roomId, messageId, emoji: "🎉" }, "not_a_member");
        for (let i = 0; i < 18; i++)
            await react(all[0], String.fromCodePoint(0x1f600 + i));
        await rejected(all[0], "chat:react", { roomId, messageId, emoji: "🥳" }, "too_many");
    });

    test("history by pages, in both directions, with and without acknowledgement", async () => {
        const roomId = makeRoom();
        const ann = await user(server, "ann");
        await join(ann, roomId);
        for (let i = 1; i <= 130; i++)
            ann.emit("chat:message", { roomId, content: `n${i}` });
        await heard(ann, "n130");
        const page = async (payload) => {
            const { messages, more, lastSeq } = await accepted(ann, "chat:history", { roomId, ...payload });
            assert.equal(lastSeq, 130);
            return [messages.length, messages[0]?.seq, messages.at(-1)?.seq, more];
        };
        assert.deepEqual(await page({}), [50, 81, 130, true]);
        assert.deepEqual(await page({ before: 81 }), [50, 31, 80, true]);
        assert.deepEqual(await page({ before: 31, limit: 100 }), [30, 1, 30, false]);
        assert.deepEqual(await page({ before: 31, limit: 30 }), [30, 1, 30, false]);
        assert.deepEqual(await page({ before: 1 }), [0, undefined, undefined, false]);
        assert.deepEqual(await page({ after: 0, limit: 100 }), [100, 1, 100, true]);
        assert.deepEqual(await page({ after: 100, limit: 30 }), [30, 101, 130, false]);
        assert.deepEqual(await page({ after: 130 }), [0, undefined, undefined, false]);
        assert.deepEqual(await page({ after: 9999 }), [0, undefined, undefined, false]);
        ann.emit("chat:history", { roomId, before: 4, limit: 2 });
        const event = await ann.inbox.next("chat:history");
        assert.deepEqual([event.roomId, event.messages.map((m) => m.seq), event.more, event.lastSeq], [roomId, [2, 3], true, 130]);

        for (const bad of [{ limit: 101 }, { limit: 0 }, { before: 0 }, { before: 5, after: 3 }, { after: -1 }, { after: "x" }])
            await rejected(ann, "chat:history", { roomId, ...bad }, "bad_request");
        const eve = await user(server, "eve");
        await rejected(eve, "chat:history", { roomId }, "forbidden", "Cannot access this room");
        await rejected(ann, "chat:history", { roomId: "nowhere" }, "forbidden");
    });

    test("a join tells how far the log goes", async () => {
        const roomId = makeRoom();
        const ann = await user(server, "ann");
        await join(ann, roomId);
        const { id } = await say(ann, roomId, "x");
        await accepted(ann, "chat:react", { roomId, messageId: id, emoji: "🎉" });
        const bob = await user(server, "bob");
        assert.deepEqual(await accepted(bob, "chat:join", { roomId }), { ok: true, roomId, lastSeq: 2 });
        const event = await bob.inbox.next("chat:history");
        assert.deepEqual([event.lastSeq, event.more, event.messages.length], [2, false, 1]);
    });

    test("read cursors and unread counts, the same on all devices", async () => {
        const roomId = makeRoom();
        const [ann, ann2, bob, bob2] = await devices(roomId);
        const said = [];
        for (const text of ["1", "2", "3"])
            said.push(await say(bob, roomId, text));
        await say(ann, roomId, "4");
        const mine = async (socket) => (await accepted(socket, "chat:unread", {})).rooms.find((r) => r.roomId === roomId);
        assert.deepEqual(await mine(ann), { roomId, seq: 0, lastSeq: 4, unread: 3, more: false });
        assert.deepEqual(await mine(bob), { roomId, seq: 0, lastSeq: 4, unread: 1, more: false });

        assert.deepEqual(await accepted(ann, "chat:read", { roomId, seq: 2 }),
            { ok: true, roomId, seq: 2, lastSeq: 4, unread: 1, more: false });
        assert.deepEqual(await ann2.inbox.next("chat:unread"), { rooms: [{ roomId, seq: 2, lastSeq: 4, unread: 1, more: false }] });
        assert.deepEqual(await mine(ann2), { roomId, seq: 2, lastSeq: 4, unread: 1, more: false });
        assert.equal((await accepted(ann2, "chat:read", { roomId, seq: 1 })).seq, 2, "never back");
        await silent(ann, "chat:unread", bob, roomId);
        assert.equal((await accepted(ann2, "chat:read", { roomId, seq: 9999 })).seq, 5, "nobody reads the future");
        assert.equal((await ann.inbox.next("chat:unread")).rooms[0].unread, 0);
        assert.deepEqual(bob.inbox.all("chat:unread").concat(bob2.inbox.all("chat:unread"), ann2.inbox.all("chat:unread")), []);

        await accepted(bob, "chat:delete", { roomId, messageId: said[0].id });
        assert.equal((await mine(ann)).unread, 0);
        bob2.emit("chat:unread");
        const event = await bob2.inbox.next("chat:unread");
        assert.equal(event.rooms.find((r) => r.roomId === roomId).unread, 1);

        const eve = await user(server, "eve");
        assert.deepEqual((await accepted(eve, "chat:unread", {})).rooms, []);
        await rejected(eve, "chat:read", { roomId, seq: 1 }, "forbidden");
        await rejected(ann, "chat:read", { roomId, seq: -1 }, "bad_request");
        await rejected(ann, "chat:read", { roomId }, "bad_request");
        const open = makeRoom({ isPrivate: false });
        await join(ann, open);
        await say(ann, open, "for everybody");
        await accepted(eve, "chat:read", { roomId: open, seq: 0 });
        assert.equal((await accepted(eve, "chat:read", { roomId: open, seq: 1 })).unread, 0);
        assert.deepEqual((await accepted(eve, "chat:unread", {})).rooms.map((r) => [r.roomId, r.unread]), [[open, 0]]);
    });

    test("typing ends by itself, by leaving and by losing the connection", async () => {
        const roomId = makeRoom();
        const [ann, ann2, bob] = await devices(roomId);
        const typing = () => bob.inbox.next("chat:user_typing");
        const start = Date.now();
        await accepted(ann, "chat:typing", { roomId, isTyping: true });
        assert.deepEqual(await typing(), { userId: "ann", username: "ann", isTyping: true, roomId });
        await accepted(ann, "chat:typing", { roomId, isTyping: true });
        assert.equal((await typing()).isTyping, true);
        assert.deepEqual(await typing(), { userId: "ann", username: "ann", isTyping: false, roomId });
        assert.ok(Date.now() - start >= TYPING_TTL_MS - 5, `ended after ${Date.now() - start} ms`);
        assert.equal((await ann2.inbox.take("chat:user_typing", 3)).at(-1).isTyping, false);

        await accepted(ann, "chat:typing", { roomId, isTyping: true });
        ann.emit("chat:leave", { roomId });
        assert.deepEqual([(await typing()).isTyping, (await typing()).isTyping], [true, false]);
        await accepted(ann2, "chat:typing", { roomId, isTyping: true });
        ann2.disconnect();
        assert.deepEqual([(await typing()).isTyping, (await typing()).isTyping], [true, false]);
        await rejected(ann, "chat:typing", { roomId, isTyping: true }, "not_a_member");
        await join(ann, roomId);
        const rooms = Array.from({ length: 16 }, () => makeRoom());
        for (const room of rooms) {
            await join(ann, room);
            await accepted(ann, "chat:typing", { roomId: room, isTyping: true });
        }
        await rejected(ann, "chat:typing", { roomId, isTyping: true }, "too_many");
    });

    test("sync of several rooms at once: pages, forbidden ones, bad questions", async () => {
        const rooms = [makeRoom(), makeRoom(), makeRoom()];
        const ann = await user(server, "ann");
        for (const roomId of rooms) {
            await join(ann, roomId);
            for (let i = 1; i <= 120; i++)
                ann.emit("chat:message", { roomId, content: `${roomId} ${i}` });
            await heard(ann, `${roomId} 120`);
        }
        const first = (await history(ann, rooms[0]))[0];
        await accepted(ann, "chat:edit", { roomId: rooms[0], messageId: first.id, content: "edited" });
        const bob = await user(server, "bob");
        const ask3 = (after) => rooms.map((roomId, i) => ({ roomId, afterSeq: after[i] }));
        const { rooms: logs } = await accepted(bob, "chat:sync", { rooms: ask3([0, 0, 0]) });
        assert.deepEqual(logs.map((l) => [l.roomId, l.messages.length, l.seq, l.lastSeq, l.more]), [
            [rooms[0], 100, 100, 121, true], [rooms[1], 100, 100, 120, true], [rooms[2], 0, 0, 120, true]]);
        const { rooms: rest } = await accepted(bob, "chat:sync", { rooms: ask3([100, 119, 120]) });
        assert.deepEqual(rest.map((l) => [l.messages.length, l.changes.length, l.seq, l.more]),
            [[21, 1, 121, false], [1, 0, 120, false], [0, 0, 120, false]]);
        assert.deepEqual([rest[0].messages[0].content, rest[0].messages[0].id, rest[0].messages[0].rev], ["edited", first.id, 121]);
        const [change] = rest[0].changes;
        assert.deepEqual([change.seq, change.kind, change.messageId, change.userId], [121, "edit", first.id, "ann"]);
        const single = await accepted(bob, "chat:sync", { roomId: rooms[1], afterSeq: 118 });
        assert.deepEqual([single.roomId, single.messages.map((m) => m.seq), single.more], [rooms[1], [119, 120], false]);
        bob.emit("chat:sync", { roomId: rooms[1], afterSeq: 500 });
        assert.deepEqual(await bob.inbox.next("chat:sync"),
            { rooms: [{ roomId: rooms[1], messages: [], changes: [], seq: 120, lastSeq: 120, more: false }] });

        const open = makeRoom({ isPrivate: false });
        const eve = await user(server, "eve");
        const mixed = await accepted(eve, "chat:sync", { rooms: [{ roomId: rooms[0], afterSeq: 0 }, { roomId: open, afterSeq: 0 }] });
        assert.deepEqual(mixed.rooms, [{ roomId: rooms[0], error: { code: "forbidden", message: "Cannot access this room" } },
            { roomId: open, messages: [], changes: [], seq: 0, lastSeq: 0, more: false }]);
        await rejected(eve, "chat:sync", { roomId: rooms[0], afterSeq: 0 }, "forbidden", "Cannot access this room");
        for (const bad of [{}, { roomId: open }, { afterSeq: 1 }, { rooms: [] }, { rooms: [{ roomId: open }] }, { rooms: "x" },
            { rooms: [{ roomId: open, afterSeq: 0 }, { roomId: open, afterSeq: 0 }] }, { roomId: open, afterSeq: -1 },
            { roomId: open, afterSeq: 0, rooms: [{ roomId: open, afterSeq: 0 }] },
            { rooms: Array.from({ length: 51 }, (_, i) => ({ roomId: `r${i}`, afterSeq: 0 })) }])
            await rejected(eve, "chat:sync", bad, "bad_request");
    });

    test("who is no guest any more cannot speak, change, read or stay", async () => {
        const roomId = makeRoom();
        const [ann, ann2, bob] = await devices(roomId);
        const ann3 = await joined("ann", roomId);
        const { id } = await say(ann, roomId, "hello");
        sql(server.db, `UPDATE party_attendees SET status = 'NOT_GOING' WHERE party_id = '${roomId}' AND user_id = 'ann'`);
        await rejected(ann, "chat:message", { roomId, content: "still here" }, "forbidden", "Cannot access this room");
        const left = await bob.inbox.next("chat:user_left");
        assert.deepEqual([left.userId, left.roomId], ["ann", roomId]);
        await rejected(ann2, "chat:react", { roomId, messageId: id, emoji: "🎉" }, "forbidden", "Cannot access this room");
        await rejected(ann3, "chat:unreact", { roomId, messageId: id, emoji: "🎉" }, "forbidden", "Cannot access this room");
        assert.equal((await bob.inbox.take("chat:user_left", 2)).length, 2, "they are out as well");
        await rejected(ann, "chat:message", { roomId, content: "still here" }, "not_a_member");
        await rejected(ann, "chat:edit", { roomId, messageId: id, content: "x" }, "not_a_member");
        for (const [event, payload] of [["chat:sync", { roomId, afterSeq: 0 }], ["chat:history", { roomId }], ["chat:join", { roomId }],
            ["chat:read", { roomId, seq: 1 }]])
            await rejected(ann, event, payload, "forbidden", "Cannot access this room");
        assert.equal((await accepted(ann, "chat:unread", {})).rooms.some((r) => r.roomId === roomId), false);
    });

    test("messages that the backend wrote get their numbers, before us and beside us", async () => {
        const roomId = makeRoom();
        const write = (id, at) => sql(server.db, `INSERT INTO chat_messages (id, room_id, sender_id, content, type, created_at)
            VALUES (${quote(id)}, '${roomId}', 'host', ${quote(id)}, 'TEXT', ${at})`);
        const name = (n) => `${roomId}-${n}`;
        for (const n of [3, 1, 2])
            write(name(n), 1000 * n);
        const ann = await user(server, "ann");
        const bob = await user(server, "bob");
        const messages = await join(ann, roomId);
        assert.deepEqual(messages.map((m) => [m.seq, m.content]), [[1, name(1)], [2, name(2)], [3, name(3)]]);
        await join(bob, roomId);
        write(name(4), Date.now());
        await until(() => sql(server.db, `SELECT ${Date.now()} > max(created_at) AS past FROM chat_messages
            WHERE room_id = '${roomId}'`)[0].past, "the clock to tick");
        assert.equal((await say(bob, roomId, "mine")).seq, 5, "the other one is told first");
        assert.deepEqual((await ann.inbox.take("chat:new_message", 2)).map((m) => [m.seq, m.content]), [[4, name(4)], [5, "mine"]]);
        write(name(5), Date.now());
        const log = await accepted(bob, "chat:sync", { roomId, afterSeq: 5 });
        assert.deepEqual(log.messages.map((m) => [m.seq, m.content]), [[6, name(5)]]);
        assert.equal((await ann.inbox.next("chat:new_message")).seq, 6, "those who are in the room hear of it too");
        const edit = await accepted(await joined("host", roomId), "chat:edit", { roomId, messageId: name(1), content: "new" });
        assert.equal(edit.seq, 7);
    });

    async function joined(id, roomId) {
        const socket = await user(server, id);
        await join(socket, roomId);
        return socket;
    }

    /* ---- anything, in any order ---------------------------------------------------------------------- */

    const EMOJIS = ["🎉", "❤️", "👍", "😂"];

    for (const seed of process.env.CHAT_SEED ? [Number(process.env.CHAT_SEED)] : [1, 2, 3].map((n) => n * Date.now() % 1000000)) {
        test(`after sync a client knows what the server knows, seed ${seed}`, () => within(storm(seed, 400), "the storm", 60000));
    }

    async function storm(seed, steps) {
        const next = random(seed);
        const pick = (list) => list[Math.floor(next() * list.length)];
        const roomId = makeRoom();
        const clients = [];
        for (const id of ["ann", "ann", "bob", "host"])
            clients.push({ id, model: new RoomModel(roomId, id), socket: null });
        const known = []; /* ids of messages */
        const connect = async (client) => {
            client.socket = await user(server, client.id);
            client.model.listen(client.socket);
            await accepted(client.socket, "chat:join", { roomId });
            await client.model.sync(client.socket);
        };
        for (const client of clients)
            await connect(client);
        const underway = new Set();
        const emit = (client, event, payload) => {
            const done = new Promise((resolve) => {
                client.socket.once("disconnect", resolve);
                client.socket.emit(event, { roomId, ...payload }, (answer) => {
                    if (event === "chat:message" && answer.ok)
                        known.push(answer.id);
                    resolve();
                });
            }).then(() => underway.delete(done));
            underway.add(done);
        };
        const acts = {
            say: (c) => emit(c, "chat:message", { content: `m${next()}`, ...(next() < 0.3 && known.length ? { replyTo: pick(known) } : {}) }),
            edit: (c) => emit(c, "chat:edit", { messageId: pick(known), content: `e${next()}` }),
            remove: (c) => emit(c, "chat:delete", { messageId: pick(known) }),
            react: (c) => emit(c, "chat:react", { messageId: pick(known), emoji: pick(EMOJIS) }),
            unreact: (c) => emit(c, "chat:unreact", { messageId: pick(known), emoji: pick(EMOJIS) }),
        };
        const odds = ["say", "say", "say", "edit", "edit", "remove", "react", "react", "react", "unreact", "drop"];
        for (let i = 0; i < steps; i++) {
            const client = pick(clients);
            if (!client.socket?.connected) {
                await connect(client);
                continue;
            }
            const act = known.length ? pick(odds) : "say";
            if (act === "drop")
                client.socket[next() < 0.5 ? "disconnect" : "close"]();
            else
                acts[act](client);
            if (next() < 0.2)
                await Promise.all(underway);
        }
        await Promise.all(underway);
        for (const client of clients.filter((c) => !c.socket.connected))
            await connect(client);
        for (const client of clients) {
            await client.model.sync(client.socket);
            const truth = (await wholeHistory(client.socket, roomId)).map(plain);
            assert.ok(truth.length > steps / 10, `${truth.length} messages`);
            assert.deepEqual(client.model.list(), truth, `seed ${seed}, ${client.id}`);
            assert.deepEqual(client.model.seen, client.model.seen.map((_, i) => i + 1), "every number once, in order");
            assert.equal(client.model.hasHole, false);
        }
    }
});
