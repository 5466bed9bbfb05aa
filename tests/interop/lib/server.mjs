/* Starts the programs under test, waits until they listen, stops them by their process id. */

import { execFile, execFileSync, spawn } from "node:child_process";
import assert from "node:assert/strict";
import dgram from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { watch } from "./seen.mjs";
import { DEADLINE_MS, once, until, within } from "./wait.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const ROOT = path.resolve(HERE, "../../..");
export const BUILD = path.resolve(process.env.PARTYLINE_BUILD || path.join(ROOT, "build"));
export const PARTYLINE = process.env.PARTYLINE_BIN || path.join(BUILD, "partyline");
export const CLIENT_DIR = process.env.PARTYLINE_CLIENT_DIR
    || path.join(ROOT, "tests/interop/node_modules/socket.io-client/dist");
export const WEB_DIR = path.join(ROOT, "web/public");
export const SECRET = "interop-secret-of-more-than-32-bytes-0123456789";

export const example = (name) => path.join(BUILD, "examples", name);

const dirs = [];
const running = new Set();
process.once("exit", () => {
    for (const child of running)
        child.kill("SIGKILL");
    for (const dir of dirs)
        rmSync(dir, { recursive: true, force: true });
});

/* A directory that is gone when the test process ends. */
export function tempDir() {
    dirs.push(mkdtempSync(path.join(os.tmpdir(), "partyline-interop-")));
    return dirs.at(-1);
}

/* Ports that the kernel gives to nobody by itself: it would give them to a client as its own end while a server is away that
 * is to come back on its port, even to the client that tries to reach it, which is then connected to itself. */
const FIRST_PORT = 11000, LAST_PORT = 32767;

/* Whether that could be bound, which `socket` then is. */
const binds = (socket, bind) => new Promise((resolve) => {
    socket.once("error", () => resolve(false));
    bind(() => resolve(true));
});

/* A port nobody listens on. It stays with this process to its end, for servers that stop and come back: other tests see by
 * its UDP twin that it is taken. */
export async function freePort() {
    for (;;) {
        const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
        const claim = dgram.createSocket("udp4"), probe = net.createServer();
        if (!await binds(claim, (done) => claim.bind({ port, address: "127.0.0.1", exclusive: true }, done)))
            continue;
        claim.unref();
        if (!await binds(probe, (done) => probe.listen(port, "127.0.0.1", done)))
            continue;
        probe.close();
        await once(probe, "close");
        return port;
    }
}

const accepts = (port) => new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => { socket.destroy(); resolve(true); });
    socket.once("error", () => resolve(false));
});

/* Only what a program needs from ours: settings of the developer's shell must not leak into a test. */
const baseEnv = () => Object.fromEntries(
    ["PATH", "HOME", "TMPDIR", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"]
        .filter((k) => process.env[k] !== undefined).map((k) => [k, process.env[k]]));

export class Program {
    /* Starts it on a free port, or again on the one given. env.PORT is set. */
    static async start(file, args = [], env = {}, port = 0) {
        const program = new Program(file, args, env, port || await freePort());
        await program.ready();
        return program;
    }

    constructor(file, args, env, port) {
        Object.assign(this, { file, args, env, port, log: "" });
        this.url = `http://127.0.0.1:${port}`;
        this.child = spawn(file, args, {
            cwd: env.CWD || os.tmpdir(),
            env: { ...baseEnv(), HOST: "127.0.0.1", ...env, PORT: String(port) },
            stdio: ["ignore", "pipe", "pipe"],
        });
        running.add(this.child);
        this.handles = [this.child, this.child.stdout, this.child.stderr];
        for (const stream of this.handles.slice(1))
            stream.on("data", (bytes) => { this.log += bytes; });
        for (const handle of this.handles) /* what a failed test left behind does not keep the test's process */
            handle.unref();
        this.end = new Promise((resolve) => {
            this.child.once("error", (error) => resolve({ error }));
            this.child.once("close", (code, signal) => {
                running.delete(this.child);
                resolve({ code, signal });
            });
        });
        this.end.then((result) => { this.ended = result; });
    }

    /* Its end, for who waits for it: {code, signal} or {error}. */
    get exit() {
        for (const handle of this.handles)
            handle.ref();
        return this.end;
    }

    async ready() {
        await until(async () => {
            if (this.ended)
                throw this.ended.error || new Error(`${this.file} ended with ${JSON.stringify(this.ended)}:\n${this.log}`);
            return accepts(this.port);
        }, `${this.file} to listen on ${this.port}; its log:\n${this.log}`);
    }

    /* Asks it to stop, and expects that it does so cleanly. */
    async stop() {
        this.child.kill("SIGTERM");
        const late = setTimeout(() => this.child.kill("SIGKILL"), 2 * DEADLINE_MS);
        const result = await this.exit;
        clearTimeout(late);
        assert.deepEqual(result, { code: 0, signal: null }, `unclean end of ${this.file}:\n${this.log}`);
    }

    /* Kills it in the middle of whatever it does. */
    async crash() {
        this.child.kill("SIGKILL");
        await within(this.exit, "the killed process to be gone");
    }
}

/* Tests go as fast as they can: only those of the limits are to meet them. */
const NO_RATES = { RATE_SOCKET: "0", RATE_USER: "0", RATE_ADDRESS: "0", RATE_EVENTS: "none=0/1" };

/* partyline serve on a database of its own. Options: demo (default true), env, args, port, db, others: its
 * clients hear what other programs say, too, which the catalogue does not bind. */
export function partyline({ demo = true, env = {}, args = [], port = 0, db, others = false } = {}) {
    const database = db || path.join(tempDir(), "chat.db");
    const all = { DATABASE_URL: `sqlite:${database}`, JWT_SECRET: SECRET, WEB_DIR, CLIENT_DIR, ...NO_RATES, ...env };
    return Program.start(PARTYLINE, ["serve", ...(demo ? ["--demo"] : []), ...args], all, port)
        .then((server) => {
            if (!others)
                watch(server.port);
            return Object.assign(server, { db: database });
        });
}

/* Runs a command of partyline to its end: {code, out, err}. */
export function run(args, env = {}) {
    return new Promise((resolve) => {
        execFile(PARTYLINE, args, { cwd: env.CWD || os.tmpdir(), env: { ...baseEnv(), ...env }, timeout: DEADLINE_MS },
            (error, out, err) => resolve({ code: error ? error.code ?? error.signal : 0, out, err }));
    });
}

/* Rows of an SQL query, by the command line tool: another process, so it sees only what was committed. */
export function sql(db, text) {
    const out = execFileSync("sqlite3", ["-json", "-cmd", ".timeout 10000", db, text], { encoding: "utf8" });
    return out.trim() ? JSON.parse(out) : [];
}
