/* tests/push_send.c as an object: messages in, results out. */

import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { BUILD } from "./server.mjs";
import { within } from "./wait.mjs";

export const WEB = 0, FCM = 1, APNS = 2, EXPO = 3;
const LATE_MS = 45000; /* push itself gives up on a service after 30 seconds */

const running = new Set();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

export class Sender {
    constructor(env) {
        this.results = new Map();
        this.n = 0;
        this.log = "";
        const kept = ["PATH", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"].filter((k) => process.env[k])
            .map((k) => [k, process.env[k]]);
        this.child = spawn(path.join(BUILD, "tests/push_send"), [], { env: { ...Object.fromEntries(kept), LOG_LEVEL: "debug", ...env } });
        running.add(this.child);
        this.child.stderr.on("data", (bytes) => { this.log += bytes; });
        this.exit = new Promise((resolve) => this.child.once("close", (code, signal) => {
            running.delete(this.child);
            resolve({ code, signal });
        }));
        createInterface({ input: this.child.stdout }).on("line", (line) => {
            const result = JSON.parse(line);
            this.log += `${line}\n`;
            this.results.get(result.n)?.(result);
        });
    }

    write(value) {
        this.child.stdin.write(`${JSON.stringify(value)}\n`);
    }

    /* {outcome, retryMs, status, reason}; outcome is an error's code when it was not taken. */
    send(message) {
        const n = ++this.n;
        const result = new Promise((resolve) => this.results.set(n, resolve));
        this.write({ n, title: "Title", body: "Body", id: `push-${n}`, ...message });
        return within(result, `the result of message ${n}`, LATE_MS);
    }

    stopPush() {
        this.write({ stop: true });
    }

    /* For the end of a test that failed: every one that still runs. */
    static killAll() {
        running.forEach((child) => child.kill("SIGKILL"));
    }

    /* Lets it end: {code, signal}. */
    async end() {
        this.child.stdin.end();
        return within(this.exit, "push_send to end", LATE_MS);
    }
}
