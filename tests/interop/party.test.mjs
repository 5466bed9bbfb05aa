/* Live parties: who may watch, exact counts with two devices each, large parties, lost connections, and random viewers. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { unique, user } from "./lib/chat.mjs";
import { ask, closeAll } from "./lib/client.mjs";
import { dice } from "./lib/dice.mjs";
import { partyline, sql } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const kill = (socket) => socket.io.engine.transport.ws.terminate();

async function watch(socket, partyId, viewerCount) {
    const answer = await ask(socket, "party:join_live", { partyId });
    assert.deepEqual(answer, { ok: true, viewerCount: viewerCount ?? answer.viewerCount, status: "LIVE" });
    return answer.viewerCount;
}

const leave = (socket, partyId) => ask(socket, "party:leave_live", { partyId });

async function refusedWith(socket, event, payload, code, message) {
    const answer = await ask(socket, event, payload);
    assert.deepEqual(answer, { ok: false, error: { code, message } });
    assert.deepEqual(await socket.inbox.next("error"), { message, code, event });
}

/* The viewers now. News of the party that were told before have arrived, too: the answer comes from the party's loop. */
const settled = (socket, partyId) => watch(socket, partyId);

const news = (socket) => socket.inbox.items.filter(([event]) => event.startsWith("party:"));

describe("live parties", () => {
    let server;
    before(async () => { server = await partyline({ env: { LOOPS: "3" } }); });
    after(() => server?.stop());
    afterEach(closeAll);

    test("two users with two devices each: a viewer counts once, comes with the first device and goes with the last", async () => {
        const partyId = unique("party");
        const [aId, bId] = [unique("alice"), unique("bob")];
        const [alice, alice2] = [await user(server, aId), await user(server, aId)];
        const [bob, bob2] = [await user(server, bId), await user(server, bId)];

        await watch(alice, partyId, 1);
        await watch(alice2, partyId, 1);
        await watch(bob, partyId, 2);
        for (const device of [alice, alice2])
            assert.deepEqual(await device.inbox.next("party:viewer_joined"), { userId: bId, partyId, viewerCount: 2 });
        await watch(bob2, partyId, 2);
        await watch(bob, partyId, 2); /* again is no more */

        assert.deepEqual(await leave(alice, partyId), { ok: true, viewerCount: 2 });
        kill(alice2);
        for (const device of [bob, bob2])
            assert.deepEqual(await device.inbox.next("party:viewer_left"), { userId: aId, partyId, viewerCount: 1 });
        assert.deepEqual(await leave(alice, partyId), { ok: true });
        bob.disconnect();
        await watch(alice, partyId, 2);
        await bob2.inbox.next("party:viewer_joined");
        bob2.disconnect();
        assert.deepEqual(await alice.inbox.next("party:viewer_left"), { userId: bId, partyId, viewerCount: 1 });
        await settled(alice, partyId);
        for (const device of [alice, alice2, bob, bob2])
            assert.deepEqual(news(device), [], "told of more than there was");
        assert.deepEqual(sql(server.db, `SELECT status, host_id FROM party_events WHERE id = '${partyId}'`),
            [{ status: "LIVE", host_id: aId }]);
    });

    test("as the seed does it, without acknowledgements", async () => {
        const partyId = unique("party");
        const [alice, bob] = [await user(server, unique("alice")), await user(server, unique("bob"))];
        await watch(alice, partyId, 1);
        bob.emit("party:join_live", { partyId });
        assert.deepEqual(await alice.inbox.next("party:viewer_joined"), { userId: bob.userId, partyId, viewerCount: 2 });
        bob.emit("party:leave_live", { partyId });
        assert.deepEqual(await alice.inbox.next("party:viewer_left"), { userId: bob.userId, partyId, viewerCount: 1 });
    });

    test("what follows on the heels of a join waits for it", async () => {
        const partyId = unique("party");
        const [alice, bob] = [await user(server, unique("alice")), await user(server, unique("bob"))];
        await watch(alice, partyId, 1);
        const answers = await Promise.all([
            ask(bob, "party:join_live", { partyId }), leave(bob, partyId), ask(bob, "party:join_live", { partyId }),
            leave(bob, partyId), leave(bob, partyId)]);
        assert.deepEqual(answers, [
            { ok: true, viewerCount: 2, status: "LIVE" }, { ok: true, viewerCount: 1 },
            { ok: true, viewerCount: 2, status: "LIVE" }, { ok: true, viewerCount: 1 }, { ok: true }]);
        for (const event of ["party:viewer_joined", "party:viewer_left", "party:viewer_joined", "party:viewer_left"])
            await alice.inbox.next(event);
        assert.deepEqual(news(alice), []);
        const many = await Promise.all(Array.from({ length: 200 }, () => ask(bob, "party:join_live", { partyId })));
        for (const answer of many)
            assert.ok(answer.ok || answer.error.code === "too_many", JSON.stringify(answer));
        assert.ok(many.filter((answer) => answer.ok).length >= 16);
        assert.equal(await watch(alice, partyId), 2);
    });

    test("malformed payloads are refused", async () => {
        const alice = await user(server, unique("alice"));
        const message = "partyId must be text without control characters of 1 to 64 bytes";
        for (const event of ["party:join_live", "party:leave_live"])
            for (const partyId of ["", 7, null, undefined, "x".repeat(65), "a\nb", ["a"], { a: 1 }])
                await refusedWith(alice, event, { partyId }, "bad_request", message);
    });

    test("a socket watches at most 100 parties", async () => {
        const alice = await user(server, unique("alice"));
        const ids = Array.from({ length: 101 }, () => unique("party"));
        for (const id of ids.slice(1))
            await watch(alice, id, 1);
        await refusedWith(alice, "party:join_live", { partyId: ids[0] }, "too_many",
            "Too many parties watched, or too many rooms joined");
        await leave(alice, ids[1]);
        await watch(alice, ids[0], 1);
    });

    test("random viewers come, go and die: every answer and every announcement counts right", async (t) => {
        const d = dice(t);
        const parties = Array.from({ length: 3 }, () => unique("party"));
        const people = Array.from({ length: 5 }, () => ({ id: unique("viewer"), devices: [] }));
        const witness = await user(server, unique("witness"));
        const watchers = (id) => people.filter((who) => who.devices.some((device) => device.parties.has(id))).length + 1;
        for (const id of parties)
            await watch(witness, id, 1);
        for (let step = 0; step < 250; step++) {
            const who = d.pick(people);
            const partyId = d.pick(parties);
            const what = d.below(10);
            if (who.devices.length === 0 || (what < 2 && who.devices.length < 3)) {
                who.devices.push(Object.assign(await user(server, who.id), { parties: new Set() }));
                continue;
            }
            const device = d.pick(who.devices);
            if (what < 6) {
                device.parties.add(partyId);
                await ask(device, "party:join_live", { partyId });
            } else if (what < 8) {
                device.parties.delete(partyId);
                await leave(device, partyId);
            } else {
                who.devices = who.devices.filter((other) => other !== device);
                if (d.below(2))
                    kill(device);
                else
                    device.disconnect();
            }
        }
        for (const id of parties) {
            const wanted = watchers(id);
            await until(async () => await settled(witness, id) === wanted, `${wanted} viewers of ${id}`);
            const told = news(witness).map(([, item]) => item).filter((item) => item.partyId === id);
            assert.equal(told.at(-1)?.viewerCount ?? 1, wanted);
            told.forEach((item, i) => assert.equal(Math.abs(item.viewerCount - (told[i - 1]?.viewerCount ?? 1)), 1));
        }
    });
});

describe("large parties", () => {
    let server;
    before(async () => {
        server = await partyline({ env: { LOOPS: "3", PARTY_ANNOUNCE_LIMIT: "5", PARTY_COUNT_INTERVAL: "200" } });
    });
    after(() => server?.stop());
    afterEach(closeAll);

    test("above the limit only the count is told, now and then, and the last one is right", async () => {
        const partyId = unique("party");
        const host = await user(server, unique("host"));
        await watch(host, partyId, 1);
        const guests = await Promise.all(Array.from({ length: 40 }, () => user(server, unique("guest"))));
        const begun = Date.now();
        for (const guest of guests)
            guest.emit("party:join_live", { partyId });
        await host.inbox.next("party:viewer_count", (c) => c.viewerCount === 41);
        assert.deepEqual(host.inbox.all("party:viewer_joined").map((j) => j.viewerCount), [2, 3, 4, 5]);
        const counts = host.inbox.all("party:viewer_count");
        assert.ok(counts.length <= 2 + (Date.now() - begun) / 200, `${counts.length} counts`);
        assert.ok(counts.every((c) => c.partyId === partyId && c.viewerCount > 5));

        host.inbox.items = [];
        for (const guest of guests)
            kill(guest);
        await host.inbox.next("party:viewer_left", (l) => l.viewerCount === 1);
        assert.deepEqual(host.inbox.all("party:viewer_left").map((l) => l.viewerCount), [5, 4, 3, 2]);
        assert.equal(await watch(host, partyId), 1);
    });
});

describe("parties with a guest list", () => {
    let server;
    before(async () => {
        server = await partyline({ demo: false, env: { LOOPS: "2" } });
        const people = ["host", "cohost", "moderator", "going", "maybe", "declined", "stranger"];
        sql(server.db, `BEGIN;
            ${people.map((p) => `INSERT INTO users (id, firebase_id, email, created_at, updated_at)
                VALUES ('${p}', 'fb-${p}', '${p}@example.org', 0, 0);`).join("\n")}
            ${[["open", 0, "PLANNED"], ["closed", 1, "ENDED"]].map(([id, isPrivate, status]) => `
                INSERT INTO party_events (id, host_id, title, status, is_private, created_at, updated_at)
                    VALUES ('${id}', 'host', 'Party', '${status}', ${isPrivate}, 0, 0);
                INSERT INTO party_cohosts (id, party_id, user_id, role) VALUES
                    ('c1-${id}', '${id}', 'cohost', 'COHOST'), ('c2-${id}', '${id}', 'moderator', 'MODERATOR');
                INSERT INTO party_attendees (id, party_id, user_id, status) VALUES
                    ('a1-${id}', '${id}', 'going', 'GOING'), ('a2-${id}', '${id}', 'maybe', 'MAYBE'),
                    ('a3-${id}', '${id}', 'declined', 'NOT_GOING');`).join("\n")}
            COMMIT;`);
    });
    after(() => server?.stop());
    afterEach(closeAll);

    const join = (socket, partyId) => ask(socket, "party:join_live", { partyId });
    const forbidden = (socket, partyId) =>
        refusedWith(socket, "party:join_live", { partyId }, "forbidden", "Cannot access this party");

    test("a private party is for host, cohosts and guests, a public one for everybody", async () => {
        let closed = 0;
        for (const id of ["host", "cohost", "moderator", "going", "maybe", "declined", "stranger", "not in the database"]) {
            const who = await user(server, id);
            const may = !["declined", "stranger", "not in the database"].includes(id);
            assert.equal((await join(who, "open")).status, "PLANNED");
            if (may)
                assert.deepEqual(await join(who, "closed"), { ok: true, viewerCount: ++closed, status: "ENDED" });
            else
                await forbidden(who, "closed");
        }
    });

    test("a party that does not exist is refused and not made", async () => {
        const host = await user(server, "host");
        await refusedWith(host, "party:join_live", { partyId: "nowhere" }, "not_found", "No such party");
        assert.deepEqual(sql(server.db, "SELECT id FROM party_events WHERE id = 'nowhere'"), []);
        assert.deepEqual(await leave(host, "nowhere"), { ok: true });
    });

    test("who has lost the right and joins again is out, and the others are told", async () => {
        const [host, guest] = [await user(server, "host"), await user(server, "going")];
        await join(host, "closed");
        assert.equal((await join(guest, "closed")).viewerCount, 2);
        await host.inbox.next("party:viewer_joined");
        sql(server.db, "UPDATE party_attendees SET status = 'NOT_GOING' WHERE user_id = 'going' AND party_id = 'closed'");
        await forbidden(guest, "closed");
        assert.deepEqual(await host.inbox.next("party:viewer_left"), { userId: "going", partyId: "closed", viewerCount: 1 });
    });

    test("a stranger hears nothing of a private party, and cannot count its viewers", async () => {
        const [host, cohost, stranger] = [await user(server, "host"), await user(server, "cohost"), await user(server, "stranger")];
        await forbidden(stranger, "closed");
        await join(host, "closed");
        await join(cohost, "closed");
        await host.inbox.next("party:viewer_joined");
        assert.deepEqual(await leave(stranger, "closed"), { ok: true });
        assert.deepEqual(news(stranger), []);
    });
});

describe("parties and recovered connections", () => {
    let server;
    before(async () => { server = await partyline({ env: { LOOPS: "3", RECOVERY_DURATION: "60000" } }); });
    after(() => server?.stop());
    afterEach(closeAll);

    test("a viewer that comes back counts again, without asking", async () => {
        const partyId = unique("party");
        const alice = await user(server, unique("alice"));
        const bob = await user(server, unique("bob"), { reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 50 });
        await watch(alice, partyId, 1);
        await watch(bob, partyId, 2);
        await ask(bob, "presence:check", []); /* a client can come back only after it has been sent an event */
        for (let i = 0; i < 5; i++) {
            assert.equal((await alice.inbox.next("party:viewer_joined")).viewerCount, 2);
            kill(bob);
            assert.equal((await alice.inbox.next("party:viewer_left")).viewerCount, 1);
        }
        assert.equal((await alice.inbox.next("party:viewer_joined")).viewerCount, 2);
        assert.equal(bob.recovered, true);
        assert.deepEqual(await leave(bob, partyId), { ok: true, viewerCount: 1 });
    });
});
