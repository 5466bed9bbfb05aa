/* kill -9 in the middle of a stream of messages: whatever was acknowledged is there afterwards, once, in order. */

import assert from "node:assert/strict";
import path from "node:path";
import { afterEach, describe, test } from "node:test";
import { join, unique, user } from "./lib/chat.mjs";
import { closeAll } from "./lib/client.mjs";
import { partyline, sql, tempDir } from "./lib/server.mjs";
import { within } from "./lib/wait.mjs";

const CLIENTS = 4;
const IN_FLIGHT = 4; /* messages of one client on their way at a time */
const ACKS_BEFORE_KILL = 120;

/* Sends as fast as acknowledgements come, each message with a client id, until the connection is lost. */
function stream(socket, roomId, prefix, onAck) {
    let n = 0;
    let lost = false;
    socket.once("disconnect", () => { lost = true; });
    const next = () => {
        if (lost)
            return;
        const clientId = `${prefix}-${n++}`;
        socket.emit("chat:message", { roomId, content: clientId, clientId }, (answer) => {
            assert.equal(answer.ok, true, JSON.stringify(answer));
            onAck({ clientId, roomId, ...answer });
            next();
        });
    };
    for (let i = 0; i < IN_FLIGHT; i++)
        next();
}

async function killedServer(db, rooms, users, round) {
    const server = await partyline({ db });
    const acked = [];
    let enough;
    const reached = new Promise((resolve) => { enough = resolve; });
    for (const [i, id] of users.entries()) {
        const roomId = rooms[i % rooms.length];
        const socket = await user(server, id);
        await join(socket, roomId);
        stream(socket, roomId, `${id}-r${round}`, (ack) => {
            acked.push(ack);
            if (acked.length === ACKS_BEFORE_KILL)
                enough();
        });
    }
    await within(reached, `${ACKS_BEFORE_KILL} acknowledgements`);
    await server.crash();
    closeAll();
    return acked;
}

const stored = (db, roomId) => sql(db, `SELECT m.id, m.content, p.seq, p.client_id AS clientId FROM chat_messages m
    JOIN partyline_messages p ON p.message_id = m.id WHERE m.room_id = '${roomId}' ORDER BY p.seq`);

describe("durability", () => {
    afterEach(closeAll);

    test("no acknowledged message is lost, doubled or renumbered by a crash", async () => {
        const db = path.join(tempDir(), "chat.db");
        const rooms = [unique("room"), unique("room")];
        const users = Array.from({ length: CLIENTS }, () => unique("user"));
        const acked = [];
        for (let round = 0; round < 3; round++)
            acked.push(...await killedServer(db, rooms, users, round));

        const server = await partyline({ db });
        assert.equal(sql(db, "PRAGMA integrity_check")[0].integrity_check, "ok");
        for (const roomId of rooms) {
            const rows = stored(db, roomId);
            assert.deepEqual(rows.map((r) => r.seq), Array.from(rows, (_, i) => i + 1), "seq without gaps");
            const byClientId = new Map(rows.map((r) => [r.clientId, r]));
            assert.equal(byClientId.size, rows.length, "nothing twice");
            for (const ack of acked.filter((a) => a.roomId === roomId)) {
                const row = byClientId.get(ack.clientId);
                assert.ok(row, `${ack.clientId} was acknowledged and is gone`);
                assert.deepEqual([row.id, row.seq, row.content], [ack.id, ack.seq, ack.clientId]);
            }
            for (const id of users) { /* what one client sent in order is kept in order */
                const own = rows.filter((r) => r.clientId.startsWith(`${id}-`)).map((r) => r.clientId);
                const order = (c) => /-r(\d+)-(\d+)$/.exec(c).slice(1).map(Number);
                const sorted = [...own].sort((a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1]);
                assert.deepEqual(own, sorted);
            }
            const reader = await user(server, unique("reader"));
            assert.deepEqual((await join(reader, roomId)).map((m) => m.id), rows.slice(-50).map((r) => r.id));
        }
        await repeatAfterCrash(server, users[0], rooms[0], acked);
        await server.stop();
    });

    /* A client that never saw its acknowledgement sends again after the crash: same id, nothing new. */
    async function repeatAfterCrash(server, id, roomId, acked) {
        const socket = await user(server, id);
        await join(socket, roomId);
        const before = stored(server.db, roomId).length;
        const last = acked.filter((a) => a.roomId === roomId && a.clientId.startsWith(`${id}-`)).at(-1);
        const answer = await within(socket.emitWithAck("chat:message",
            { roomId, content: last.clientId, clientId: last.clientId }), "the ack");
        assert.deepEqual([answer.ok, answer.id, answer.seq], [true, last.id, last.seq]);
        assert.equal(stored(server.db, roomId).length, before);
    }

    test("a clean stop loses nothing that was sent before it", async () => {
        const db = path.join(tempDir(), "chat.db");
        const roomId = unique("room");
        const first = await partyline({ db });
        const socket = await user(first, unique("user"));
        await join(socket, roomId);
        const answers = await within(Promise.all(Array.from({ length: 50 },
            (_, i) => socket.emitWithAck("chat:message", { roomId, content: `m${i}` }))), "the acks");
        await first.stop();
        const second = await partyline({ db });
        const reader = await user(second, unique("user"));
        assert.deepEqual((await join(reader, roomId)).map((m) => m.id), answers.map((a) => a.id));
        await second.stop();
    });
});
