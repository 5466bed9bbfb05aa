/* Our Lua scripts against what BullMQ itself left in Redis for the same history (tests/vectors/bullmq.json): each of its scripts
 * that has one of ours for it is replaced by ours, with the same clock and tokens; what else it did is repeated as captured.
 * Then every key that a step changed, and the events it told, must be the same. */

import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { Redis, hasRedis } from "./lib/redis.mjs";
import { ROOT } from "./lib/server.mjs";

const vectors = JSON.parse(readFileSync(path.join(ROOT, "tests/vectors/bullmq.json"), "utf8"));
const lua = (name) => readFileSync(path.join(ROOT, `src/jobs/lua/${name}.lua`), "utf8");
const Q = "bull:states";
/* Locks and the gate of the check live longer than any replay: that their time is over `stalled` says itself, below. */
const LASTING_MS = "600000";

/* ---- reading the capture ---- */

const ESCAPES = { n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b" };

/* The words of a line of MONITOR. */
function words(line) {
    const found = line.trim().match(/"(?:\\.|[^"\\])*"|\S+/g) ?? [];
    return found.map((word) => {
        const inner = word.length > 1 && word.startsWith("\"") ? word.slice(1, -1) : word;
        const bytes = inner.replace(/\\(?:x([0-9a-f]{2})|(.))/g,
            (_, hex, c) => hex ? String.fromCharCode(parseInt(hex, 16)) : ESCAPES[c] ?? c);
        /* Escapes are bytes; what stands there by itself is text. */
        const text = /[^\x00-\xff]/.test(bytes) ? bytes : Buffer.from(bytes, "latin1").toString("utf8");
        return (text.includes("\ufffd") ? bytes : text).replaceAll("{q}", Q);
    });
}

/* What a client sent, with what the script did: [{head, inner: [[word...]...]}]. */
function blocks(commands) {
    const list = [];
    for (const line of commands) {
        if (line.startsWith("  lua> "))
            list.at(-1).inner.push(words(line.slice(7)));
        else
            list.push({ head: words(line), inner: [] });
    }
    return list;
}

class Block {
    constructor({ head, inner }) {
        Object.assign(this, { head, inner });
        this.text = inner.map((w) => w.join(" ")).join("\n").replaceAll(`${Q}:`, "P.");
    }

    has(pattern) { return pattern.test(this.text); }

    /* The words of the first inner command that begins so. */
    find(...start) { return this.inner.find((w) => start.every((s, i) => s === undefined || s === w[i])); }

    /* The clock of the caller. */
    get now() { return this.head.find((w) => /^17\d{11}$/.test(w)); }
}

const fields = (list) => Object.fromEntries(Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i], list[2 * i + 1]]));
const idOf = (key) => key.slice(Q.length + 1);

/* ---- ours in place of BullMQ's ---- */

/* Each gives the calls of our scripts that do what a block did: [[script, ...arguments]...]; or nothing. */
const OURS = {
    add(b) {
        if (!b.has(/^INCR P\.id$/m) || b.has(/P\.de:|P\.repeat/))
            return null;
        const hash = b.find("HMSET");
        const exists = b.find("EXISTS");
        if (!hash)
            return [["add", idOf(exists[1]), "name", "{}", "{}", "0", "0", "0", "0"]];
        const f = fields(hash.slice(2));
        return [["add", exists ? idOf(exists[1]) : "", f.name, f.data, f.opts, f.timestamp, f.delay, f.priority,
            f.priority === "0" && b.has(/^RPUSH/m) ? "1" : "0"]];
    },
    finish(b) {
        const told = b.inner.find((w) => w[0] === "XADD" && ["completed", "failed"].includes(w[4]));
        if (!told)
            return null;
        const id = told[6], keep = keepOf(b);
        const calls = [["finish", id, lockOf(b, id), b.now, told[4], told[8], keep, "0",
            b.has(/retries-exhausted/) ? "1" : "1000000", "\"trace\""]];
        return b.has(/^ZRANGEBYSCORE P\.delayed/m) ? [...calls, ...take(b)] : calls;
    },
    wrong(b) { /* another's token */
        const lock = b.find("GET");
        return lock && /:lock$/.test(lock[1]) && b.inner.every((w) => ["EXISTS", "SCARD", "ZCARD", "GET"].includes(w[0]))
            ? [["finish", idOf(lock[1]).replace(/:lock$/, ""), "WRONG", b.now, "completed", "1", "-1", "0", "1", "\"\""]] : null;
    },
    retry(b) {
        const atm = b.inner.find((w) => w[0] === "HINCRBY" && w[2] === "atm");
        if (!atm || !b.find("LREM", `${Q}:active`, "-1"))
            return null;
        const id = idOf(atm[1]), delay = b.inner.find((w) => w[0] === "HSET" && w[2] === "delay" && w[1] === atm[1]);
        const reason = fields(b.find("HMSET").slice(2)).failedReason;
        return [["retry", id, lockOf(b, id), b.now, delay ? delay[3] : "0", "0", reason, "\"trace\""]];
    },
    take: (b) => (b.has(/concurrency max duration/) && b.has(/^ZRANGEBYSCORE P\.delayed/m) ? take(b) : null),
    release(b) {
        const out = b.find("LREM", `${Q}:active`, "1");
        return out && !b.has(/stalled-check/) ? [["release", out[3], lockOf(b, out[3])]] : null;
    },
    stalled: (b) => (b.has(/^EXISTS P\.stalled-check$/m) ? [["stalled", b.now, LASTING_MS, "1"]] : null),
    progress(b) {
        const set = b.inner.find((w) => w[0] === "HSET" && w[2] === "progress");
        return set ? [["progress", idOf(set[1]), null, set[3]]] : null;
    },
    renew(b) {
        const set = b.find("SET");
        return set && b.find("GET") && /:lock$/.test(set[1]) && b.find("SREM")
            ? [["renew", LASTING_MS, idOf(set[1]).replace(/:lock$/, ""), set[2]]] : null;
    },
    /* With version 5 ours is the same; what version 6 does would be lost by the other. */
    pause: (b, version) => (version === "v5" && b.has(/^HSET P\.meta paused 1$/m) && !b.has(/P\.delayed/) ? [["pause", "1"]] : null),
    resume: (b, version) => (version === "v5" && b.has(/^HDEL P\.meta paused$/m) && b.has(/^RENAME/m) ? [["pause", "0"]] : null),
};

function take(b) {
    const lock = b.inner.findLast((w) => w[0] === "SET" && /:lock$/.test(w[1]))?.[2] ?? "none";
    const pb = b.inner.findLast((w) => w[0] === "HMSET" && w[4] === "pb");
    return [["take", b.now, lock, LASTING_MS, pb ? pb[5] : "", "0", "0", "1", "1000000"]];
}

/* What our finish is told to keep: nothing was added to the set, or all (the capture never keeps a number). */
function keepOf(b) {
    return b.has(/^ZADD P\.(completed|failed) /m) ? "-1" : "0";
}

/* The token BullMQ gave is not seen inside; it is the one of the lock. */
const lockOf = (b, id) => ({ lock: `${Q}:${id}:lock` });

/* ---- comparing ---- */

const json = (text) => { try { return JSON.parse(text); } catch { return text; } };

function tidy(hash) {
    const { stacktrace, opts, ...rest } = hash;
    return { ...rest, opts: json(opts), traces: stacktrace ? JSON.parse(stacktrace).length : 0 };
}

async function stateOf(redis, key, type) {
    const pairs = (list) => fields(list);
    if (type === "hash") {
        const hash = pairs(await redis.ask("HGETALL", key));
        return hash.name === undefined ? hash : tidy(hash);
    }
    if (type === "list")
        return redis.ask("LRANGE", key, 0, -1);
    if (type === "zset")
        return (await redis.ask("ZRANGE", key, 0, -1, "WITHSCORES")).map(String);
    if (type === "set")
        return (await redis.ask("SMEMBERS", key)).sort();
    return (await redis.ask("GET", key))?.replace(/^((?:tok|dead):\d+):1$/, "$1");
}

class Replay {
    constructor(redis, version) {
        Object.assign(this, { redis, version, used: {}, seen: 0, compared: 0 });
        const common = lua("common") + lua("family");
        this.script = (name) => common + lua(name);
    }

    async ours(name, args) {
        for (const [i, arg] of args.entries()) {
            if (arg?.lock)
                args[i] = await this.redis.ask("GET", arg.lock) ?? "none";
            else if (arg === null)
                args[i] = await this.redis.ask("GET", `${Q}:${args[0]}:lock`);
        }
        if (name === "renew")
            args[2] = await this.redis.ask("GET", `${Q}:${args[1]}:lock`);
        if (name === "stalled") { /* time has passed in the capture */
            await this.redis.ask("DEL", `${Q}:stalled-check`);
            for (const key of await this.redis.ask("KEYS", `${Q}:*:lock`))
                await this.redis.ask("DEL", key);
        }
        return this.redis.ask("EVAL", this.script(name), 1, `${Q}:`, ...args);
    }

    async run(block) {
        const b = new Block(block);
        for (const [name, make] of Object.entries(OURS)) {
            const calls = block.inner.length && !this.raw ? make(b, this.version) : null;
            if (!calls)
                continue;
            this.used[name] = (this.used[name] ?? 0) + 1;
            for (const [script, ...args] of calls) {
                const answer = await this.ours(script, args);
                assert.equal(name === "wrong" ? answer : 0, name === "wrong" ? -6 : 0, script);
            }
            return;
        }
        for (const command of block.inner.length ? block.inner : [block.head])
            if (block.inner.length || /^(hset|hdel|set|del)$/i.test(command[0]))
                await this.redis.ask(...command.map((word, i) => (command[i - 1] === "PX" ? LASTING_MS : word)));
    }

    async compare(step) {
        if (/obliterate/.test(step.step)) /* the events went with all else */
            this.seen = 0;
        for (const [key, { type, value, appended }] of Object.entries(step.changed ?? {})) {
            if (type === "stream") {
                const entries = (await this.redis.ask("XRANGE", `${Q}:${key}`, "-", "+")).map(([, entry]) => entry);
                assert.deepEqual(entries.slice(this.seen), JSON.parse(JSON.stringify(appended).replaceAll("{q}", Q)), `events: ${step.step}`);
                this.seen = entries.length;
            } else {
                let want = JSON.parse(JSON.stringify(value).replaceAll("{q}", Q));
                if (type === "hash" && want.name !== undefined)
                    want = tidy(want);
                assert.deepEqual(await stateOf(this.redis, `${Q}:${key}`, type), type === "set" ? want.sort() : want, `${key}: ${step.step}`);
            }
            this.compared++;
        }
    }
}

/* Attempts begin anew with our retry of a failed job; versions 6 pause without moving, which version 5 would lose. */
const REPEATED = { v5: /^job.retry\(\)/, v6: /^job.retry\(\)|^pause|^add while paused|^resume/ };

describe("states of BullMQ", { skip: hasRedis() ? false : "redis-server is not installed (tools/deps test)" }, () => {
    let redis;
    before(async () => { redis = await Redis.start(); });
    after(async () => { await redis?.stop(); });

    for (const version of ["v5", "v6"]) {
        test(`${vectors[version].bullmq}: every state is the one BullMQ leaves`, async () => {
            redis.flush();
            const replay = new Replay(redis, version);
            for (const step of vectors[version].steps) {
                replay.raw = REPEATED[version].test(step.step);
                for (const block of blocks(step.commands))
                    await replay.run(block);
                await replay.compare(step);
            }
            const { used } = replay;
            assert.ok(used.add >= 15 && used.take >= 15 && used.finish >= 8 && used.retry >= 3, JSON.stringify(used));
            assert.ok(used.stalled >= 3 && used.release === 1 && used.progress === 2 && used.renew >= 1 && used.wrong === 1,
                JSON.stringify(used));
            assert.ok(replay.compared > 150, String(replay.compared));
        });
    }
});
