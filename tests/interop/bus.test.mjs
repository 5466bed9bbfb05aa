/* The event bus: what other services say on a Redis channel or stream reaches the clients of all servers, once. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { unique, user } from "./lib/chat.mjs";
import { ask, closeAll } from "./lib/client.mjs";
import { Redis } from "./lib/redis.mjs";
import { partyline, sql } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const CHANNEL = "partyline:events";
const STREAM = "partyline:events:log";

describe("event bus", () => {
    let redis, first, second;
    const env = () => ({ REDIS_URL: redis.url, BUS_RETRY: "400" });

    before(async () => {
        redis = await Redis.start();
        first = await partyline({ env: env() });
        second = await partyline({ env: env(), db: first.db });
        await until(() => Number(redis.lines("PUBSUB", "NUMSUB", CHANNEL)[1]) === 2, "both servers to listen");
    });
    after(async () => {
        await Promise.all([first?.stop(), second?.stop()]);
        await redis?.stop();
    });
    afterEach(closeAll);

    /* A viewer on each server. */
    async function viewers(partyId) {
        const both = [await user(first, unique("ann")), await user(second, unique("bob"))];
        for (const socket of both)
            assert.equal((await ask(socket, "party:join_live", { partyId })).ok, true);
        return both;
    }

    const publish = (event) => redis.cli("PUBLISH", CHANNEL, typeof event === "string" ? event : JSON.stringify(event));
    const add = (fields) => redis.cli("XADD", STREAM, "*", ...Object.entries(fields).flat());
    const live = (partyId) => ({ type: "PARTY_LIVE", payload: { partyId } });
    const pending = () => Number(redis.lines("XPENDING", STREAM, "partyline")[0]);
    const notes = (userId) => sql(first.db, `SELECT title FROM notifications WHERE user_id = '${userId}' ORDER BY created_at, id`);

    test("an event of a party reaches its viewers on all servers, each once", async () => {
        const partyId = unique("party");
        const both = await viewers(partyId);
        publish(live(partyId));
        publish({ type: "PARTY_MEDIA_ADDED", payload: { partyId, media: { id: "m1", tags: ["ü", 7] } } });
        for (const socket of both) {
            assert.deepEqual(await socket.inbox.next("party:new_media"), { partyId, media: { id: "m1", tags: ["ü", 7] } });
            assert.deepEqual(socket.inbox.all("party:status_changed"), [{ partyId, status: "LIVE" }]);
        }
    });

    test("with an id it is done once, however often and whichever way it comes", async () => {
        const partyId = unique("party"), id = unique("event");
        const both = await viewers(partyId);
        publish({ ...live(partyId), id });
        for (const socket of both)
            assert.deepEqual(await socket.inbox.next("party:status_changed"), { partyId, status: "LIVE" });
        publish({ ...live(partyId), id });
        add({ data: JSON.stringify({ ...live(partyId), id }) });
        await until(() => pending() === 0, "the entry to be acknowledged");
        publish({ type: "PARTY_STATUS_CHANGED", payload: { partyId, status: "ENDED" } });
        for (const socket of both) {
            assert.deepEqual(await socket.inbox.next("party:status_changed"), { partyId, status: "ENDED" });
            assert.deepEqual(socket.inbox.all("party:status_changed"), []);
        }
    });

    test("a notification is saved once and reaches the user's devices on all servers", async () => {
        const userId = unique("ann");
        const devices = [await user(first, userId), await user(second, userId)];
        add({ type: "NOTIFICATION", payload: JSON.stringify({ userId, type: "PARTY_LIVE", title: "one", body: "b" }) });
        publish({ type: "NOTIFICATION", id: unique("n"), payload: { userId, type: "PARTY_LIVE", title: "two", body: "b" } });
        for (const socket of devices) {
            const titles = [(await socket.inbox.next("notification:new")).title, (await socket.inbox.next("notification:new")).title];
            assert.deepEqual(titles.sort(), ["one", "two"]);
        }
        assert.deepEqual(notes(userId).map((row) => row.title).sort(), ["one", "two"]);
        await until(() => pending() === 0, "the entry to be acknowledged");
    });

    test("EMIT reaches a room on all servers", async () => {
        const partyId = unique("party");
        const both = await viewers(partyId);
        add({ type: "EMIT", payload: JSON.stringify({ room: `party:${partyId}`, event: "service:hello", args: [1, { a: "b" }] }) });
        for (const socket of both)
            assert.deepEqual(await socket.inbox.next("service:hello", (one, two) => two?.a === "b"), 1);
    });

    test("what a server took and did not finish, another takes over", async () => {
        const userId = unique("ann");
        const device = await user(second, userId);
        /* A consumer that dies with the entry in its hands. It must be faster than the servers: they wait in a read, so the entry is
         * written and claimed in one go. */
        const entry = redis.cli("EVAL", `local id = redis.call('XADD', KEYS[1], '*', 'type', 'NOTIFICATION', 'payload', ARGV[1])
            redis.call('XREADGROUP', 'GROUP', 'partyline', 'dead', 'COUNT', '10', 'STREAMS', KEYS[1], '>') return id`, "1", STREAM,
        JSON.stringify({ userId, type: "PARTY_LIVE", title: "late", body: "b" }));
        assert.match(entry, /^\d+-\d+$/);
        assert.equal((await device.inbox.next("notification:new")).title, "late");
        await until(() => pending() === 0, "the entry to be acknowledged");
        assert.equal(notes(userId).length, 1);
    });

    test("what cannot be done is refused with the reason, and holds up nothing", async () => {
        const userId = unique("ann");
        const device = await user(first, userId);
        const refused = [
            [{ type: "NOTIFICATION", payload: JSON.stringify({ userId, type: "PARTY_LIVE", title: "x" }) }, /^body /],
            [{ type: "NOTIFICATION", payload: "{" }, /payload is no JSON/],
            [{ type: "PARTY_LIVE", payload: "{}" }, /^payload\.partyId /],
            [{ data: "[]" }, /no JSON object/],
            [{ other: "x" }, /payload is no JSON/],
        ].map(([fields, reason]) => [add(fields), reason]);
        publish("not JSON");
        publish({ type: "EMIT", payload: { everyone: true, event: "x" } });
        add({ type: "NOTIFICATION", payload: JSON.stringify({ userId, type: "PARTY_LIVE", title: "good", body: "b" }) });
        assert.equal((await device.inbox.next("notification:new")).title, "good");
        await until(() => pending() === 0, "all entries to be acknowledged");
        const reasons = new Map((await redis.ask("XRANGE", `${STREAM}:refused`, "-", "+")).map(([, fields]) => [fields[1], fields[3]]));
        for (const [entry, reason] of refused)
            assert.match(reasons.get(entry), reason);
        /* The channel's two, at least, on each server; lines about them are one a second. */
        const count = async (server) => Number(/partyline_bus_refused_total (\d+)/.exec(await (await fetch(`${server.url}/metrics`)).text())[1]);
        await until(async () => await count(first) >= 2 && await count(second) >= 2, "both servers to count them");
        assert.match(first.log + second.log, /refused/);
        assert.deepEqual(device.inbox.all("x"), []);
    });

    test("goes on when Redis was flushed, and when it was away", async () => {
        const userId = unique("ann");
        const device = await user(first, userId);
        const note = (title) => add({ type: "NOTIFICATION", payload: JSON.stringify({ userId, type: "PARTY_LIVE", title, body: "b" }) });
        redis.flush();
        note("flushed");
        assert.equal((await device.inbox.next("notification:new")).title, "flushed");
        await redis.stop("SIGKILL");
        await until(async () => (await (await fetch(`${first.url}/readyz`)).json()).status === "degraded", "readiness to say degraded");
        await redis.resume();
        await until(async () => (await (await fetch(`${first.url}/readyz`)).json()).status === "ready", "readiness to say ready");
        /* Whichever server takes the entry, the other one must hear of it. */
        await until(() => Number(redis.lines("PUBSUB", "NUMSUB", "socket.io-request#/#")[1]) === 2, "both servers to be back");
        note("back");
        assert.equal((await device.inbox.next("notification:new")).title, "back");
    });
});
