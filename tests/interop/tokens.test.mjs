/* Tokens: sets of keys, and what becomes of a connection whose token expires. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { ask, client, closeAll, connected, plain, refused } from "./lib/client.mjs";
import { user } from "./lib/chat.mjs";
import { PARTYLINE, Program, SECRET, partyline, tempDir } from "./lib/server.mjs";
import { hs256, userToken, webKey } from "./lib/token.mjs";
import { once } from "./lib/wait.mjs";

const socketWith = (server, token) => client(server.url, { auth: { token }, transports: ["websocket"] });
const comesIn = (server, token) => connected(socketWith(server, token));
const isRefused = async (server, token) => assert.equal((await refused(socketWith(server, token))).message, "Invalid token");

describe("key sets", () => {
    const keys = [webKey("RS256", "r1"), webKey("ES256", "e1"), webKey("EdDSA", "d1")];
    const file = path.join(tempDir(), "jwks.json");
    let server;

    before(async () => {
        const others = [{ kty: "oct", kid: "o1", k: "c2VjcmV0" }, { kty: "RSA", kid: "weak", n: "AQAB", e: "AQAB" }];
        writeFileSync(file, JSON.stringify({ keys: [...others, ...keys.map((k) => k.jwk)] }));
        server = await partyline({ demo: false, env: { JWT_SECRET: "", JWT_JWKS_FILE: file } });
    });
    afterEach(closeAll);
    after(() => server.stop());

    test("a token names its key, whatever kind that is", async () => {
        for (const key of keys)
            await comesIn(server, key.sign({ sub: "u" }));
    });

    test("no name, an unknown one, another key's or another algorithm: none gets in", async () => {
        const [rsa, ec] = keys;
        await isRefused(server, ec.sign({ sub: "u" }, { kid: undefined }));
        await isRefused(server, ec.sign({ sub: "u" }, { kid: "gone" }));
        await isRefused(server, ec.sign({ sub: "u" }, { kid: "r1" }));
        await isRefused(server, ec.sign({ sub: "u" }, { alg: "RS256" }));
        await isRefused(server, ec.sign({ sub: "u" }, { alg: "none" }));
        await isRefused(server, webKey("RS256", "r1").sign({ sub: "u" }));
        await isRefused(server, hs256(rsa.jwk.n, { sub: "u" }));
        await isRefused(server, hs256("secret", { sub: "u" }));
    });

    test("tokens as Firebase makes them", async () => {
        const [rsa] = keys;
        const firebase = await partyline({ demo: false, env: { JWT_SECRET: "", JWT_JWKS_FILE: file,
            JWT_ISSUER: "https://securetoken.google.com/party-gallery", JWT_AUDIENCE: "party-gallery" } });
        const claims = { iss: "https://securetoken.google.com/party-gallery", aud: "party-gallery", sub: "Zf3kQ1", user_id: "Zf3kQ1",
            auth_time: 1700000000, email: "zoe@example.org", email_verified: true,
            firebase: { identities: { email: ["zoe@example.org"] }, sign_in_provider: "password" } };
        await comesIn(firebase, rsa.sign(claims));
        await isRefused(firebase, rsa.sign({ ...claims, aud: "another-project" }));
        await isRefused(firebase, rsa.sign({ ...claims, exp: Math.floor(Date.now() / 1000) - 3600 }));
        await firebase.stop();
    });

    const cannot = [
        ["a set beside a secret", { JWT_JWKS_FILE: file, JWT_SECRET: SECRET }, /JWT_JWKS_FILE/],
        ["a set that is not there", { JWT_JWKS_FILE: "/no/such.json" }, /no\/such\.json/],
        ["a set that is none", { JWT_JWKS_FILE: "/etc/passwd" }, /passwd/],
    ];
    for (const [name, env, says] of cannot) {
        test(`${name} stops the program`, async () => {
            const program = new Program(PARTYLINE, ["serve"], { DATABASE_URL: "sqlite:/nowhere/x.db", ...env }, 1);
            assert.equal((await program.exit).code, 2);
            assert.match(program.log, says);
        });
    }
});

describe("tokens of connections", () => {
    const soon = (s) => ({ exp: Math.ceil(Date.now() / 1000) + s });
    const token = (id, claims) => userToken(SECRET, id, claims);
    let server;

    before(async () => { server = await partyline({ env: { JWT_LEEWAY: "0", JWT_EXPIRY_NOTICE: "60s", LOOPS: "2" } }); });
    afterEach(closeAll);
    after(() => server.stop());

    test("a client is told that its token expires, and disconnected when it has", async () => {
        const claims = soon(1);
        const a = await user(server, "a", { claims });
        const b = await user(server, "b");
        const gone = once(a, "disconnect");
        const told = await a.inbox.next("auth:expiring");
        assert.equal(told.expiresAt, new Date(claims.exp * 1000).toISOString());
        assert.ok(told.inMs > 0 && told.inMs <= 2000, `${told.inMs} ms`);
        assert.equal((await gone)[0], "io server disconnect");
        assert.ok(Date.now() >= claims.exp * 1000);
        const error = await a.inbox.next("error");
        assert.equal(error.code, "token_expired");
        assert.deepEqual(b.inbox.all("auth:expiring"), []);
        assert.ok(b.connected);
        await isRefused(server, token("a", claims));
    });

    test("plain WebSockets, too", async () => {
        const ws = await plain(server.url, token("p", soon(1)));
        const closed = once(ws, "close");
        await ws.inbox.next("auth:expiring");
        assert.equal((await ws.inbox.next("error")).code, "token_expired");
        await closed;
    });

    test("with a new token the connection goes on", async () => {
        const a = await user(server, "a", { claims: soon(1) });
        await a.inbox.next("auth:expiring");
        const next = soon(2);
        assert.deepEqual(await ask(a, "auth:refresh", { token: token("a", next) }),
            { ok: true, expiresAt: new Date(next.exp * 1000).toISOString() });
        const told = await a.inbox.next("auth:expiring");
        assert.equal(told.expiresAt, new Date(next.exp * 1000).toISOString());
        assert.deepEqual(await ask(a, "auth:refresh", { token: token("a", { exp: undefined }) }), { ok: true });
        const b = await user(server, "b", { claims: soon(2) }); /* expires no earlier than a would have */
        assert.equal((await once(b, "disconnect"))[0], "io server disconnect");
        assert.ok(a.connected);
        assert.deepEqual(a.inbox.all("error"), []);
    });

    test("what is no good token of this user refreshes nothing", async () => {
        const claims = soon(2);
        const a = await user(server, "a", { claims });
        assert.equal((await ask(a, "auth:refresh", { token: "x" })).error.code, "invalid_token");
        assert.equal((await ask(a, "auth:refresh", { token: userToken("another-secret-of-more-than-32-bytes", "a") })).error.code,
            "invalid_token");
        assert.equal((await ask(a, "auth:refresh", { token: token("a", { exp: 1 }) })).error.code, "invalid_token");
        assert.equal((await ask(a, "auth:refresh", { token: token("b") })).error.code, "forbidden");
        assert.equal((await ask(a, "auth:refresh", {})).error.code, "bad_request");
        assert.equal((await ask(a, "auth:refresh", { token: "x".repeat(8193) })).error.code, "bad_request");
        assert.equal((await once(a, "disconnect"))[0], "io server disconnect");
        assert.equal((await a.inbox.next("error", (e) => e.code === "token_expired")).event, "auth:refresh");
    });

    test("who is away when the token expires does not come back by recovery for long", async () => {
        const away = await partyline({ env: { JWT_LEEWAY: "0", RECOVERY_DURATION: "60s" } });
        const claims = soon(1);
        const a = await user(away, "a", { claims, reconnection: true, reconnectionDelay: 1500, randomizationFactor: 0 });
        a.emit("chat:join", { roomId: "room" });
        await a.inbox.next("chat:history");
        const witness = await user(away, "b", { claims }); /* gone: the token has expired */
        const expired = once(witness, "disconnect");
        const [back, gone] = [once(a, "connect"), new Promise((resolve) => {
            a.on("disconnect", (reason) => { if (reason === "io server disconnect") resolve(reason); });
        })];
        a.io.engine.close();
        await expired;
        await back;
        assert.ok(a.recovered);
        await gone;
        assert.equal((await a.inbox.next("error")).code, "token_expired");
        await away.stop();
    });
});
