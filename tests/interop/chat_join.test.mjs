/* What a client sends right behind chat:join, without waiting for the answer, takes effect as if it had waited. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, afterEach, before, describe, test } from "node:test";
import { heard, join, say, unique, user } from "./lib/chat.mjs";
import { ask, closeAll } from "./lib/client.mjs";
import { partyline, sql } from "./lib/server.mjs";
import { once, until } from "./lib/wait.mjs";

const [open, closed] = ["room-open", "room-closed"];

describe("events on the heels of chat:join", () => {
    let server;
    before(async () => {
        server = await partyline({ demo: false });
        sql(server.db, `BEGIN;
            ${["host", "guest"].map((p) => `INSERT INTO users (id, firebase_id, email, username, created_at, updated_at)
                VALUES ('${p}', 'fb-${p}', '${p}@example.org', '${p}', 0, 0);`).join("\n")}
            ${[["open", 0], ["closed", 1]].map(([id, isPrivate]) => `
                INSERT INTO party_events (id, host_id, title, status, is_private, created_at, updated_at)
                    VALUES ('${id}', 'host', 'Party', 'LIVE', ${isPrivate}, 0, 0);
                INSERT INTO chat_rooms (id, party_id, created_at) VALUES ('room-${id}', '${id}', 0);`).join("\n")}
            COMMIT;`);
    });
    after(() => server?.stop());
    afterEach(closeAll);

    test("typing, messages and the leave wait for the join, in order", async () => {
        const host = await user(server, "host");
        await join(host, open);
        const guest = await user(server, "guest");
        const texts = Array.from({ length: 20 }, (_, i) => `${unique("text")} ${i}`);
        guest.emit("chat:join", { roomId: open });
        guest.emit("chat:typing", { roomId: open, isTyping: true });
        const answers = Promise.all(texts.map((content) => ask(guest, "chat:message", { roomId: open, content })));
        const left = ask(guest, "chat:leave", { roomId: open });
        assert.ok((await answers).every((answer) => answer.ok), JSON.stringify(await answers));
        assert.equal((await left).ok, true);
        for (const content of texts)
            await heard(host, content);
        assert.equal((await host.inbox.next("chat:user_left")).userId, "guest");
        assert.equal(host.inbox.all("chat:user_joined").length, 1);
        assert.deepEqual(host.inbox.all("chat:user_typing").map((t) => t.isTyping), [true, false], "the leave ends it");
        assert.deepEqual(guest.inbox.all("error"), []);
        const late = await ask(guest, "chat:message", { roomId: open, content: "after the leave" });
        assert.equal(late.error.code, "not_a_member");
    });

    test("a join that is refused refuses them too", async () => {
        const guest = await user(server, "guest");
        const joined = ask(guest, "chat:join", { roomId: closed });
        const said = ask(guest, "chat:message", { roomId: closed, content: "let me in" });
        assert.deepEqual((await joined).error, { code: "forbidden", message: "Cannot access this room" });
        assert.deepEqual((await said).error, { code: "not_a_member", message: "Join the room first" });
    });

    /* The join stops behind the first look at the guest list: there are messages to be numbered, and somebody else writes. */
    test("who is taken off the list between the two looks at it gets no history and is out again", async () => {
        sql(server.db, `INSERT INTO party_attendees (id, party_id, user_id, status) VALUES ('a-guest', 'closed', 'guest', 'GOING')`);
        const [host, guest] = [await user(server, "host"), await user(server, "guest")];
        await join(host, closed);
        const other = spawn("sqlite3", [server.db], { stdio: ["pipe", "pipe", "inherit"] });
        other.stdin.write(`BEGIN IMMEDIATE; SELECT 'mine';\n`);
        await once(other.stdout, "data");
        other.stdin.write(`ROLLBACK;
            INSERT INTO chat_messages (id, room_id, sender_id, content, created_at)
                VALUES ('from-elsewhere', '${closed}', 'host', 'not for the guest', ${Date.now() + 1000});
            BEGIN IMMEDIATE; SELECT 'mine again';\n`);
        await once(other.stdout, "data");
        const joined = ask(guest, "chat:join", { roomId: closed });
        assert.equal((await host.inbox.next("chat:user_joined")).userId, "guest");
        await until(async () => /^partyline_db_jobs_waiting\{kind="write"\} [1-9]/m.test(await (await fetch(`${server.url}/metrics`)).text()),
            "the numbers to wait for the other writer");
        other.stdin.end("DELETE FROM party_attendees WHERE id = 'a-guest'; COMMIT;\n");
        await once(other, "close");
        assert.deepEqual((await joined).error, { code: "forbidden", message: "Cannot access this room" });
        assert.equal((await host.inbox.next("chat:user_left")).userId, "guest");
        assert.deepEqual(guest.inbox.all("chat:history"), []);
        await heard(host, "not for the guest");
        await say(host, closed, "neither is this");
        assert.equal((await ask(guest, "chat:message", { roomId: closed, content: "x" })).error.code, "not_a_member");
    });

    test("what waits is bounded, and all of it is answered", async () => {
        const guest = await user(server, "guest");
        guest.emit("chat:join", { roomId: open });
        const said = await Promise.all(Array.from({ length: 400 }, (_, i) =>
            ask(guest, "chat:message", { roomId: open, content: `flood ${i}` })));
        for (const answer of said)
            assert.ok(answer.ok || answer.error.code === "too_many", JSON.stringify(answer));
        assert.ok(said.filter((answer) => answer.ok).length >= 64);
    });

    test("who goes away while the join is checked leaves nothing behind", async () => {
        for (let i = 0; i < 30; i++) {
            const guest = await user(server, "guest");
            guest.emit("chat:join", { roomId: open });
            guest.emit("chat:message", { roomId: open, content: "on my way out" });
            guest.disconnect();
        }
        const host = await user(server, "host");
        await join(host, open);
        await say(host, open, "still here");
        await heard(host, "still here");
    });

    test("no message falls between history and live, whatever the moment of joining", async () => {
        const host = await user(server, "host");
        await join(host, open);
        let stop = false;
        const flood = (async () => {
            let last;
            while (!stop)
                last = await say(host, open, unique("tick"));
            return last;
        })();
        const seen = [];
        for (let i = 0; i < 15; i++) {
            const guest = await user(server, "guest");
            const history = await join(guest, open);
            seen.push({ guest, history });
        }
        stop = true;
        const { seq: end } = await flood;
        for (const { guest, history } of seen) {
            const live = history.at(-1).seq < end ? [await guest.inbox.next("chat:new_message", (m) => m.seq === end)] : [];
            const got = new Set([...history, ...live, ...guest.inbox.all("chat:new_message")].map((m) => m.seq));
            for (let seq = history[0].seq; seq < end; seq++)
                assert.ok(got.has(seq), `${seq} of ${history[0].seq} to ${end} is missing`);
        }
    });
});
