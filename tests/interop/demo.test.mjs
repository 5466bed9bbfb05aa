/* The routes of the demo that stand in for a party's other services, with a real client that hears what they do. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { unique, user } from "./lib/chat.mjs";
import { ask, closeAll } from "./lib/client.mjs";
import { SECRET, partyline } from "./lib/server.mjs";
import { userToken } from "./lib/token.mjs";

describe("routes of the demo", () => {
    let server;
    before(async () => { server = await partyline(); });
    after(() => server?.stop());
    afterEach(closeAll);

    async function post(path, body, token = userToken(SECRET, "someone", { username: "Some One" })) {
        const response = await fetch(server.url + path, {
            method: "POST", body: typeof body === "string" ? body : JSON.stringify(body),
            headers: token ? { Authorization: `Bearer ${token}` } : {},
        });
        return { status: response.status, body: await response.json() };
    }

    const ROUTES = ["/demo/media", "/demo/notify", "/demo/status"];

    test("a picture of a party is told to those who watch, and can be fetched", async () => {
        const partyId = unique("party");
        const viewer = await user(server, unique("ann"));
        await ask(viewer, "party:join_live", { partyId });
        const { status, body } = await post("/demo/media", { partyId });
        assert.equal(status, 200);
        const told = await viewer.inbox.next("party:new_media");
        const { id, createdAt, ...media } = told.media;
        assert.equal(told.partyId, partyId);
        assert.deepEqual(media, { type: "IMAGE", url: body.url, userId: "someone", username: "Some One" });
        assert.equal(body.url, `/demo-media/${id}.svg`);
        assert.ok(!Number.isNaN(Date.parse(createdAt)));

        const picture = await fetch(server.url + body.url);
        assert.equal(picture.headers.get("content-type"), "image/svg+xml");
        const text = await picture.text();
        assert.match(text, /^<svg xmlns.*<\/svg>$/s);
        assert.equal(await (await fetch(server.url + body.url)).text(), text);
        assert.notEqual(await (await fetch(`${server.url}/demo-media/other.svg`)).text(), text);
    });

    test("a notification is saved and told, to a user nobody has seen yet, too", async () => {
        const [id, partyId] = [unique("ann"), unique("party")];
        const note = { type: "PARTY_REMINDER", title: "Some \"One\" waves", body: "Come over" };
        const answer = { status: 200, body: { ok: true } };
        assert.deepEqual(await post("/demo/notify", { userId: id, partyId, ...note }), answer);
        const ann = await user(server, id);
        const { notifications } = await ask(ann, "notifications:list");
        const { id: noteId, createdAt, ...first } = notifications[0];
        assert.deepEqual(first, { ...note, data: { from: "someone", partyId }, isRead: false });
        assert.ok(noteId && createdAt);
        assert.deepEqual(await post("/demo/notify", { userId: id, ...note }), answer);
        assert.deepEqual((await ann.inbox.next("notification:new")).data, { from: "someone", partyId: null });
    });

    test("a party ends and begins again", async () => {
        const partyId = unique("party");
        const viewer = await user(server, unique("ann"));
        await ask(viewer, "party:join_live", { partyId });
        for (const status of ["ENDED", "LIVE"]) {
            assert.equal((await post("/demo/status", { partyId, status })).status, 200);
            assert.deepEqual(await viewer.inbox.next("party:status_changed"), { partyId, status });
            assert.equal((await ask(viewer, "party:join_live", { partyId })).status, status);
        }
        assert.equal((await post("/demo/status", { partyId, status: "WILD" })).status, 400);
        assert.equal((await post("/demo/status", { partyId: unique("none"), status: "LIVE" })).status, 404);
        assert.equal((await ask(viewer, "party:join_live", { partyId })).status, "LIVE");
        assert.deepEqual(viewer.inbox.all("party:status_changed"), []);
    });

    test("without a good token, or with nonsense, nothing happens", async () => {
        for (const path of ROUTES) {
            assert.equal((await post(path, {}, null)).status, 401);
            assert.equal((await post(path, {}, userToken("another-secret-of-more-than-32-bytes-012345", "x"))).status, 401);
            assert.equal((await post(path, "{")).status, 400);
            assert.equal((await post(path, {})).status, 400);
            assert.equal((await post(path, { partyId: 1, status: [], userId: {} })).status, 400);
            assert.equal((await post(path, { partyId: "a\u0000b", status: "LIVE", userId: "x\u0000" })).status, 400);
            assert.equal((await post(path, { partyId: "p".repeat(65), status: "LIVE" })).status, 400);
            assert.equal((await post(path, { partyId: "p".repeat(5000) })).status, 413);
            assert.equal((await fetch(server.url + path)).status, 405);
        }
        const wrong = { userId: "x", type: "NONSENSE", title: "t", body: "b" };
        assert.equal((await post("/demo/notify", wrong)).status, 400);
        for (const name of ["", ".svg", "a.png", "a%2e.svg", "a-b.svg", `${"a".repeat(65)}.svg`])
            assert.equal((await fetch(`${server.url}/demo-media/${name}`)).status, 404, name);
    });

    test("page and pictures are served under a strict policy", async () => {
        for (const path of ["/", "/demo-media/a.svg"]) {
            const policy = (await fetch(server.url + path)).headers.get("content-security-policy");
            assert.match(policy, /default-src 'self'; img-src 'self' data:;/);
            assert.doesNotMatch(policy, /unsafe|https?:|\*/);
        }
    });

    test("there are no such routes without the demo", async () => {
        const real = await partyline({ demo: false });
        for (const path of [...ROUTES, "/demo-media/a.svg"])
            assert.equal((await fetch(real.url + path, { method: path.endsWith("svg") ? "GET" : "POST" })).status, 404);
        await real.stop();
    });
});
