/* Node services add jobs to BullMQ's queue `partyline`, and the server performs them. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Queue as Queue5, QueueEvents as QueueEvents5 } from "bullmq5";
import { Queue as Queue6, QueueEvents as QueueEvents6 } from "bullmq6";
import { unique, user } from "./lib/chat.mjs";
import { ask, closeAll } from "./lib/client.mjs";
import { Raw, request } from "./lib/raw.mjs";
import { Redis } from "./lib/redis.mjs";
import { partyline, sql } from "./lib/server.mjs";
import { DEADLINE_MS, until, within } from "./lib/wait.mjs";

const API_KEY = "api-key-of-the-interop-tests";
const headers = { Authorization: `Bearer ${API_KEY}` };

async function api(server, method, path) {
    const answer = await fetch(`${server.url}/api/v1/queues${path}`, { method, headers });
    const { data, meta, message } = await answer.json();
    return { status: answer.status, data, meta, message };
}

const listed = async (server) => (await api(server, "GET", "")).data.find((queue) => queue.name === "partyline");

/* The lines of /metrics that BullMQ's Queue.exportPrometheusMetrics has, too. */
const jobCounts = (text) => text.split("\n").filter((line) => line.startsWith("bullmq_job_count{queue=\"partyline\""))
    .map((line) => line.replace(/, state/, ",state")).sort();
const metrics = async (server) => jobCounts(await (await fetch(`${server.url}/metrics`)).text());

for (const [version, Queue, QueueEvents] of [[5, Queue5, QueueEvents5], [6, Queue6, QueueEvents6]]) {
    describe(`the queue partyline, filled by bullmq ${version}`, () => {
        let redis, first, second, queue, events;

        before(async () => {
            redis = await Redis.start();
            first = await partyline({ env: { REDIS_URL: redis.url, API_KEY } });
            second = await partyline({ env: { REDIS_URL: redis.url }, db: first.db });
            const connection = { host: "127.0.0.1", port: redis.port };
            queue = new Queue("partyline", { connection });
            events = new QueueEvents("partyline", { connection });
            await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
        });
        after(async () => {
            await events?.close();
            await queue?.close();
            await Promise.all([first?.stop(), second?.stop()]);
            await redis?.stop();
        });
        afterEach(closeAll);

        const done = async (name, data, options) => {
            const job = await queue.add(name, data, options);
            return within(job.waitUntilFinished(events, DEADLINE_MS), `${name} to be done`);
        };
        const failed = async (name, data, options) => {
            try {
                await done(name, data, options);
            } catch (error) {
                return error.message;
            }
            throw new Error(`${name} was done`);
        };

        test("notification: saved once, heard by the user's devices on all servers", async () => {
            const userId = unique("ann");
            const devices = [await user(first, userId), await user(second, userId)];
            const result = await done("notification", { userId, type: "PARTY_LIVE", title: "It began", body: "b", data: { partyId: "p" } });
            assert.equal(result.data.title, "It began");
            for (const socket of devices)
                assert.equal((await socket.inbox.next("notification:new")).id, result.data.id);
            assert.equal(sql(first.db, `SELECT id FROM notifications WHERE user_id = '${userId}'`).length, 1);
        });

        test("party-event and emit reach rooms on all servers", async () => {
            const partyId = unique("party");
            const both = [await user(first, unique("ann")), await user(second, unique("bob"))];
            for (const socket of both)
                assert.equal((await ask(socket, "party:join_live", { partyId })).ok, true);
            await done("party-event", { type: "PARTY_LIVE", payload: { partyId } });
            await done("emit", { room: `party:${partyId}`, event: "service:hello", args: [{ n: 1 }] });
            await done("emit", { userId: both[1].userId, event: "service:direct", args: ["x"] });
            await done("emit", { socketId: both[0].id, event: "service:single" });
            for (const socket of both) {
                assert.deepEqual(await socket.inbox.next("party:status_changed"), { partyId, status: "LIVE" });
                assert.deepEqual(await socket.inbox.next("service:hello"), { n: 1 });
            }
            assert.equal(await both[1].inbox.next("service:direct"), "x");
            await both[0].inbox.next("service:single");
        });

        test("one job behind the other: none waits until somebody looks by chance", async () => {
            const began = Date.now();
            for (let i = 0; i < 60; i++)
                await done("emit", { everyone: true, event: "service:next" });
            assert.ok(Date.now() - began < 4000, `${Date.now() - began} ms`); /* the pause between two looks is 5 s */
        });

        test("bad jobs fail for good, with the field at fault", async () => {
            const once = { attempts: 5, backoff: 10 };
            assert.match(await failed("notification", { userId: "u", type: "PARTY_LIVE", title: "t" }, once), /^body /);
            assert.match(await failed("notification", { userId: "u", type: "NONE", title: "t", body: "b" }, once), /^type must be /);
            assert.match(await failed("party-event", { type: "PARTY_LIVE", payload: {} }, once), /^payload\.partyId /);
            assert.match(await failed("emit", { event: "x" }, once), /room, userId, socketId/);
            assert.match(await failed("unknown", {}, once), /^name must be /);
            assert.match(await failed("emit", [1], once), /^data must be an object/);
            const jobs = await queue.getJobs(["failed"]);
            assert.equal(jobs.length, 6);
            for (const job of jobs)
                assert.equal(job.attemptsMade, 1);
        });

        /* What BullMQ says of the queue, and both of ours say the same. */
        const agree = async (some) => {
            const counts = await queue.getJobCounts();
            for (const [state, n] of Object.entries(some))
                assert.equal(counts[state], n, `${state}: ${JSON.stringify(counts)}`);
            const ours = await listed(first);
            for (const [state, n] of Object.entries(counts))
                assert.equal(ours.counts[state], n, `${state}: ${JSON.stringify(ours)}`);
            const theirs = jobCounts(await queue.exportPrometheusMetrics());
            assert.ok(theirs.length >= 7);
            await until(async () => {
                const lines = await metrics(first);
                return theirs.every((line) => lines.includes(line));
            }, `the metrics to be ${theirs.join(", ")}`);
        };

        test("counts agree with BullMQ's own, also while the queue is paused", async () => {
            const { completed, failed: wrong } = await queue.getJobCounts();
            await agree({ completed, failed: 6 });
            assert.deepEqual((await api(first, "POST", "/partyline/pause")).data, { name: "partyline", isPaused: true });
            assert.equal(await queue.isPaused(), true);
            assert.equal((await listed(first)).isPaused, true);
            const event = { everyone: true, event: "service:counted" };
            await queue.add("emit", event);
            await queue.add("emit", event, { priority: 3 });
            await queue.add("emit", event, { delay: 3600000 });
            await agree({ [version === 5 ? "paused" : "waiting"]: 1, prioritized: 1, delayed: 1 });
            assert.equal((await api(first, "POST", "/partyline/resume")).status, 200);
            await until(async () => (await queue.getJobCounts("completed")).completed === completed + 2, "the jobs to be done");
            await agree({ waiting: 0, prioritized: 0, delayed: 1, completed: completed + 2, failed: wrong });
        });

        test("failed jobs are listed, tried again and dropped", async () => {
            const { data } = await api(first, "GET", "/partyline/failed");
            const theirs = await queue.getFailed();
            assert.deepEqual(data.map((job) => job.id).sort(), theirs.map((job) => job.id).sort());
            for (const job of theirs) {
                const { id, timestamp, finishedOn } = job;
                assert.deepEqual(data.find((one) => one.id === id), { id, name: job.name, data: job.data, failedReason: job.failedReason,
                    attemptsMade: 1, createdAt: new Date(timestamp).toISOString(), finishedAt: new Date(finishedOn).toISOString() });
            }
            const [{ id }, { id: other }] = data;
            const again = within(new Promise((resolve) => { events.once("failed", resolve); }), "the job to fail again");
            assert.equal((await api(first, "POST", `/partyline/failed/${id}/retry`)).status, 200);
            assert.equal((await again).jobId, id);
            assert.equal((await api(first, "DELETE", `/partyline/failed/${other}`)).status, 200);
            assert.equal(await queue.getJob(other), undefined);
            for (const [method, path] of [["DELETE", other], ["POST", `${other}/retry`]])
                assert.equal((await api(first, method, `/partyline/failed/${path}`)).status, 404);
            await agree({ failed: theirs.length - 1 });
        });
    });
}

describe("queues whose Redis is away", () => {
    test("nothing hangs: 503 at once, or in time; and the server ends with requests under way", async () => {
        const redis = await Redis.start();
        const server = await partyline({ env: { REDIS_URL: redis.url, API_KEY, SHUTDOWN_GRACE: "300" } });
        await until(async () => (await listed(server)).isUp, "the queue to be there");
        await until(async () => (await metrics(server)).length === 8, "the metrics to be known");
        await redis.stop("SIGKILL");
        await until(async () => !(await listed(server)).isUp, "the queue to be away");
        assert.deepEqual(Object.keys(await listed(server)), ["name", "keeper", "about", "isUp"]);
        for (const [method, path] of [["GET", "failed"], ["DELETE", "failed/1"], ["POST", "failed/1/retry"], ["POST", "pause"], ["POST", "resume"]])
            assert.equal((await api(server, method, `/partyline/${path}`)).status, 503);
        await until(async () => (await metrics(server)).length === 0, "the metrics to be unknown");
        await redis.resume();
        await until(async () => (await listed(server)).isUp, "the queue to be there again");

        redis.freeze();
        const [gone, waits, batch] = await Promise.all([1, 2, 3].map(() => Raw.open(server.port)));
        const ask = request("GET", "/api/v1/queues/partyline/failed", { headers });
        gone.send(ask);
        waits.send(Buffer.concat([request("GET", "/api/v1/counts", { headers }), request("GET", "/api/v1/queues", { headers })]));
        batch.send(request("POST", "/api/v1/batch", { headers: { ...headers, "Content-Type": "application/json" },
            body: JSON.stringify([{ method: "POST", path: "/queues/partyline/pause" }, { method: "GET", path: "/queues" }]) }));
        assert.equal((await waits.response()).status, 200);
        gone.destroy();
        await server.stop();
        waits.destroy();
        batch.destroy();
        await redis.stop();
    });
});
