/* Who is there: two users with two devices each, every event and refusal, both audiences, and random comings and goings. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { unique, user } from "./lib/chat.mjs";
import { ask, closeAll } from "./lib/client.mjs";
import { dice } from "./lib/dice.mjs";
import { partyline, sql } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const updates = (socket, userId) => socket.inbox.all("presence:update").filter((u) => u.userId === userId);
const update = (socket, userId, status) =>
    socket.inbox.next("presence:update", (u) => u.userId === userId && u.status === status);

/* The connection ends as if the device had lost its power: no goodbye in any protocol. */
const kill = (socket) => socket.io.engine.transport.ws.terminate();

async function check(socket, ...ids) {
    const answer = await ask(socket, "presence:check", ids);
    assert.equal(answer.ok, true, JSON.stringify(answer));
    assert.deepEqual(await socket.inbox.next("presence:status_list"), answer.users);
    return answer.users;
}

async function refusedWith(socket, event, payload, code, message) {
    const answer = await ask(socket, event, payload);
    assert.deepEqual(answer, { ok: false, error: { code, message } });
    assert.deepEqual(await socket.inbox.next("error"), { message, code, event });
}

function assertJustNow(iso) {
    assert.match(iso, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Math.abs(Date.now() - Date.parse(iso)) < 60000, iso);
}

describe("presence that everyone hears of", () => {
    let server;
    before(async () => {
        server = await partyline({ env: { LOOPS: "3", PRESENCE_GRACE: "300", PRESENCE_INTERVAL: "20" } });
    });
    after(() => server?.stop());
    afterEach(closeAll);

    test("two users with two devices each: online once, status to all others, offline after the last device", async () => {
        const [aId, bId] = [unique("alice"), unique("bob")];
        const [bob, bob2] = [await user(server, bId), await user(server, bId)];
        const alice = await user(server, aId);
        for (const device of [bob, bob2])
            assert.deepEqual(await update(device, aId, "online"), { userId: aId, status: "online" });
        const alice2 = await user(server, aId);

        assert.deepEqual(await ask(alice, "presence:status", "busy"), { ok: true, status: "busy" });
        for (const device of [bob, bob2, alice2])
            assert.deepEqual(await update(device, aId, "busy"), { userId: aId, status: "busy" });
        const [{ lastSeen, ...seen }] = await check(bob, aId);
        assert.deepEqual(seen, { userId: aId, isOnline: true, status: "busy" });
        assertJustNow(lastSeen);

        alice.disconnect();
        assert.equal((await check(bob, aId))[0].status, "busy");
        kill(alice2);
        const gone = await update(bob, aId, "offline");
        assertJustNow(gone.lastSeen);
        await update(bob2, aId, "offline");
        assert.deepEqual(updates(bob, aId), [], "told more than once online, busy, offline");
        assert.deepEqual(updates(alice, aId), [], "a device is told of what it did itself");
        assert.deepEqual(await check(bob2, aId), [{ userId: aId, isOnline: false, status: "offline", lastSeen: gone.lastSeen }]);
    });

    test("a status that is chosen again is told again; it ends with the last device", async () => {
        const [aId, bId] = [unique("alice"), unique("bob")];
        const bob = await user(server, bId);
        const alice = await user(server, aId);
        await update(bob, aId, "online");
        for (const status of ["online", "away", "away", "busy", "online", "busy"]) {
            alice.emit("presence:status", status);
            await update(bob, aId, status);
        }
        alice.disconnect();
        await update(bob, aId, "offline");
        await user(server, aId);
        await update(bob, aId, "online");
        assert.equal((await check(bob, aId))[0].status, "online");
    });

    test("presence:status is refused unless it is one of three", async () => {
        const alice = await user(server, unique("alice"));
        for (const status of ["offline", "Online", "", 7, null, { status: "away" }, ["away"], "online\0"])
            await refusedWith(alice, "presence:status", status, "bad_request", "status must be online, away or busy");
    });

    test("presence:check answers in the order asked, for anybody, at most 500", async () => {
        const alice = await user(server, unique("alice"));
        const ids = Array.from({ length: 499 }, (_, i) => `nobody-${i}`);
        ids.splice(250, 0, alice.userId);
        const users = await check(alice, ...ids);
        assert.deepEqual(users.map((u) => u.userId), ids);
        assert.deepEqual(users.filter((u) => u.isOnline).map((u) => u.userId), [alice.userId]);
        assert.deepEqual(users[0], { userId: "nobody-0", isOnline: false, status: "offline", lastSeen: null });
        assert.deepEqual(await check(alice), []);
        assert.equal((await check(alice, "twice", "twice")).length, 2);
        alice.emit("presence:check", ["without an ack"]);
        assert.equal((await alice.inbox.next("presence:status_list"))[0].userId, "without an ack");
        const message = "userIds must be a list of 0 to 500 ids";
        for (const bad of [[...ids, "one more"], "nobody", { userIds: ["a"] }, null, [7], [""], ["x".repeat(129)], ["a\nb"]])
            await refusedWith(alice, "presence:check", bad, "bad_request", message);
    });

    test("random devices come, go and die: what is told and what is asked for agree with the truth", async (t) => {
        const d = dice(t);
        const people = Array.from({ length: 6 }, () => ({ id: unique("walker"), devices: [], status: "offline" }));
        const witness = await user(server, unique("witness"));
        for (let step = 0; step < 120; step++) {
            const who = d.pick(people);
            const what = d.below(10);
            if (what < 5 && who.devices.length < 3) {
                who.devices.push(await user(server, who.id));
            } else if (what < 8 && who.devices.length) {
                const [device] = who.devices.splice(d.below(who.devices.length), 1);
                if (d.below(2))
                    kill(device);
                else
                    device.disconnect();
            } else if (who.devices.length) {
                await ask(d.pick(who.devices), "presence:status", d.pick(["online", "away", "busy"]));
            }
        }
        /* Whoever is still there says a last word, so that the truth is known without a race; the others run out of grace. */
        for (const who of people)
            if (who.devices.length)
                who.status = (await ask(who.devices[0], "presence:status", d.pick(["online", "away", "busy"]))).status;
        const ids = people.map((who) => who.id);
        const wanted = people.map((who) => who.status);
        await until(async () => {
            const users = await check(witness, ...ids);
            return JSON.stringify(users.map((u) => u.status)) === JSON.stringify(wanted);
        }, `presence:check to say ${wanted}`);
        await until(() => ids.every((id, i) => (updates(witness, id).at(-1)?.status ?? "offline") === wanted[i]),
            `the last updates to say ${wanted}`);
    });
});

describe("presence with time to come back", () => {
    let server;
    before(async () => {
        server = await partyline({ env: { LOOPS: "2", PRESENCE_GRACE: "60000", PRESENCE_INTERVAL: "300" } });
    });
    after(() => server?.stop());
    afterEach(closeAll);

    test("who comes back in time was never away, and keeps the status", async () => {
        const [aId, bId] = [unique("alice"), unique("bob")];
        const bob = await user(server, bId);
        let alice = await user(server, aId);
        await update(bob, aId, "online");
        alice.emit("presence:status", "busy");
        await update(bob, aId, "busy");
        for (let i = 0; i < 5; i++) {
            kill(alice);
            alice = await user(server, aId);
        }
        assert.equal((await check(bob, aId))[0].status, "busy");
        alice.emit("presence:status", "away");
        await update(bob, aId, "away");
        assert.deepEqual(updates(bob, aId), []);
    });

    test("a hundred changes in a moment are told as a few, the last one among them", async () => {
        const [aId, bId] = [unique("alice"), unique("bob")];
        const bob = await user(server, bId);
        const alice = await user(server, aId);
        const begun = Date.now();
        for (let i = 0; i < 100; i++)
            alice.emit("presence:status", i % 2 ? "away" : "online");
        await ask(alice, "presence:status", "busy");
        await update(bob, aId, "busy");
        assert.ok(updates(bob, aId).length <= 3 + (Date.now() - begun) / 300, `${updates(bob, aId).length} updates`);
    });
});

describe("presence for followers", () => {
    let server;
    before(async () => {
        server = await partyline({ demo: false, env: { LOOPS: "3", PRESENCE_GRACE: "100", PRESENCE_INTERVAL: "20" } });
        sql(server.db, `BEGIN;
            ${["star", "fan", "stranger"].map((p) => `INSERT INTO users (id, firebase_id, email, created_at, updated_at)
                VALUES ('${p}', 'fb-${p}', '${p}@example.org', 0, 0);`).join("\n")}
            INSERT INTO user_follows (id, follower_id, following_id, created_at) VALUES ('f1', 'fan', 'star', 0);
            COMMIT;`);
    });
    after(() => server?.stop());
    afterEach(closeAll);

    /* Followers are looked up behind the connect, so say something until it is heard. */
    async function heardBy(fan, star) {
        await until(async () => {
            await ask(star, "presence:status", "online");
            return updates(fan, "star").length;
        }, "the follower to hear the star");
        fan.inbox.items = [];
    }

    test("followers hear of the user, others do not, the user's other devices do", async () => {
        const [fan, fan2] = [await user(server, "fan"), await user(server, "fan")];
        const stranger = await user(server, "stranger");
        const [star, star2] = [await user(server, "star"), await user(server, "star")];
        await heardBy(fan, star);
        await heardBy(fan2, star);
        star2.inbox.items = [];
        star.emit("presence:status", "away");
        for (const device of [fan, fan2, star2])
            await update(device, "star", "away");
        fan.emit("presence:status", "busy");
        await update(fan2, "fan", "busy");
        kill(star);
        star2.disconnect();
        await update(fan, "star", "offline");
        await update(fan2, "star", "offline");
        await check(stranger, "fan");
        assert.deepEqual(stranger.inbox.all("presence:update"), []);
        assert.deepEqual(updates(star, "fan"), [], "following is not mutual");
    });

    /* Fan n follows the star and all idols but the one of that number. */
    test("a crowd of followers that comes at once: each watches those it follows and nobody else", async () => {
        const numbers = Array.from({ length: 40 }, (_, n) => n);
        sql(server.db, `BEGIN;
            CREATE TEMP TABLE n AS WITH RECURSIVE r(i) AS (SELECT 0 UNION SELECT i + 1 FROM r WHERE i < 39) SELECT i FROM r;
            INSERT INTO users (id, firebase_id, email, created_at, updated_at)
                SELECT kind || i, kind || i, kind || i || '@example.org', 0, 0 FROM n, (SELECT 'fan-' kind UNION SELECT 'idol-');
            INSERT INTO user_follows (id, follower_id, following_id, created_at)
                SELECT f.i || ' star', 'fan-' || f.i, 'star', 0 FROM n f
                UNION SELECT f.i || ' ' || t.i, 'fan-' || f.i, 'idol-' || t.i, 0 FROM n f JOIN n t ON t.i <> f.i;
            COMMIT;`);
        const fans = await Promise.all(numbers.map((n) => user(server, `fan-${n}`)));
        const [star, idol] = [await user(server, "star"), await user(server, "idol-7")];
        for (const fan of fans)
            await heardBy(fan, star);
        idol.emit("presence:status", "busy");
        for (const fan of fans.filter((_, n) => n !== 7))
            await update(fan, "idol-7", "busy");
        await check(fans[7], "idol-7");
        assert.deepEqual(updates(fans[7], "idol-7"), []);
    });

    test("presence:subscribe: told how they are, then of changes, until presence:unsubscribe", async () => {
        const stranger = await user(server, "stranger");
        const fan = await user(server, "fan");
        const star = await user(server, "star");
        await heardBy(fan, star);
        const answer = await ask(stranger, "presence:subscribe", ["star", "nobody"]);
        assert.equal(answer.ok, true);
        assert.deepEqual(answer.users.map((u) => [u.userId, u.isOnline]), [["star", true], ["nobody", false]]);
        assert.deepEqual(await stranger.inbox.next("presence:status_list"), answer.users);
        star.emit("presence:status", "busy");
        await update(stranger, "star", "busy");
        assert.deepEqual(await ask(stranger, "presence:unsubscribe", ["star", "somebody else"]), { ok: true });
        stranger.inbox.items = []; /* an "online" that heardBy said once too often may have come */
        star.emit("presence:status", "away");
        await update(fan, "star", "away");
        await check(stranger, "star");
        assert.deepEqual(updates(stranger, "star"), []);
    });

    test("subscriptions are bounded and all or nothing", async () => {
        const stranger = await user(server, "stranger");
        const star = await user(server, "star");
        const ids = (from) => Array.from({ length: 200 }, (_, i) => `u${from + i}`);
        for (const from of [0, 200])
            assert.equal((await ask(stranger, "presence:subscribe", ids(from))).ok, true);
        await refusedWith(stranger, "presence:subscribe", [...ids(400).slice(1), "star"], "too_many",
            "Too many users are watched, or too many rooms joined");
        assert.equal((await ask(stranger, "presence:subscribe", ids(0))).ok, true, "again is no more");
        await ask(star, "presence:status", "busy");
        const message = "userIds must be a list of 0 to 200 ids";
        for (const bad of [[...ids(0), "x"], "star", null, [1]])
            await refusedWith(stranger, "presence:subscribe", bad, "bad_request", message);
        await refusedWith(stranger, "presence:unsubscribe", "star", "bad_request", "userIds must be a list of 0 to 500 ids");
        assert.deepEqual(updates(stranger, "star"), []);
        await ask(stranger, "presence:unsubscribe", ids(0));
        assert.equal((await ask(stranger, "presence:subscribe", ["star"])).ok, true);
        star.emit("presence:status", "away");
        await update(stranger, "star", "away");
    });
});
