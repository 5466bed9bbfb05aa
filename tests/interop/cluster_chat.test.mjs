/* Chat rooms on several nodes: whatever happens on the way between them, every member sees the log of its room in the order
 * of its numbers, each once and none left out. */

import assert from "node:assert/strict";
import net from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { heard, say, unique, user } from "./lib/chat.mjs";
import { ask, closeAll } from "./lib/client.mjs";
import { Postgres } from "./lib/postgres.mjs";
import { Redis, hasRedis } from "./lib/redis.mjs";
import { freePort, partyline, tempDir } from "./lib/server.mjs";
import { once, until } from "./lib/wait.mjs";

const LOG_EVENTS = ["chat:new_message", "chat:message_edited", "chat:message_deleted", "chat:reaction"];
const LONG_MS = 60000;

/* ---- members -------------------------------------------------------------------------------------------- */

/* A user in a room who checks every entry of its log on arrival. */
class Member {
    static async join(server, roomId, options = {}) {
        const m = new Member();
        m.roomId = roomId;
        m.problems = [];
        m.seqs = [];
        m.events = [];
        m.socket = await user(server, options.id ?? unique("user"), options);
        for (const event of LOG_EVENTS)
            m.socket.on(event, (e) => m.hear(event, e));
        const answer = await ask(m.socket, "chat:join", { roomId });
        assert.equal(answer.ok, true, JSON.stringify(answer));
        m.base = answer.lastSeq;
        return m;
    }

    hear(event, e) {
        const { seq } = e;
        if (this.last !== undefined && seq !== this.last + 1)
            this.problems.push(`${seq} behind ${this.last}`);
        this.last = seq;
        this.seqs.push(seq);
        this.events.push([event, e]);
    }

    /* Everything up to seq has arrived; all of it in order, and nothing between the history and the first is missing. */
    async upTo(seq, ms = 10000) {
        await until(() => (this.last ?? this.base) >= seq, `${seq} at a member that has ${this.last} (from ${this.base})`, ms);
        assert.deepEqual(this.problems, []);
        if (this.seqs.length)
            assert.ok(this.seqs[0] <= this.base + 1, `history to ${this.base}, then ${this.seqs[0]}`);
    }

    say(content, extra) {
        return say(this.socket, this.roomId, content, extra);
    }
}

const headOf = async (m) => (await ask(m.socket, "chat:sync", { roomId: m.roomId, afterSeq: 0 })).lastSeq;

/* Members of one room heard the same, from the latest beginning on; some came when all was said. */
function sameForAll(all) {
    const members = all.filter((m) => m.seqs.length);
    const from = Math.max(...members.map((m) => m.seqs[0]));
    const told = members.map((m) => m.events.filter(([, e]) => e.seq >= from)
        .map(([event, e]) => [e.seq, event, e.id ?? e.messageId]));
    for (const other of told)
        assert.deepEqual(other, told[0]);
}

/* ---- between a node and its Redis ----------------------------------------------------------------------- */

/* A way to Redis that can be slow, or lose everything from the node on. */
class Way {
    static async to(port) {
        const way = new Way();
        Object.assign(way, { delay: 0, swallows: false, swallowed: "", sockets: new Set() });
        way.server = net.createServer((near) => way.open(near, net.connect(port, "127.0.0.1")));
        way.server.listen(await freePort(), "127.0.0.1");
        await once(way.server, "listening");
        way.url = `redis://127.0.0.1:${way.server.address().port}`;
        return way;
    }

    open(near, far) {
        for (const s of [near, far]) {
            s.setNoDelay(true);
            s.on("error", () => {});
            s.on("close", () => { near.destroy(); far.destroy(); this.sockets.delete(s); });
            this.sockets.add(s);
        }
        far.on("data", (bytes) => near.write(bytes));
        near.on("data", (bytes) => {
            if (this.swallows)
                this.swallowed += bytes.toString("latin1");
            else
                setTimeout(() => far.writable && far.write(bytes), this.delay);
        });
    }

    close() {
        this.server.close();
        for (const s of this.sockets)
            s.destroy();
    }
}

const metric = async (node, name) => {
    const text = await (await fetch(`${node.url}/metrics`)).text();
    const line = text.split("\n").find((l) => l.startsWith(`partyline_${name}`) && !l.startsWith("#"));
    assert.ok(line, `no metric ${name}`);
    return Number(line.split(" ").at(-1));
};

/* ---- the tests ------------------------------------------------------------------------------------------ */

const SKIP = hasRedis() ? false : "redis-server is not installed";
let pg, redis;
before(async () => {
    if (SKIP)
        return;
    [pg, redis] = await Promise.all([Postgres.start(), Redis.start()]);
});
after(async () => {
    pg?.stop("immediate");
    await redis?.stop();
});
afterEach(closeAll);

/* Nodes on one database. ways: for each the URL of its Redis, or nothing. */
function cluster(n, { database = pg.url(pg.database()), env = {}, urls = [] } = {}) {
    return Promise.all(Array.from({ length: n }, (_, i) => partyline({
        others: true, env: { DATABASE_URL: database, REDIS_URL: urls[i] ?? redis.url, LOOPS: "2", ...env },
    })));
}
const stopAll = (nodes) => Promise.all((nodes ?? []).filter((n) => !n.ended).map((n) => n.stop()));

/* Each member talks, and changes what it has said. */
async function chatter(m, n) {
    for (let i = 0; i < n; i++) {
        const { id } = await m.say(`${m.socket.userId} ${i}`, { clientId: `c${i}` });
        if (i % 4 === 1)
            await ask(m.socket, "chat:react", { roomId: m.roomId, messageId: id, emoji: "🎉" });
        if (i % 4 === 2)
            await ask(m.socket, "chat:edit", { roomId: m.roomId, messageId: id, content: `edited ${i}` });
        if (i % 4 === 3)
            await ask(m.socket, "chat:delete", { roomId: m.roomId, messageId: id });
    }
}

for (const adapter of ["classic", "sharded", "streams"]) {
    describe(`three nodes on PostgreSQL, ${adapter} adapter`, { skip: SKIP }, () => {
        let nodes;
        before(async () => {
            await redis.flush();
            nodes = await cluster(3, { env: { REDIS_ADAPTER: adapter } });
        });
        after(() => stopAll(nodes));

        test("many who write on all of them", { timeout: LONG_MS }, async () => {
            const roomId = unique("room");
            const members = [];
            for (let i = 0; i < 9; i++)
                members.push(await Member.join(nodes[i % 3], roomId));
            await Promise.all(members.map((m) => chatter(m, 20)));
            const head = await headOf(members[0]);
            assert.equal(head, 9 * (20 + 15));
            await Promise.all(members.map((m) => m.upTo(head)));
            sameForAll(members);
            for (const m of members)
                assert.deepEqual(m.seqs, Array.from({ length: head }, (_, i) => i + 1));
        });

        test("who comes in the middle misses nothing behind the history", { timeout: LONG_MS }, async () => {
            const roomId = unique("room");
            const writers = [];
            for (let i = 0; i < 2; i++)
                writers.push(await Member.join(nodes[i], roomId));
            const talk = Promise.all(writers.map((m) => chatter(m, 60)));
            const comers = [];
            for (let i = 0; i < 12; i++)
                comers.push(await Member.join(nodes[2 - (i % 2)], roomId));
            for (let i = 0; i < 6; i++) { /* the room ends on a node and begins anew */
                const m = await Member.join(nodes[2], unique("elsewhere"));
                m.socket.disconnect();
            }
            await talk;
            const head = await headOf(writers[0]);
            await Promise.all([...writers, ...comers].map((m) => m.upTo(head)));
            sameForAll([...writers, ...comers]);
        });
    });
}

describe("what goes wrong between nodes", { skip: SKIP }, () => {
    let nodes, way, own;
    afterEach(async () => {
        await stopAll(nodes);
        way?.close();
        await own?.stop();
        nodes = way = own = null;
    });

    test("entries that others overtook wait for their turn, without the database", { timeout: LONG_MS }, async () => {
        way = await Way.to(redis.port);
        nodes = await cluster(2, { urls: [way.url], env: { CHAT_GAP_WAIT: "5000", CHAT_CHECK_INTERVAL: "60000" } });
        const roomId = unique("room");
        const [slow, fast] = [await Member.join(nodes[0], roomId), await Member.join(nodes[1], roomId)];
        await slow.say("there?");
        await fast.upTo(1); /* the room's channel may have come too late for it */
        const before = await metric(nodes[1], "chat_fetched_total");
        way.delay = 100;
        for (let i = 0; i < 10; i++) {
            await slow.say(`slow ${i}`);
            await fast.say(`fast ${i}`);
        }
        await Promise.all([slow.upTo(21), fast.upTo(21)]);
        sameForAll([slow, fast]);
        assert.equal(await metric(nodes[1], "chat_fetched_total"), before);
    });

    test("a publisher killed between commit and publish: the next entry shows the hole", { timeout: LONG_MS }, async () => {
        way = await Way.to(redis.port);
        nodes = await cluster(3, { urls: [way.url], env: { CHAT_CHECK_INTERVAL: "60000" } });
        const roomId = unique("room");
        const members = [];
        for (const node of nodes)
            members.push(await Member.join(node, roomId));
        await members[0].say("heard by all");
        await Promise.all(members.map((m) => m.upTo(1)));
        way.swallows = true;
        const lost = await members[0].say("committed", { clientId: "x" });
        await ask(members[0].socket, "chat:react", { roomId, messageId: lost.id, emoji: "❤" });
        await nodes[0].crash();
        assert.deepEqual(members.slice(1).map((m) => m.last), [1, 1]);
        await members[1].say("and then");
        await Promise.all(members.slice(1).map((m) => m.upTo(4)));
        const [[, told], [event, reaction]] = members[2].events.slice(1);
        assert.deepEqual([told.content, told.clientId, told.id, told.seq, told.rev], ["committed", "x", lost.id, 2, 2]);
        assert.deepEqual(told, members[0].events[1][1], "the same as the dead node told it");
        assert.deepEqual([event, reaction.added, reaction.count], ["chat:reaction", true, 1]);
        sameForAll(members.slice(1));
        assert.ok(await metric(nodes[2], "chat_fetched_total") >= 2);
    });

    test("a publisher killed between commit and publish: nothing follows", { timeout: LONG_MS }, async () => {
        way = await Way.to(redis.port);
        nodes = await cluster(2, { urls: [way.url], env: { CHAT_CHECK_INTERVAL: "500" } });
        const roomId = unique("room");
        const [dying, other] = [await Member.join(nodes[0], roomId), await Member.join(nodes[1], roomId)];
        await dying.say("heard by all");
        await other.upTo(1);
        way.swallows = true;
        await dying.say("the last word");
        await nodes[0].crash();
        await other.upTo(2);
        assert.equal(other.events[1][1].content, "the last word");
    });

    test("Redis is gone for ten seconds under load", { timeout: 2 * LONG_MS }, async () => {
        own = await Redis.start();
        nodes = await cluster(3, { urls: [own.url, own.url, own.url] });
        const rooms = [unique("room"), unique("room")];
        const members = [];
        for (let i = 0; i < 12; i++)
            members.push(await Member.join(nodes[i % 3], rooms[i % 2]));
        let going = true;
        const talk = Promise.all(members.map(async (m, i) => {
            let n = 0;
            for (; going; n++) {
                await m.say(`${i} ${n}`);
                await new Promise((resolve) => setTimeout(resolve, 20));
            }
            return n;
        }));
        await members[0].upTo(5);
        await own.stop("SIGKILL");
        const away = Date.now();
        const alone = await Member.join(nodes[0], unique("quiet"));
        await alone.say("stored and delivered here");
        await alone.upTo(1);
        await until(() => Date.now() - away > 10000, "ten seconds to pass", 15000);
        await own.resume();
        await until(() => Date.now() - away > 12000, "two more seconds", 15000);
        going = false;
        await talk;
        for (const roomId of rooms) {
            const inside = members.filter((m) => m.roomId === roomId);
            const head = await headOf(inside[0]);
            await Promise.all(inside.map((m) => m.upTo(head, 20000)));
            sameForAll(inside);
        }
    });

    test("what was said while Redis was away arrives when it is back, though nobody says more", { timeout: LONG_MS }, async () => {
        own = await Redis.start();
        nodes = await cluster(2, { urls: [own.url, own.url], env: { CHAT_CHECK_INTERVAL: "600000" } });
        const roomId = unique("room");
        const [a, b] = [await Member.join(nodes[0], roomId), await Member.join(nodes[1], roomId)];
        await a.say("1");
        await b.upTo(1);
        await own.stop("SIGKILL");
        for (let i = 2; i <= 250; i++) /* more than one page */
            await a.say(String(i));
        assert.equal(b.last, 1);
        await own.resume();
        await b.upTo(250, 20000);
    });

    test("numbers that somebody made up", { timeout: LONG_MS }, async () => {
        nodes = await cluster(2);
        const roomId = unique("room");
        const members = [await Member.join(nodes[0], roomId), await Member.join(nodes[1], roomId)];
        await members[0].say("1");
        const client = createClient({ url: redis.url });
        await client.connect();
        const emitter = new Emitter(client);
        for (let i = 0; i < 5000; i++)
            emitter.to(`room:${roomId}`).emit("chat:new_message", { roomId, seq: 1000 + i * 7, content: "x".repeat(2000) });
        emitter.to(`room:${roomId}`).emit("chat:new_message", { roomId, seq: -1, content: "x" });
        emitter.to(`room:${roomId}`).emit("chat:new_message", { roomId, seq: 2 ** 53 - 1, content: "x" });
        await members[1].say("2");
        await members[0].say("3");
        await Promise.all(members.map((m) => m.upTo(3)));
        await until(async () => await metric(nodes[0], "chat_refused_total") > 0, "something to be refused");
        assert.equal(await metric(nodes[0], "chat_skipped_total"), 0);
        /* What has no number is not ours to order. */
        const inbox = members.map((m) => new Promise((resolve) => m.socket.on("chat:user_typing", resolve)));
        emitter.to(`room:${roomId}`).emit("chat:user_typing", { roomId, userId: "node", isTyping: true });
        for (const typing of await Promise.all(inbox))
            assert.equal(typing.userId, "node");
        await members[1].say("4");
        await Promise.all(members.map((m) => m.upTo(4)));
        assert.deepEqual(members.map((m) => m.seqs), [[1, 2, 3, 4], [1, 2, 3, 4]]);
        client.destroy();
    });

    test("what a Node server says without numbers passes", { timeout: LONG_MS }, async () => {
        nodes = await cluster(2);
        const roomId = unique("room");
        const a = await user(nodes[0], unique("a"));
        await ask(a, "chat:join", { roomId });
        const client = createClient({ url: redis.url });
        await client.connect();
        new Emitter(client).to(`room:${roomId}`).emit("chat:new_message", { id: "from-node", roomId, content: "no number" });
        assert.equal((await heard(a, "no number")).id, "from-node");
        client.destroy();
    });

    test("entries that were deleted in the database are passed over, once and for all", { timeout: LONG_MS }, async () => {
        way = await Way.to(redis.port);
        const database = pg.database();
        nodes = await cluster(2, { database: pg.url(database), urls: [way.url] });
        const roomId = unique("room");
        const [a, b] = [await Member.join(nodes[0], roomId), await Member.join(nodes[1], roomId)];
        await a.say("1");
        await b.upTo(1);
        way.swallows = true;
        const gone = await a.say("2");
        await until(() => way.swallowed.includes(gone.id), "the second to be on its way");
        pg.sql(database, `DELETE FROM chat_messages WHERE id = '${gone.id}'`);
        way.swallows = false;
        const c = await user(nodes[1], unique("c"));
        await ask(c, "chat:join", { roomId });
        await say(c, roomId, "3");
        await until(() => b.last === 3, "the third");
        assert.deepEqual(b.seqs, [1, 3]);
        assert.equal(await metric(nodes[1], "chat_skipped_total"), 1);
    });
});

describe("two nodes on one SQLite file", { skip: SKIP }, () => {
    let nodes;
    after(() => stopAll(nodes));

    test("many who write on both", { timeout: LONG_MS }, async () => {
        nodes = await cluster(2, { database: `sqlite:${tempDir()}/shared.db` });
        const roomId = unique("room");
        const members = [];
        for (let i = 0; i < 6; i++)
            members.push(await Member.join(nodes[i % 2], roomId));
        await Promise.all(members.map((m) => chatter(m, 12)));
        const head = await headOf(members[0]);
        assert.equal(head, 6 * (12 + 9));
        await Promise.all(members.map((m) => m.upTo(head)));
        sameForAll(members);
    });
});

describe("a client that was away for a moment", { skip: SKIP }, () => {
    let nodes;
    after(() => stopAll(nodes));

    test("gets what others said on another node, though it was the room's only member here", { timeout: LONG_MS }, async () => {
        nodes = await cluster(2, { env: { RECOVERY_DURATION: "30000", CHAT_CHECK_INTERVAL: "1000" } });
        const roomId = unique("room");
        const a = await Member.join(nodes[0], roomId, { reconnection: true, reconnectionDelay: 500 });
        const b = await Member.join(nodes[1], roomId);
        await b.say("1");
        await a.upTo(1);
        const lost = new Promise((resolve) => a.socket.once("disconnect", resolve));
        a.socket.io.engine.close();
        await lost;
        for (let i = 2; i <= 6; i++)
            await b.say(String(i));
        await once(a.socket, "connect");
        assert.equal(a.socket.recovered, true);
        await b.say("7");
        await a.upTo(7);
        assert.deepEqual(a.seqs, [1, 2, 3, 4, 5, 6, 7]);
    });
});
