/* Debian's python3-socketio against partyline. */

import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { after, afterEach, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { heard, join, say, unique, user } from "./lib/chat.mjs";
import { closeAll } from "./lib/client.mjs";
import { SECRET, partyline } from "./lib/server.mjs";
import { userToken } from "./lib/token.mjs";
import { DEADLINE_MS } from "./lib/wait.mjs";

const SCRIPT = fileURLToPath(new URL("python_client.py", import.meta.url));
const PYTHON = [process.env.PYTHON, "/usr/bin/python3", "python3"].filter(Boolean)
    .find((p) => spawnSync(p, ["-c", "import socketio"]).status === 0);

function python(...args) {
    return new Promise((resolve, reject) => {
        execFile(PYTHON, [SCRIPT, ...args], { timeout: 4 * DEADLINE_MS }, (error, out, err) => {
            if (error)
                reject(new Error(`${error.message}\n${err}`));
            else
                resolve(JSON.parse(out));
        });
    });
}

describe("python client", { skip: !PYTHON && "python3-socketio is not installed" }, () => {
    let server;
    before(async () => { server = await partyline(); });
    after(() => server?.stop());
    afterEach(closeAll);

    for (const transport of ["websocket", "polling"]) {
        test(`joins, talks and reads history over ${transport}`, async () => {
            const roomId = unique("room");
            const id = unique("monty");
            const alice = await user(server, unique("alice"));
            await join(alice, roomId);
            await say(alice, roomId, "for the history");
            await heard(alice, "for the history");

            const seen = await python(server.url, userToken(SECRET, id), roomId, transport);
            assert.equal(seen.transport, transport);
            assert.equal(seen.history.roomId, roomId);
            assert.deepEqual(seen.history.messages.map((m) => m.content), ["for the history"]);
            assert.equal(seen.ack.ok, true);
            assert.equal(seen.message.id, seen.ack.id);
            assert.equal(seen.error.message, "Message content is required");
            assert.equal(seen.answer.content, "bye");
            assert.equal((await alice.inbox.next("chat:user_joined")).userId, id);
            assert.deepEqual(await heard(alice, "from python ünïcödé"), seen.message);
            await heard(alice, "bye");
        });
    }
});
