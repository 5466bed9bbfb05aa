/* BullMQ 5 and 6 on Node and our queues (src/jobs/bull.c), on one Redis: who adds, who performs, who dies. */

import { after, afterEach, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Driver, VERSIONS, countsOf } from "./lib/bull.mjs";
import { Redis, hasRedis } from "./lib/redis.mjs";
import { until, within } from "./lib/wait.mjs";

const WAIT_MS = 30000; /* for a job to end, on a busy machine */
const WORKER = fileURLToPath(new URL("./lib/bull_worker.mjs", import.meta.url));

let redis;
let open = [];
let number = 0;

const connection = () => ({ host: "127.0.0.1", port: redis.port });
const fresh = () => `q${number++}`;

async function driver(...args) {
    const d = await Driver.start(redis.url, ...args);
    open.push(() => d.child.exitCode === null && d.child.signalCode === null && d.stop());
    return d;
}

function queueOf(bull, name) {
    const queue = new bull.Queue(name, { connection: connection() });
    open.push(() => queue.close());
    return queue;
}

function workerOf(bull, name, perform, options = {}) {
    const worker = new bull.Worker(name, perform, { connection: connection(), ...options });
    worker.on("error", () => {});
    open.push(() => worker.close(true));
    return worker;
}

async function eventsOf(bull, name) {
    const events = new bull.QueueEvents(name, { connection: connection() });
    events.on("error", (error) => { events.broken = error; });
    open.push(() => events.close());
    await events.waitUntilReady();
    return events;
}

/* Both ways of counting say this. */
async function assertCounts(d, queue, name, want) {
    const zero = { waiting: 0, active: 0, delayed: 0, prioritized: 0, completed: 0, failed: 0, paused: 0,
        "waiting-children": 0 };
    await until(async () => {
        try {
            assert.deepEqual(await d.counts(name), { ...zero, ...want });
            return true;
        } catch (error) {
            d.last = error;
            return false;
        }
    }, "the counts").catch((error) => { throw d.last ?? error; });
    assert.deepEqual(await countsOf(queue), { ...zero, ...want });
}

const SKIP = hasRedis() ? false : "redis-server is not installed (tools/deps test)";

describe("BullMQ", { skip: SKIP }, () => {
    before(async () => { redis = await Redis.start(); });
    afterEach(async () => {
        for (const close of open.reverse())
            await close();
        open = [];
    });
    after(async () => { await redis?.stop(); });

    for (const [version, bull] of Object.entries(VERSIONS)) {
        test(`${version}: jobs of ours run in a Node Worker, in order, and waitUntilFinished knows`, async () => {
            const name = fresh(), ran = [];
            const d = await driver(), queue = queueOf(bull, name), events = await eventsOf(bull, name);
            await d.add(name, "a", { n: 1 });
            await d.add(name, "b", "text");
            await d.add(name, "p5", 5, { priority: 5 });
            await d.add(name, "p2", 2, { priority: 2 });
            await d.add(name, "c", null, { lifo: true });
            const later = await d.add(name, "d", [], { delay: 300, id: "an_id" });
            assert.equal((await d.add(name, "again", 0, { id: "an_id" })).id, "an_id");
            assert.equal(later.id, "an_id");
            await assertCounts(d, queue, name, { waiting: 3, prioritized: 2, delayed: 1 });
            const jobs = await Promise.all(["1", "2", "3", "4", "5", "an_id"].map((id) => queue.getJob(id)));
            workerOf(bull, name, async (job) => { ran.push(job.name); return { had: job.data }; });
            const results = await Promise.all(jobs.map((job) => job.waitUntilFinished(events, WAIT_MS)));
            assert.deepEqual(ran, ["c", "a", "b", "p2", "p5", "d"]);
            assert.deepEqual(results.map((r) => r.had), [{ n: 1 }, "text", 5, 2, null, []]);
            await assertCounts(d, queue, name, { completed: 6 });
            assert.equal(events.broken, undefined);
        });

        test(`${version}: jobs of a Node Queue run in ours, and its QueueEvents stays whole`, async () => {
            const name = fresh();
            const d = await driver("bull", "ours"), queue = queueOf(bull, name), events = await eventsOf(bull, name);
            const progress = [];
            events.on("progress", ({ data }) => progress.push(data));
            d.order("work", { queue: name });
            const slow = await queue.add("slow", {}, { delay: 200, removeOnComplete: 1 });
            const one = await queue.add("one", { é: "\"" });
            const told = await d.next("job");
            assert.deepEqual([told.name, told.data, told.id], ["one", { é: "\"" }, one.id]);
            await until(async () => (await queue.getWorkers()).some((w) => w.rawname.endsWith(":w:ours")), "us among the workers");
            d.order("end", { id: one.id, how: "progress", value: { percent: 50 } });
            d.order("end", { id: one.id, how: "complete", value: { ok: ["ü"] } });
            assert.deepEqual(await one.waitUntilFinished(events, WAIT_MS), { ok: ["ü"] });
            await d.next("job", (job) => job.id === slow.id);
            d.order("end", { id: slow.id, how: "complete", value: null });
            assert.equal(await slow.waitUntilFinished(events, WAIT_MS), null);
            const last = await queue.add("last", 1, { removeOnFail: { count: 5 } });
            await d.next("job", (job) => job.id === last.id);
            d.order("end", { id: last.id, how: "final", value: "no \"way\"" });
            await assert.rejects(last.waitUntilFinished(events, WAIT_MS), /no "way"/);
            assert.deepEqual(progress, [{ percent: 50 }]);
            await assertCounts(d, queue, name, { completed: 1, failed: 1 }); /* `slow` kept one: itself or none older */
            const [failed] = await queue.getFailed();
            assert.deepEqual([failed.failedReason, failed.attemptsMade, failed.stacktrace], ["no \"way\"", 1, ["no \"way\""]]);
            assert.equal(failed.processedBy, "ours");
            await d.close();
        });

        test(`${version}: exponential backoff, on both sides`, async () => {
            const name = fresh(), starts = [];
            const d = await driver(), queue = queueOf(bull, name), events = await eventsOf(bull, name);
            const { id } = await d.add(name, "node", {}, { attempts: 3, backoff: "exponential", backoffMs: 100 });
            const worker = workerOf(bull, name, async () => { starts.push(Date.now()); throw new Error("not yet"); });
            await assert.rejects((await queue.getJob(id)).waitUntilFinished(events, WAIT_MS), /not yet/);
            await worker.close();
            assert.equal(starts.length, 3);
            assert.ok(starts[1] - starts[0] >= 95 && starts[2] - starts[1] >= 195, String(starts));
            assert.deepEqual(await d.failed(name), [{ id, name: "node", attempts: 3, reason: "not yet" }]);

            d.order("work", { queue: name });
            const job = await queue.add("ours", {}, { attempts: 3, backoff: { type: "exponential", delay: 100 } });
            const ours = [];
            for (let i = 0; i < 3; i++) {
                assert.equal((await d.next("job")).attempts, i);
                ours.push(Date.now());
                d.order("end", { id: job.id, how: i < 2 ? "fail" : "complete", value: i < 2 ? `no ${i}` : 7 });
            }
            assert.equal(await job.waitUntilFinished(events, WAIT_MS), 7);
            assert.ok(ours[1] - ours[0] >= 95 && ours[2] - ours[1] >= 195, String(ours));
            const done = await queue.getJob(job.id);
            assert.deepEqual([done.attemptsMade, done.attemptsStarted, done.stacktrace], [3, 3, ["no 0", "no 1"]]);
            await assertCounts(d, queue, name, { completed: 1, failed: 1 });
            assert.equal(await d.change("retry", { queue: name, id }), 0);
            const anew = await d.next("job");
            assert.deepEqual([anew.id, anew.attempts], [id, 0]);
            d.order("end", { id, how: "complete", value: true });
            await assertCounts(d, queue, name, { completed: 2 });
        });

        test(`${version}: a Node worker that is killed: ours takes over, once`, async () => {
            const name = fresh();
            const d = await driver(), queue = queueOf(bull, name);
            const jobs = [await queue.add("x", 1), await queue.add("y", 2)];
            const child = spawn(process.execPath, [WORKER, version === "v5" ? "bullmq5" : "bullmq6", String(redis.port), name, "400"]);
            let began = "";
            child.stdout.on("data", (bytes) => { began += bytes; });
            await until(() => began.split("\n").length > 2, "the worker to begin both");
            child.kill("SIGKILL");
            await once(child, "close");
            d.order("work", { queue: name, concurrency: 4, stalled: 100, echo: true });
            const got = [await d.next("job"), await d.next("job")];
            assert.deepEqual(got.map((job) => job.id).sort(), jobs.map((job) => job.id).sort());
            await assertCounts(d, queue, name, { completed: 2 });
            assert.equal(d.all("job").length, 0);
            assert.equal((await queue.getJob(jobs[0].id)).stalledCounter, 1);
        });

        test(`${version}: ours is killed: a Node worker takes over, once`, async () => {
            const name = fresh(), ran = [];
            const d = await driver(), queue = queueOf(bull, name), other = await driver();
            d.order("work", { queue: name, concurrency: 2, lock: 400, stalled: 100 });
            const ids = [(await d.add(name, "x", 1)).id, (await d.add(name, "y", 2)).id];
            await d.next("job");
            await d.next("job");
            await d.kill();
            workerOf(bull, name, async (job) => { ran.push(job.id); return 1; }, { stalledInterval: 100 });
            await assertCounts(other, queue, name, { completed: 2 });
            assert.deepEqual(ran.sort(), ids.sort());
        });

        test(`${version}: a job that stalls again and again has failed, and its handler does not see it`, async () => {
            const name = fresh();
            const d = await driver(), queue = queueOf(bull, name), events = await eventsOf(bull, name);
            const job = await queue.add("x", 1);
            await redis.ask("HSET", `bull:${name}:${job.id}`, "defa", "job stalled more than allowable limit");
            d.order("work", { queue: name });
            await assert.rejects(job.waitUntilFinished(events, WAIT_MS), /stalled more than allowable/);
            assert.equal(d.all("job").length, 0);
            assert.equal(await redis.ask("HEXISTS", `bull:${name}:${job.id}`, "defa"), 0);
        });

        test(`${version}: paused by Node, paused by ours: nothing is lost`, async () => {
            const name = fresh();
            const d = await driver(), queue = queueOf(bull, name), seen = [];
            await queue.add("before", 0);
            await queue.pause();
            await d.add(name, "while", 1);
            await queue.add("while", 2);
            d.order("work", { queue: name, echo: true });
            if (version === "v5")
                await assertCounts(d, queue, name, { paused: 3 });
            await queue.resume();
            for (let i = 0; i < 3; i++)
                seen.push((await d.next("job")).data);
            assert.deepEqual(seen.sort(), [0, 1, 2]);
            assert.equal(await d.change("pause", { queue: name, pause: true }), 0);
            await d.add(name, "held", 3);
            assert.equal(await queue.isPaused(), true);
            await assertCounts(d, queue, name, { paused: 1, completed: 3 });
            await queue.resume();
            assert.equal((await d.next("job")).data, 3);
            assert.equal(await d.change("pause", { queue: name, pause: true }), 0);
            await queue.add("held", 4);
            assert.equal(await d.change("pause", { queue: name, pause: false }), 0);
            assert.equal((await d.next("job")).data, 4);
            await assertCounts(d, queue, name, { completed: 5 });
        });

        test(`${version}: global concurrency and the rate of the queue are kept`, async () => {
            const name = fresh();
            const d = await driver(), queue = queueOf(bull, name);
            await queue.setGlobalConcurrency(1);
            await queue.addBulk([1, 2].map((n) => ({ name: "x", data: n })));
            d.order("work", { queue: name, concurrency: 5 });
            const first = await d.next("job");
            await assertCounts(d, queue, name, { active: 1, waiting: 1 });
            d.order("end", { id: first.id, how: "complete", value: 1 });
            const second = await d.next("job");
            await queue.removeGlobalConcurrency();
            d.order("end", { id: second.id, how: "complete", value: 1 });
            await queue.setGlobalRateLimit(1, 400);
            await queue.addBulk([3, 4].map((n) => ({ name: "x", data: n })));
            await d.next("job");
            const at = Date.now();
            await d.next("job");
            assert.ok(Date.now() - at >= 300, "the rate");
        });

        test(`${version}: children of ours wake their parent on Node; a failure fails it`, async () => {
            const name = fresh();
            const d = await driver(), queue = queueOf(bull, name), events = await eventsOf(bull, name);
            const flows = new bull.FlowProducer({ connection: connection() });
            open.push(() => flows.close());
            const flow = await flows.add({ name: "parent", queueName: name, data: 0,
                children: [{ name: "a", queueName: `${name}c`, data: 1 }, { name: "b", queueName: `${name}c`, data: 2 }] });
            d.order("work", { queue: `${name}c`, concurrency: 2, echo: true });
            workerOf(bull, name, async (job) => Object.values(await job.getChildrenValues()).sort());
            assert.deepEqual(await flow.job.waitUntilFinished(events, WAIT_MS), [1, 2]);
            d.order("close");
            await d.next("closed");
            d.order("work", { queue: `${name}c` });
            const child = (opts) => ({ name: "c", queueName: `${name}c`, data: 1, opts });
            const parents = [];
            for (const opts of [{ failParentOnFailure: true }, { ignoreDependencyOnFailure: true },
                { removeDependencyOnFailure: true }, { continueParentOnFailure: true }])
                parents.push(await flows.add({ name: "parent", queueName: name, data: 0, children: [child(opts)] }));
            for (let i = 0; i < 4; i++) {
                const { id } = await d.next("job", (job) => job.name === "c");
                d.order("end", { id, how: "final", value: "no" });
            }
            await assert.rejects(parents[0].job.waitUntilFinished(events, WAIT_MS), /child .* failed/);
            for (const parent of parents.slice(1))
                assert.deepEqual(await parent.job.waitUntilFinished(events, WAIT_MS), []);
        });

        test(`${version}: a scheduler's job is left to Node, loudly; the rest goes on behind it`, async () => {
            const name = fresh();
            const d = await driver(), queue = queueOf(bull, name);
            await queue.upsertJobScheduler("tick", { every: 60000 }, { name: "tick", data: 1 });
            d.order("work", { queue: name, echo: true });
            await until(() => /job scheduler's/.test(d.log), "the refusal");
            await assertCounts(d, queue, name, { waiting: 1 });
            const ticked = new Promise((resolve) => workerOf(bull, name, async (job) => { resolve(job.name); }));
            assert.equal(await within(ticked, "the tick on Node"), "tick");
            await assertCounts(d, queue, name, { completed: 1, delayed: 1 });
        });

        test(`${version}: deduplication: of those added while one runs, the last comes behind it`, async () => {
            const name = fresh(), deduplication = { id: "d", keepLastIfActive: true };
            const d = await driver(), queue = queueOf(bull, name);
            d.order("work", { queue: name });
            const first = await queue.add("first", 1, { deduplication });
            await d.next("job");
            await queue.add("second", 2, { deduplication, delay: 100 });
            await queue.add("third", 3, { deduplication, delay: 100 });
            await assertCounts(d, queue, name, { active: 1 });
            d.order("end", { id: first.id, how: "complete", value: 1 });
            const last = await d.next("job");
            assert.deepEqual([last.name, last.data], ["third", 3]);
            d.order("end", { id: last.id, how: "complete", value: 1 });
            await assertCounts(d, queue, name, { completed: 2 });
            assert.equal(await redis.ask("EXISTS", `bull:${name}:de:d`, `bull:${name}:dn:d`), 0);
        });

        test(`${version}: what cannot be read has failed, what is missing is skipped`, async () => {
            const name = fresh();
            const d = await driver(), queue = queueOf(bull, name);
            const [bad, worse, ghost, good] = await queue.addBulk([1, 2, 3, 4].map((n) => ({ name: "x", data: n })));
            await redis.ask("HSET", `bull:${name}:${bad.id}`, "data", "{");
            await redis.ask("HSET", `bull:${name}:${worse.id}`, "opts", "nonsense");
            await redis.ask("DEL", `bull:${name}:${ghost.id}`);
            d.order("work", { queue: name, echo: true });
            assert.equal((await d.next("job")).id, good.id);
            await assertCounts(d, queue, name, { completed: 1, failed: 2 });
            assert.deepEqual((await d.failed(name)).map((job) => job.reason).sort(),
                ["its data is not valid JSON", "its options are not valid JSON"]);
            assert.equal(await d.change("drop", { queue: name, id: bad.id }), 0);
            await assertCounts(d, queue, name, { completed: 1, failed: 1 });
            assert.equal(await redis.ask("EXISTS", `bull:${name}:${bad.id}`), 0);
        });
    }

    test("v5, v6 and two of ours on one queue: 200 jobs, each once", async () => {
        const name = fresh(), ran = [];
        const d = await driver(), e = await driver();
        const queues = Object.values(VERSIONS).map((bull) => queueOf(bull, name));
        for (const one of [d, e])
            one.order("work", { queue: name, concurrency: 3, echo: true });
        for (const bull of Object.values(VERSIONS))
            workerOf(bull, name, async (job) => { ran.push(job.data); return job.data; }, { concurrency: 3 });
        for (let i = 0; i < 50; i++) {
            queues[0].add("x", 4 * i);
            queues[1].add("x", 4 * i + 1, { priority: 1 + i % 3 });
            await d.add(name, "x", 4 * i + 2, { keep: -1 });
            await d.add(name, "x", 4 * i + 3, { delay: i % 20, keep: -1 });
        }
        await assertCounts(d, queues[0], name, { completed: 200 });
        await assertCounts(d, queues[1], name, { completed: 200 });
        for (const told of [...d.all("job"), ...e.all("job")])
            ran.push(told.data);
        assert.deepEqual(ran.sort((a, b) => a - b), Array.from({ length: 200 }, (_, i) => i));
        assert.ok(d.all("job").length && e.all("job").length, "all had work");
    });

    test("Redis away: adding is refused, what ends meanwhile is written down afterwards", async () => {
        const name = fresh();
        const own = await Redis.start("--appendonly", "yes");
        try {
            const d = await Driver.start(own.url);
            d.order("work", { queue: name });
            await d.add(name, "x", 1);
            const { id } = await d.next("job");
            await own.stop();
            await d.next("down");
            assert.equal((await d.add(name, "y", 2)).err, -15);
            d.order("end", { id, how: "complete", value: "late" });
            await own.resume();
            await d.next("up");
            await until(async () => (await d.counts(name)).completed === 1, "the result");
            assert.equal(own.cli("HGET", `bull:${name}:${id}`, "returnvalue"), "\"late\"");
            assert.deepEqual(await d.stop(), { code: 0, signal: null });
        } finally {
            await own.stop();
        }
    });

    test("a graceful end releases what is held, and it is the next", async () => {
        const name = fresh();
        const d = await driver(), e = await driver();
        d.order("work", { queue: name });
        await d.add(name, "first", 1);
        await d.add(name, "second", 2);
        const { id } = await d.next("job");
        d.order("close");
        d.order("end", { id, how: "release" });
        await d.next("closed");
        e.order("work", { queue: name, echo: true });
        assert.deepEqual([(await e.next("job")).name, (await e.next("job")).name], ["first", "second"]);
    });
});
