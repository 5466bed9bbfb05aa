/* Delivery to push services: what they are sent, and what comes of every answer that they document. */

import assert from "node:assert/strict";
import { statSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { APNS, EXPO, FCM, Sender, WEB } from "./lib/push_sender.mjs";
import { apnsError, fcmError, pushServices } from "./lib/push_mock.mjs";
import { run, tempDir } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

let push; /* the services */
let sender;
const SECRETS = [];

const hex = (n) => n.toString(16).padStart(64, "0");
const outcome = async (message) => (await sender.send(message)).outcome;
const longText = "ä😀\"\n".repeat(900);

/* No token, key or content in what the program logs or tells. */
const nothingLeaks = (log) => {
    for (const secret of SECRETS)
        assert.ok(!log.includes(secret), `${secret.slice(0, 12)}… in the log`);
};

before(async () => {
    push = await pushServices();
    sender = new Sender(push.env);
    SECRETS.push("Title", "Body", "expo-secret", "ya29.", "ExponentPushToken[", "fcm-token", hex(1).slice(-20), "/wp/", "BEGIN");
});

after(async () => {
    const { code, signal } = await sender.end();
    push.stop();
    Sender.killAll();
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, sender.log);
    assert.deepEqual(push.faults(), []);
    nothingLeaks(sender.log);
});

describe("Web Push", () => {
    test("a message is encrypted for its browser, signed, and has its headers", async () => {
        const token = push.web.subscribe("a1");
        const message = { token, title: "Tom", body: "Hi \"you\" ☃", data: { roomId: "r1", n: "1" }, collapse: "room-r1", badge: 3, ttl: 60,
            urgent: true, id: "p1" };
        assert.deepEqual({ ...await sender.send(message), n: 0 },
            { n: 0, outcome: "delivered", retryMs: -1, status: 201, reason: "delivered" });
        const got = push.web.got.at(-1);
        assert.deepEqual(got.message, { title: "Tom", body: "Hi \"you\" ☃", tag: "room-r1", id: "p1", badge: 3, data: { roomId: "r1", n: "1" } });
        assert.equal(got.headers.ttl, "60");
        assert.equal(got.headers.urgency, "high");
        assert.equal(got.headers.topic, "room-r1");
    });

    test("salt and key are new every time, the token is not; none of it but the text need be there", async () => {
        const token = push.web.subscribe("a2");
        push.web.got.length = 0;
        assert.equal(await outcome({ token }), "delivered");
        assert.equal(await outcome({ token, title: "", body: "" }), "delivered");
        const [one, two] = push.web.got;
        assert.notEqual(one.salt, two.salt);
        assert.notEqual(one.sender, two.sender);
        assert.equal(one.jwt, two.jwt);
        assert.equal(one.headers.topic, undefined);
        assert.deepEqual(two.message, { id: `push-${sender.n}` });
    });

    test("a long text is cut at a character so that the body is 4096 bytes at most; data is not cut", async () => {
        const token = push.web.subscribe("a3");
        assert.equal(await outcome({ token, body: longText }), "delivered");
        const { message, size } = push.web.got.at(-1);
        assert.ok(size > 3900 && size <= 4096, `${size}`);
        assert.ok(message.body.endsWith("…") && longText.startsWith(message.body.slice(0, -1)));
        const refused = await sender.send({ token, data: { big: "x".repeat(5000) } });
        assert.equal(refused.outcome, "refused");
        assert.equal(refused.reason, "too large");
    });

    test("every answer", async () => {
        const late = new Date(Date.now() + 90000).toUTCString();
        const answers = [
            [{ status: 200 }, "delivered"], [{ status: 202 }, "delivered"], [{ status: 404 }, "gone"], [{ status: 410 }, "gone"],
            [{ status: 400 }, "refused"], [{ status: 401 }, "misconfigured"], [{ status: 403 }, "misconfigured"],
            [{ status: 403, body: "the VAPID credentials in the authorization header do not correspond to the credentials used" }, "gone"],
            [{ status: 413 }, "refused"], [{ status: 406 }, "later"], [{ status: 429, headers: { "retry-after": "7" } }, "later", 7000],
            [{ status: 503, headers: { "retry-after": "99999999" } }, "later", 86400000], [{ status: 500 }, "later", -1],
            [{ status: 307, headers: { location: `${push.expo.url}/elsewhere` } }, "refused"],
            [{ status: 201, body: "x".repeat(1000000) }, "delivered"], ["drop", "later"],
        ];
        for (const [answer, wanted, retryMs] of answers) {
            const id = `every-${sender.n}`;
            const token = push.web.subscribe(id);
            push.web.will(id, answer);
            const result = await sender.send({ token });
            assert.equal(result.outcome, wanted, `${JSON.stringify(answer).slice(0, 80)}: ${result.reason}`);
            if (retryMs !== undefined)
                assert.equal(result.retryMs, retryMs);
        }
        const token = push.web.subscribe("dated");
        push.web.will("dated", { status: 503, headers: { "retry-after": late } });
        const { retryMs } = await sender.send({ token });
        assert.ok(retryMs > 60000 && retryMs <= 90000, `${retryMs}`);
    });

    test("subscriptions that cannot be are not taken", async () => {
        const good = JSON.parse(push.web.subscribe("form"));
        const bad = [
            { ...good, endpoint: good.endpoint.replace("https:", "http:") }, { ...good, endpoint: good.endpoint.replace("//", "//u:p@") },
            { ...good, endpoint: "https://localhost:22/x" }, { ...good, endpoint: "file:///etc/passwd" }, { ...good, endpoint: "" },
            { ...good, keys: { ...good.keys, auth: "AAAA" } }, { ...good, keys: { ...good.keys, p256dh: `B${"A".repeat(86)}` } },
            { ...good, keys: undefined }, { ...good, endpoint: `${good.endpoint}\r\nX: y` }, { ...good, endpoint: `${good.endpoint}#x` },
        ];
        for (const subscription of bad)
            assert.equal(await outcome({ service: WEB, token: JSON.stringify(subscription) }), "invalid", JSON.stringify(subscription));
        assert.equal(await outcome({ service: WEB, token: "{" }), "invalid");
        assert.equal(await outcome({ token: JSON.stringify(good), collapse: "no spaces" }), "invalid");
    });

    test("nobody listens; a server that is not who it says", async () => {
        const token = push.web.subscribe("nobody", "https://localhost:1025");
        assert.deepEqual((({ outcome: o, status }) => ({ o, status }))(await sender.send({ token })), { o: "later", status: 0 });
        const other = await pushServices();
        const foreign = other.web.subscribe("x");
        const result = await sender.send({ token: foreign });
        other.stop();
        assert.equal(result.outcome, "later");
        assert.equal(result.reason, "the certificate cannot be verified");
        assert.equal(other.web.got.length, 0);
    });
});

describe("the guard of Web Push endpoints", () => {
    let guarded;
    before(() => { guarded = new Sender({ ...push.env, PUSH_ALLOW_PRIVATE: "false" }); });
    after(async () => {
        assert.deepEqual(await guarded.end(), { code: 0, signal: null }, guarded.log);
        nothingLeaks(guarded.log);
    });

    test("addresses in private are not taken, however they are written", async () => {
        const keys = JSON.parse(push.web.subscribe("guard")).keys;
        for (const host of ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254", "localhost",
            "192.168.1.1", "[fe80::1]", "[fd00::1]", "0.0.0.0", "100.64.0.1", "intranet"]) {
            const token = JSON.stringify({ endpoint: `https://${host}:${push.web.port}/wp/guard`, keys });
            assert.equal((await guarded.send({ token })).outcome, "invalid", host);
        }
    });

    test("a name that resolves to this machine is not connected to", async () => {
        push.web.got.length = 0;
        const connections = push.web.sessions.length;
        /* Such names are this machine's (RFC 6761). */
        const name = "push.localhost";
        const token = push.web.subscribe("rebound", `https://${name}:${push.web.port}`);
        const { outcome: is, reason } = await guarded.send({ token });
        assert.equal(is, "refused", reason);
        assert.match(reason, /not public/);
        assert.equal(push.web.got.length, 0);
        assert.equal(push.web.sessions.length, connections);
    });

    test("a connection that is there, made for a service of ours at a private address, is not taken", async () => {
        const url = `https://push.localhost:${push.fcm.port}`;
        const fresh = new Sender({ ...push.env, PUSH_ALLOW_PRIVATE: "false", PUSH_FCM_URL: url });
        assert.equal((await fresh.send({ token: "fcm-token:first" })).outcome, "delivered");
        const { outcome: is, reason } = await fresh.send({ token: push.web.subscribe("reused", url) });
        assert.equal(is, "refused");
        assert.match(reason, /not public/);
        assert.deepEqual(push.fcm.faults, []);
        assert.deepEqual(await fresh.end(), { code: 0, signal: null }, fresh.log);
    });

    test("the other services are where the settings say", async () => {
        assert.equal((await guarded.send({ service: FCM, token: "fcm-token:guarded" })).outcome, "delivered");
    });
});

describe("FCM", () => {
    test("a message as FCM wants it, many with one access token over few connections", async () => {
        push.fcm.fetches = 0;
        push.fcm.sessions.length = 0;
        const results = await Promise.all(Array.from({ length: 200 }, (_, i) => sender.send({ token: `fcm-token:${i}`, platform: "ANDROID",
            title: "Tom", body: "Hi", data: { roomId: "r", n: 5, from: "me" }, collapse: "room", badge: 4, ttl: 60, urgent: true })));
        assert.deepEqual([...new Set(results.map((r) => r.outcome))], ["delivered"]);
        assert.ok(push.fcm.fetches === 1, `${push.fcm.fetches} access tokens`);
        assert.ok(push.fcm.sessions.length <= 4, `${push.fcm.sessions.length} connections`);
        const { message, version } = push.fcm.got.at(-1);
        assert.equal(version, "2.0");
        assert.deepEqual(message.notification, { title: "Tom", body: "Hi" });
        assert.deepEqual(message.data, { roomId: "r", n: "5" });
        assert.deepEqual(message.android, { priority: "HIGH", ttl: "60s", collapse_key: "room", notification: { tag: "room", notification_count: 4 } });
        assert.equal(message.apns.payload.aps.badge, 4);
        assert.equal(message.apns.headers["apns-collapse-id"], "room");
        assert.equal(message.webpush.headers.TTL, "60");
    });

    test("a long text is cut", async () => {
        assert.equal(await outcome({ token: "fcm-token:long", body: longText }), "delivered");
        assert.ok(push.fcm.got.at(-1).size > 3900);
    });

    test("every answer", async () => {
        const violation = [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ field: "message.token" }] }];
        const answers = [
            [fcmError(404, "NOT_FOUND", { code: "UNREGISTERED" }), "gone"], [fcmError(404, "NOT_FOUND"), "misconfigured"],
            [fcmError(400, "INVALID_ARGUMENT", { code: "INVALID_ARGUMENT" }), "refused"],
            [fcmError(400, "INVALID_ARGUMENT", { message: "The registration token is not a valid FCM registration token" }), "gone"],
            [fcmError(400, "INVALID_ARGUMENT", { code: "INVALID_ARGUMENT", details: violation }), "gone"],
            [fcmError(403, "PERMISSION_DENIED", { code: "SENDER_ID_MISMATCH" }), "gone"], [fcmError(403, "PERMISSION_DENIED"), "misconfigured"],
            [fcmError(429, "RESOURCE_EXHAUSTED", { code: "QUOTA_EXCEEDED" }), "later", 60000],
            [fcmError(429, "RESOURCE_EXHAUSTED", { code: "QUOTA_EXCEEDED", headers: { "retry-after": "90" } }), "later", 90000],
            [fcmError(503, "UNAVAILABLE", { code: "UNAVAILABLE", headers: { "retry-after": "3" } }), "later", 3000],
            [fcmError(500, "INTERNAL", { code: "INTERNAL" }), "later", -1], [fcmError(401, "UNAUTHENTICATED", { code: "THIRD_PARTY_AUTH_ERROR" }), "misconfigured"],
            [{ status: 200, body: "<html>" }, "later"], [{ status: 413 }, "refused"], [{ status: 200, body: "y".repeat(200000) }, "later"], ["drop", "later"],
            [{ status: 302, headers: { location: "https://localhost/" } }, "misconfigured"],
        ];
        for (const [answer, wanted, retryMs] of answers) {
            const token = `fcm-token:every-${sender.n}`;
            push.fcm.will(token, answer);
            const result = await sender.send({ token });
            assert.equal(result.outcome, wanted, `${JSON.stringify(answer).slice(0, 120)}: ${result.reason}`);
            if (retryMs !== undefined)
                assert.equal(result.retryMs, retryMs);
        }
    });

    test("an access token that is refused is made anew once, for all who wait", async () => {
        push.fcm.tokens.clear();
        push.fcm.fetches = 0;
        const results = await Promise.all(Array.from({ length: 20 }, (_, i) => outcome({ token: `fcm-token:renew-${i}` })));
        assert.deepEqual([...new Set(results)], ["delivered"]);
        assert.equal(push.fcm.fetches, 1);
        push.fcm.will("fcm-token:never", fcmError(401, "UNAUTHENTICATED"), fcmError(401, "UNAUTHENTICATED"));
        assert.equal(await outcome({ token: "fcm-token:never" }), "misconfigured");
        assert.equal(push.fcm.fetches, 2);
    });

    test("no access token: the account, or later", async () => {
        const answers = [[{ status: 400, body: { error: "invalid_grant" } }, "misconfigured"], [{ status: 401 }, "misconfigured"],
            [{ status: 503, headers: { "retry-after": "4" } }, "later", 4000], [{ status: 200, body: "{}" }, "later"], ["drop", "later"],
            [{ status: 200, body: { access_token: "a\r\nb", expires_in: 3599 } }, "later"]];
        for (const [answer, wanted, retryMs] of answers) {
            push.fcm.tokens.clear();
            push.fcm.will("oauth", answer);
            const fresh = new Sender(push.env);
            const result = await fresh.send({ token: "fcm-token:new" });
            assert.equal(result.outcome, wanted, JSON.stringify(answer));
            assert.equal(result.retryMs, retryMs ?? -1);
            assert.deepEqual(await fresh.end(), { code: 0, signal: null }, fresh.log);
        }
    });

    test("a short-lived access token is made anew in time", async () => {
        push.fcm.life = 2;
        push.fcm.fetches = 0;
        const fresh = new Sender(push.env);
        await until(async () => (await fresh.send({ token: "fcm-token:short" })).outcome === "delivered" && push.fcm.fetches >= 2, "a second access token");
        push.fcm.life = 3599;
        await fresh.end();
    });

    test("tokens of another project do not go while nothing shows that the project is right", async () => {
        const fresh = new Sender(push.env);
        push.fcm.will("fcm-token:other", ...Array(2).fill(fcmError(403, "PERMISSION_DENIED", { code: "SENDER_ID_MISMATCH" })));
        assert.equal((await fresh.send({ token: "fcm-token:other" })).outcome, "misconfigured");
        assert.equal((await fresh.send({ token: "fcm-token:own" })).outcome, "delivered");
        assert.equal((await fresh.send({ token: "fcm-token:other" })).outcome, "gone");
        await fresh.end();
    });
});

describe("APNs", () => {
    const ios = (n) => ({ token: hex(n), platform: "IOS" });

    test("one message goes first on its connection, the others side by side behind it", async () => {
        const fresh = new Sender(push.env);
        push.apns.got.length = push.apns.sessions.length = 0;
        push.apns.jwts.clear();
        push.apns.most = 0;
        const results = await Promise.all(Array.from({ length: 100 }, (_, i) => fresh.send(ios(1000 + i))));
        assert.deepEqual([...new Set(results.map((r) => r.outcome))], ["delivered"]);
        assert.equal(push.apns.sessions.length, 1);
        assert.equal(push.apns.jwts.size, 1);
        assert.ok(push.apns.most > 1, "streams side by side");
        assert.deepEqual(await fresh.end(), { code: 0, signal: null }, fresh.log);
    });

    test("a message as APNs wants it", async () => {
        assert.equal(await outcome({ ...ios(1), title: "Tom", body: "Hi", data: { roomId: "r", aps: { x: 1 } }, collapse: "room", badge: 2, ttl: 60,
            urgent: true, id: "p9" }), "delivered");
        const { message, headers } = push.apns.got.at(-1);
        assert.deepEqual(message, { aps: { alert: { title: "Tom", body: "Hi" }, sound: "default", badge: 2, "thread-id": "room" }, roomId: "r" });
        assert.equal(headers["apns-priority"], "10");
        assert.equal(headers["apns-collapse-id"], "room");
        assert.ok(Math.abs(Number(headers["apns-expiration"]) - Date.now() / 1000 - 60) < 30);
        assert.equal(await outcome({ ...ios(1), id: "p9", ttl: 0 }), "delivered");
        assert.equal(push.apns.got.at(-1).headers["apns-id"], headers["apns-id"]);
        assert.equal(push.apns.got.at(-1).headers["apns-expiration"], "0");
        assert.equal(await outcome({ ...ios(1), body: longText }), "delivered");
        assert.ok(push.apns.got.at(-1).size > 3900);
    });

    test("every answer", async () => {
        const answers = [
            [apnsError(410, "Unregistered", { timestamp: 1629312000000 }), "gone"], [apnsError(410, "ExpiredToken", { timestamp: "?" }), "gone"],
            [{ status: 410 }, "gone"], [apnsError(400, "BadDeviceToken", { timestamp: 1 }), "gone"],
            [apnsError(400, "DeviceTokenNotForTopic"), "gone"], [apnsError(403, "InvalidProviderToken"), "misconfigured"],
            [apnsError(403, "BadEnvironmentKeyIdInToken"), "misconfigured"], [apnsError(403, "Forbidden"), "misconfigured"],
            ...["MissingTopic", "BadTopic", "TopicDisallowed", "InvalidPushType"].map((word) => [apnsError(400, word), "misconfigured"]),
            ...["MissingProviderToken", "UnrelatedKeyIdInToken", "BadCertificate", "BadCertificateEnvironment"].map((word) =>
                [apnsError(403, word), "misconfigured"]),
            [apnsError(404, "BadPath"), "misconfigured"], [apnsError(405, "MethodNotAllowed"), "misconfigured"],
            [apnsError(413, "PayloadTooLarge"), "refused"], ...["BadCollapseId", "BadExpirationDate", "BadMessageId", "BadPriority", "DuplicateHeaders",
                "MissingDeviceToken", "PayloadEmpty"].map((word) => [apnsError(400, word), "refused"]),
            [apnsError(400, "IdleTimeout"), "later"], [apnsError(429, "TooManyRequests"), "later"],
            [apnsError(429, "TooManyProviderTokenUpdates"), "later", 1200000], [apnsError(500, "InternalServerError"), "later"],
            [{ ...apnsError(503, "ServiceUnavailable"), headers: { "retry-after": "5" } }, "later", 5000], [apnsError(503, "Shutdown"), "later"],
            [{ status: 400, body: "]" }, "refused"], [{ status: 418, body: "z".repeat(100000) }, "refused"], ["drop", "later"],
        ];
        for (const [answer, wanted, retryMs] of answers) {
            const to = ios(5000 + sender.n);
            push.apns.will(to.token, answer);
            const result = await sender.send(to);
            assert.equal(result.outcome, wanted, `${JSON.stringify(answer).slice(0, 80)}: ${result.reason}`);
            if (retryMs !== undefined)
                assert.equal(result.retryMs, retryMs);
            assert.equal(result.goneMs, answer.body?.timestamp === 1629312000000 ? 1629312000000 : undefined);
            if (answer.body?.reason && answer.status !== 500 && answer.status !== 503)
                assert.equal(result.reason, answer.body.reason);
        }
    });

    test("an expired provider token is made anew, once", async () => {
        const to = ios(77);
        push.apns.jwts.clear();
        push.apns.will(to.token, apnsError(403, "ExpiredProviderToken"));
        assert.equal(await outcome(to), "delivered");
        assert.equal(push.apns.jwts.size, 2);
        push.apns.will(to.token, apnsError(403, "ExpiredProviderToken"), apnsError(403, "ExpiredProviderToken"));
        assert.equal((await sender.send(to)).outcome, "misconfigured");
        assert.equal(push.apns.jwts.size, 2, "more would be too many");
    });

    test("unknown tokens do not go while nothing shows that the environment is right", async () => {
        const fresh = new Sender(push.env);
        const to = ios(78);
        push.apns.will(to.token, apnsError(400, "BadDeviceToken"), apnsError(400, "BadDeviceToken"));
        assert.equal((await fresh.send(to)).outcome, "misconfigured");
        assert.equal((await fresh.send(ios(79))).outcome, "delivered");
        assert.equal((await fresh.send(to)).outcome, "gone");
        await fresh.end();
    });

    test("a connection that breaks under many", async () => {
        for (let i = 0; i < 30; i++)
            push.apns.will(hex(9000 + i), "drop");
        const results = await Promise.all(Array.from({ length: 60 }, (_, i) => outcome(ios(9000 + i))));
        assert.deepEqual([...new Set(results)].filter((r) => r !== "delivered" && r !== "later"), []);
        assert.equal(await outcome(ios(1)), "delivered");
    });
});

describe("Expo", () => {
    const expo = (name) => ({ token: `ExponentPushToken[${name}]` });

    test("messages of a moment go as one request, a hundred at most", async () => {
        push.expo.batches.length = 0;
        const results = await Promise.all(Array.from({ length: 250 }, (_, i) => outcome({ ...expo(`m${i}`), title: "Tom", data: { roomId: "r" }, badge: 1,
            collapse: "room", ttl: 60, urgent: true })));
        assert.deepEqual([...new Set(results)], ["delivered"]);
        assert.equal(push.expo.batches.reduce((a, b) => a + b), 250);
        assert.ok(push.expo.batches.length < 50, `${push.expo.batches}`);
        assert.ok(Math.max(...push.expo.batches) <= 100);
        const m = push.expo.got.at(-1);
        assert.deepEqual({ ...m, to: "" }, { to: "", title: "Tom", body: "Body", collapseId: "room", tag: "room", badge: 1, ttl: 60,
            data: { roomId: "r" }, sound: "default", priority: "high" });
    });

    test("every ticket", async () => {
        const tickets = { DeviceNotRegistered: "gone", MessageTooBig: "refused", MessageRateExceeded: "later", MismatchSenderId: "misconfigured",
            InvalidCredentials: "misconfigured", DeveloperError: "misconfigured", ProviderError: "later", ExpoError: "later", Unheard: "refused" };
        const results = await Promise.all(Object.entries(tickets).map(async ([error, wanted]) => {
            push.expo.will(`ExponentPushToken[${error}]`, error);
            return [error, wanted, await outcome(expo(error))];
        }));
        for (const [error, wanted, got] of results)
            assert.equal(got, wanted, error);
    });

    test("every answer to a request", async () => {
        const errors = (code) => ({ errors: [{ code, message: "ExponentPushToken[secret]" }] });
        const answers = [[{ status: 429, headers: { "retry-after": "6" }, body: errors("TOO_MANY_REQUESTS") }, "later", 6000],
            [{ status: 401, body: errors("UNAUTHORIZED") }, "misconfigured"], [{ status: 400, body: errors("VALIDATION_ERROR") }, "refused"],
            [{ status: 500 }, "later"], [{ status: 200, body: "?" }, "later"], [{ status: 200, body: { data: [] } }, "later"],
            [{ status: 200, body: errors("INTERNAL_SERVER_ERROR") }, "later"], ["drop", "later"]];
        for (const [answer, wanted, retryMs] of answers) {
            push.expo.will("request", answer);
            const result = await sender.send(expo("whole"));
            assert.equal(result.outcome, wanted, JSON.stringify(answer));
            if (retryMs !== undefined)
                assert.equal(result.retryMs, retryMs);
        }
    });

    test("one of another project does not cost the others: they go alone", async () => {
        push.expo.bad = "ExponentPushToken[stranger]";
        const results = await Promise.all(["x1", "stranger", "x2"].map((name) => outcome(expo(name))));
        push.expo.bad = undefined;
        assert.deepEqual(results, ["delivered", "delivered", "delivered"]);
    });

    test("a receipt that says the device is gone: the next message ends without a request", async () => {
        const fresh = new Sender({ ...push.env, PUSH_EXPO_RECEIPTS: "50ms" });
        push.expo.asked.length = 0;
        const ticket = `ticket-${push.expo.tickets + 1}`;
        push.expo.receipts.set(ticket, { status: "error", message: "x", details: { error: "DeviceNotRegistered" } });
        assert.equal((await fresh.send(expo("dying"))).outcome, "delivered");
        await until(() => push.expo.asked.includes(ticket), "the receipt to be asked for");
        const before = push.expo.got.length;
        await until(async () => (await fresh.send(expo("dying"))).outcome === "gone", "the token to be known as dead");
        const delivered = push.expo.got.length;
        assert.ok(delivered - before <= 2);
        assert.equal((await fresh.send(expo("dying"))).outcome, "delivered", "told once");
        assert.deepEqual(await fresh.end(), { code: 0, signal: null }, fresh.log);
        nothingLeaks(fresh.log);
    });
});

describe("bounds", () => {
    test("more than may be under way is not taken, and stopping ends what is, as later", async () => {
        const fresh = new Sender({ ...push.env, PUSH_MAX_UNDER_WAY: "5" });
        push.fcm.always = "hang";
        const results = Array.from({ length: 8 }, (_, i) => fresh.send({ token: `fcm-token:hang-${i}` }));
        assert.deepEqual((await Promise.all(results.slice(5))).map((r) => r.outcome), ["limit", "limit", "limit"]);
        await until(() => push.fcm.hanging.length >= 5, "five requests to hang");
        fresh.stopPush();
        assert.deepEqual((await Promise.all(results.slice(0, 5))).map((r) => [r.outcome, r.reason]), Array(5).fill(["later", "the server stops"]));
        push.fcm.always = undefined;
        assert.deepEqual(await fresh.end(), { code: 0, signal: null }, fresh.log);
    });

    test("who does not answer in time, before or behind the connection", async () => {
        const fresh = new Sender({ ...push.env, PUSH_TIMEOUT: "300ms" });
        push.fcm.will("fcm-token:slow", "hang");
        push.web.will("slow", "hang");
        const results = await Promise.all([{ token: "fcm-token:slow" }, { token: push.web.subscribe("slow") }].map((m) => fresh.send(m)));
        assert.deepEqual(results.map((r) => [r.outcome, r.reason]), Array(2).fill(["later", "no answer in time"]));
        assert.equal((await fresh.send({ token: "fcm-token:slow" })).outcome, "delivered");
        assert.deepEqual(await fresh.end(), { code: 0, signal: null }, fresh.log);
    });

    test("a service that is off, tokens of no service", async () => {
        const fresh = new Sender({ PUSH_EXPO_TOKEN: "none" });
        assert.equal((await fresh.send({ service: FCM, token: "fcm-token:off" })).outcome, "bad_state");
        assert.equal((await fresh.send({ service: EXPO, token: "ExponentPushToken[]" })).outcome, "invalid");
        assert.equal((await fresh.send({ service: APNS, token: hex(1) })).outcome, "bad_state");
        await fresh.end();
        assert.equal(await outcome({ service: APNS, token: "zz" }), "invalid");
        assert.equal(await outcome({ service: FCM, token: "a b" }), "invalid");
    });

    test("partyline vapid makes a key pair once, and prints the key that browsers want", async () => {
        const file = path.join(tempDir(), "vapid.pem");
        const once = await run(["vapid", "--push-vapid-key-file", file]);
        assert.equal(once.code, 0, once.err);
        assert.match(once.out, /^B[\w-]{86}\n$/);
        assert.equal(statSync(file).mode & 0o777, 0o600);
        assert.equal((await run(["vapid"], { PUSH_VAPID_KEY_FILE: file })).out, once.out);
        assert.equal((await run(["vapid"])).code, 2);
        assert.equal((await run(["vapid"], { PUSH_VAPID_KEY_FILE: push.env.PUSH_CA_FILE })).code, 1);
        const fresh = new Sender({ PUSH_VAPID_KEY_FILE: file, PUSH_VAPID_SUBJECT: "mailto:a@b.example" });
        await until(() => fresh.log.includes(once.out.trim()), "the same key from push");
        assert.deepEqual(await fresh.end(), { code: 0, signal: null });
    });

    test("settings that cannot work name themselves", async () => {
        const { env } = push;
        for (const [name, bad] of [["PUSH_VAPID_SUBJECT", { PUSH_VAPID_SUBJECT: "ops" }], ["PUSH_VAPID_KEY_FILE", { PUSH_VAPID_KEY_FILE: "/nowhere" }],
            ["PUSH_VAPID_KEY_FILE", { PUSH_VAPID_KEY_FILE: env.PUSH_FCM_ACCOUNT_FILE }], ["PUSH_FCM_ACCOUNT_FILE", { PUSH_FCM_ACCOUNT_FILE: env.PUSH_APNS_KEY_FILE }],
            ["PUSH_FCM_URL", { PUSH_FCM_URL: "http://fcm.example" }], ["PUSH_APNS_KEY_FILE", { PUSH_APNS_KEY_FILE: env.PUSH_CA_FILE }],
            ["PUSH_APNS_TOPIC", { PUSH_APNS_TOPIC: "a b" }], ["PUSH_APNS_TEAM_ID", { PUSH_APNS_TEAM_ID: "" }], ["PUSH_EXPO_URL", { PUSH_EXPO_URL: "ftp://x" }]]) {
            const fresh = new Sender({ ...env, ...bad });
            assert.deepEqual(await fresh.end(), { code: 2, signal: null });
            assert.match(fresh.log, new RegExp(`^${name}:`));
        }
    });
});
