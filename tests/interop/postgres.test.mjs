/* partyline on PostgreSQL: the seed's flow, chat beside the REST backend's tables, and a database that goes away. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import postgres from "pg";
import { heard, join, say, unique, user } from "./lib/chat.mjs";
import { ask, client, closeAll, connected } from "./lib/client.mjs";
import { PASSWORD, Postgres } from "./lib/postgres.mjs";
import { SECRET, partyline, run, tempDir } from "./lib/server.mjs";
import { until, within } from "./lib/wait.mjs";

let pg;
before(async () => { pg = await Postgres.start(); });
after(() => pg?.stop("immediate"));
afterEach(closeAll);

const on = (database, options = {}) =>
    partyline({ ...options, env: { DATABASE_URL: pg.url(database), ...options.env } });

/* Rows of one room by their numbers: [seq, id, content]. */
const stored = (database, roomId) => pg.sql(database, `SELECT p.seq, m.id, m.content FROM chat_messages m
    JOIN partyline.partyline_messages p ON p.message_id = m.id WHERE m.room_id = '${roomId}' ORDER BY p.seq`)
    .split("\n").filter(Boolean).map((line) => line.split("|"));

describe("the demo on PostgreSQL", () => {
    let server, database;
    before(async () => {
        database = pg.database();
        server = await on(database, { env: { JWT_SECRET: "" , CWD: pg.top } });
    });
    after(() => server?.stop());

    test("the seed's two tests, with a token that the demo handed out", async () => {
        const response = await fetch(`${server.url}/demo/token`, {
            method: "POST", headers: { "Content-Type": "application/json" },
            body: JSON.stringify({ id: "test-user", username: "Test" }),
        });
        const { token } = await response.json();
        const socket = await connected(client(server.url, { auth: { token } }));
        socket.emit("chat:join", { roomId: "test-room" });
        const history = await socket.inbox.next("chat:history");
        assert.equal(history.roomId, "test-room");
        assert.deepEqual(history.messages, []);
        socket.emit("chat:message", { roomId: "test-room", content: "Hello!" });
        const message = await socket.inbox.next("chat:new_message");
        assert.equal(message.content, "Hello!");
        assert.equal(pg.sql(database, "SELECT content, type FROM chat_messages"), "Hello!|TEXT");
    });
});

describe("chat on PostgreSQL", () => {
    let server, database;
    before(async () => {
        database = pg.database();
        server = await on(database);
    });
    after(() => server?.stop());

    test("a conversation of two", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"), { claims: { username: "Alice 🎉", avatarUrl: "https://img.example/a.png" } });
        const bob = await user(server, unique("bob"), { transports: ["polling"] });
        assert.deepEqual(await join(alice, roomId), []);
        assert.deepEqual(await join(bob, roomId), []);
        const text = "Grüße \u2028 \"quoted\" \\ '; DROP TABLE users; -- 😀";
        const answer = await say(alice, roomId, text, { type: "IMAGE", mediaUrl: "https://img.example/x.png" });
        const [first, second] = [await heard(alice, text), await heard(bob, text)];
        assert.deepEqual(first, second);
        assert.deepEqual([first.id, first.seq, first.createdAt], [answer.id, 1, answer.createdAt]);
        assert.equal(first.sender.username, "Alice 🎉");
        assert.ok(Math.abs(Date.parse(first.createdAt) - Date.now()) < 60000);
        const carol = await user(server, unique("carol"));
        const [again] = await join(carol, roomId);
        for (const key of ["id", "content", "type", "mediaUrl", "createdAt", "seq", "senderId"])
            assert.deepEqual(again[key], first[key], key);
        /* timestamp(3) without a zone holds UTC */
        const at = pg.sql(database, `SELECT to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') FROM chat_messages
            WHERE id = '${answer.id}'`);
        assert.equal(at, first.createdAt);
    });

    test("a repeated clientId is saved once, also when all come at the same time", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        await join(alice, roomId);
        const answers = await Promise.all([1, 2, 3, 4].map((n) => say(alice, roomId, `race ${n}`, { clientId: "k" })));
        assert.equal(new Set(answers.map((a) => a.id)).size, 1);
        assert.equal(stored(database, roomId).length, 1);
    });

    test("the acknowledgement comes after the commit", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        await join(alice, roomId);
        for (let i = 0; i < 5; i++) {
            const { id } = await say(alice, roomId, `durable ${i}`);
            assert.equal(pg.sql(database, `SELECT content FROM chat_messages WHERE id = '${id}'`), `durable ${i}`);
        }
    });

    test("300 messages of two senders: one order, numbered without a gap", async () => {
        const roomId = unique("room");
        const senders = [await user(server, unique("alice")), await user(server, unique("bob"))];
        for (const socket of senders)
            await join(socket, roomId);
        await Promise.all(senders.flatMap((s) => Array.from({ length: 150 }, (_, i) => say(s, roomId, `${s.userId} ${i}`))));
        const [one, two] = await Promise.all(senders.map((s) => s.inbox.take("chat:new_message", 300)));
        assert.deepEqual(one, two);
        assert.deepEqual(one.map((m) => m.seq), Array.from({ length: 300 }, (_, i) => i + 1));
        assert.deepEqual(stored(database, roomId).map(([, id]) => id), one.map((m) => m.id));
    });

    test("edits, reactions and read cursors", async () => {
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        const bob = await user(server, unique("bob"));
        await join(alice, roomId);
        await join(bob, roomId);
        const { id } = await say(alice, roomId, "draft");
        const edit = await ask(alice, "chat:edit", { roomId, messageId: id, content: "final" });
        assert.equal(edit.ok, true, JSON.stringify(edit));
        const react = await ask(bob, "chat:react", { roomId, messageId: id, emoji: "🎉" });
        assert.equal(react.ok, true, JSON.stringify(react));
        const read = await ask(bob, "chat:read", { roomId, seq: 1 });
        assert.equal(read.ok, true, JSON.stringify(read));
        const carol = await user(server, unique("carol"));
        const [message] = await join(carol, roomId);
        assert.equal(message.content, "final");
        const sync = await ask(carol, "chat:sync", { roomId, afterSeq: 0 });
        assert.equal(sync.ok, true, JSON.stringify(sync));
        const removed = await ask(alice, "chat:delete", { roomId, messageId: id });
        assert.equal(removed.ok, true, JSON.stringify(removed));
        assert.equal(pg.sql(database, `SELECT content FROM chat_messages WHERE id = '${id}'`), "");
    });

    test("two servers on one database: one numbering, and a clientId counts on both", async () => {
        const roomId = unique("room");
        const other = await on(database, { env: { JWT_SECRET: SECRET } });
        const id = unique("alice");
        const here = await user(server, id);
        const there = await user(other, id);
        await join(here, roomId);
        await join(there, roomId);
        await say(here, roomId, "first");
        const answers = await Promise.all(Array.from({ length: 40 }, (_, i) =>
            say(i % 2 ? here : there, roomId, `m${i >> 1}`, { clientId: `k${i >> 1}` })));
        for (let i = 0; i < 40; i += 2) /* the same message sent to both */
            assert.equal(answers[i].id, answers[i + 1].id);
        const rows = stored(database, roomId);
        assert.deepEqual(rows.map(([seq]) => Number(seq)), Array.from({ length: 21 }, (_, i) => i + 1));
        await other.stop();
    });
});

describe("beside the REST backend", () => {
    test("partyline migrate, then chat by the guest list that others write", async () => {
        const database = pg.database({ prisma: true });
        const env = { DATABASE_URL: pg.url(database), JWT_SECRET: SECRET };
        const shape = () => pg.sql(database, `SELECT table_name, column_name, udt_name FROM information_schema.columns
            WHERE table_schema = 'public' UNION ALL SELECT indexname, indexdef, '' FROM pg_indexes WHERE schemaname = 'public'
            ORDER BY 1, 2`);
        const before = shape();

        const refused = await run(["serve"], { ...env, PORT: "0", HOST: "127.0.0.1" });
        assert.equal(refused.code, 1);
        assert.match(refused.err, /partyline migrate/);
        const migrated = await run(["migrate"], env);
        assert.equal(migrated.code, 0, migrated.err);
        assert.match(migrated.out, /steps done/);
        const again = await run(["migrate"], env);
        assert.match(again.out, /up to date/);
        assert.equal(shape(), before, "Prisma's tables are as they were");
        for (const { out, err } of [refused, migrated, again])
            assert.ok(!`${out}${err}`.includes(PASSWORD));

        pg.sql(database, `
            INSERT INTO users (id, firebase_id, email, username, updated_at)
                SELECT u, 'fb-' || u, u || '@example.org', u, now() FROM unnest(ARRAY['host', 'going', 'stranger']) u;
            INSERT INTO party_events (id, host_id, title, status, is_private, updated_at)
                VALUES ('p', 'host', 'Party', 'LIVE', true, now());
            INSERT INTO chat_rooms (id, party_id) VALUES ('room', 'p');
            INSERT INTO party_attendees VALUES ('a1', 'p', 'going', 'GOING');
            INSERT INTO chat_messages (id, room_id, sender_id, content, created_at)
                VALUES ('old', 'room', 'host', 'from before', '2024-01-01 12:00:00');`);
        const server = await on(database, { demo: false });
        const going = await user(server, "going");
        const [old] = await join(going, "room");
        assert.deepEqual([old.id, old.content, old.createdAt, old.seq], ["old", "from before", "2024-01-01T12:00:00.000Z", 1]);
        await say(going, "room", "hello");
        const stranger = await user(server, "stranger");
        assert.equal((await ask(stranger, "chat:join", { roomId: "room" })).error.message, "Cannot access this room");
        pg.sql(database, "INSERT INTO party_attendees VALUES ('a2', 'p', 'stranger', 'MAYBE')");
        assert.equal((await join(stranger, "room")).length, 2);
        /* the backend deletes a party, and what hangs on it goes */
        pg.sql(database, "DELETE FROM party_events WHERE id = 'p'");
        assert.equal(pg.sql(database, "SELECT count(*) FROM partyline.partyline_messages"), "0");
        await server.stop();
        assert.ok(!server.log.includes(PASSWORD), server.log);
    });

    test("a Node program writes the same room at the same time", async () => {
        const database = pg.database({ prisma: true }), COUNT = 40;
        const migrated = await run(["migrate"], { DATABASE_URL: pg.url(database), JWT_SECRET: SECRET });
        assert.equal(migrated.code, 0, migrated.err);
        const backend = new postgres.Client({ connectionString: pg.url(database) });
        await backend.connect();
        await backend.query(`INSERT INTO users (id, firebase_id, email, username, updated_at)
            SELECT u, 'fb-' || u, u || '@example.org', u, now() FROM unnest($1::text[]) u`, [["host", "going"]]);
        await backend.query(`INSERT INTO party_events (id, host_id, title, status, is_private, updated_at)
            VALUES ($1, $2, 'Party', 'LIVE', true, now())`, ["p", "host"]);
        await backend.query("INSERT INTO chat_rooms (id, party_id) VALUES ($1, $2)", ["room", "p"]);
        await backend.query("INSERT INTO party_attendees VALUES ($1, $2, $3, 'GOING')", ["a1", "p", "going"]);

        const server = await on(database, { demo: false });
        const going = await user(server, "going"), host = await user(server, "host");
        await join(going, "room");
        await Promise.all(Array.from({ length: COUNT }, async (_, i) => {
            await say(going, "room", `client ${i}`);
            await backend.query(`INSERT INTO chat_messages (id, room_id, sender_id, content, type, created_at)
                VALUES ($1, 'room', 'host', $2, 'TEXT', (now() AT TIME ZONE 'UTC'))`, [`backend-${i}`, `backend ${i}`]);
        }));
        await join(host, "room");
        const all = (await ask(host, "chat:history", { roomId: "room", limit: 100 })).messages;
        const written = ["client", "backend"].flatMap((who) => Array.from({ length: COUNT }, (_, i) => `${who} ${i}`));
        assert.deepEqual(all.map((m) => m.content).sort(), written.sort(), "each is there once");
        assert.deepEqual(all.map((m) => m.seq), all.map((_, i) => i + 1), "no number is missing or twice");
        await backend.end();
        await server.stop();
    });

    test("partyline migrate on SQLite", async () => {
        const env = { DATABASE_URL: `sqlite:${tempDir()}/fresh.db` };
        const first = await run(["migrate"], env);
        assert.deepEqual([first.code, /steps done/.test(first.out)], [0, true], first.err);
        const second = await run(["migrate"], env);
        assert.deepEqual([second.code, /were up to date/.test(second.out)], [0, true], second.err);
    });

    test("the password shows in no output", async () => {
        const { out } = await run(["config"], { DATABASE_URL: `postgres://party:${PASSWORD}@h/db` });
        assert.match(out, /postgres:\/\/party:\*\*\*\*@h\/db/);
        const wrong = await run(["serve", "--demo"], { DATABASE_URL: pg.url("no_such_database"), PORT: "0", HOST: "127.0.0.1", JWT_SECRET: SECRET });
        assert.equal(wrong.code, 1);
        assert.match(wrong.err, /no_such_database/);
        assert.ok(!wrong.err.includes(PASSWORD), wrong.err);
        const broken = await run(["serve", "--demo"], { DATABASE_URL: `postgres://party:${PASSWORD}@[h/db`, JWT_SECRET: SECRET });
        assert.ok(broken.code > 0 && !broken.err.includes(PASSWORD), broken.err);
    });
});

describe("a PostgreSQL that goes away", () => {
    test("clients stay, sends are refused within the wait, all goes on when it is back", async () => {
        const database = pg.database();
        const server = await on(database, { env: { DB_WAIT: "300ms" } });
        const roomId = unique("room");
        const alice = await user(server, unique("alice"));
        const bob = await user(server, unique("bob"));
        await join(alice, roomId);
        await join(bob, roomId);
        await say(alice, roomId, "before");

        pg.stop();
        for (let i = 0; i < 3; i++) {
            const start = Date.now();
            const answer = await ask(alice, "chat:message", { roomId, content: "lost", clientId: `lost-${i}` });
            assert.deepEqual([answer.ok, answer.error.code], [false, "busy"]);
            assert.ok(Date.now() - start < 3000);
            assert.equal((await alice.inbox.next("error")).event, "chat:message");
        }
        assert.equal((await ask(bob, "chat:typing", { roomId, isTyping: true })).ok, true, "the rest works");
        await alice.inbox.next("chat:user_typing");

        pg.resume();
        await until(async () => (await ask(alice, "chat:message", { roomId, content: "back", clientId: "back" })).ok, "it to be back");
        await heard(bob, "back");
        assert.ok(alice.connected && bob.connected);
        assert.deepEqual(bob.inbox.all("chat:new_message").filter((m) => m.content === "lost"), []);
        assert.deepEqual(stored(database, roomId).map(([seq, , content]) => [seq, content]), [["1", "before"], ["2", "back"]]);
        const carol = await user(server, unique("carol")); /* the readers are back too */
        assert.equal((await join(carol, roomId)).length, 2);
        await server.stop();
    });

    test("restarts in a stream of messages: what was acknowledged is there once, and everybody heard it", async () => {
        const database = pg.database();
        const server = await on(database, { env: { DB_WAIT: "30s" } });
        const roomId = unique("room");
        const sockets = [];
        for (let i = 0; i < 4; i++) {
            sockets.push(await user(server, unique("user")));
            await join(sockets[i], roomId);
        }
        const acked = [];
        let stop = false;
        const stream = async (socket) => {
            for (let n = 0; !stop; n++) {
                const content = `${socket.userId} ${n}`;
                const answer = await within(socket.emitWithAck("chat:message", { roomId, content, clientId: content }), "an ack", 40000);
                assert.equal(answer.ok, true, JSON.stringify(answer));
                acked.push({ ...answer, content });
            }
        };
        const streams = sockets.map(stream);
        for (const mode of ["fast", "immediate"]) {
            const n = acked.length;
            await until(() => acked.length > n + 100, "100 messages more");
            pg.stop(mode);
            pg.resume();
        }
        const n = acked.length;
        await until(() => acked.length > n + 50, "messages after the restarts");
        stop = true;
        await Promise.all(streams);
        const rows = stored(database, roomId);
        assert.deepEqual(rows.map(([seq]) => Number(seq)), rows.map((_, i) => i + 1), "no gap");
        assert.deepEqual(rows.map(([, id]) => id).sort(), acked.map((a) => a.id).sort(), "exactly what was acknowledged");
        for (const { id, seq, content } of acked)
            assert.deepEqual(rows[seq - 1], [String(seq), id, content]);
        for (const socket of sockets) {
            const messages = await socket.inbox.take("chat:new_message", rows.length);
            assert.deepEqual(messages.map((m) => m.id), rows.map(([, id]) => id));
        }
        await server.stop();
    });
});
