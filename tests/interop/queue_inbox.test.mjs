/* Node services add jobs to BullMQ's queue `partyline`, and the server performs them. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Queue as Queue5, QueueEvents as QueueEvents5 } from "bullmq5";
import { Queue as Queue6, QueueEvents as QueueEvents6 } from "bullmq6";
import { unique, user } from "./lib/chat.mjs";
import { ask, closeAll } from "./lib/client.mjs";
import { Redis } from "./lib/redis.mjs";
import { partyline, sql } from "./lib/server.mjs";
import { DEADLINE_MS, within } from "./lib/wait.mjs";

for (const [version, Queue, QueueEvents] of [[5, Queue5, QueueEvents5], [6, Queue6, QueueEvents6]]) {
    describe(`the queue partyline, filled by bullmq ${version}`, () => {
        let redis, first, second, queue, events;

        before(async () => {
            redis = await Redis.start();
            first = await partyline({ env: { REDIS_URL: redis.url } });
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
    });
}
