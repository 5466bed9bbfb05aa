/* A Redis of its own for a test file: on a free port of 127.0.0.1 and on a Unix socket, without persistence. */

import { execFileSync, spawn } from "node:child_process";
import path from "node:path";
import { createClient } from "redis";
import { freePort, tempDir } from "./server.mjs";
import { DEADLINE_MS, until, within } from "./wait.mjs";

const running = new Set();
process.once("exit", () => {
    for (const child of running)
        child.kill("SIGKILL");
});

export function hasRedis() {
    try {
        execFileSync("redis-server", ["--version"], { stdio: "ignore" });
        return true;
    } catch {
        return false;
    }
}

export class Redis {
    /* args: more of redis-server's settings. */
    static async start(...args) {
        const redis = new Redis();
        redis.port = await freePort();
        redis.dir = tempDir();
        redis.socket = path.join(redis.dir, "redis.sock");
        redis.args = args;
        await redis.resume();
        return redis;
    }

    /* A sentinel, with that file. */
    static async sentinel(file) {
        const redis = new Redis();
        redis.port = await freePort();
        redis.program = [file, "--sentinel", "--port", String(redis.port), "--bind", "127.0.0.1"];
        await redis.resume();
        return redis;
    }

    get url() {
        return `redis://127.0.0.1:${this.port}`;
    }

    get unixUrl() {
        return `unix://${this.socket}`;
    }

    /* Starts it, the first time or again: on the same port, and with nothing in it. */
    async resume() {
        this.child = spawn("redis-server", this.program ?? ["--port", String(this.port), "--bind", "127.0.0.1", "--unixsocket", this.socket,
            "--save", "", "--appendonly", "no", "--dir", this.dir, ...this.args], { stdio: ["ignore", "pipe", "pipe"] });
        running.add(this.child);
        this.log = "";
        for (const stream of [this.child.stdout, this.child.stderr])
            stream.on("data", (bytes) => { this.log += bytes; });
        const { child } = this;
        for (const handle of [child, child.stdout, child.stderr]) /* what a failed test left behind does not keep the test's process */
            handle.unref();
        this.exit = new Promise((resolve) => child.once("close", (code, signal) => {
            running.delete(child);
            resolve({ code, signal });
        }));
        this.exit.then((end) => { this.ended = end; });
        this.ended = null;
        await until(() => {
            if (this.ended)
                throw new Error(`redis-server ended:\n${this.log}`);
            return /Ready to accept connections|Sentinel ID is/.test(this.log);
        }, "redis-server");
    }

    /* The answer to a command, over one connection that is made with the first. */
    async ask(...args) {
        if (!this.client) {
            this.client = createClient({ url: this.url, socket: { reconnectStrategy: false } });
            this.client.on("error", () => {});
            await this.client.connect();
            this.client.unref();
        }
        return within(this.client.sendCommand(args.map((a) => Buffer.isBuffer(a) ? a : String(a))), `${args[0]} by Redis`);
    }

    /* What redis-cli prints for a command; lines. Without output from a Redis that does not answer. */
    cli(...args) {
        return execFileSync("redis-cli", ["-p", String(this.port), ...args.map(String)],
            { encoding: "utf8", timeout: DEADLINE_MS }).trim();
    }

    lines(...args) {
        return this.cli(...args).split("\n").filter((line) => line);
    }

    flush() {
        this.cli("FLUSHALL");
    }

    /* Stands still with all connections open, until thaw(). */
    freeze() {
        this.child.kill("SIGSTOP");
    }

    thaw() {
        this.child.kill("SIGCONT");
    }

    /* Ends it: cleanly, or with SIGKILL. resume() starts it again. */
    async stop(signal = "SIGTERM") {
        this.client?.destroy();
        this.client = null;
        this.child.kill(signal);
        if (signal !== "SIGCONT")
            this.child.kill("SIGCONT"); /* a frozen one too */
        await within(this.exit, "redis-server to end");
    }
}
