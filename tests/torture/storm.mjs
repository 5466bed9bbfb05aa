/* A storm of messages, and a checker.
 *
 * Clients (two devices for each user) talk in a few rooms, edit and react, send things twice, lose their connections; the
 * server is killed with kill -9 and started again, or its connections to PostgreSQL are cut. Then everything comes to rest,
 * and the checker proves, from what the clients noted and from what the server then says:
 *
 *   - every acknowledged message is there, exactly once, with the id, seq and time of its acknowledgement;
 *   - the log of each room counts 1, 2, 3, ... without a gap;
 *   - all members heard the same entries in the same order;
 *   - after chat:sync every client knows exactly what the server knows.
 *
 * Whatever is random comes from one seed. What the machine makes of it (who is faster) does not. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { ask, client, closeAll } from "../interop/lib/client.mjs";
import { RoomModel, plain, random, wholeHistory } from "../interop/lib/model.mjs";
import { SECRET, partyline, run, sql, tempDir } from "../interop/lib/server.mjs";
import { userToken } from "../interop/lib/token.mjs";
import { until, within } from "../interop/lib/wait.mjs";

export const ROOMS = ["room-1", "room-2", "room-3"];
const IN_FLIGHT = 4;
const EMOJIS = ["🎉", "❤️", "👍"];
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* ---- databases ------------------------------------------------------------------------------------------ */

export function sqliteStore() {
    const db = path.join(tempDir(), "chat.db");
    return { name: "sqlite", env: { DATABASE_URL: `sqlite:${db}` }, now: "0", yes: "1", no: "0", sql: (text) => sql(db, text) };
}

/* On the PostgreSQL whose socket is in dir (tests/postgres/pg), in a database of its own. */
export function postgresStore(dir) {
    const psql = (database, text) => execFileSync("psql",
        ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", dir, "-U", "party", "-d", database, "-c", text], { encoding: "utf8" });
    const name = `storm_${process.pid}_${Date.now()}`;
    psql("party", `CREATE DATABASE ${name}`);
    return {
        name: "postgresql", env: { DATABASE_URL: `postgres://party@/${name}?host=${dir}` }, now: "CURRENT_TIMESTAMP", yes: "true",
        no: "false", sql: (text) => psql(name, text),
        cut: () => psql("party", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`),
    };
}

export async function seedStore(store, users) {
    const migrated = await run(["migrate"], { ...store.env, JWT_SECRET: SECRET });
    assert.equal(migrated.code, 0, migrated.err);
    store.sql(`BEGIN; ${users.map((u) => `INSERT INTO users (id, firebase_id, email, username, created_at, updated_at)
            VALUES ('${u}', '${u}', '${u}@example.org', '${u}', ${store.now}, ${store.now});`).join("\n")}
        ${ROOMS.map((r, i) => `
            INSERT INTO party_events (id, host_id, title, status, is_private, created_at, updated_at)
                VALUES ('${r}', '${users[0]}', 'Storm', 'LIVE', ${i ? store.no : store.yes}, ${store.now}, ${store.now});
            INSERT INTO chat_rooms (id, party_id, created_at) VALUES ('${r}', '${r}', ${store.now});`).join("\n")}
        ${users.slice(1).map((u) => `INSERT INTO party_attendees (id, party_id, user_id, status)
            VALUES ('a-${u}', '${ROOMS[0]}', '${u}', 'GOING');`).join("\n")} COMMIT;`);
}

/* ---- one device ----------------------------------------------------------------------------------------- */

export class Device {
    constructor(server, userId, name, roomId, seed, transports = ["websocket"]) {
        Object.assign(this, { userId, name, roomId, next: random(seed), n: 0, heard: [], problems: [] });
        this.outbox = new Map(); /* clientId -> content: sent or to be sent, not acknowledged */
        this.acked = new Map();  /* clientId -> the answer */
        this.model = new RoomModel(roomId, userId);
        this.counts = { retries: 0, refusals: 0, drops: 0 };
        this.socket = client(server.url, { auth: { token: userToken(SECRET, userId) }, transports, name,
            reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 300, timeout: 10000 });
        this.socket.inbox.push = () => {}; /* nobody takes from it */
        this.model.listen(this.socket);
        this.listen();
    }

    listen() {
        this.socket.on("connect", () => { this.last = 0; this.settle(); });
        this.socket.on("disconnect", () => { this.ready = false; });
        this.socket.onAny((event, p) => {
            if (p?.roomId !== this.roomId || !p.seq)
                return;
            this.heard.push([p.seq, event, p.id ?? p.messageId]);
            if (p.seq <= this.last)
                this.problems.push(`heard ${p.seq} behind ${this.last}`);
            this.last = p.seq;
        });
    }

    /* In the room and up to date, then again what was not acknowledged. */
    async settle() {
        const { id } = this.socket;
        try {
            const joined = await ask(this.socket, "chat:join", { roomId: this.roomId });
            if (!joined.ok)
                throw new Error(JSON.stringify(joined));
            await this.model.sync(this.socket);
            this.ready = this.socket.connected && this.socket.id === id;
            if (!this.ready)
                return;
            for (const clientId of this.outbox.keys()) {
                this.counts.retries++;
                this.send(clientId);
            }
        } catch (error) {
            if (/tells/.test(error.message))
                this.problems.push(error.message);
            if (this.socket.connected && this.socket.id === id) { /* the database was away: begin again */
                this.counts.refusals++;
                await pause(50);
                this.settle();
            }
        }
    }

    send(clientId) {
        const content = this.outbox.get(clientId);
        this.socket.emit("chat:message", { roomId: this.roomId, content, clientId }, (answer) => this.answered(clientId, content, answer));
    }

    async answered(clientId, content, answer) {
        if (!answer.ok) {
            this.counts.refusals++;
            if (!["busy", "internal"].includes(answer.error.code))
                this.problems.push(`refused: ${JSON.stringify(answer)}`);
            await pause(30);
            if (this.ready && this.outbox.has(clientId))
                this.send(clientId);
            return;
        }
        const before = this.acked.get(clientId);
        if (before && (before.id !== answer.id || before.seq !== answer.seq || before.createdAt !== answer.createdAt))
            this.problems.push(`${clientId} acknowledged twice: ${JSON.stringify([before, answer])}`);
        this.acked.set(clientId, { ...answer, content });
        this.outbox.delete(clientId);
    }

    say() {
        const clientId = `${this.name}-${this.n++}`;
        this.outbox.set(clientId, `${clientId} ${"x".repeat(this.next() * 100)}`);
        this.send(clientId);
        if (this.next() < 0.05)
            this.send(clientId); /* the user has tapped twice */
    }

    /* Of a random message of the room that is known. */
    change() {
        const all = [...this.model.messages.keys()];
        const messageId = all[Math.floor(this.next() * all.length)];
        const what = this.next();
        if (!messageId)
            return;
        if (what < 0.4)
            this.socket.emit("chat:react", { roomId: this.roomId, messageId, emoji: EMOJIS[Math.floor(this.next() * 3)] });
        else if (what < 0.6)
            this.socket.emit("chat:unreact", { roomId: this.roomId, messageId, emoji: EMOJIS[Math.floor(this.next() * 3)] });
        else if (this.model.messages.get(messageId).senderId === this.userId)
            this.socket.emit(what < 0.9 ? "chat:edit" : "chat:delete", { roomId: this.roomId, messageId, content: `e${this.next()}` });
    }

    /* Until told to stop: talks, changes, and sometimes the connection is gone. */
    async live(think) {
        this.socket.connect();
        while (!this.stopped) {
            await pause(this.next() * 2 * think);
            if (!this.ready)
                continue;
            const what = this.next();
            if (what < 0.01) {
                this.counts.drops++;
                this.socket.io.engine.close();
            } else if (what < 0.15) {
                this.change();
            } else if (this.outbox.size < IN_FLIGHT) {
                this.say();
            }
        }
    }

    /* Nothing is sent any more; what is on its way arrives. */
    async rest() {
        await until(() => this.ready && this.outbox.size === 0, `${this.name} to be acknowledged`, 30000);
        await this.model.sync(this.socket);
    }
}

/* One message more in each room: the database writes in the order asked, so behind it comes nothing of what was on its way. */
export async function lastWords(devices) {
    for (const roomId of ROOMS) {
        const members = devices.filter((d) => d.roomId === roomId);
        const [speaker] = members;
        speaker.say();
        await until(() => speaker.outbox.size === 0, "the last word", 30000);
        const { seq } = [...speaker.acked.values()].at(-1);
        for (const device of members)
            await until(() => device.model.seq === seq, `${device.name} to hear ${seq}, the last word`, 30000);
    }
}

/* ---- the checker ---------------------------------------------------------------------------------------- */

const unmine = ({ reactions, ...m }) => ({ ...plain(m), ...(reactions && { reactions: reactions.map(({ emoji, count }) => ({ emoji, count })) }) });

/* The room as the server has it: {entries: seq -> [event, id], messages, json: id -> JSON}. */
async function readRoom(socket, roomId) {
    const reader = new RoomModel(roomId, "nobody");
    const entries = new Map();
    const names = { edit: "chat:message_edited", delete: "chat:message_deleted", react: "chat:reaction", unreact: "chat:reaction" };
    for (let log = { seq: 0, more: true }; log.more;) {
        reader.asked = reader.seq;
        log = await ask(socket, "chat:sync", { roomId, afterSeq: reader.asked });
        assert.equal(log.ok, true, JSON.stringify(log));
        for (const change of log.changes)
            entries.set(change.seq, [names[change.kind], change.messageId]);
        reader.merge(log); /* throws when a number is missing */
    }
    const messages = await wholeHistory(socket, roomId);
    for (const message of messages)
        entries.set(message.seq, ["chat:new_message", message.id]);
    assert.deepEqual([...entries.keys()].sort((a, b) => a - b), Array.from({ length: reader.seq }, (_, i) => i + 1));
    assert.deepEqual(reader.list().map(unmine), messages.map(unmine), `${roomId}: log and history differ`);
    return { seq: reader.seq, entries, messages, json: new Map(messages.map((m) => [m.id, JSON.stringify(unmine(m))])) };
}

function checkAcks(room, devices) {
    const byClientId = new Map();
    for (const message of room.messages) {
        const key = `${message.senderId}/${message.clientId}`;
        assert.ok(!byClientId.has(key), `${key} is there twice`);
        byClientId.set(key, message);
    }
    let acks = 0;
    for (const device of devices) {
        for (const [clientId, ack] of device.acked) {
            const message = byClientId.get(`${device.userId}/${clientId}`);
            assert.ok(message, `${clientId} was acknowledged and is gone`);
            assert.deepEqual([message.id, message.seq, message.createdAt], [ack.id, ack.seq, ack.createdAt], clientId);
            if (message.rev === message.seq)
                assert.equal(message.content, ack.content);
            acks++;
        }
    }
    assert.equal(room.messages.length, acks, "every message that is there was acknowledged in the end");
    return acks;
}

function checkDevice(room, device) {
    assert.deepEqual(device.problems, [], device.name);
    for (const [seq, event, id] of device.heard)
        assert.deepEqual([event, id], room.entries.get(seq), `${device.name} heard something else at ${seq}`);
    assert.equal(device.model.seq, room.seq, device.name);
    assert.equal(device.model.hasHole, false, device.name);
    assert.deepEqual(device.model.seen, Array.from({ length: room.seq }, (_, i) => i + 1), `${device.name}: every entry once, in order`);
    assert.equal(device.model.messages.size, room.messages.length, device.name);
    for (const message of device.model.messages.values())
        assert.equal(JSON.stringify(unmine(message)), room.json.get(message.id), `${device.name} knows ${message.id} otherwise`);
}

/* What the devices noted against what the server says; throws what is wrong, gives the sums. */
export async function checkAll(devices) {
    const result = { acknowledged: 0, entries: 0, retries: 0, refusals: 0, drops: 0 };
    for (const roomId of ROOMS) {
        const members = devices.filter((d) => d.roomId === roomId);
        const room = await readRoom(members[0].socket, roomId);
        result.acknowledged += checkAcks(room, members);
        result.entries += room.seq;
        for (const device of members) {
            checkDevice(room, device);
            for (const key of Object.keys(device.counts))
                result[key] += device.counts[key];
        }
    }
    return result;
}

/* ---- the storm ------------------------------------------------------------------------------------------ */

/* Something bad, once in a while. Gives the server that runs then. */
async function misfortune(server, store, next, say) {
    if (store.cut && next() < 0.6) {
        say("cut the connections to the database");
        store.cut();
        return server;
    }
    say("kill -9");
    await server.crash();
    return partyline({ demo: false, env: store.env, port: server.port });
}

/* Returns what happened, for people; throws what the checker found. */
export async function storm({ seed, store, clients = 50, seconds = 10, think = 40, say = () => {} }) {
    const next = random(seed);
    const users = Array.from({ length: clients / 2 }, (_, i) => `user-${i}`);
    await seedStore(store, users);
    let server = await partyline({ demo: false, env: store.env });
    const devices = Array.from({ length: clients }, (_, i) =>
        new Device(server, users[i >> 1], `${users[i >> 1]}.${i & 1}`, ROOMS[(i >> 1) % ROOMS.length], seed + 1 + i));
    const lives = devices.map((d) => d.live(think));
    const end = Date.now() + seconds * 1000;
    let misfortunes = 0;
    while (Date.now() < end) {
        await pause(Math.min(500 + next() * 2000, Math.max(0, end - Date.now())));
        if (Date.now() < end || !misfortunes) {
            server = await misfortune(server, store, next, say);
            misfortunes++;
        }
    }
    for (const device of devices)
        device.stopped = true;
    await Promise.all(lives);
    await within(Promise.all(devices.map((d) => d.rest())), "the last acknowledgements", 60000);
    await lastWords(devices);
    const result = { misfortunes, ...await checkAll(devices) };
    closeAll();
    await server.stop();
    return result;
}
