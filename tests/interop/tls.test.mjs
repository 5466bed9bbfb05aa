/* https and wss by the server itself: clients over all transports, requests that change loops, certificates that do not
 * fit, and peers that do not speak TLS or stop in the middle of it. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import https from "node:https";
import net from "node:net";
import path from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import tls from "node:tls";
import WebSocket from "ws";
import { Authority } from "./lib/certs.mjs";
import { heard, join, say, unique, user } from "./lib/chat.mjs";
import { CLIENTS, TRANSPORTS, ask, client, closeAll, connected, refused, upgraded } from "./lib/client.mjs";
import { CLIENT_DIR, PARTYLINE, Program, example, partyline } from "./lib/server.mjs";
import { once, until, within } from "./lib/wait.mjs";

const authority = new Authority();
const { ca } = authority;
const good = authority.issue("good");
const files = ({ cert, key }) => ({ TLS_CERT_FILE: cert, TLS_KEY_FILE: key });

async function secure(program) {
    const server = await program;
    server.url = server.url.replace("http:", "https:");
    return server;
}

/* Raw bytes to a port; what came back until the server closed. */
async function throwAt(port, bytes) {
    const socket = net.connect(port, "127.0.0.1");
    const back = [];
    socket.on("data", (data) => back.push(data));
    socket.on("error", () => {});
    socket.write(bytes);
    await once(socket, "close", "the server to close");
    return Buffer.concat(back);
}

/* The beginning of a real handshake. */
function clientHello(port) {
    return within(new Promise((resolve) => {
        const listener = net.createServer((socket) => socket.once("data", (bytes) => {
            socket.destroy();
            listener.close();
            resolve(bytes);
        })).listen(0, "127.0.0.1", () => tls.connect({ port: listener.address().port, servername: "localhost" }).on("error", () => {}));
    }), `a hello for ${port}`);
}

/* One request on a connection of its own: {status, body}. */
function fetchOnce(server, target, options = {}, body) {
    return within(new Promise((resolve, reject) => {
        const request = https.request(server.url + target, { ca, agent: false, ...options }, (response) => {
            const parts = [];
            response.on("data", (part) => parts.push(part)).on("error", reject)
                .on("end", () => resolve({ status: response.statusCode, body: Buffer.concat(parts) }));
        });
        request.on("error", reject).end(body);
    }), target);
}

describe("https and wss", () => {
    let server;
    before(async () => { server = await secure(partyline({ env: { ...files(good), LOOPS: "2", LOG_LEVEL: "debug", WS_DEFLATE: "true" } })); });
    after(() => server?.stop());
    afterEach(closeAll);

    for (const [version, io] of Object.entries(CLIENTS)) {
        for (const [name, transports] of Object.entries(TRANSPORTS)) {
            test(`a talk, client ${version}, ${name}`, async () => {
                const room = unique("room");
                const users = await Promise.all([1, 2, 3, 4].map((i) =>
                    user(server, unique(`user${i}`), { io, transports, ca, withCredentials: false })));
                await Promise.all(users.map((u) => join(u, room)));
                for (const [i, u] of users.entries()) {
                    await say(u, room, `hello from ${i}`);
                    await Promise.all(users.map((other) => heard(other, `hello from ${i}`)));
                }
                const long = "compressed over TLS ".repeat(150);
                await say(users[0], room, long);
                await Promise.all(users.map((u) => heard(u, long)));
            });
        }
    }

    test("a session's requests come over many connections, so to both loops", async () => {
        const open = await fetchOnce(server, "/socket.io/?EIO=4&transport=polling");
        const { sid } = JSON.parse(String(open.body).slice(1));
        const target = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
        const post = (text) => fetchOnce(server, target, { method: "POST", headers: { "Content-Length": Buffer.byteLength(text) } }, text);
        assert.equal((await post(`40{"token":"none"}`)).status, 200);
        assert.match(String((await fetchOnce(server, target)).body), /^44\{"message":/);
        for (let i = 0; i < 30; i++)
            assert.deepEqual(await post("3"), { status: 200, body: Buffer.from("ok") });
        const big = `42["x","${"y".repeat(200000)}"]`;
        assert.equal((await post(big)).status, 200);
    });

    test("a file of many records", async () => {
        const file = readFileSync(path.join(CLIENT_DIR, "socket.io.js"));
        for (let i = 0; i < 4; i++)
            assert.deepEqual((await fetchOnce(server, "/socket.io/socket.io.js")).body, file);
    });

    test("curl, two requests on a connection, HTTP/1.1 by ALPN", async () => {
        const url = `https://localhost:${server.port}/healthz`;
        const out = await new Promise((resolve, reject) => execFile("curl", ["-sv", "--http2", "--cacert", authority.file,
            "--resolve", `localhost:${server.port}:127.0.0.1`, url, url], (error, stdout, stderr) =>
            error ? reject(error) : resolve(stdout + stderr)));
        assert.match(out, /TLSv1\.3/);
        assert.match(out, /ALPN.*http\/1\.1/);
        assert.equal(out.match(/HTTP\/1\.1 200/g).length, 2);
        assert.match(out, /Re-using existing connection/);
    });

    test("TLS 1.2 is spoken, 1.1 is not", async () => {
        const at = (version) => tls.connect({ port: server.port, host: "127.0.0.1", ca, minVersion: version, maxVersion: version,
            ciphers: "ALL:@SECLEVEL=0" });
        const socket = at("TLSv1.2");
        await once(socket, "secureConnect");
        assert.equal(socket.getProtocol(), "TLSv1.2");
        socket.destroy();
        const [error] = await once(at("TLSv1.1"), "error");
        assert.match(error.message, /protocol version/);
    });

    test("a client that does not believe the certificate", async () => {
        const options = { transports: ["websocket"], auth: { token: "none" } };
        const stranger = await refused(client(server.url, options));
        assert.match(stranger.description.message ?? String(stranger.description.error), /certificate|verify/);
        await assert.rejects(fetchOnce(server, "/healthz", { servername: "other.test" }), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
        await assert.rejects(fetchOnce(server, "/healthz", { ca: undefined }), /certificate/);
        await until(() => /TLS with 127\.0\.0\.1 (failed|broke): .*(unknown ca|bad certificate|close_notify)/.test(server.log), "a line in the log");
        assert.equal((await fetchOnce(server, "/healthz")).status, 200);
    });

    test("who does not speak TLS gets an alert, at most", async () => {
        const hello = await clientHello(server.port);
        const strange = [Buffer.from("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), Buffer.alloc(5000, 0xff), Buffer.alloc(300),
            Buffer.concat([hello.subarray(0, 60), Buffer.alloc(1000, 0x41)])];
        for (const bytes of strange)
            assert.ok((await throwAt(server.port, bytes)).length <= 7);
        assert.match(server.log, /TLS with 127\.0\.0\.1 failed: http request/);
        assert.equal((await fetchOnce(server, "/healthz")).status, 200);
    });

    test("who stops in the middle of the handshake disturbs nobody and has to go", async () => {
        const hello = await clientHello(server.port);
        const slow = Array.from({ length: 50 }, (_, i) => {
            const socket = net.connect(server.port, "127.0.0.1");
            socket.on("error", () => {}).write(hello.subarray(0, i * 5));
            return socket;
        });
        const gone = slow.slice(1).map((socket) => once(socket, "close", "the server to close", 20000));
        slow[0].destroy();
        const visitor = await user(server, unique("visitor"), { ca, transports: ["polling", "websocket"] });
        const room = unique("room");
        await join(visitor, room);
        await say(visitor, room, "still served");
        for (const socket of slow)
            socket.resume();
        await Promise.all(gone);
        assert.match(server.log, /failed: the handshake took too long/);
        await say(visitor, room, "and still");
    });

    test("an end without close_notify is noticed", async () => {
        const socket = tls.connect({ port: server.port, host: "127.0.0.1", ca });
        await once(socket, "secureConnect");
        socket.on("error", () => {});
        socket._handle.close(); /* no close_notify: what destroy() sends first */
        await until(() => /broke: the peer went away without close_notify/.test(server.log), "a line in the log");
    });
});

describe("certificates", () => {
    afterEach(closeAll);

    test("one that has expired is refused by clients, and does not hurt the server", async () => {
        const server = await secure(partyline({ env: files(authority.issue("old", undefined, -1)) }));
        await refused(client(server.url, { transports: ["polling"], ca }));
        const error = await refused(client(server.url, { transports: ["websocket"], ca }));
        assert.match(error.description.message, /expired/);
        await assert.rejects(fetchOnce(server, "/healthz"), { code: "CERT_HAS_EXPIRED" });
        assert.equal((await fetchOnce(server, "/healthz", { rejectUnauthorized: false })).status, 200);
        await server.stop();
    });

    test("SIGHUP shows a new one, connections live on; a broken file changes nothing", async () => {
        const shown = { cert: authority.path("shown.pem"), key: authority.path("shown.key") };
        const show = ({ cert, key }) => { copyFileSync(cert, shown.cert); copyFileSync(key, shown.key); };
        show(good);
        const server = await secure(partyline({ env: { ...files(shown), LOOPS: "2" } }));
        const name = async () => {
            const socket = tls.connect({ port: server.port, host: "127.0.0.1", ca });
            await once(socket, "secureConnect");
            const { subject } = socket.getPeerCertificate();
            socket.destroy();
            return subject.CN;
        };
        const lines = async (text, n) => until(() => server.log.split(text).length > n, text);
        const visitor = await user(server, unique("visitor"), { ca });
        const room = unique("room");
        await join(visitor, room);
        assert.equal(await name(), "good");
        show(authority.issue("fresh"));
        server.child.kill("SIGHUP");
        await lines("connections from now on are shown", 1);
        for (let i = 0; i < 8; i++)
            assert.equal(await name(), "fresh");
        writeFileSync(shown.key, "no key");
        server.child.kill("SIGHUP");
        await lines("the certificate stays as it was", 1);
        assert.equal(await name(), "fresh");
        await say(visitor, room, "over the old one");
        await server.stop();
    });

    const cannot = [
        ["a certificate without a key", { TLS_CERT_FILE: good.cert }, 2, /need each other/],
        ["a key without a certificate", { TLS_KEY_FILE: good.key }, 2, /need each other/],
        ["a file that is not there", files({ ...good, cert: "/no/such.pem" }), 1, /\/no\/such\.pem" cannot be used: No such file/],
        ["a key that is not the certificate's", files({ ...good, key: authority.issue("other").key }), 1, /key values mismatch/],
    ];
    for (const [name, env, code, says] of cannot) {
        test(`${name} stops the program`, async () => {
            const program = new Program(PARTYLINE, ["serve", "--demo"],
                { DATABASE_URL: `sqlite:${authority.path("x.db")}`, JWT_SECRET: "x".repeat(32), ...env }, 1);
            assert.equal((await program.exit).code, code);
            assert.match(program.log, says);
        });
    }
});

describe("what the library says of it", () => {
    let server;
    before(async () => { server = await secure(Program.start(example("socketio-client-suite"), [], { ...files(good), LOOPS: "2" })); });
    after(() => server?.stop());
    afterEach(closeAll);

    for (const [name, transports] of Object.entries(TRANSPORTS)) {
        test(`handshake.secure, and binary both ways, ${name}`, async () => {
            const socket = await connected(client(server.url, { transports, ca }));
            if (transports.length === 2)
                await upgraded(socket);
            assert.equal((await ask(socket, "getHandshake")).secure, true);
            const bytes = Buffer.from(Array.from({ length: 300000 }, (_, i) => (i * i) >> 7 & 255));
            assert.deepEqual(Buffer.from(await ask(socket, "echo", bytes)), bytes);
        });
    }

    test("the goodbye of a server that stops arrives whole", async () => {
        const own = await secure(Program.start(example("socketio-client-suite"), [], { ...files(good), LOOPS: "2" }));
        const polling = await connected(client(own.url, { transports: ["polling"], ca }));
        const ws = new WebSocket(`wss://127.0.0.1:${own.port}/socket.io/?EIO=4&transport=websocket`, { ca });
        await once(ws, "open");
        const [closed, ended] = [once(ws, "close"), once(polling, "disconnect")];
        await own.stop();
        const [code] = await closed;
        assert.equal(code, 1005); /* a close frame came, not just the end of the connection */
        await ended;
    });
});
