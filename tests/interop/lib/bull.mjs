/* BullMQ's queues of ours and of Node, for the tests. */

import { spawn } from "node:child_process";
import path from "node:path";
import readline from "node:readline";
import { createRequire } from "node:module";
import { BUILD } from "./server.mjs";
import { Inbox, within } from "./wait.mjs";

const require = createRequire(import.meta.url);
export const VERSIONS = { v5: require("bullmq5"), v6: require("bullmq6") };

const running = new Set();
process.once("exit", () => {
    for (const child of running)
        child.kill("SIGKILL");
});

/* tests/jobs/bull_driver.c: one server's queues. */
export class Driver extends Inbox {
    static async start(url, ...args) {
        const driver = new Driver(url, args);
        await driver.next("up");
        return driver;
    }

    constructor(url, args) {
        super("bull_driver");
        this.child = spawn(path.join(BUILD, "tests/jobs/bull_driver"), [url, ...args], { stdio: ["pipe", "pipe", "pipe"] });
        running.add(this.child);
        this.log = "";
        this.child.stdin.on("error", () => {});
        this.child.stderr.on("data", (bytes) => { this.log += bytes; });
        readline.createInterface({ input: this.child.stdout }).on("line", (line) => {
            const told = JSON.parse(line);
            this.push([told.on, told]);
        });
        this.exit = new Promise((resolve) => this.child.once("close", (code, signal) => {
            running.delete(this.child);
            resolve({ code, signal });
        }));
    }

    order(what, order = {}) {
        this.child.stdin.write(JSON.stringify({ do: what, ...order }) + "\n");
    }

    async add(queue, name, data, more = {}) {
        this.order("add", { queue, name, data, ...more });
        return this.next("added");
    }

    async counts(queue) {
        this.order("counts", { queue });
        const { on, err, ...counts } = await this.next("counts");
        return counts;
    }

    async change(what, order) {
        this.order(what, order);
        return (await this.next("done")).err;
    }

    async failed(queue) {
        this.order("failed", { queue });
        return (await this.next("failed")).jobs;
    }

    async close() {
        this.order("close");
        await this.next("closed");
    }

    async stop() {
        this.child.stdin.end();
        return within(this.exit, "bull_driver to end");
    }

    async kill() {
        this.child.kill("SIGKILL");
        await within(this.exit, "bull_driver to be killed");
    }
}

/* What BullMQ of a version says, in the terms of both. */
export async function countsOf(queue) {
    const counts = await queue.getJobCounts("waiting", "active", "delayed", "prioritized", "completed", "failed", "paused",
        "waiting-children");
    return { paused: 0, ...counts };
}
