/* Limits: how much a client may ask for, what it is told when it asks for more, and that others do not suffer. */

import assert from "node:assert/strict";
import { after, afterEach, describe, test } from "node:test";
import { ask, client, closeAll, connected, plainUnopened, refused } from "./lib/client.mjs";
import { join, say, unique, user } from "./lib/chat.mjs";
import { partyline, PARTYLINE, Program, SECRET } from "./lib/server.mjs";
import { userToken } from "./lib/token.mjs";
import { once, until } from "./lib/wait.mjs";

const servers = [];
const serve = async (env, options = {}) => {
    servers.push(await partyline({ env: { LOOPS: "2", ...env }, ...options }));
    return servers.at(-1);
};
const from = (address) => ({ extraHeaders: { "X-Forwarded-For": address } });
const PROXIED = { TRUSTED_PROXIES: "127.0.0.0/8, ::1" };

/* Leaving a room one is not in is no error, and no work. */
const touch = (socket) => ask(socket, "chat:leave", { roomId: "nowhere" });

/* Sends n events at once; how many were accepted, the refusals, and the seconds that it took. */
async function burst(socket, n) {
    const began = Date.now();
    const answers = await Promise.all(Array.from({ length: n }, () => touch(socket)));
    return { passed: answers.filter((a) => a.ok).length, refusals: answers.filter((a) => !a.ok).map((a) => a.error),
        seconds: (Date.now() - began) / 1000 };
}

/* A bucket of n that is filled up at `rate` a second let through what it should: on a busy machine time passes meanwhile. */
function isBurst(passed, n, rate, seconds) {
    assert.ok(passed >= n && passed <= n + 1 + rate * seconds, `${passed} passed in ${seconds} s`);
}

function isLimited(error) {
    assert.equal(error.code, "rate_limited");
    assert.ok(Number.isInteger(error.retryAfterMs) && error.retryAfterMs > 0, JSON.stringify(error));
}

describe("limits", () => {
    afterEach(closeAll);
    after(async () => {
        for (const server of servers)
            await server.stop();
    });

    test("events of a connection: a burst passes, the next is refused and may come after retryAfterMs", async () => {
        const server = await serve({ RATE_SOCKET: "2", RATE_SOCKET_BURST: "10" });
        const [a, b] = [await user(server, "a"), await user(server, "b")];
        const { passed, refusals, seconds } = await burst(a, 40);
        isBurst(passed, 10, 2, seconds);
        isLimited(refusals[0]);
        assert.ok(refusals[0].retryAfterMs <= 500);
        const event = await a.inbox.next("error");
        assert.deepEqual([event.event, event.code], ["chat:leave", "rate_limited"]);
        isLimited(event);
        assert.equal((await burst(b, 10)).passed, 10);
        const told = Date.now() + refusals[0].retryAfterMs;
        await until(() => Date.now() > told, "the time that the server named");
        assert.equal((await touch(a)).ok, true);
        assert.ok(a.connected);
    });

    test("events that no handler has are counted, too", async () => {
        const server = await serve({ RATE_SOCKET: "1", RATE_SOCKET_BURST: "3" });
        const a = await user(server, "a");
        for (let i = 0; i < 20; i++)
            a.emit("unheard:of", {});
        isLimited(await a.inbox.next("error", (e) => e.event === "unheard:of"));
    });

    test("plain WebSockets are limited as well", async () => {
        const server = await serve({ RATE_SOCKET: "1", RATE_SOCKET_BURST: "3" });
        const ws = plainUnopened(server.url, userToken(SECRET, "p"));
        await once(ws, "open");
        for (let i = 0; i < 20; i++)
            ws.emitEvent("chat:leave", { roomId: "nowhere" });
        isLimited(await ws.inbox.next("error"));
    });

    test("a user's devices share the user's limit, on whatever loop they are", async () => {
        const server = await serve({ RATE_USER: "1", RATE_USER_BURST: "20" });
        const devices = [];
        for (let i = 0; i < 4; i++)
            devices.push(await user(server, "many"));
        const results = await Promise.all(devices.map((d) => burst(d, 10)));
        const passed = results.reduce((sum, r) => sum + r.passed, 0);
        isBurst(passed, 20, 1, Math.max(...results.map((r) => r.seconds)));
        isLimited(results.flatMap((r) => r.refusals)[0]);
        assert.equal((await burst(await user(server, "other"), 10)).passed, 10);
    });

    test("an event with a rate of its own is limited for its user, others are not", async () => {
        const server = await serve({ RATE_EVENTS: "chat:message=1/2" });
        const room = unique("room");
        const [a, b] = [await user(server, "a"), await user(server, "b")];
        await join(a, room);
        await join(b, room);
        const said = Array.from({ length: 20 }, (_, i) => `${i}`);
        const answers = await Promise.all(said.map((content) => ask(a, "chat:message", { roomId: room, content })));
        const passed = said.filter((_, i) => answers[i].ok);
        assert.deepEqual(passed.slice(0, 2), ["0", "1"]);
        isLimited(answers.find((answer) => !answer.ok).error);
        await say(b, room, "mine");
        assert.equal((await burst(a, 20)).passed, 20);
        await b.inbox.next("chat:new_message", (m) => m.content === "mine");
        assert.deepEqual(b.inbox.all("chat:new_message").map((m) => m.content), passed);
    });

    test("an address shares its limit; who it is says a trusted proxy only", async () => {
        const server = await serve({ RATE_ADDRESS: "1", RATE_ADDRESS_BURST: "12", ...PROXIED });
        const begun = Date.now();
        const a = await user(server, "a", from("198.51.100.1"));
        const b = await user(server, "b", from("6.6.6.6, 198.51.100.1")); /* what stands left of it is hearsay */
        const c = await user(server, "c", from("198.51.100.2"));
        const bursts = [await burst(a, 10), await burst(b, 10)];
        isBurst(bursts[0].passed + bursts[1].passed, 10, 1, (Date.now() - begun) / 1000); /* the two connections count as well */
        assert.equal((await burst(c, 10)).passed, 10);
        const error = await until(async () => {
            await burst(a, 10); /* a second that went by meanwhile has let in one more */
            const d = client(server.url, { auth: { token: userToken(SECRET, "d") }, transports: ["websocket"], ...from("198.51.100.1") });
            return refused(d).catch(() => d.disconnect() && null);
        }, "a refusal");
        assert.equal(error.message, "Too many requests from this address");
        isLimited(error.data);
    });

    test("without trusted proxies the header is nobody's word", async () => {
        const server = await serve({ MAX_CONNECTIONS_PER_ADDRESS: "1" });
        await user(server, "a", from("198.51.100.1"));
        const error = await refused(client(server.url, { auth: { token: userToken(SECRET, "b") }, transports: ["websocket"],
            ...from("198.51.100.2") }));
        assert.equal(error.message, "Too many connections from this address");
        assert.match(server.log, /X-Forwarded-For comes from 127\.0\.0\.1, which is not in TRUSTED_PROXIES/);
    });

    test("connections of an address: one too many is refused until another has gone", async () => {
        const server = await serve({ MAX_CONNECTIONS_PER_ADDRESS: "2", ...PROXIED });
        const again = () => client(server.url, { auth: { token: userToken(SECRET, "c") }, transports: ["websocket"],
            ...from("2001:db8::3") });
        const a = await user(server, "a", from("2001:db8::1"));
        await user(server, "b", from("2001:db8::2")); /* the same network */
        const error = await refused(again());
        assert.equal(error.message, "Too many connections from this address");
        isLimited(error.data);
        const ws = plainUnopened(server.url, userToken(SECRET, "p"), { "X-Forwarded-For": "2001:db8::4" });
        const [, response] = await once(ws, "unexpected-response");
        assert.equal(response.statusCode, 401);
        ws.on("error", () => {}); /* it is not to be opened */
        await user(server, "d", from("2001:db8:0:1::1"));
        a.disconnect();
        await until(() => connected(again()).then(() => true, () => false), "a place");
        await refused(again());
    });

    test("a bad token takes no place", async () => {
        const server = await serve({ MAX_CONNECTIONS_PER_ADDRESS: "1" });
        for (let i = 0; i < 3; i++)
            assert.equal((await refused(client(server.url, { auth: { token: "x" } }))).message, "Invalid token");
        await user(server, "a");
    });

    test("who comes back by recovery has one place, not two or none", async () => {
        const server = await serve({ MAX_CONNECTIONS_PER_ADDRESS: "1", RECOVERY_DURATION: "60s" });
        const a = await user(server, "a", { reconnection: true, reconnectionDelay: 10 });
        a.emit("chat:join", { roomId: "room" });
        await a.inbox.next("chat:history"); /* events carry the offset that recovery needs */
        a.io.engine.close();
        await once(a, "connect");
        assert.ok(a.recovered);
        const other = () => client(server.url, { auth: { token: userToken(SECRET, "b") }, transports: ["websocket"] });
        assert.equal((await refused(other())).message, "Too many connections from this address");
        a.disconnect();
        await until(() => connected(other()).then(() => true, () => false), "a place");
    });

    test("who goes on regardless is disconnected, nobody else is", async () => {
        const server = await serve({ RATE_SOCKET: "1", RATE_SOCKET_BURST: "5", RATE_FLOOD: "20" });
        const [a, b] = [await user(server, "flood"), await user(server, "calm")];
        const gone = once(a, "disconnect");
        const began = Date.now();
        for (let i = 0; i < 200; i++)
            a.emit("chat:leave", { roomId: "nowhere" });
        assert.equal((await gone)[0], "io server disconnect");
        assert.equal((await a.inbox.next("error", (e) => e.message.includes("disconnected"))).code, "rate_limited");
        const forgiven = 2 * (Date.now() - began) / 1000; /* a tenth of 20 a second */
        const told = a.inbox.all("error").length;
        assert.ok(told >= 20 && told <= 20 + forgiven, `${told} refusals, ${forgiven} of them forgiven`);
        assert.equal((await touch(b)).ok, true);
        assert.match(server.log, /flood sends far more than allowed/);
        const metrics = await (await fetch(`${server.url}/metrics`)).text();
        assert.match(metrics, /^partyline_limited_total\{by="connection"\} [1-9]/m);
        assert.match(metrics, /^partyline_floods_total 1$/m);
    });

    test("by default nobody who behaves meets a limit", async () => {
        const off = { RATE_SOCKET: "", RATE_USER: "", RATE_ADDRESS: "", RATE_EVENTS: "" }; /* empty: the defaults */
        const server = await serve(off);
        const a = await user(server, "a");
        assert.equal((await burst(a, 150)).passed, 150);
        assert.ok((await burst(a, 1000)).refusals.length > 0);
        assert.ok(a.connected);
    });

    test("rooms of a connection", async () => {
        const server = await serve({ MAX_ROOMS: "3" }); /* one is that of the user */
        const a = await user(server, "a");
        for (const roomId of ["r1", "r2"])
            assert.equal((await ask(a, "chat:join", { roomId })).ok, true);
        assert.equal((await ask(a, "chat:join", { roomId: "r3" })).error.code, "too_many");
        assert.equal((await ask(a, "chat:leave", { roomId: "r1" })).ok, true);
        assert.equal((await ask(a, "chat:join", { roomId: "r3" })).ok, true);
    });

    test("length of messages, in characters, new and edited", async () => {
        const server = await serve({ CHAT_MAX_CONTENT: "5" });
        const a = await user(server, "a");
        const room = unique("room");
        await join(a, room);
        const { id } = await say(a, room, "🎉🎉🎉🎉🎉");
        for (const [event, extra] of [["chat:message", {}], ["chat:edit", { messageId: id }]]) {
            const answer = await ask(a, event, { roomId: room, content: "🎉🎉🎉🎉🎉.", ...extra });
            assert.equal(answer.error.code, "too_long");
            assert.match(answer.error.message, /at most 5 characters/);
        }
    });

    test("settings that cannot be read stop the program", async () => {
        for (const env of [{ RATE_EVENTS: "chat:message" }, { TRUSTED_PROXIES: "localhost" }]) {
            const program = new Program(PARTYLINE, ["serve", "--demo"], { JWT_SECRET: SECRET, DATABASE_URL: "sqlite:/nowhere/x.db", ...env }, 1);
            assert.equal((await program.exit).code, 2);
            assert.ok(program.log.includes(Object.values(env)[0]), program.log);
        }
    });
});
