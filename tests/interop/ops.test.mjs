/* What an operator does: help, settings, refusals to start, tokens and keys, stopping, logs. */

import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { heard, join, say, unique, user } from "./lib/chat.mjs";
import { client, closeAll, connected, plain, refused } from "./lib/client.mjs";
import { Polling } from "./lib/raw.mjs";
import { SECRET, partyline, run, sql, tempDir } from "./lib/server.mjs";
import { hs256, keyPair, userToken } from "./lib/token.mjs";
import { once, until } from "./lib/wait.mjs";

const SETTINGS = ["PORT", "HOST", "ALLOWED_ORIGINS", "JWT_SECRET", "JWT_ALG", "JWT_PUBLIC_KEY_FILE", "DATABASE_URL",
    "PING_INTERVAL", "PING_TIMEOUT", "MAX_PAYLOAD", "WEB_DIR", "CLIENT_DIR"];
const flag = (name) => `--${name.toLowerCase().replaceAll("_", "-")}`;

/* A database that a refused start must not even create. */
const base = () => ({ DATABASE_URL: `sqlite:${path.join(tempDir(), "x.db")}`, PORT: "0", HOST: "127.0.0.1" });

describe("command line", () => {
    test("--help names every command and setting", async () => {
        const { code, out } = await run(["--help"]);
        assert.equal(code, 0);
        for (const word of ["serve", "token", "config", "--demo", ...SETTINGS.map(flag)])
            assert.ok(out.includes(word), `${word} in --help`);
    });

    test("config shows values and where they come from, but no secret", async () => {
        const env = { ...base(), JWT_SECRET: "do-not-show-me-0123456789abcdefghi", PING_INTERVAL: "7s" };
        const { code, out, err } = await run(["config", "--ping-timeout", "9s"], env);
        assert.equal(code, 0, err);
        assert.ok(!out.includes("do-not-show-me") && !err.includes("do-not-show-me"));
        const line = (name) => out.split("\n").find((l) => l.startsWith(name)) || assert.fail(`no ${name} in ${out}`);
        for (const name of SETTINGS)
            line(name);
        assert.match(line("PING_INTERVAL"), /7000|7s/);
        assert.match(line("PING_TIMEOUT"), /9000|9s/);
        assert.match(line("JWT_SECRET"), /\*{3,}/);
    });

    test("a flag beats the environment", async () => {
        const { out } = await run(["config", "--max-payload=2000"], { ...base(), MAX_PAYLOAD: "3000" });
        assert.match(out, /^MAX_PAYLOAD +2000/m);
    });

    for (const [what, args, env, names] of [
        ["an unknown flag", ["serve", "--demo", "--no-such-flag"], {}, /--no-such-flag/],
        ["an unknown command", ["sevre"], {}, /sevre/],
        ["no command", [], {}, /serve/],
        ["a port that is no number", ["serve", "--demo"], { PORT: "http" }, /PORT/i],
        ["a port out of range", ["serve", "--demo", "--port", "70000"], {}, /port/i],
        ["a flag without its value", ["serve", "--demo", "--port"], {}, /--port/],
        ["a bad duration", ["serve", "--demo"], { PING_INTERVAL: "soon" }, /PING_INTERVAL/i],
        ["an unknown algorithm", ["serve", "--demo"], { JWT_ALG: "none" }, /JWT_ALG/i],
        ["a database of a kind not built in", ["serve", "--demo"], { DATABASE_URL: "mysql://x" }, /DATABASE_URL|mysql/i],
        ["a database in no directory", ["serve", "--demo"], { DATABASE_URL: "sqlite:/no/such/dir/x.db" }, /no\/such\/dir/],
        ["a key file that is not there", ["serve"], { JWT_ALG: "RS256", JWT_PUBLIC_KEY_FILE: "/no/such.pem" }, /no\/such\.pem/],
        ["an algorithm without its key", ["serve"], { JWT_ALG: "RS256" }, /JWT_PUBLIC_KEY_FILE/],
        ["no secret", ["serve"], {}, /JWT_SECRET/],
        ["a token without user", ["token"], { JWT_SECRET: SECRET }, /--id/],
    ]) {
        test(`${what} is refused by name`, async () => {
            const result = await run(args, { ...base(), ...env });
            assert.equal(typeof result.code, "number", `still running or killed: ${JSON.stringify(result)}`);
            assert.notEqual(result.code, 0);
            assert.match(result.err, names);
        });
    }

    test("a port that is taken is refused by name", async () => {
        const other = net.createServer().listen(0, "127.0.0.1");
        await once(other, "listening");
        const { port } = other.address();
        const result = await run(["serve", "--demo"], { ...base(), PORT: String(port) });
        other.close();
        assert.notEqual(result.code, 0);
        assert.ok(result.err.includes(String(port)), result.err);
    });
});

describe("tokens and keys", () => {
    afterEach(closeAll);
    const enters = (server, token) => connected(client(server.url, { auth: { token }, transports: ["websocket"] }));
    const refusal = async (server, token) => (await refused(client(server.url, { auth: { token } }))).message;

    test("partyline token makes tokens that the server accepts", async () => {
        const server = await partyline({ demo: false });
        const { code, out, err } = await run(["token", "--id", "alice", "--username", "Alice Ä", "--avatar-url", "https://x/a.png"],
            { ...base(), JWT_SECRET: SECRET });
        assert.equal(code, 0, err);
        const token = out.trim();
        const claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
        assert.deepEqual([claims.sub ?? claims.id, claims.username, claims.avatarUrl], ["alice", "Alice Ä", "https://x/a.png"]);
        assert.ok(claims.exp > Date.now() / 1000);
        await enters(server, token);
        await server.stop();
    });

    test("without JWT_SECRET the demo makes a key, keeps it, and shares it with partyline token", async () => {
        const db = path.join(tempDir(), "chat.db");
        const env = { JWT_SECRET: "" };
        const first = await partyline({ db, env });
        const { out } = await run(["token", "--id", "bob", "--username", "Bob"], { ...base(), DATABASE_URL: `sqlite:${db}` });
        await enters(first, out.trim());
        assert.equal(await refusal(first, userToken(SECRET, "bob")), "Invalid token");
        await first.stop();
        const second = await partyline({ db, env });
        await enters(second, out.trim());
        await second.stop();
    });

    test("the demo honours JWT_SECRET", async () => {
        const server = await partyline();
        const response = await fetch(`${server.url}/demo/token`, { method: "POST", body: JSON.stringify({ id: "x", username: "X" }) });
        await enters(server, (await response.json()).token);
        await enters(server, userToken(SECRET, "y"));
        assert.equal(await refusal(server, userToken("other", "y")), "Invalid token");
        await server.stop();
    });

    test("the demo's token route refuses what is no user", async () => {
        const server = await partyline();
        for (const body of ["", "{", "[]", "{}", '{"id":5,"username":"x"}', '{"id":"","username":"x"}', `{"id":"${"x".repeat(9000)}"}`]) {
            const { status } = await fetch(`${server.url}/demo/token`, { method: "POST", body });
            assert.ok(status >= 400 && status < 500, `${status} for ${body.slice(0, 40)}`);
        }
        assert.equal((await fetch(`${server.url}/demo/token`)).status, 405);
        await server.stop();
    });

    test("the secret may come from a file", async () => {
        const file = path.join(tempDir(), "secret");
        writeFileSync(file, `${SECRET}\n`);
        chmodSync(file, 0o600);
        const server = await partyline({ demo: false, env: { JWT_SECRET: "", JWT_SECRET_FILE: file } });
        await enters(server, userToken(SECRET, "alice"));
        await server.stop();
    });

    test("issuer and audience are checked when configured", async () => {
        const [iss, aud] = ["party-gallery", "party-gallery-api"];
        const server = await partyline({ demo: false, env: { JWT_ISSUER: iss, JWT_AUDIENCE: aud } });
        await enters(server, userToken(SECRET, "a", { iss, aud }));
        await enters(server, userToken(SECRET, "a", { iss, aud: ["other", aud] }));
        for (const claims of [{}, { iss }, { aud }, { iss: "x", aud }, { iss, aud: "x" }, { iss, aud: ["x"] }])
            assert.equal(await refusal(server, userToken(SECRET, "a", claims)), "Invalid token", JSON.stringify(claims));
        await server.stop();
    });

    for (const alg of ["RS256", "ES256", "EdDSA"]) {
        test(`${alg} by a key file; no other algorithm, no other key`, async () => {
            const keys = keyPair(alg, tempDir());
            const others = keyPair(alg, tempDir());
            const server = await partyline({ demo: false, env: { JWT_SECRET: "", JWT_ALG: alg, JWT_PUBLIC_KEY_FILE: keys.file } });
            await enters(server, keys.sign({ sub: "alice" }));
            assert.equal(await refusal(server, others.sign({ sub: "alice" })), "Invalid token");
            assert.equal(await refusal(server, hs256(keys.pem, { sub: "alice" })), "Invalid token", "the public key as secret");
            assert.equal(await refusal(server, keys.sign({ sub: "alice", exp: 1 })), "Invalid token");
            const ws = await plain(server.url, keys.sign({ sub: "alice" }));
            ws.terminate();
            await server.stop();
        });
    }
});

describe("running", () => {
    afterEach(closeAll);

    test("SIGTERM: every client is told, messages on their way are kept, exit 0", async () => {
        const server = await partyline();
        const roomId = unique("room");
        const clients = [await user(server, unique("a")), await user(server, unique("b"), { transports: ["polling"] })];
        const ws = await plain(server.url, userToken(SECRET, unique("c")));
        await join(clients[0], roomId);
        await say(clients[0], roomId, "kept");
        const ends = [...clients.map((c) => once(c, "disconnect")), once(ws, "close")];
        await server.stop();
        await Promise.all(ends);
        assert.equal(sql(server.db, "SELECT content FROM chat_messages")[0].content, "kept");
    });

    test("SIGTERM does not wait for a session that is closing and never asks again", async () => {
        const server = await partyline();
        const session = await Polling.open(server.port);
        await session.post("4no packet");
        await server.stop();
    });

    test("SIGINT stops it as well", async () => {
        const server = await partyline();
        server.child.kill("SIGINT");
        assert.deepEqual(await server.exit, { code: 0, signal: null });
    });

    test("the log says who connects and why they go, and never shows a token", async () => {
        const server = await partyline();
        const id = unique("logged");
        const token = userToken(SECRET, id);
        const socket = await connected(client(server.url, { auth: { token }, transports: ["websocket"] }));
        await until(() => server.log.includes(id), "the connect line");
        socket.disconnect();
        await until(() => server.log.split("\n").some((l) => l.includes(id) && l.includes("client namespace disconnect")),
            "the disconnect line with its reason");
        assert.ok(!server.log.includes(token.split(".")[2]) && !server.log.includes(SECRET));
        await server.stop();
    });

    test("JSON log lines are JSON", async () => {
        const server = await partyline({ env: { LOG_FORMAT: "json" } });
        const id = unique("quote\"d");
        await connected(client(server.url, { auth: { token: userToken(SECRET, id) } }));
        await until(() => server.log.includes("quote"), "the connect line");
        closeAll();
        await server.stop();
        for (const line of server.log.trim().split("\n"))
            assert.equal(typeof JSON.parse(line).message, "string", line);
    });

    test("the database file is for its owner only", async () => {
        const server = await partyline();
        const { mode } = await import("node:fs").then((fs) => fs.statSync(server.db));
        assert.equal(mode & 0o077, 0);
        await server.stop();
    });

    test("a restart on the same file goes on where it was", async () => {
        const first = await partyline();
        const roomId = unique("room");
        const alice = await user(first, "alice");
        await join(alice, roomId);
        const one = await say(alice, roomId, "before");
        closeAll();
        await first.stop();
        const second = await partyline({ db: first.db });
        const again = await user(second, "alice");
        assert.deepEqual((await join(again, roomId)).map((m) => m.id), [one.id]);
        const two = await say(again, roomId, "after");
        assert.equal((await heard(again, "after")).seq, one.seq + 1);
        assert.equal(two.seq, one.seq + 1);
        await second.stop();
    });

    test("a slow reader is cut off, the room goes on", async () => {
        const server = await partyline({ env: { MAX_UNSENT: "65536" } });
        const roomId = unique("room");
        const slowId = unique("snail");
        const slow = await plain(server.url, userToken(SECRET, slowId));
        slow.emitEvent("chat:join", { roomId });
        await slow.inbox.next("chat:history");
        const fast = await user(server, unique("fast"));
        await join(fast, roomId);
        slow._socket.pause(); /* from here on the kernel's buffers fill, then the server's */
        const text = "\u2603".repeat(4000); /* 12 kB */
        const gone = () => server.log.includes(`User disconnected: ${slowId}`);
        for (let round = 0; round < 500 && !gone(); round++) {
            await Promise.all(Array.from({ length: 16 }, () => say(fast, roomId, text)));
            fast.inbox.items.length = 0;
        }
        assert.ok(gone(), "the slow reader is still connected");
        await say(fast, roomId, "still here");
        await heard(fast, "still here");
        closeAll();
        await server.stop();
    });
});

describe("static files", () => {
    let server;
    before(async () => { server = await partyline(); });
    after(() => server?.stop());

    for (const [file, type] of [
        ["/", "text/html"], ["/index.html", "text/html"], ["/app.js", "javascript"], ["/log.js", "javascript"],
        ["/text.js", "javascript"], ["/style.css", "text/css"], ["/favicon.svg", "image/svg+xml"],
    ]) {
        test(`${file} is served as ${type}, under a strict policy`, async () => {
            const response = await fetch(server.url + file);
            assert.equal(response.status, 200);
            assert.ok(response.headers.get("content-type").includes(type), response.headers.get("content-type"));
            assert.match(response.headers.get("content-security-policy"), /default-src 'self'/);
            const name = file === "/" ? "index.html" : file.slice(1);
            assert.equal(await response.text(), readFileSync(new URL(`../../web/public/${name}`, import.meta.url), "utf8"));
        });
    }
});
