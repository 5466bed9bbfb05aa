/* Tokens by a key set that is fetched from a URL: here of a provider on this machine. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import path from "node:path";
import { afterEach, describe, test } from "node:test";
import { client, closeAll, connected, refused } from "./lib/client.mjs";
import { freePort, PARTYLINE, Program, SECRET, partyline, run, tempDir } from "./lib/server.mjs";
import { webKey } from "./lib/token.mjs";
import { once, until } from "./lib/wait.mjs";

const socketWith = (server, token) => client(server.url, { auth: { token }, transports: ["websocket"] });
const comesIn = (server, key) => connected(socketWith(server, key.sign({ sub: "u" })));
const isRefused = async (server, key) =>
    assert.equal((await refused(socketWith(server, key.sign({ sub: "u" })))).message, "Invalid token");
const setOf = (...keys) => JSON.stringify({ keys: keys.map((k) => k.jwk) });
const logged = (server, what) => until(() => what.test(server.log), `${what} in the log`);

const providers = [];
const servers = [];

/* Answers every request with what `answer` is at that moment: {status, headers, body}. */
async function provider(body, { tls, headers } = {}) {
    const p = { answer: { status: 200, headers, body }, hits: 0 };
    const on = (req, res) => {
        p.hits++;
        res.writeHead(p.answer.status, p.answer.headers);
        res.end(p.answer.body);
    };
    const server = tls ? https.createServer(tls, on) : http.createServer(on);
    p.stop = () => { server.closeAllConnections(); server.close(); };
    server.listen(await freePort(), "127.0.0.1"); /* some of them stop, and nobody else is to be found there */
    await once(server, "listening");
    p.url = `${tls ? "https" : "http"}://127.0.0.1:${server.address().port}/keys?key=hidden`;
    providers.push(p);
    return p;
}

const settings = (p, env) => ({ JWT_SECRET: "", JWT_JWKS_URL: p.url, JWT_JWKS_REFRESH: "1h", JWT_JWKS_PAUSE: "100ms", ...env });

async function serve(p, env = {}) {
    const server = await partyline({ demo: false, env: settings(p, env) });
    servers.push(server);
    return server;
}

/* Asks with a key that the set may get to know, as a client that tries again. */
const comesInAtLast = (server, key) => until(() => comesIn(server, key).then(() => true, (error) => {
    assert.equal(error.message, "Invalid token");
}), "the new key to be known");

afterEach(async () => {
    closeAll();
    await Promise.all(servers.splice(0).map((s) => s.stop()));
    providers.splice(0).forEach((p) => p.stop());
});

describe("keys by URL", () => {
    const [first, second, third] = [webKey("RS256", "k1"), webKey("ES256", "k2"), webKey("EdDSA", "k3")];

    test("tokens of the set come in; a kid that is new in it is fetched when a token names it", async () => {
        const p = await provider(setOf(first, second));
        const server = await serve(p);
        await comesIn(server, first);
        await comesIn(server, second);
        assert.equal(p.hits, 1);
        await isRefused(server, third);
        p.answer.body = setOf(second, third);
        await comesInAtLast(server, third);
        await comesIn(server, second);
        await isRefused(server, first);
        assert.doesNotMatch(server.log, /hidden/);
    });

    test("made-up kids cause no more fetches than the pause allows", async () => {
        const p = await provider(setOf(first));
        const server = await serve(p, { JWT_JWKS_PAUSE: "1h" });
        for (let i = 0; i < 20; i++)
            await isRefused(server, webKey("EdDSA", `x${i}`));
        await comesIn(server, first);
        assert.equal(p.hits, 1);
    });

    test("what cannot be used changes nothing: the old keys stay", async () => {
        const p = await provider(setOf(first));
        const elsewhere = await provider(setOf(third));
        const server = await serve(p, { JWT_JWKS_REFRESH: "100ms" });
        const bad = [
            [{ status: 200, body: "{\"keys\":[" }, /old ones stay, .*not/],
            [{ status: 200, body: "{\"keys\":[]}" }, /old ones stay, .*key/],
            [{ status: 500, body: setOf(third) }, /old ones stay, .*answer is 500/],
            [{ status: 302, headers: { location: elsewhere.url } }, /old ones stay, .*answer is 302/],
            [{ status: 200, body: setOf(third) + " ".repeat(262144) }, /old ones stay, .*more than 262144 bytes/],
        ];
        for (const [answer, says] of bad) {
            p.answer = answer;
            await logged(server, says);
            await comesIn(server, first);
            await isRefused(server, third);
        }
        assert.equal(elsewhere.hits, 0);
        p.stop();
        await logged(server, /old ones stay, .*[Cc]onnect/);
        await comesIn(server, first);
        await isRefused(server, third);
    });

    test("after a failure the next good answer counts", async () => {
        const p = await provider(setOf(first));
        const server = await serve(p, { JWT_JWKS_REFRESH: "100ms" });
        p.answer = { status: 503 };
        await logged(server, /answer is 503/);
        p.answer = { status: 200, body: setOf(third) };
        await comesInAtLast(server, third);
        await isRefused(server, first);
    });

    test("max-age says when, not more often than the pause", async () => {
        const often = await provider(setOf(first), { headers: { "Cache-Control": "public, max-age=0" } });
        const seldom = await provider(setOf(first), { headers: { "cache-control": "max-age=3600" } });
        const before = Date.now();
        await serve(often);
        await until(() => often.hits >= 5, "five fetches");
        const hits = often.hits;
        const most = 1 + (Date.now() - before + 10) / 100; /* clocks are rounded */
        assert.ok(hits <= most, `${hits} fetches, not more than ${most}`);
        await serve(seldom, { JWT_JWKS_REFRESH: "100ms" });
        const more = often.hits + 3; /* time in which the other would have been asked, too */
        await until(() => often.hits >= more, "three more");
        assert.equal(seldom.hits, 1);
    });

    test("the start waits for a provider that starts, too", async () => {
        const p = await provider("");
        p.answer.status = 503;
        const starting = serve(p);
        await until(() => p.hits >= 2, "a second try");
        p.answer = { status: 200, body: setOf(first) };
        await comesIn(await starting, first);
    });

    test("without keys it does not start: nobody there, nor a certificate that nobody vouches for", async () => {
        const dir = tempDir();
        const [key, cert] = ["key.pem", "cert.pem"].map((name) => path.join(dir, name));
        execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
            "-out", cert, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], { stdio: "ignore" });
        const gone = await provider(setOf(first));
        gone.stop();
        const selfSigned = await provider(setOf(first), { tls: { key: readFileSync(key), cert: readFileSync(cert) } });
        const ends = async (p, says) => {
            const program = new Program(PARTYLINE, ["serve"], { DATABASE_URL: "sqlite:/nowhere/x.db", ...settings(p) }, 1);
            assert.equal((await program.exit).code, 1);
            assert.match(program.log, says);
            assert.doesNotMatch(program.log, /hidden/);
        };
        await Promise.all([ends(gone, /cannot get them from .*[Cc]onnect/), ends(selfSigned, /cannot get them from .*certificate/)]);
        assert.equal(selfSigned.hits, 0);
    });

    test("settings that cannot work", async () => {
        const url = "https://id.example/keys";
        for (const env of [{ JWT_JWKS_URL: url, JWT_SECRET: SECRET }, { JWT_JWKS_URL: url, JWT_JWKS_FILE: "x" },
            { JWT_JWKS_URL: "http://id.example/keys" }, { JWT_JWKS_URL: "file:///etc/passwd" }]) {
            const { code, err } = await run(["serve"], env);
            assert.equal(code, 2);
            assert.match(err, /JWT_JWKS_URL/);
        }
        const { code, err } = await run(["token", "--id", "u", "--username", "U"], { JWT_JWKS_URL: url });
        assert.equal(code, 2);
        assert.match(err, /no key to sign with/);
    });
});
