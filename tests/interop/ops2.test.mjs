/* Health, readiness, metrics, structured logs, and moving clients off. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { join, say, unique, user } from "./lib/chat.mjs";
import { ask, client, closeAll, connected, plain, refused } from "./lib/client.mjs";
import { SECRET, partyline, sql } from "./lib/server.mjs";
import { userToken } from "./lib/token.mjs";
import { once, until, within } from "./lib/wait.mjs";

const get = (server, path, options) => fetch(`${server.url}${path}`, options);

/* Samples by name with labels, and the types by name; every line has to be one of the format. */
async function scrape(server) {
    const response = await get(server, "/metrics");
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const values = {}, types = {}, helps = {};
    for (const line of (await response.text()).trimEnd().split("\n")) {
        const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
        if (comment) {
            const table = comment[1] === "HELP" ? helps : types;
            assert.ok(!(comment[2] in table), `twice: ${line}`);
            table[comment[2]] = comment[3];
            continue;
        }
        const sample = /^(([a-z_]+)(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})?) ([0-9.e+-]+)$/.exec(line);
        assert.ok(sample, `no sample: ${line}`);
        assert.ok(!(sample[1] in values), `twice: ${line}`);
        const family = sample[2].replace(/_(bucket|sum|count)$/, "");
        assert.ok(sample[2] in types || types[family] === "histogram", `no TYPE before ${line}`);
        values[sample[1]] = Number(sample[3]);
    }
    assert.deepEqual(Object.keys(helps), Object.keys(types));
    return values;
}

const metric = async (server, name) => (await scrape(server))[`partyline_${name}`];
const becomes = (server, name, value) => until(async () => await metric(server, name) === value, `${name} to be ${value}`);

describe("health, readiness and metrics", () => {
    let server;
    before(async () => { server = await partyline({ env: { LOOPS: "2", PRESENCE_AUDIENCE: "followers" } }); });
    after(() => server?.stop());
    afterEach(closeAll);

    test("/healthz and /readyz", async () => {
        for (const [path, status] of [["/healthz", "ok"], ["/readyz", "ready"]]) {
            const response = await get(server, path);
            assert.equal(response.status, 200);
            assert.deepEqual(await response.json(), { status });
            assert.equal((await get(server, path, { method: "POST" })).status, 405);
        }
        assert.equal((await get(server, "/metrics", { method: "DELETE" })).status, 405);
    });

    test("connections by transport, sockets and rooms follow those that come and go", async () => {
        const polling = await user(server, unique("p"), { transports: ["polling"] });
        const ws = await user(server, unique("w"));
        await plain(server.url, userToken(SECRET, unique("plain")));
        const upgraded = await user(server, unique("u"), { transports: ["polling", "websocket"] });
        await becomes(server, 'connections{transport="polling"}', 1);
        await becomes(server, 'connections{transport="websocket"}', 2);
        await becomes(server, 'connections{transport="plain"}', 1);
        await becomes(server, "sockets", 4);
        assert.equal(await metric(server, "connections_upgraded_total"), 1);
        const rooms = await metric(server, "rooms");
        await join(ws, unique("room"));
        await becomes(server, "rooms", rooms + 1);
        assert.ok(polling.connected && upgraded.connected);
        closeAll();
        for (const transport of ["polling", "websocket", "plain"])
            await becomes(server, `connections{transport="${transport}"}`, 0);
        await becomes(server, "sockets", 0);
        await becomes(server, "rooms", 0);
        const values = await scrape(server);
        assert.equal(values['partyline_connections_opened_total{transport="polling"}'], 2);
        assert.equal(values['partyline_connections_opened_total{transport="websocket"}'], 1);
        const closed = Object.entries(values).filter(([name]) => name.startsWith("partyline_connections_closed_total"));
        assert.equal(closed.reduce((sum, [, n]) => sum + n, 0), 4);
    });

    test("messages, deliveries, commits and bytes", async () => {
        const roomId = unique("room");
        const members = await Promise.all(Array.from({ length: 3 }, () => user(server, unique("m"))));
        for (const member of members)
            await join(member, roomId);
        const before = await scrape(server);
        for (let i = 0; i < 5; i++)
            await say(members[0], roomId, `message ${i}`, { clientId: `id ${i}` });
        await say(members[0], roomId, "message 0", { clientId: "id 0" }); /* a repetition */
        for (const member of members)
            await member.inbox.take("chat:new_message", 5);
        const now = await scrape(server);
        const grown = (name) => now[`partyline_${name}`] - before[`partyline_${name}`];
        assert.equal(grown("messages_total"), 5);
        assert.equal(grown("events_received_total"), 6);
        assert.equal(grown("deliveries_total"), 15);
        assert.equal(grown('db_jobs_total{kind="write"}'), 6);
        assert.equal(grown("db_commit_seconds_count"), grown("db_batch_jobs_count"));
        assert.equal(grown("db_batch_jobs_sum"), 6);
        assert.ok(grown("db_commit_seconds_sum") > 0);
        assert.equal(grown('db_commit_seconds_bucket{le="+Inf"}'), grown("db_commit_seconds_count"));
        assert.ok(grown("bytes_sent_total") > 15 * 100 && grown("bytes_received_total") > 6 * 50);
        assert.ok(grown("loop_turn_seconds_count") > 0);
        assert.equal(now.partyline_db_up, 1);
        assert.ok(now.process_resident_memory_bytes > 1e6);
        assert.ok("partyline_bytes_per_connection" in now);
    });

    test("refusals by code, tokens and requests refused", async () => {
        const server = await partyline(); /* of its own: clients of other tests may still poll for what is gone */
        const alice = await user(server, unique("alice"));
        const before = await scrape(server);
        await ask(alice, "chat:typing", { roomId: "nowhere", isTyping: true });
        await ask(alice, "chat:typing", {});
        await ask(alice, "chat:typing", {});
        await refused(client(server.url, { transports: ["websocket"] }));
        await refused(client(server.url, { transports: ["websocket"], auth: { token: "x.y.z" } }));
        assert.equal((await get(server, "/socket.io/?EIO=4&transport=pigeon")).status, 400);
        assert.equal((await get(server, "/socket.io/?EIO=4&transport=polling&sid=unknown")).status, 400);
        const now = await scrape(server);
        const grown = (name) => now[`partyline_${name}`] - before[`partyline_${name}`];
        assert.equal(grown('refusals_total{code="not_a_member"}'), 1);
        assert.equal(grown('refusals_total{code="bad_request"}'), 2);
        assert.equal(grown('refusals_total{code="forbidden"}'), 0);
        assert.equal(grown('auth_failures_total{reason="missing"}'), 1);
        assert.equal(grown('auth_failures_total{reason="invalid"}'), 1);
        assert.equal(grown("sockets_refused_total"), 2);
        assert.equal(grown('requests_refused_total{reason="transport"}'), 1);
        assert.equal(grown('requests_refused_total{reason="session"}'), 1);
        await server.stop();
    });

    test("METRICS=false hides them, and them alone", async () => {
        const quiet = await partyline({ env: { METRICS: "false" } });
        assert.equal((await get(quiet, "/metrics")).status, 404);
        assert.equal((await get(quiet, "/readyz")).status, 200);
        await quiet.stop();
    });
});

describe("logs as JSON", () => {
    afterEach(closeAll);

    test("have connection, user, transport, room and reason as fields", async () => {
        const server = await partyline({ env: { LOG_FORMAT: "json", LOG_LEVEL: "debug" } });
        const lines = () => server.log.split("\n").slice(0, -1).map((line) => JSON.parse(line));
        const id = unique("logged \"user\"");
        const alice = await user(server, id);
        const connection = alice.id;
        await ask(alice, "chat:typing", { roomId: "attic", isTyping: true });
        alice.disconnect();
        const find = (start) => lines().find((l) => l.user === id && l.message.startsWith(start));
        await until(() => find("User disconnected"), "the disconnect line");
        const { transport, address, level } = find("User connected");
        assert.deepEqual({ transport, address, level }, { transport: "websocket", address: "127.0.0.1", level: "info" });
        assert.equal(find("User connected").connection, connection);
        const refusal = find("chat:typing refused");
        assert.deepEqual([refusal.connection, refusal.room, refusal.code, refusal.event, refusal.level],
            [connection, "attic", "not_a_member", "chat:typing", "debug"]);
        assert.equal(find("User disconnected").reason, "client namespace disconnect");
        assert.equal(find("User disconnected").connection, connection);
        await server.stop();
    });
});

describe("moving clients off", () => {
    afterEach(closeAll);

    test("SIGTERM: not ready, nobody new, one after the other, and those inside go on meanwhile", async () => {
        const server = await partyline({ env: { LOOPS: "2", DRAIN_RATE: "4", SHUTDOWN_GRACE: "30s" } });
        const roomId = unique("room");
        const clients = await Promise.all(Array.from({ length: 12 }, () => user(server, unique("c"))));
        await Promise.all(clients.map((c) => join(c, roomId)));
        const ends = [];
        for (const c of clients)
            c.on("disconnect", (reason) => ends.push({ at: Date.now(), reason }));
        const stopped = server.stop();
        await until(async () => (await get(server, "/readyz")).status === 503, "readiness to flip");
        assert.deepEqual(await (await get(server, "/readyz")).json(), { status: "draining" });
        assert.equal((await get(server, "/healthz")).status, 200);
        const polling = await get(server, "/socket.io/?EIO=4&transport=polling");
        assert.equal(polling.status, 503);
        assert.ok(Number(polling.headers.get("retry-after")) >= 1);
        await refused(client(server.url, { transports: ["websocket"], auth: { token: userToken(SECRET, "late") } }));
        await assert.rejects(plain(server.url, userToken(SECRET, "late")), /503/);
        const last = clients.find((c) => c.connected);
        assert.ok(last, "all went at once");
        await say(last, roomId, "still here");
        await within(stopped, "the server to stop", 20000);
        assert.equal(ends.length, 12);
        assert.deepEqual([...new Set(ends.map((e) => e.reason))], ["transport close"]);
        const took = ends.at(-1).at - ends[0].at;
        assert.ok(took >= 2000, `12 clients at 4 a second were gone within ${took} ms`);
        assert.equal(sql(server.db, "SELECT content FROM chat_messages")[0].content, "still here");
    });

    test("the JavaScript client comes back to who listens there next", async () => {
        const first = await partyline();
        const id = unique("faithful");
        const socket = await connected(client(first.url, {
            auth: { token: userToken(SECRET, id) }, transports: ["websocket"],
            reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200,
        }));
        await first.stop();
        const again = once(socket, "connect");
        const second = await partyline({ port: first.port, db: first.db });
        await again;
        closeAll();
        await second.stop();
    });

    test("at the deadline all that are left go at once", async () => {
        const server = await partyline({ env: { DRAIN_RATE: "1", SHUTDOWN_GRACE: "500ms" } });
        const clients = await Promise.all(Array.from({ length: 30 }, () => user(server, unique("c"))));
        const ends = clients.map((c) => once(c, "disconnect"));
        const begin = Date.now();
        await server.stop();
        await Promise.all(ends);
        assert.ok(Date.now() - begin < 20000, "30 clients at one a second were waited for");
    });
});
