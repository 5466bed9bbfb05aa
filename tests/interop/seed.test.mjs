/* The two tests that the product was asked to pass, on a demo server with a token it handed out. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { io as Client } from "socket.io-client";
import { partyline } from "./lib/server.mjs";
import { within } from "./lib/wait.mjs";

describe("Chat WebSocket", () => {
    let server;
    let clientSocket;

    before(async () => {
        server = await partyline({ env: { JWT_SECRET: "" } });
        const response = await fetch(`${server.url}/demo/token`, {
            method: "POST",
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify({ id: "test-user", username: "Test" }),
        });
        assert.equal(response.status, 200);
        assert.match(response.headers.get("content-type"), /^application\/json/);
        const { token } = await response.json();
        clientSocket = Client(`http://localhost:${server.port}`, { auth: { token } });
        await within(new Promise((resolve, reject) => {
            clientSocket.on("connect", resolve);
            clientSocket.on("connect_error", reject);
        }), "connect");
    });

    after(async () => {
        clientSocket?.close();
        await server?.stop();
    });

    test("should join chat room and receive history", async () => {
        clientSocket.emit("chat:join", { roomId: "test-room" });
        await within(new Promise((resolve) => {
            clientSocket.on("chat:history", (data) => {
                assert.equal(data.roomId, "test-room");
                assert.equal(Array.isArray(data.messages), true);
                resolve();
            });
        }), "chat:history");
    });

    test("should send and receive messages", async () => {
        clientSocket.emit("chat:message", { roomId: "test-room", content: "Hello!" });
        await within(new Promise((resolve) => {
            clientSocket.on("chat:new_message", (message) => {
                assert.equal(message.content, "Hello!");
                resolve();
            });
        }), "chat:new_message");
    });
});
