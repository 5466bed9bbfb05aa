/* What the chat tests share: users in rooms. */

import assert from "node:assert/strict";
import { ask, client, connected, upgraded } from "./client.mjs";
import { SECRET } from "./server.mjs";
import { userToken } from "./token.mjs";

let counter = 0;

/* A room or user name nobody else in this run has. */
export const unique = (prefix) => `${prefix}-${process.pid.toString(36)}-${++counter}`;

/* A connected user. Options: transports, io (client library), and those of the client. */
export async function user(server, id, { io, claims, ...options } = {}) {
    const token = userToken(SECRET, id, claims);
    const socket = client(server.url, { auth: { token }, transports: ["websocket"], name: id, ...options }, io);
    await connected(socket);
    if (options.transports?.length === 2)
        await upgraded(socket);
    socket.userId = id;
    return socket;
}

/* Joins and gives the messages of the history. */
export async function join(socket, roomId) {
    socket.emit("chat:join", { roomId });
    const history = await socket.inbox.next("chat:history", (h) => h.roomId === roomId);
    assert.ok(Array.isArray(history.messages));
    return history.messages;
}

/* Sends and waits for the acknowledgement, which must be positive. */
export async function say(socket, roomId, content, extra = {}) {
    const answer = await ask(socket, "chat:message", { roomId, content, ...extra });
    assert.equal(answer.ok, true, `refused: ${JSON.stringify(answer)}`);
    return answer;
}

export const heard = (socket, content) => socket.inbox.next("chat:new_message", (m) => m.content === content);

/* Asserts that `socket` has had no such event, after everything sent before this call has surely arrived: a message
 * that goes the same way behind it is awaited first. */
export async function silent(socket, event, through, roomId, match = () => true) {
    const marker = unique("marker");
    await say(through, roomId, marker);
    await heard(socket, marker);
    assert.deepEqual(socket.inbox.all(event).filter(match), []);
}
