/* The HTTP API, by fetch, and what real clients get of it. At the end the OpenAPI document is held against everything that was asked
 * and answered: every operation answers, and as it is described.
 *
 * Events that no catalogue knows, since other services make them up, are called service:SOMETHING here. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { heard, join, say, unique, user } from "./lib/chat.mjs";
import { ask, client, closeAll, refused as refusedClient } from "./lib/client.mjs";
import { Raw, exchange, request } from "./lib/raw.mjs";
import { SECRET, partyline, sql } from "./lib/server.mjs";
import { userToken } from "./lib/token.mjs";
import { within } from "./lib/wait.mjs";

const KEY = "api-key-of-the-interop-tests";
const CUID = /^c[a-z0-9]{24}$/;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/* Forbids members that a schema does not name. */
function close(schema) {
    if (Array.isArray(schema))
        return schema.map(close);
    if (schema === null || typeof schema !== "object")
        return schema;
    const closed = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, close(value)]));
    return schema.type === "object" && schema.properties ? { ...closed, additionalProperties: false } : closed;
}

describe("the HTTP API", () => {
    let server;
    const seen = []; /* {method, path, status, body} */
    before(async () => { server = await partyline({ env: { API_KEY: KEY, API_MAX_BODY: "20000", PRESENCE_GRACE: "0" } }); });
    after(() => server?.stop());
    afterEach(closeAll);

    async function api(method, path, body, { headers = {}, key = KEY, raw } = {}) {
        const answer = await fetch(`${server.url}/api/v1${path}`, {
            method,
            headers: { ...(key === null ? {} : { Authorization: `Bearer ${key}` }),
                ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
            body: body === undefined ? undefined : raw ? body : JSON.stringify(body),
        });
        const result = { status: answer.status, headers: answer.headers, body: await answer.json() };
        assert.equal(answer.headers.get("content-type"), "application/json");
        seen.push({ method, path: path.split("?")[0], status: result.status, body: result.body });
        return result;
    }

    async function good(method, path, body, options, status) {
        const answer = await api(method, path, body, options);
        assert.ok(status ? answer.status === status : answer.status < 300, `${answer.status} ${JSON.stringify(answer.body)}`);
        assert.equal(answer.body.success, true);
        return answer.body.data;
    }

    async function refused(status, method, path, body, options) {
        const answer = await api(method, path, body, options);
        assert.equal(answer.status, status, JSON.stringify(answer.body));
        assert.equal(answer.body.success, false);
        assert.ok(answer.body.message);
        assert.ok(Array.isArray(answer.body.errors));
        return answer;
    }

    /* 422, with these members at fault. */
    async function invalid(method, path, body, ...paths) {
        const { body: { errors } } = await refused(422, method, path, body);
        assert.deepEqual(errors.map((e) => e.path), paths);
        for (const error of errors)
            assert.ok(error.message);
    }

    function insert(table, row) {
        const values = Object.values(row).map((v) => (typeof v === "number" ? v : `'${v}'`));
        sql(server.db, `INSERT INTO ${table} (${Object.keys(row)}) VALUES (${values})`);
    }
    function makeUser(id) {
        insert("users", { id, firebase_id: `f-${id}`, email: `${id}@example.com`, username: id, created_at: 0, updated_at: 0 });
        return id;
    }
    function makeParty(hostId, isPrivate = 1) {
        const id = unique("party");
        insert("party_events", { id, host_id: hostId, title: "x", is_private: isPrivate, created_at: 0, updated_at: 0 });
        return id;
    }

    /* The same on a server without --demo, where not every user and room is made up when asked for. */
    async function strictly(fn) {
        const demo = server;
        server = await partyline({ demo: false, env: { API_KEY: KEY } });
        try {
            await fn();
            closeAll();
            await server.stop();
        } finally {
            server = demo;
        }
    }

    /* ---- who may ---- */

    test("without the key nothing is answered, whatever is asked", async () => {
        for (const key of [null, "", "wrong", KEY.slice(0, -1), `${KEY}x`, KEY.toUpperCase()]) {
            const answer = await refused(401, "GET", "/counts", undefined, { key });
            assert.equal(answer.headers.get("www-authenticate"), "Bearer");
            await refused(401, "POST", "/nothing/here", {}, { key });
        }
        await refused(401, "GET", "/counts", undefined, { key: null, headers: { Authorization: `Basic ${KEY}` } });
        await good("GET", "/counts", undefined, { key: null, headers: { Authorization: `bearer ${KEY}` } });
    });

    test("without API_KEY there is no API", async () => {
        const other = await partyline({ demo: false });
        const answer = await fetch(`${other.url}/api/v1/counts`, { headers: { Authorization: "Bearer " } });
        assert.equal(answer.status, 404);
        await other.stop();
    });

    /* ---- requests that are none ---- */

    test("paths, methods, bodies and types that are none", async () => {
        for (const path of ["", "/", "/count", "/counts/", "/counts/x", "/rooms//join", "/openapi"])
            await refused(404, "GET", path);
        assert.equal((await fetch(`${server.url}/api/v12/counts`, { headers: { Authorization: `Bearer ${KEY}` } })).status, 404);
        assert.equal((await refused(405, "GET", "/events")).headers.get("allow"), "POST");
        assert.equal((await refused(405, "PATCH", "/rooms/x/members/y")).headers.get("allow"), "PUT, DELETE");
        await refused(400, "POST", "/events", "{", { raw: true });
        await refused(400, "POST", "/events", "{} {}", { raw: true });
        await refused(400, "POST", "/events");
        await refused(415, "POST", "/events", "{}", { raw: true, headers: { "Content-Type": "text/plain" } });
        await refused(415, "POST", "/events", "{}", { raw: true, headers: { "Content-Type": "application/jsonp" } });
        await refused(413, "POST", "/events", { type: "x".repeat(20000) });
        await refused(413, "POST", "/events", new Blob(["x".repeat(70000)]).stream(), { raw: true }).catch((error) => {
            assert.match(String(error), /duplex/); /* this fetch cannot stream */
        });
        await invalid("POST", "/events", [], "");
        await invalid("POST", "/events", {}, "type", "payload");
        await refused(400, "POST", "/events", {}, { headers: { "Idempotency-Key": "x".repeat(129) } });
        await refused(400, "POST", "/events", {}, { headers: { "Idempotency-Key": "a b" } });
    });

    test("one connection serves many requests, also pipelined and in pieces", async () => {
        const raw = await Raw.open(server.port);
        const headers = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" };
        const note = request("POST", "/api/v1/notifications", { headers, body: JSON.stringify({ userId: "u-raw", type: "NEW_RSVP", title: "t", body: "" }) });
        raw.send(Buffer.concat([request("GET", "/api/v1/counts", { headers }), note, request("GET", "/api/v1/presence?ids=a", { headers })]));
        for (const status of [200, 201, 200])
            assert.equal((await raw.response()).status, status);
        raw.send(note.subarray(0, note.length - 5));
        raw.send(note.subarray(note.length - 5));
        assert.equal((await raw.response()).status, 201);
        raw.destroy();
    });

    test("a client that goes away before its answer does no harm", async () => {
        const headers = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" };
        const userId = unique("gone");
        for (let i = 0; i < 20; i++) {
            const raw = await Raw.open(server.port);
            raw.send(request("POST", "/api/v1/notifications", { headers, body: JSON.stringify({ userId, type: "NEW_RSVP", title: "t", body: "" }) }));
            raw.destroy();
        }
        assert.equal((await exchange(server.port, "GET", "/api/v1/counts", { headers })).status, 200);
    });

    /* ---- events ---- */

    test("PARTY_LIVE, PARTY_MEDIA_ADDED and PARTY_STATUS_CHANGED reach those who watch the party", async () => {
        const partyId = makeParty(makeUser(unique("host")), 0);
        const [watcher, other] = [await user(server, unique("ann")), await user(server, unique("bob"))];
        assert.equal((await ask(watcher, "party:join_live", { partyId })).ok, true);

        assert.deepEqual(await good("POST", "/events", { type: "PARTY_LIVE", payload: { partyId } }, {}, 202), { type: "PARTY_LIVE", partyId });
        assert.deepEqual(await watcher.inbox.next("party:status_changed"), { partyId, status: "LIVE" });
        const media = { id: "m1", url: "https://img.example/ü.jpg", tags: [1, null, { a: "\"" }] };
        await good("POST", "/events", { type: "PARTY_MEDIA_ADDED", payload: { partyId, media } });
        assert.deepEqual(await watcher.inbox.next("party:new_media"), { partyId, media });
        await good("POST", "/events", { type: "PARTY_STATUS_CHANGED", payload: { partyId, status: "ENDED" } });
        assert.deepEqual(await watcher.inbox.next("party:status_changed"), { partyId, status: "ENDED" });
        await ask(other, "presence:check", []);
        assert.deepEqual(other.inbox.all("party:status_changed"), []);

        await invalid("POST", "/events", { type: "PARTY_OVER", payload: {} }, "type");
        await invalid("POST", "/events", { type: "PARTY_LIVE", payload: [] }, "payload");
        await invalid("POST", "/events", { type: "PARTY_LIVE", payload: {} }, "payload.partyId");
        await invalid("POST", "/events", { type: "PARTY_LIVE", payload: { partyId: "x".repeat(65) } }, "payload.partyId");
        await invalid("POST", "/events", { type: "PARTY_MEDIA_ADDED", payload: {} }, "payload.partyId", "payload.media");
        await invalid("POST", "/events", { type: "PARTY_STATUS_CHANGED", payload: { partyId, status: "live" } }, "payload.status");
    });

    /* ---- notifications ---- */

    const note = (userId, extra = {}) => ({ userId, type: "NEW_FOLLOWER", title: "Grüße \"an\" alle", body: "\n😀", ...extra });

    test("a notification is saved, then reaches all devices of its user and nobody else", async () => {
        const [annId, bobId] = [unique("ann"), unique("bob")];
        const devices = [await user(server, annId), await user(server, annId)];
        const bob = await user(server, bobId);
        const sent = await good("POST", "/notifications", note(annId, { data: { partyId: "p1", n: [1] } }), {}, 201);
        assert.match(sent.id, CUID);
        assert.match(sent.createdAt, ISO);
        for (const device of devices)
            assert.deepEqual(await device.inbox.next("notification:new"), sent);
        assert.deepEqual(sent, { id: sent.id, type: "NEW_FOLLOWER", title: "Grüße \"an\" alle", body: "\n😀",
            data: { partyId: "p1", n: [1] }, isRead: false, createdAt: sent.createdAt });
        assert.equal(sql(server.db, `SELECT count(*) AS n FROM notifications WHERE id = '${sent.id}' AND user_id = '${annId}'`)[0].n, 1);
        const list = await ask(devices[0], "notifications:list");
        assert.deepEqual(list.notifications, [sent]);
        assert.deepEqual(await ask(devices[0], "notifications:mark_read", [sent.id]), { ok: true, ids: [sent.id], unread: 0 });
        assert.deepEqual(await devices[1].inbox.next("notifications:read"), { ids: [sent.id], unread: 0 });

        const plain = await good("POST", "/notifications", note(bobId));
        assert.equal("data" in plain, false);
        assert.deepEqual(await bob.inbox.next("notification:new"), plain);
        assert.deepEqual(devices[0].inbox.all("notification:new"), []);
    });

    test("notifications that are none", async () => {
        await invalid("POST", "/notifications", {}, "userId", "type", "title", "body");
        for (const [extra, path] of [[{ userId: 7 }, "userId"], [{ userId: "a\u0000" }, "userId"], [{ userId: "u".repeat(129) }, "userId"],
            [{ type: "new_follower" }, "type"], [{ title: "" }, "title"], [{ title: "x".repeat(256) }, "title"], [{ title: "a\u0000b" }, "title"],
            [{ title: "\ud800" }, "title"], [{ body: null }, "body"], [{ body: "x".repeat(4001) }, "body"], [{ data: "x".repeat(16384) }, "data"]])
            await invalid("POST", "/notifications", note("u", extra), path);
        await strictly(() => refused(404, "POST", "/notifications", note(unique("nobody"))));
    });

    /* ---- emits, rooms and connections ---- */

    test("an event to a room, a user, a connection, everyone", async () => {
        const [annId, bobId] = [unique("ann"), unique("bob")];
        const [ann, ann2, bob] = [await user(server, annId), await user(server, annId), await user(server, bobId)];
        const all = [ann, ann2, bob];
        const reaches = async (target, sockets) => {
            const event = `service:${unique("news")}`;
            await good("POST", "/emit", { ...target, event, args: [1, { "ü": [null, "\u2028"] }, "x"] }, {}, 202);
            const end = `service:${unique("end")}`;
            await good("POST", "/emit", { everyone: true, event: end });
            for (const socket of all) {
                await socket.inbox.next(end);
                const got = socket.inbox.items.filter(([name]) => name === event);
                assert.deepEqual(got, sockets.includes(socket) ? [[event, 1, { "ü": [null, "\u2028"] }, "x"]] : []);
            }
        };
        await reaches({ everyone: true }, all);
        await reaches({ userId: annId }, [ann, ann2]);
        await reaches({ socketId: ann2.id }, [ann2]);
        const room = `${unique("room")} ü/%`;
        const path = `/rooms/${encodeURIComponent(room)}`;
        await reaches({ room }, []);
        assert.deepEqual(await good("POST", `${path}/join`, { userId: annId }, {}, 202), { room });
        await good("POST", `${path}/join`, { socketId: bob.id });
        await reaches({ room }, all);
        await good("POST", `${path}/leave`, { socketId: ann.id });
        await reaches({ room }, [ann2, bob]);
        await good("POST", `${path}/leave`, { userId: annId });
        await reaches({ room }, [bob]);

        await invalid("POST", "/emit", {}, "event");
        await invalid("POST", "/emit", { event: "x" }, "");
        await invalid("POST", "/emit", { event: "x", room: "r", userId: "u" }, "");
        await invalid("POST", "/emit", { event: "disconnect", everyone: true }, "event");
        await invalid("POST", "/emit", { event: "x", everyone: true, args: Array(17).fill(0) }, "args");
        await invalid("POST", "/emit", { event: "x", everyone: "yes" }, "everyone");
        await invalid("POST", `${path}/join`, {}, "");
        await invalid("POST", `${path}/leave`, { userId: "a", socketId: "b" }, "");
        await invalid("POST", `/rooms/${"r".repeat(256)}/join`, { userId: "a" }, "room");
    });

    const tryToken = (token) => client(server.url, { auth: { token }, transports: ["websocket"] });
    const leaves = (socket) => within(new Promise((resolve) => { socket.once("disconnect", resolve); }), "disconnect");

    test("all tokens of a user are taken back", async () => {
        const [id, other] = [unique("user"), unique("user")];
        const devices = [await user(server, id), await user(server, id)];
        const calm = await user(server, other);
        const reasons = devices.map(leaves);
        assert.deepEqual(await good("POST", `/users/${id}/revoke`, undefined, {}, 202), { userId: id });
        assert.deepEqual(await Promise.all(reasons), ["io server disconnect", "io server disconnect"]);
        for (const device of devices) {
            assert.equal((await device.inbox.next("error")).code, "token_revoked");
            assert.equal((await refusedClient(tryToken(device.auth.token))).message, "Invalid token");
        }
        assert.equal((await ask(calm, "auth:refresh", { token: userToken(SECRET, other) })).ok, true);
        await user(server, id, { claims: { iat: Math.floor(Date.now() / 1000) + 1 } }); /* signed in again, later */
        await invalid("POST", `/users/${"x".repeat(129)}/revoke`, undefined, "userId");
    });

    test("one token is taken back, also when it came by auth:refresh", async () => {
        const id = unique("user");
        const [a, b, c] = [await user(server, id, { claims: { jti: `${id}-1` } }), await user(server, id, { claims: { jti: `${id}-2` } }),
            await user(server, id)];
        const second = userToken(SECRET, id, { jti: `${id}-3` });
        assert.equal((await ask(a, "auth:refresh", { token: second })).ok, true);
        assert.deepEqual(await good("POST", `/tokens/${id}-1/revoke`, undefined, {}, 202), { jti: `${id}-1` });
        assert.equal((await refusedClient(tryToken(a.auth.token))).message, "Invalid token");
        const gone = leaves(a); /* by the new one, not by the old */
        await good("POST", `/tokens/${id}-3/revoke`, undefined, {}, 202);
        assert.equal(await gone, "io server disconnect");
        assert.equal((await a.inbox.next("error")).code, "token_revoked");
        assert.equal((await ask(b, "auth:refresh", { token: second })).error.code, "invalid_token");
        assert.ok(b.connected && c.connected);
    });

    test("all devices of a user are disconnected", async () => {
        const [annId, bobId] = [unique("ann"), unique("bob")];
        const [ann, ann2, bob] = [await user(server, annId), await user(server, annId), await user(server, bobId)];
        const reasons = [ann, ann2].map((socket) => new Promise((resolve) => { socket.once("disconnect", resolve); }));
        assert.deepEqual(await good("POST", `/users/${annId}/disconnect`, undefined, {}, 202), { userId: annId });
        assert.deepEqual(await Promise.all(reasons), ["io server disconnect", "io server disconnect"]);
        assert.deepEqual(await good("POST", `/users/${bobId}x/disconnect`, {}), { userId: `${bobId}x` });
        assert.equal((await good("GET", `/presence?ids=${bobId}`))[0].isOnline, true);
        assert.ok(bob.connected);
    });

    /* ---- presence and counts ---- */

    test("presence, in the order asked for", async () => {
        const [annId, nobody] = [unique("ann"), unique("nobody")];
        const ann = await user(server, annId);
        await ask(ann, "presence:status", "busy");
        const list = await good("GET", `/presence?ids=${nobody},${annId}`);
        assert.deepEqual(list[0], { userId: nobody, isOnline: false, status: "offline", lastSeen: null });
        assert.match(list[1].lastSeen, ISO);
        assert.deepEqual(list[1], { userId: annId, isOnline: true, status: "busy", lastSeen: list[1].lastSeen });
        assert.equal((await good("GET", `/presence?ids=${Array(100).fill("x").join()}`)).length, 100);
        for (const query of ["", "?ids=", "?ids=a,,b", "?ids=a,", `?ids=${"x".repeat(129)}`, `?ids=${Array(101).fill("x").join()}`, "?ids=%00"])
            await invalid("GET", `/presence${query}`, undefined, "ids");
    });

    test("counts", async () => {
        const before_ = await good("GET", "/counts");
        const sockets = [await user(server, unique("ann")), await user(server, unique("bob"))];
        const now = await good("GET", "/counts");
        assert.ok(now.connections >= before_.connections, JSON.stringify([before_, now]));
        assert.ok(now.connections >= sockets.length && now.sockets >= sockets.length && now.rooms >= sockets.length);
    });

    /* ---- histories, rooms and members ---- */

    test("histories, also of what the REST backend wrote", async () => {
        const [annId, roomId] = [unique("ann"), unique("room")];
        const ann = await user(server, annId);
        await join(ann, roomId);
        for (let i = 1; i <= 7; i++)
            await say(ann, roomId, `m${i}`);
        const texts = async (query) => (await good("GET", `/rooms/${roomId}/messages${query}`)).map((m) => m.content);
        assert.deepEqual(await texts(""), ["m1", "m2", "m3", "m4", "m5", "m6", "m7"]);
        assert.deepEqual(await texts("?limit=2"), ["m6", "m7"]);
        assert.deepEqual(await texts("?before=4&limit=2"), ["m2", "m3"]);
        assert.deepEqual(await texts("?after=5"), ["m6", "m7"]);
        assert.deepEqual((await api("GET", `/rooms/${roomId}/messages?after=0&limit=3`)).body.meta, { more: true, lastSeq: 7 });
        insert("chat_messages", { id: unique("late"), room_id: roomId, sender_id: annId, content: "by REST", created_at: Date.now() + 5 });
        assert.deepEqual(await texts("?after=6"), ["m7", "by REST"]);
        assert.equal((await heard(ann, "by REST")).seq, 8);

        const { messageId } = await ask(ann, "chat:react", { roomId, messageId: (await heard(ann, "m7")).id, emoji: "👍" });
        const reply = await say(ann, roomId, "reply", { replyTo: messageId, clientId: "c1" });
        await ask(ann, "chat:edit", { roomId, messageId: reply.id, content: "edited" });
        const [seventh, , last] = await good("GET", `/rooms/${roomId}/messages?after=6`);
        assert.deepEqual(seventh.reactions, [{ emoji: "👍", count: 1, mine: false }]);
        assert.deepEqual([last.content, last.clientId, last.replyTo.id], ["edited", "c1", messageId]);
        assert.match(last.editedAt, ISO);
        await ask(ann, "chat:delete", { roomId, messageId: reply.id });
        assert.match((await good("GET", `/rooms/${roomId}/messages?limit=1`))[0].deletedAt, ISO);

        await refused(404, "GET", `/rooms/${unique("nowhere")}/messages`);
        await invalid("GET", `/rooms/${roomId}/messages?before=1&after=1`, undefined, "after");
        for (const query of ["limit=0", "limit=101", "limit=x", "limit=", "before=0", "after=-1", "after=99999999999999999"])
            await invalid("GET", `/rooms/${roomId}/messages?${query}`, undefined, query.split("=")[0]);
    });

    test("rooms are made once a party", async () => {
        const hostId = makeUser(unique("host"));
        const partyId = makeParty(hostId);
        const room = await good("POST", "/rooms", { partyId }, {}, 201);
        assert.match(room.id, CUID);
        assert.deepEqual(room, { id: room.id, partyId, hostId, isPrivate: true, createdAt: room.createdAt });
        assert.deepEqual(await good("POST", "/rooms", { partyId }, {}, 200), room);
        assert.deepEqual(await good("GET", `/rooms/${room.id}`), room);
        await refused(404, "POST", "/rooms", { partyId: unique("nowhere") });
        await refused(404, "GET", `/rooms/${unique("nowhere")}`);
        await invalid("POST", "/rooms", { partyId: "" }, "partyId");
    });

    test("members come and go; who may no longer enter is put out", () => strictly(async () => {
        const [hostId, annId, bobId] = [makeUser(unique("a-host")), makeUser(unique("b-ann")), makeUser(unique("c-bob"))];
        const { id: roomId } = await good("POST", "/rooms", { partyId: makeParty(hostId) });
        const path = `/rooms/${roomId}/members`;
        const ann = await user(server, annId);
        assert.equal((await ask(ann, "chat:join", { roomId })).error.code, "forbidden");
        assert.deepEqual(await good("PUT", `${path}/${annId}`, { status: "GOING" }), { userId: annId, mayEnter: true });
        await good("PUT", `${path}/${bobId}`, { role: "COHOST" });
        await good("PUT", `${path}/${bobId}`, { role: "MODERATOR", status: "MAYBE" });
        const members = [{ userId: hostId, role: "HOST", status: null }, { userId: annId, role: null, status: "GOING" },
            { userId: bobId, role: "MODERATOR", status: "MAYBE" }];
        assert.deepEqual(await good("GET", path), members);
        const page = await api("GET", `${path}?limit=2`);
        assert.deepEqual(page.body.data, members.slice(0, 2));
        assert.deepEqual(page.body.meta, { next: annId });
        const rest = await api("GET", `${path}?limit=2&after=${page.body.meta.next}`);
        assert.deepEqual([rest.body.data, rest.body.meta], [members.slice(2), {}]);

        const host = await user(server, hostId);
        await join(ann, roomId);
        await join(host, roomId);
        await say(host, roomId, "ann hears this");
        await heard(ann, "ann hears this");
        assert.deepEqual(await good("DELETE", `${path}/${annId}`), { userId: annId, removed: true, mayEnter: false });
        await say(host, roomId, "ann does not hear this");
        assert.equal((await ask(ann, "chat:message", { roomId, content: "x" })).error.code, "not_a_member");
        assert.deepEqual(ann.inbox.all("chat:new_message").map((m) => m.content), []);
        assert.deepEqual(await good("DELETE", `${path}/${annId}`), { userId: annId, removed: false, mayEnter: false });
        await good("PUT", `${path}/${annId}`, { status: "MAYBE" });
        await join(ann, roomId);
        assert.equal((await good("PUT", `${path}/${annId}`, { status: "NOT_GOING" })).mayEnter, false);
        assert.equal((await ask(ann, "chat:join", { roomId })).error.code, "forbidden");

        await refused(409, "DELETE", `${path}/${hostId}`);
        await refused(404, "PUT", `${path}/${unique("nobody")}`, { status: "GOING" });
        for (const [method, body] of [["GET"], ["PUT", { role: "COHOST" }], ["DELETE"]])
            await refused(404, method, `/rooms/${unique("nowhere")}/members${method === "GET" ? "" : `/${annId}`}`, body);
        await invalid("PUT", `${path}/${annId}`, {}, "");
        await invalid("PUT", `${path}/${annId}`, { role: "HOST", status: "YES" }, "role", "status");
    }));

    test("who is put out while joining is out, of chat and party, whatever comes first", () => strictly(async () => {
        const [hostId, annId] = [makeUser(unique("a-host")), makeUser(unique("b-ann"))];
        const partyId = makeParty(hostId);
        const { id: roomId } = await good("POST", "/rooms", { partyId });
        const path = `/rooms/${roomId}/members/${annId}`;
        const [host, ann] = [await user(server, hostId), await user(server, annId)];
        await join(host, roomId);
        await good("PUT", path, { status: "GOING" });
        await ask(ann, "party:join_live", { partyId });
        for (let round = 0; round < 60; round++) {
            await good("PUT", path, { status: "GOING" });
            const joined = ask(ann, "chat:join", { roomId });
            await Promise.all([joined, good("DELETE", path)]);
            const text = unique("ann does not hear this");
            await say(host, roomId, text);
            await good("POST", "/events", { type: "PARTY_MEDIA_ADDED", payload: { partyId, media: {} } }, {}, 202);
            const last = unique("service:last");
            await good("POST", "/emit", { userId: annId, event: last }, {}, 202);
            await ann.inbox.next(last);
            assert.deepEqual(ann.inbox.all("chat:new_message").filter((m) => m.content === text), [], `round ${round}`);
            assert.deepEqual(ann.inbox.all("party:new_media"), [], `round ${round}`);
        }
    }));

    /* ---- job queues; those in Redis: queue_inbox.test.mjs ---- */

    test("queues of the database: counts, failed jobs, pausing", async () => {
        const none = { waiting: 0, active: 0, delayed: 0, prioritized: 0, completed: 0, failed: 0, paused: 0, "waiting-children": 0 };
        const queues = async () => Object.fromEntries((await good("GET", "/queues")).map((queue) => [queue.name, queue]));
        const path = "/queues/database:push";
        const fail = (id, data, finished) => insert("partyline_jobs", { queue: "push", id, name: "push", data, state: 4, priority: 0, ord: 1,
            due_at: 0, attempts: 3, attempts_made: 3, backoff: 0, backoff_ms: 0, jitter: 0, complete_count: 0, complete_age: 0,
            fail_count: 9, fail_age: 0, reason: `because of ü ${id}`, created_at: 1700000000000, finished_at: finished });
        const shown = (id, data, finished) => ({ id, name: "push", data, failedReason: `because of ü ${id}`, attemptsMade: 3,
            createdAt: "2023-11-14T22:13:20.000Z", finishedAt: new Date(finished).toISOString() });
        fail("one", "{\"userId\":\"u\"}", 1700000001000);
        fail("two", "[1]", 1700000002000);
        fail("three", JSON.stringify("x".repeat(20000)), 1700000003000);

        const before_ = await queues();
        assert.deepEqual(Object.keys(before_), ["database:push-offline", "database:push"]);
        assert.equal(before_["database:push"].keeper, "database");
        assert.equal(before_["database:push"].isPaused, false);
        assert.deepEqual(before_["database:push"].counts, { ...none, failed: 3 });
        const all = [shown("three", null, 1700000003000), shown("two", [1], 1700000002000), shown("one", { userId: "u" }, 1700000001000)];
        assert.deepEqual((await api("GET", `${path}/failed`)).body, { success: true, data: all, meta: {} });
        const page = (await api("GET", `${path}/failed?limit=2`)).body;
        assert.deepEqual([page.data, page.meta], [all.slice(0, 2), { next: 2 }]);
        assert.deepEqual(await good("GET", `${path}/failed?limit=2&from=2`), all.slice(2));
        assert.deepEqual(await good("GET", "/queues/database:push-offline/failed"), []);

        assert.deepEqual(await good("POST", `${path}/failed/one/retry`), { id: "one" });
        await refused(404, "POST", `${path}/failed/one/retry`);
        await refused(404, "DELETE", `${path}/failed/one`);
        assert.deepEqual(await good("DELETE", `${path}/failed/two`), { id: "two" });
        await refused(404, "DELETE", `${path}/failed/two`);
        assert.deepEqual(await good("POST", `${path}/pause`), { name: "database:push", isPaused: true });
        const after_ = (await queues())["database:push"];
        assert.equal(after_.isPaused, true);
        assert.deepEqual(after_.counts, { ...none, waiting: 1, failed: 1 });
        assert.deepEqual(await good("POST", `${path}/resume`), { name: "database:push", isPaused: false });
        assert.equal((await queues())["database:push"].isPaused, false);

        for (const [method, rest] of [["GET", "failed"], ["POST", "failed/one/retry"], ["DELETE", "failed/one"], ["POST", "pause"], ["POST", "resume"]])
            await refused(404, method, `/queues/push/${rest}`);
        for (const query of ["limit=0", "limit=101", "from=-1", "from=x", "from=99999999999"])
            await invalid("GET", `${path}/failed?${query}`, undefined, query.split("=")[0]);
        await invalid("DELETE", `${path}/failed/${"x".repeat(129)}`, undefined, "jobId");
        const batch = await good("POST", "/batch", [{ method: "GET", path: "/queues" }, { method: "DELETE", path: `${path}/failed/none` }]);
        assert.deepEqual(batch.map((a) => a.status), [200, 404]);
    });

    /* ---- repeats ---- */

    test("a repeat under the same Idempotency-Key is answered as the first time, and does nothing", async () => {
        const annId = unique("ann");
        const ann = await user(server, annId);
        const options = { headers: { "Idempotency-Key": unique("key") } };
        const first = await api("POST", "/notifications", note(annId), options);
        assert.equal(first.headers.get("idempotent-replayed"), null);
        const again = await Promise.all([1, 2, 3].map(() => api("POST", "/notifications", note(annId), options)));
        for (const answer of again) {
            assert.deepEqual([answer.status, answer.body], [201, first.body]);
            assert.equal(answer.headers.get("idempotent-replayed"), "true");
        }
        await refused(422, "POST", "/notifications", note(annId, { title: "another" }), options);
        await refused(422, "POST", "/emit", { everyone: true, event: "x" }, options);
        const emit = { headers: { "Idempotency-Key": unique("key") } };
        await good("POST", "/emit", { userId: annId, event: "service:once", args: [1] }, emit);
        await good("POST", "/emit", { userId: annId, event: "service:once", args: [1] }, emit);
        await good("POST", "/emit", { userId: annId, event: "service:behind" });
        await ann.inbox.next("service:behind");
        assert.deepEqual(ann.inbox.all("service:once"), [1]);
        assert.equal(ann.inbox.all("notification:new").length, 1);

        /* What was refused was not kept: the same request may succeed later. */
        const [hostId, partyId] = [makeUser(unique("host")), unique("party")];
        const make = { headers: { "Idempotency-Key": unique("key") } };
        await refused(404, "POST", "/rooms", { partyId }, make);
        insert("party_events", { id: partyId, host_id: hostId, title: "x", created_at: 0, updated_at: 0 });
        await good("POST", "/rooms", { partyId }, make, 201);
        const repeat = await api("POST", "/rooms", { partyId }, make);
        assert.equal(repeat.status, 201);
    });

    test("repeats are known beyond a restart, and forgotten in time", async () => {
        const options = { headers: { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json", "Idempotency-Key": "k" }, method: "POST" };
        const env = { API_KEY: KEY, API_IDEMPOTENCY_TTL: "2s" };
        const post = async (one, body) => (await fetch(`${one.url}/api/v1/notifications`, { ...options, body: JSON.stringify(body) })).json();
        let one = await partyline({ env });
        const first = await post(one, note("u"));
        await one.crash();
        one = await partyline({ env, db: one.db });
        assert.deepEqual(await post(one, note("u")), first);
        sql(one.db, "UPDATE partyline_idempotency SET created_at = created_at - 2000");
        const other = await post(one, note("u", { title: "another" }));
        assert.equal(other.success, true);
        assert.notEqual(other.data.id, first.data.id);
        assert.deepEqual(sql(one.db, "SELECT name FROM partyline_idempotency"), [{ name: "k" }]);
        await one.stop();
    });

    /* ---- batches ---- */

    test("a batch: each request has an answer of its own", async () => {
        const annId = unique("ann");
        const ann = await user(server, annId);
        const answer = await api("POST", "/batch", [
            { method: "POST", path: "/notifications", body: note(annId) },
            { method: "GET", path: `/presence?ids=${annId}` },
            { method: "POST", path: "/notifications", body: note(annId, { type: "x" }) },
            { method: "GET", path: "/nowhere" },
            { method: "DELETE", path: "/counts" },
            { method: "POST", path: "/batch", body: [] },
            { method: "POST", path: "/emit", body: { userId: annId, event: "service:batched", args: ["ü"] } },
            { method: "GET", path: "/openapi.json" },
        ]);
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.body.data.map((a) => a.status), [201, 200, 422, 404, 405, 422, 202, 422]);
        assert.deepEqual(answer.body.meta, { count: 8, failed: 5 });
        assert.deepEqual(await ann.inbox.next("notification:new"), answer.body.data[0].body.data);
        assert.equal(answer.body.data[1].body.data[0].isOnline, true);
        assert.deepEqual(answer.body.data[2].body.errors.map((e) => e.path), ["type"]);
        assert.equal(await ann.inbox.next("service:batched"), "ü");

        const many = await api("POST", "/batch", Array(50).fill({ method: "GET", path: "/counts" }));
        assert.deepEqual(many.body.meta, { count: 50, failed: 0 });
        await invalid("POST", "/batch", Array(51).fill({ method: "GET", path: "/counts" }), "");
        await invalid("POST", "/batch", [], "");
        await invalid("POST", "/batch", {}, "");
        await invalid("POST", "/batch", [{ method: "GET", path: "/counts" }, { method: 1, path: "/" }, 7], "1", "2");
    });

    test("a batch that is repeated does what was not done", async () => {
        const annId = unique("ann");
        const ann = await user(server, annId);
        const options = { headers: { "Idempotency-Key": unique("key") } };
        const partyId = unique("party");
        const requests = [{ method: "POST", path: "/notifications", body: note(annId) }, { method: "POST", path: "/rooms", body: { partyId } }];
        const first = await good("POST", "/batch", requests, options);
        assert.deepEqual(first.map((a) => a.status), [201, 404]);
        insert("party_events", { id: partyId, host_id: makeUser(unique("host")), title: "x", created_at: 0, updated_at: 0 });
        const second = await good("POST", "/batch", requests, options);
        assert.deepEqual(second.map((a) => a.status), [201, 201]);
        assert.deepEqual(second[0], first[0]);
        await good("POST", "/emit", { userId: annId, event: "service:behind" });
        await ann.inbox.next("service:behind");
        assert.equal(ann.inbox.all("notification:new").length, 1);
    });

    /* ---- the document ---- */

    describe("its OpenAPI document", () => {
        let document, ajv;
        before(async () => {
            const answer = await fetch(`${server.url}/api/v1/openapi.json`, { headers: { Authorization: `Bearer ${KEY}` } });
            assert.equal(answer.status, 200);
            document = await answer.json();
            ajv = new Ajv({ strict: false });
            addFormats(ajv);
        });

        const operations = () => Object.entries(document.paths).flatMap(([path, item]) =>
            Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })));
        const pattern = (path) => new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+").replace(/\./g, "\\.")}$`);
        /* Of a path, the operation with the fewest parameters. */
        const find = ({ method, path }) => operations().filter((o) => o.method === method && pattern(o.path).test(path))[0];

        test("is one", () => {
            assert.equal(document.openapi, "3.1.0");
            const ids = operations().map((o) => o.operation.operationId);
            assert.equal(new Set(ids).size, ids.length);
            for (const { path, operation } of operations()) {
                const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
                const described = operation.parameters.filter((p) => p.in === "path").map((p) => p.name);
                assert.deepEqual(described, named);
                for (const parameter of operation.parameters.filter((p) => p.schema))
                    ajv.compile(parameter.schema);
                if (operation.requestBody)
                    ajv.compile(operation.requestBody.content["application/json"].schema);
            }
        });

        test("every operation in it was seen to succeed, and every refusal of its own to be given", () => {
            const missing = operations().flatMap(({ path, method, operation }) => {
                if (path === "/openapi.json")
                    return [];
                const statuses = seen.filter((s) => find(s)?.operation === operation).map((s) => s.status);
                const wanted = Object.keys(operation.responses).map(Number).filter((s) => s < 300 || s === 404 || s === 409);
                return wanted.filter((s) => !statuses.includes(s)).map((s) => `${method} ${path} ${s}`);
            });
            assert.deepEqual(missing, []);
        });

        test("everything that was answered is as described, and nothing was answered that it does not have", () => {
            for (const { method, path, status, body } of seen) {
                const found = find({ method, path });
                if (!found) {
                    assert.ok([401, 404, 405].includes(status), `${method} ${path} ${status} is not in the document`);
                    continue;
                }
                let response = found.operation.responses[status];
                assert.ok(response, `${method} ${found.path} ${status} is not in the document`);
                if (response.$ref)
                    response = document.components.responses.Refusal;
                const valid = ajv.compile(close(response.content["application/json"].schema));
                assert.ok(valid(body), `${method} ${found.path} ${status}: ${JSON.stringify(body)}\n${ajv.errorsText(valid.errors)}`);
            }
        });

        test("what it asks for is what is taken: bodies without a required member are refused, and name it", async () => {
            for (const { path, method, operation } of operations()) {
                const schema = operation.requestBody?.content["application/json"].schema;
                for (const name of schema?.required ?? []) {
                    const body = Object.fromEntries(schema.required.filter((n) => n !== name).map((n) => [n, {}]));
                    const answer = await api(method, path.replace(/\{\w+\}/g, "x"), body);
                    assert.equal(answer.status, 422, `${method} ${path}`);
                    assert.ok(answer.body.errors.some((e) => e.path === name && e.message === "is missing"), `${method} ${path} ${name}`);
                }
            }
        });
    });
});
