/* Who is offline is told: partyline with the four push services of lib/push_mock.mjs. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { heard, join, say, unique, user } from "./lib/chat.mjs";
import { ask, closeAll } from "./lib/client.mjs";
import { Phone } from "./lib/phone.mjs";
import { Postgres } from "./lib/postgres.mjs";
import { apnsError, fcmError, pushServices } from "./lib/push_mock.mjs";
import { Redis, hasRedis } from "./lib/redis.mjs";
import { SECRET, freePort, partyline, run, sql, tempDir } from "./lib/server.mjs";
import { userToken } from "./lib/token.mjs";
import { until } from "./lib/wait.mjs";

const FAST = { PUSH_DELAY: "300", PUSH_CONFIRM: "1500" };

let services;
before(async () => { services = await pushServices(); });
after(() => services.stop());

const got = (token) => services.fcm.got.filter((m) => m.token === token).map((m) => m.message);

/* The n-th push to a device. */
async function pushed(token, n = 1) {
    await until(() => got(token).length >= n, `push ${n} to ${token}`, 20000);
    return got(token)[n - 1];
}

const badgeOf = (m) => m.apns.payload.aps.badge;

/* The counter pushes_total{outcome}. */
async function outcomes(server) {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Object.fromEntries([...text.matchAll(/pushes_total\{outcome="(\w+)"\} (\d+)/g)].map(([, k, v]) => [k, Number(v)]));
}

/* Nothing waits and nothing is being done any more. */
async function settled(server) {
    await until(() => sql(server.db, "SELECT count(*) AS n FROM partyline_jobs WHERE state < 3")[0].n === 0, "the queues to be empty", 30000);
}

async function register(socket, token, platform = "ANDROID") {
    assert.deepEqual(await ask(socket, "push:register", { token, platform }), { ok: true });
}

describe("push", () => {
    let server;
    before(async () => { server = await partyline({ env: { ...services.env, ...FAST } }); });
    after(async () => {
        await server?.stop();
        assert.deepEqual(services.faults(), []);
    });
    afterEach(closeAll);

    /* ann's room, with bob as a guest who has a device; both are connected. */
    async function room() {
        const [roomId, annId, bobId] = [unique("room"), unique("ann"), unique("bob")];
        const [ann, bob] = [await user(server, annId), await user(server, bobId)];
        const token = unique("tok");
        await join(ann, roomId);
        await say(ann, roomId, "first");
        await register(bob, token);
        sql(server.db, `INSERT INTO party_attendees (id, party_id, user_id, status) VALUES ('${unique("g")}', '${roomId}', '${bobId}', 'GOING')`);
        await settled(server);
        assert.deepEqual(got(token), []); /* he is here */
        return { roomId, annId, bobId, ann, bob, token };
    }

    test("who is away is told once, with a badge; back online nothing is missing, and nothing buzzes again", async () => {
        const { roomId, ann, bob, bobId, token } = await room();
        await join(bob, roomId);
        await ask(bob, "chat:read", { roomId, seq: 1 });
        bob.disconnect();
        const sent = await say(ann, roomId, "are you there?");
        const push = await pushed(token);
        assert.equal(push.notification.title, roomId);
        assert.match(push.notification.body, /are you there\?$/);
        assert.equal(push.data.roomId, roomId);
        assert.equal(push.data.messageId, sent.id);
        assert.equal(push.data.seq, String(sent.seq));
        assert.equal(badgeOf(push), 1);

        const back = await user(server, bobId);
        const unread = await ask(back, "chat:unread");
        assert.equal(unread.rooms.find((r) => r.roomId === roomId).unread, 1);
        assert.deepEqual((await join(back, roomId)).map((m) => m.content), ["first", "are you there?"]);
        await say(ann, roomId, "good");
        await heard(back, "good");
        await settled(server);
        assert.equal(got(token).length, 1);
    });

    test("what is said at once is one push, and the badge counts all of it", async () => {
        const { roomId, ann, bob, token } = await room();
        await ask(bob, "chat:read", { roomId, seq: 1 });
        bob.disconnect();
        await Promise.all(["one", "two", "three"].map((text) => say(ann, roomId, text)));
        const push = await pushed(token);
        assert.match(push.notification.body, /three$/);
        assert.equal(badgeOf(push), 3);
        await settled(server);
        assert.equal(got(token).length, 1);
        await say(ann, roomId, "four");
        assert.equal(badgeOf(await pushed(token, 2)), 4);
    });

    test("not for the sender's own devices, nor who muted the room, nor who read it elsewhere", async () => {
        const { roomId, ann, annId, bob, bobId, token } = await room();
        await register(ann, `${token}-ann`);
        assert.deepEqual(await ask(bob, "chat:mute", { roomId, muted: true }), { ok: true, roomId, muted: true });
        assert.deepEqual(await ask(bob, "chat:mute", { roomId }), { ok: true, roomId, muted: true });
        bob.disconnect();
        await say(ann, roomId, "muted");
        ann.disconnect();
        await settled(server);
        assert.deepEqual([got(token), got(`${token}-ann`)], [[], []]);

        const again = await user(server, bobId);
        const ends = Date.now() + 3600000;
        assert.deepEqual(await ask(again, "chat:mute", { roomId, muted: true, until: ends }), { ok: true, roomId, muted: true, until: ends });
        assert.deepEqual(await ask(again, "chat:mute", { roomId, muted: false }), { ok: true, roomId, muted: false });
        await join(again, roomId);
        const mine = await say(again, roomId, "for ann");
        assert.equal((await pushed(`${token}-ann`)).data.messageId, mine.id);
        const host = await user(server, annId);
        await join(host, roomId);
        const { seq } = await say(host, roomId, "to be read");
        await ask(again, "chat:read", { roomId, seq });
        again.disconnect();
        await settled(server);
        assert.deepEqual(got(token), []);
    });

    test("a device in the background does not keep pushes away, unless it shows the room", async () => {
        const { roomId, ann, bob, token } = await room();
        assert.deepEqual(await ask(bob, "push:focus", { roomId, away: true }), { ok: true });
        await say(ann, roomId, "seen");
        await settled(server);
        assert.deepEqual(got(token), []);
        await ask(bob, "push:focus", { away: true });
        await say(ann, roomId, "not seen");
        assert.match((await pushed(token)).notification.body, /not seen$/);
        await ask(bob, "push:focus", {});
        await say(ann, roomId, "seen again");
        await settled(server);
        assert.equal(got(token).length, 1);
    });

    test("a party of many: everybody who is away is told, once", async () => {
        const { roomId, ann, bob, token } = await room();
        const ids = Array.from({ length: 230 }, (_, i) => `${roomId}-guest-${i}`);
        const rows = (make) => ids.map(make).join(",");
        sql(server.db, `INSERT INTO users (id, firebase_id, email, created_at, updated_at) VALUES ${rows((id) => `('${id}', '${id}', '${id}', 0, 0)`)};
            INSERT INTO device_tokens (id, user_id, token, platform, created_at) VALUES ${rows((id) => `('d-${id}', '${id}', 't-${id}', 'IOS', 0)`)};
            INSERT INTO party_attendees (id, party_id, user_id, status) VALUES ${rows((id) => `('a-${id}', '${roomId}', '${id}', 'GOING')`)}`);
        bob.disconnect();
        await say(ann, roomId, "to all");
        await pushed(token);
        await settled(server);
        assert.deepEqual(ids.map((id) => got(`t-${id}`).length), ids.map(() => 1));
        assert.equal(badgeOf(got(`t-${ids[0]}`)[0]), 2);
    });

    test("a notification goes to the socket that is there, and else as a push", async () => {
        const { bob, bobId, token } = await room();
        const notify = (title) => fetch(`${server.url}/demo/notify`, { method: "POST", headers: { authorization: `Bearer ${bob.auth.token}` },
            body: JSON.stringify({ userId: bobId, type: "NEW_FOLLOWER", title, body: "..." }) });
        assert.equal((await notify("here")).status, 200);
        await bob.inbox.next("notification:new", (n) => n.title === "here");
        await settled(server);
        assert.deepEqual(got(token), []);
        bob.disconnect();
        assert.equal((await notify("away")).status, 200);
        const push = await pushed(token);
        assert.equal(push.notification.title, "away");
        assert.equal(push.data.type, "NEW_FOLLOWER");
        assert.equal(badgeOf(push), 3); /* two notifications and a message */
    });

    test("a dead token is forgotten; a busy service is asked again; a sold phone is another's", async () => {
        const { roomId, ann, annId, bob, token } = await room();
        services.fcm.will(token, fcmError(503, "UNAVAILABLE", { headers: { "retry-after": "1" } }),
            fcmError(404, "NOT_FOUND", { code: "UNREGISTERED" }));
        bob.disconnect();
        await say(ann, roomId, "hello?");
        await pushed(token, 2);
        await settled(server);
        assert.deepEqual(sql(server.db, `SELECT id FROM device_tokens WHERE token = '${token}'`), []);
        const counts = await outcomes(server);
        assert.equal(counts.gone, 1);
        assert.equal(counts.later, 1);

        await register(ann, `${token}-2`);
        const other = await user(server, unique("carl"));
        await register(other, `${token}-2`);
        assert.notEqual(sql(server.db, `SELECT user_id FROM device_tokens WHERE token = '${token}-2'`)[0].user_id, annId);
        assert.deepEqual(await ask(ann, "push:unregister", { token: `${token}-2` }), { ok: true, removed: false });
        assert.deepEqual(await ask(other, "push:unregister", { token: `${token}-2` }), { ok: true, removed: true });
    });

    test("a token that was registered after APNs found it dead stays; one that was not is forgotten", async () => {
        const { roomId, ann, bob } = await room();
        const token = unique("").replace(/\D/g, "").padStart(64, "a");
        await register(bob, token, "IOS");
        const asked = () => services.apns.got.filter((m) => m.token === token).length;
        const there = () => sql(server.db, `SELECT count(*) AS n FROM device_tokens WHERE token = '${token}'`)[0].n;
        bob.disconnect();
        services.apns.will(token, apnsError(410, "Unregistered", { timestamp: Date.now() - 3600000 }),
            apnsError(410, "Unregistered", { timestamp: Date.now() + 3600000 }));
        for (const [n, left] of [[1, 1], [2, 0]]) {
            await say(ann, roomId, `try ${n}`);
            await until(() => asked() === n, `attempt ${n}`, 20000);
            await settled(server);
            assert.equal(there(), left);
        }
    });

    test("browsers get the server's key, and their subscriptions work as objects", async () => {
        const { roomId, ann, bob } = await room();
        assert.deepEqual(await ask(bob, "push:key"), { ok: true, key: services.web.key });
        const id = unique("browser");
        await register(bob, JSON.parse(services.web.subscribe(id)), "WEB");
        bob.disconnect();
        await say(ann, roomId, "to the browser");
        await until(() => services.web.got.some((m) => m.id === id), "the browser's push", 20000);
        const refused = await ask(ann, "push:register", { token: { endpoint: "ftp://x" }, platform: "WEB" });
        assert.equal(refused.error.code, "bad_request");
        assert.equal((await ask(ann, "push:register", { token: 7, platform: "WEB" })).error.code, "bad_request");
        assert.equal((await ask(ann, "push:register", { token: "x", platform: "TOASTER" })).error.code, "bad_request");
        assert.equal((await ask(ann, "push:unregister", {})).error.code, "bad_request");
        assert.equal((await ask(ann, "push:focus", { roomId: 7 })).error.code, "bad_request");
        assert.equal((await ask(ann, "chat:mute", { muted: true })).error.code, "bad_request");
    });

    for (const transport of ["websocket", "polling"]) {
        test(`a phone that went out of reach over ${transport} is told as soon as it fails to answer`, async () => {
            const { roomId, ann, bob, bobId, token } = await room();
            const phone = await Phone.start(server.url, userToken(SECRET, bobId), transport);
            bob.disconnect();
            await say(ann, roomId, "to the phone");
            await settled(server);
            assert.deepEqual(got(token), []);
            phone.freeze();
            const before = Date.now();
            await say(ann, roomId, "still there?");
            assert.match((await pushed(token)).notification.body, /still there\?$/);
            assert.ok(Date.now() - before >= 1400, "not before it had its time to answer");
            phone.thaw();
            await say(ann, roomId, "welcome back");
            await settled(server);
            assert.equal(got(token).length, 1);
            phone.stop();
        });
    }
});

/* A room of ann's with bob as guest, who has a device and is away; the guest list is written as the REST backend does. */
async function withGuest(server, name) {
    const [roomId, annId, bobId, token] = [unique("room"), unique("ann"), unique("bob"), unique(name)];
    const [ann, bob] = [await user(server, annId), await user(server, bobId)];
    await join(ann, roomId);
    await say(ann, roomId, "first");
    await register(bob, token);
    sql(server.db, `INSERT INTO party_attendees (id, party_id, user_id, status) VALUES ('${unique("g")}', '${roomId}', '${bobId}', 'GOING')`);
    await settled(server);
    return { roomId, annId, bobId, ann, bob, token };
}

describe("push, when the server is killed", () => {
    afterEach(closeAll);

    const again = (server, env) => partyline({ env, port: server.port, db: server.db });

    test("right behind the commit, before anything was done about it: still sent, once", async () => {
        const env = { ...services.env, ...FAST, PUSH_DELAY: "2000" };
        let server = await partyline({ env });
        const { roomId, ann, bob, token } = await withGuest(server, "killed");
        bob.disconnect();
        await say(ann, roomId, "last words");
        await server.crash();
        assert.deepEqual(got(token), []);
        server = await again(server, env);
        assert.match((await pushed(token)).notification.body, /last words$/);
        await settled(server);
        assert.equal(got(token).length, 1);
        await server.stop();
    });

    test("while it finds out who is there: still sent, once", async () => {
        const env = { ...services.env, ...FAST, PUSH_CONFIRM: "5000" };
        let server = await partyline({ env });
        const { roomId, ann, bob, bobId, token } = await withGuest(server, "killed");
        const phone = await Phone.start(server.url, userToken(SECRET, bobId));
        bob.disconnect();
        phone.freeze();
        await say(ann, roomId, "last words");
        await until(() => sql(server.db, "SELECT count(*) AS n FROM partyline_jobs WHERE queue = 'push-offline' AND state = 2")[0].n, "the job to be taken");
        await server.crash();
        phone.stop();
        assert.deepEqual(got(token), []);
        server = await again(server, env);
        assert.match((await pushed(token)).notification.body, /last words$/);
        await settled(server);
        assert.equal(got(token).length, 1);
        await server.stop();
    });

    test("between enqueueing and delivery: still sent, once", async () => {
        const nowhere = `https://127.0.0.1:${await freePort()}`;
        let server = await partyline({ env: { ...services.env, ...FAST, PUSH_FCM_URL: nowhere } });
        const { roomId, ann, bob, token } = await withGuest(server, "killed");
        bob.disconnect();
        await say(ann, roomId, "last words");
        await until(() => sql(server.db, "SELECT count(*) AS n FROM partyline_jobs WHERE queue = 'push' AND attempts_made > 0")[0].n, "a first attempt");
        await server.crash();
        server = await again(server, { ...services.env, ...FAST });
        assert.match((await pushed(token)).notification.body, /last words$/);
        await settled(server);
        assert.equal(got(token).length, 1);
        await server.stop();
    });

    test("nor does a clean stop lose or double anything", async () => {
        let server = await partyline({ env: { ...services.env, ...FAST } });
        const { roomId, ann, bob, bobId, token } = await withGuest(server, "stopped");
        const phone = await Phone.start(server.url, userToken(SECRET, bobId));
        bob.disconnect();
        phone.freeze();
        await say(ann, roomId, "last words");
        await until(() => sql(server.db, "SELECT count(*) AS n FROM partyline_jobs WHERE queue = 'push-offline' AND state = 2")[0].n, "the job to be taken");
        await server.stop();
        phone.stop();
        server = await again(server, { ...services.env, ...FAST });
        await pushed(token);
        await settled(server);
        assert.equal(got(token).length, 1);
        await server.stop();
    });

    test("back in time, before the retry: no push", async () => {
        const nowhere = `https://127.0.0.1:${await freePort()}`;
        let server = await partyline({ env: { ...services.env, ...FAST, PUSH_FCM_URL: nowhere } });
        const { roomId, ann, bob, bobId, token } = await withGuest(server, "back");
        bob.disconnect();
        await say(ann, roomId, "last words");
        await until(() => sql(server.db, "SELECT count(*) AS n FROM partyline_jobs WHERE queue = 'push' AND attempts_made > 0")[0].n, "a first attempt");
        await user(server, bobId);
        await settled(server);
        assert.equal((await outcomes(server)).skipped, 1);
        assert.deepEqual(got(token), []);
        await server.stop();
    });
});

describe("push, when our settings are wrong", () => {
    afterEach(closeAll);

    test("it is said loudly, once, and costs no token; set right, everything is delivered", async () => {
        const env = { ...services.env, ...FAST };
        let server = await partyline({ env });
        const { roomId, ann, bob, token } = await withGuest(server, "wrong");
        await register(bob, `${token}-2`);
        bob.disconnect();
        for (const device of [token, `${token}-2`])
            services.fcm.will(device, fcmError(403, "PERMISSION_DENIED"));
        await say(ann, roomId, "nobody hears me");
        await until(async () => (await outcomes(server)).misconfigured === 2, "both to be refused");
        assert.equal(server.log.match(/PUSH_\* are wrong/g).length, 1);
        assert.equal(sql(server.db, `SELECT count(*) AS n FROM device_tokens WHERE token LIKE '${token}%'`)[0].n, 2);
        const waiting = await until(() => {
            const jobs = sql(server.db, "SELECT attempts_made, due_at - created_at AS ms FROM partyline_jobs WHERE queue = 'push' AND state = 1");
            return jobs.length === 2 && jobs;
        }, "both to wait");
        for (const job of waiting)
            assert.ok(job.attempts_made === 1 && job.ms >= 60000, JSON.stringify(job));
        await server.stop();
        sql(server.db, "UPDATE partyline_jobs SET due_at = 1 WHERE queue = 'push'");
        server = await partyline({ env, port: server.port, db: server.db });
        await settled(server);
        assert.deepEqual([got(token).length, got(`${token}-2`).length], [2, 2]);
        await server.stop();
    });
});

describe("push without the demo", () => {
    let server;
    before(async () => {
        server = await partyline({ demo: false, env: { PUSH_BODY: "none" } });
        sql(server.db, `INSERT INTO users (id, firebase_id, email, created_at, updated_at) VALUES ('ann', 'f', 'a@x', 0, 0);
            INSERT INTO party_events (id, host_id, title, is_private, created_at, updated_at) VALUES ('p', 'ann', 'x', 1, 0, 0);
            INSERT INTO chat_rooms (id, party_id, created_at) VALUES ('r', 'p', 0)`);
    });
    after(() => server?.stop());
    afterEach(closeAll);

    test("strangers to the database have no devices, and others no say in private rooms", async () => {
        const [ann, nobody] = [await user(server, "ann"), await user(server, "nobody")];
        assert.equal((await ask(nobody, "push:register", { token: "device-of-nobody-1", platform: "IOS" })).error.code, "forbidden");
        assert.equal((await ask(nobody, "chat:mute", { roomId: "r", muted: true })).error.code, "forbidden");
        assert.equal((await ask(ann, "push:key")).error.code, "not_found");
        assert.deepEqual(await ask(ann, "push:register", { token: "device-of-nobody-1", platform: "IOS" }), { ok: true });
        assert.deepEqual(await ask(ann, "push:focus", { roomId: "r" }), { ok: true });
    });

    test("settings that cannot work are refused at the start", async () => {
        const inbox = { REDIS_URL: "redis://127.0.0.1:1", QUEUE_INBOX: "push" };
        for (const [PUSH_DELIVERY, what, more] of [["direct", /no push service/], ["worker", /REDIS_URL/], ["pigeon", /PUSH_DELIVERY/],
            ["worker", /QUEUE_INBOX/, inbox]]) {
            const { code, err } = await run(["serve"], { PUSH_DELIVERY, ...more, JWT_SECRET: SECRET, DATABASE_URL: `sqlite:${tempDir()}/x.db` });
            assert.notEqual(code, 0);
            assert.match(err, what);
        }
    });

    test("nothing is written down for pushes that nobody would send", async () => {
        const ann = await user(server, "ann");
        await join(ann, "r");
        await say(ann, "r", "hello");
        assert.deepEqual(sql(server.db, "SELECT id FROM partyline_jobs"), []);
        assert.deepEqual(sql(server.db, "SELECT room_id FROM partyline_pushed"), []);
    });
});

describe("push on PostgreSQL", { skip: !hasRedis() && "no redis-server" }, () => {
    let redis, pg, name, nodes;
    before(async () => {
        [redis, pg] = [await Redis.start(), await Postgres.start()];
        name = pg.database({ prisma: true });
        const env = { ...services.env, ...FAST, REDIS_URL: redis.url, DATABASE_URL: pg.url(name) };
        nodes = [await partyline({ env }), await partyline({ env })];
    });
    after(async () => {
        for (const node of nodes ?? [])
            await node.stop();
        await redis?.stop();
        pg?.stop();
        assert.deepEqual(services.faults(), []);
    });
    afterEach(closeAll);

    const idle = () => until(() => pg.sql(name, "SELECT count(*) FROM partyline.partyline_jobs WHERE state < 3") === "0",
        "the queues to be empty", 30000);

    test("two servers: many rooms at once, each of their guests is told once by one of them", async () => {
        const [annId, bobId, token] = [unique("ann"), unique("bob"), unique("pg")];
        const ann = [await user(nodes[0], annId), await user(nodes[1], annId)];
        const bob = await user(nodes[1], bobId);
        await register(bob, token);
        const rooms = Array.from({ length: 12 }, () => unique("room"));
        for (const roomId of rooms) {
            await join(ann[0], roomId);
            await say(ann[0], roomId, "first");
            await join(ann[1], roomId);
        }
        pg.sql(name, `INSERT INTO party_attendees (id, party_id, user_id, status) VALUES
            ${rooms.map((id) => `('g-${id}', '${id}', '${bobId}', 'GOING')`).join(",")}`);
        await idle();
        assert.deepEqual(got(token), []);
        bob.disconnect();
        await Promise.all(rooms.flatMap((id) => ann.map((socket, i) => say(socket, id, `by server ${i}`))));
        await idle();
        const told = got(token).map((m) => m.data.roomId).sort();
        assert.deepEqual([...new Set(told)], [...rooms].sort());
        /* Two messages of one moment are one push, or two when they fell into different rounds; never one push twice. */
        const seqs = got(token).map((m) => `${m.data.roomId} ${m.data.seq}`);
        assert.equal(new Set(seqs).size, seqs.length);
    });
});

describe("push in a cluster", { skip: !hasRedis() && "no redis-server" }, () => {
    let redis, env, a, b;
    before(async () => {
        redis = await Redis.start();
        env = { ...services.env, ...FAST, REDIS_URL: redis.url };
        const db = `${tempDir()}/chat.db`;
        a = await partyline({ env, db });
        b = await partyline({ env, db });
    });
    after(async () => {
        await a?.stop();
        await b?.stop();
        await redis?.stop();
        assert.deepEqual(services.faults(), []);
    });
    afterEach(closeAll);

    test("who is connected to another server is there; who does not answer there is not; each is told once", async () => {
        const { roomId, ann, bob, bobId, token } = await withGuest(a, "far");
        const phone = await Phone.start(b.url, userToken(SECRET, bobId));
        bob.disconnect();
        await say(ann, roomId, "over there?");
        await settled(a);
        assert.deepEqual(got(token), []);
        phone.freeze();
        await say(ann, roomId, "frozen?");
        assert.match((await pushed(token)).notification.body, /frozen\?$/);
        phone.stop();
        await settled(a);
        assert.equal(got(token).length, 1);
    });

    test("what a server that dies has begun another one ends", async () => {
        const c = await partyline({ env: { ...env, PUSH_DELAY: "1000" }, db: a.db });
        const { roomId, ann, bob, token } = await withGuest(c, "dies");
        bob.disconnect();
        await say(ann, roomId, "last words");
        await c.crash();
        assert.match((await pushed(token)).notification.body, /last words$/);
        await settled(a);
        assert.equal(got(token).length, 1);
    });
});

describe("push by a worker of BullMQ", { skip: !hasRedis() && "no redis-server" }, () => {
    let redis, server;
    before(async () => {
        redis = await Redis.start("--maxmemory-policy", "noeviction");
        server = await partyline({ env: { ...FAST, REDIS_URL: redis.url, PUSH_DELIVERY: "worker", API_KEY: "api-key-of-the-interop-tests" } });
    });
    after(async () => {
        await server?.stop();
        await redis?.stop();
    });
    afterEach(closeAll);

    test("jobs of the queue push have all that is needed to deliver", async () => {
        const { Worker } = await import("bullmq5");
        const done = [];
        const worker = new Worker("push", async (job) => { done.push(job); }, { connection: { port: redis.port, host: "127.0.0.1" } });
        worker.on("error", () => {});
        const { roomId, ann, bob, bobId, token } = await withGuest(server, "worker");
        bob.disconnect();
        const sent = await say(ann, roomId, "to the worker");
        await until(() => done.length, "the job", 20000);
        await settled(server);
        assert.equal(done.length, 1);
        assert.equal(done[0].name, "push");
        assert.match(done[0].id, /^device_/);
        assert.deepEqual(done[0].data, { userId: bobId, token, platform: "ANDROID", title: roomId, body: `${done[0].data.body}`,
            data: { type: "message", roomId, messageId: sent.id, seq: String(sent.seq) }, badge: 2, collapseKey: roomId });
        assert.match(done[0].data.body, /: to the worker$/);
        await worker.close();

        const answer = await fetch(`${server.url}/api/v1/queues`, { headers: { Authorization: "Bearer api-key-of-the-interop-tests" } });
        const queues = (await answer.json()).data;
        assert.deepEqual(queues.map((queue) => queue.name), ["partyline", "push", "database:push-offline", "database:push"]);
        assert.deepEqual([queues[1].keeper, queues[1].counts.completed, queues[3].keeper], ["redis", 1, "database"]);
    });

    test("while Redis is away pushes wait in the database, also when the server stops and starts", async () => {
        const { Worker } = await import("bullmq6");
        const { roomId, ann, bob, token } = await withGuest(server, "later");
        bob.disconnect();
        await redis.stop();
        await say(ann, roomId, "wait for it");
        await until(() => sql(server.db, "SELECT count(*) AS n FROM partyline_jobs WHERE queue = 'push' AND state < 3")[0].n, "the device's job", 20000);
        await server.stop();
        server = await partyline({ env: server.env, port: server.port, db: server.db });
        assert.equal(sql(server.db, "SELECT count(*) AS n FROM partyline_jobs WHERE queue = 'push' AND state < 3")[0].n, 1);
        await redis.resume();
        const done = [];
        const worker = new Worker("push", async (job) => { done.push(job.data.token); }, { connection: { port: redis.port, host: "127.0.0.1" } });
        worker.on("error", () => {});
        await until(() => done.length, "the job", 40000);
        await settled(server);
        assert.deepEqual(done, [token]);
        await worker.close();
    });
});
