/* Notifications: two users with two devices each, what one device reads the other learns. How they come into being is in
 * api.test.mjs; here the rows are written into the database, as the REST backend does. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { unique, user } from "./lib/chat.mjs";
import { ask, closeAll, plain } from "./lib/client.mjs";
import { SECRET, partyline, sql } from "./lib/server.mjs";
import { userToken } from "./lib/token.mjs";

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe("notifications", () => {
    let server;
    before(async () => { server = await partyline(); });
    after(() => server?.stop());
    afterEach(closeAll);

    function makeUser(id) {
        sql(server.db, `INSERT OR IGNORE INTO users (id, firebase_id, email, created_at, updated_at)
            VALUES ('${id}', 'f-${id}', '${id}@example.com', 0, 0)`);
        return id;
    }

    /* n of them, oldest first, two to a millisecond; their ids. */
    function make(userId, n, extra = {}) {
        const ids = Array.from({ length: n }, (_, i) => `${unique("n")}-${String(i).padStart(4, "0")}`);
        const rows = ids.map((id, i) => `('${id}', '${userId}', '${extra.type ?? "NEW_FOLLOWER"}', 'title ${i}', 'body ${i}',
            ${extra.data ? `'${JSON.stringify(extra.data)}'` : "NULL"}, 0, ${1700000000000 + Math.floor(i / 2)})`);
        sql(server.db, `INSERT INTO notifications (id, user_id, type, title, body, data, is_read, created_at) VALUES ${rows.join(",")}`);
        return ids;
    }

    async function twoUsers() {
        const [annId, bobId] = [makeUser(unique("ann")), makeUser(unique("bob"))];
        return { annId, bobId, ann: [await user(server, annId), await user(server, annId)],
            bob: [await user(server, bobId), await user(server, bobId)] };
    }

    test("own ones are marked as read, the other device learns of it, and nobody else", async () => {
        const { annId, bobId, ann, bob } = await twoUsers();
        const mine = make(annId, 4);
        const [his] = make(bobId, 1);

        const answer = await ask(ann[0], "notifications:mark_read", [mine[1], his, "unknown", mine[1], mine[0]]);
        assert.deepEqual(answer, { ok: true, ids: [mine[1], mine[0]], unread: 2 });
        assert.deepEqual(await ann[1].inbox.next("notifications:read"), { ids: [mine[1], mine[0]], unread: 2 });
        assert.deepEqual(sql(server.db, `SELECT id FROM notifications WHERE is_read = 1 AND user_id = '${annId}' ORDER BY id`)
            .map((row) => row.id), [mine[0], mine[1]]);
        assert.deepEqual(await ask(bob[0], "notifications:unread"), { ok: true, unread: 1 });

        /* Once more changes nothing and is told to nobody: the next that the other device hears is of the third. */
        assert.deepEqual(await ask(ann[0], "notifications:mark_read", [mine[0]]), { ok: true, ids: [], unread: 2 });
        assert.deepEqual(await ask(ann[0], "notifications:mark_read", []), { ok: true, ids: [], unread: 2 });
        await ask(ann[0], "notifications:mark_read", [mine[2]]);
        assert.deepEqual(await ann[1].inbox.next("notifications:read"), { ids: [mine[2]], unread: 1 });
        assert.deepEqual(await ask(bob[1], "notifications:mark_all_read"), { ok: true, changed: 1, unread: 0 });
        assert.deepEqual(await bob[0].inbox.next("notifications:read"), { all: true, unread: 0 });
        for (const socket of [ann[0], bob[1], ann[1]])
            assert.deepEqual(socket.inbox.all("notifications:read"), []);
    });

    test("the seed's call, without an acknowledgement", async () => {
        const { annId, ann } = await twoUsers();
        const [id] = make(annId, 1);
        ann[0].emit("notifications:mark_read", [id]);
        assert.deepEqual(await ann[1].inbox.next("notifications:read"), { ids: [id], unread: 0 });
        assert.deepEqual(ann[0].inbox.all("error"), []);
    });

    test("all are marked as read; once more is told to nobody", async () => {
        const { annId, ann } = await twoUsers();
        make(annId, 30);
        assert.deepEqual(await ask(ann[1], "notifications:mark_all_read"), { ok: true, changed: 30, unread: 0 });
        assert.deepEqual(await ann[0].inbox.next("notifications:read"), { all: true, unread: 0 });
        assert.deepEqual(await ask(ann[1], "notifications:mark_all_read", {}), { ok: true, changed: 0, unread: 0 });
        const [id] = make(annId, 1);
        await ask(ann[1], "notifications:mark_read", [id]);
        assert.deepEqual(await ann[0].inbox.next("notifications:read"), { ids: [id], unread: 0 });
    });

    test("a list in pages, newest first, of all or of the unread", async () => {
        const { annId, ann: [ann] } = await twoUsers();
        const ids = make(annId, 23, { type: "TAGGED_IN_MEDIA", data: { mediaId: "m1", tags: [1, "ü"] } });
        await ask(ann, "notifications:mark_read", ids.filter((_, i) => i % 4 === 0));

        for (const [limit, unread] of [[1], [4], [5, false], [22], [23], [100], [3, true]]) {
            const expected = [...ids].reverse().filter((id) => !unread || ids.indexOf(id) % 4 !== 0);
            const got = [];
            for (let before; ;) {
                const page = await ask(ann, "notifications:list", { limit, unread, before });
                assert.equal(page.ok, true, JSON.stringify(page));
                assert.equal(page.unread, 17);
                assert.ok(page.notifications.length <= limit);
                got.push(...page.notifications);
                if (!page.next)
                    break;
                assert.equal(page.notifications.length, limit);
                before = page.next;
            }
            assert.deepEqual(got.map((n) => n.id), expected, `limit ${limit}, unread ${unread}`);
            for (const n of got)
                assert.equal(n.isRead, ids.indexOf(n.id) % 4 === 0);
        }
        const { notifications: [first] } = await ask(ann, "notifications:list", { limit: 1 });
        assert.match(first.createdAt, ISO);
        assert.deepEqual(first, { id: ids[22], type: "TAGGED_IN_MEDIA", title: "title 22", body: "body 22",
            data: { mediaId: "m1", tags: [1, "ü"] }, isRead: false, createdAt: first.createdAt });
    });

    test("without an acknowledgement lists and counts come as events", async () => {
        const { annId, ann } = await twoUsers();
        const ids = make(annId, 3);
        ann[0].emit("notifications:list", { limit: 2 });
        const page = await ann[0].inbox.next("notifications:list");
        assert.deepEqual(page.notifications.map((n) => n.id), [ids[2], ids[1]]);
        ann[0].emit("notifications:list", { limit: 2, before: page.next });
        const last = await ann[0].inbox.next("notifications:list");
        assert.deepEqual(last.notifications.map((n) => n.id), [ids[0]]);
        assert.equal("next" in last, false);
        ann[0].emit("notifications:unread");
        assert.deepEqual(await ann[0].inbox.next("notifications:unread"), { unread: 3 });
        assert.deepEqual(ann[1].inbox.all("notifications:list"), []);
    });

    test("a plain WebSocket client takes part", async () => {
        const { annId, ann } = await twoUsers();
        const [id] = make(annId, 1);
        const ws = await plain(server.url, userToken(SECRET, annId));
        ws.emitEvent("notifications:mark_read", [id]);
        assert.deepEqual(await ann[0].inbox.next("notifications:read"), { ids: [id], unread: 0 });
    });

    test("many at once", async () => {
        const { annId, ann: [ann] } = await twoUsers();
        const ids = make(annId, 1000);
        assert.deepEqual(await ask(ann, "notifications:mark_read", ids), { ok: true, ids, unread: 0 });
    });

    const refusals = [
        ["notifications:mark_read", undefined], ["notifications:mark_read", {}], ["notifications:mark_read", "n1"],
        ["notifications:mark_read", [1]], ["notifications:mark_read", [""]], ["notifications:mark_read", ["a\u0000b"]],
        ["notifications:mark_read", ["x".repeat(65)]], ["notifications:mark_read", Array(1001).fill("x")],
        ["notifications:mark_all_read", "x"], ["notifications:unread", [1]], ["notifications:list", { limit: 0 }], ["notifications:list", { limit: 101 }], ["notifications:list", { limit: "5" }],
        ["notifications:list", { unread: "yes" }], ["notifications:list", { before: 7 }],
        ...["", "x", "5", "5.", ".x", "99999999999999999999.x", "-5.x", "999999999999999.x"]
            .map((before) => ["notifications:list", { before }]),
    ];
    test("malformed payloads are refused, by acknowledgement and event", async () => {
        const { ann: [ann] } = await twoUsers();
        for (const [event, payload] of refusals) {
            const answer = payload === undefined ? await ask(ann, event) : await ask(ann, event, payload);
            const what = `${event} ${JSON.stringify(payload)?.slice(0, 80)}`;
            assert.equal(answer.ok, false, what);
            assert.equal(answer.error.code, "bad_request", what);
            assert.ok(answer.error.message, what);
            assert.deepEqual(await ann.inbox.next("error"), { message: answer.error.message, code: "bad_request", event }, what);
        }
    });
});
