/* Socket.IO and plain WebSocket clients with an inbox. */

import { io as io48 } from "socket.io-client";
import { io as io40 } from "socket.io-client-40";
import WebSocket from "ws";
import { Inbox, once, within } from "./wait.mjs";

export const CLIENTS = { 4.8: io48, "4.0": io40 };
export const TRANSPORTS = {
    websocket: ["websocket"],
    polling: ["polling"],
    upgrade: ["polling", "websocket"],
};

const open = new Set();

/* A socket that is not connected yet; every event goes to socket.inbox. */
export function client(url, options = {}, io = io48) {
    const socket = io(url, { forceNew: true, reconnection: false, autoConnect: false, ...options });
    socket.inbox = new Inbox(options.name || url);
    socket.onAny((event, ...args) => socket.inbox.push([event, ...args]));
    open.add(socket);
    return socket;
}

/* Connects; rejects with the connect_error. */
export function connected(socket) {
    return within(new Promise((resolve, reject) => {
        socket.once("connect", () => resolve(socket));
        socket.once("connect_error", reject);
        socket.connect();
    }), "connect");
}

/* The refusal of a connection, as the client sees it. */
export function refused(socket) {
    return within(new Promise((resolve, reject) => {
        socket.once("connect", () => reject(new Error("connected, though it should not")));
        socket.once("connect_error", resolve);
        socket.connect();
    }), "connect_error");
}

/* Waits until the connection runs over a websocket. */
export async function upgraded(socket) {
    const { engine } = socket.io;
    if (engine.transport.name !== "websocket")
        await once(engine, "upgrade");
    return socket;
}

/* Emits and gives the first argument of the acknowledgement. */
export function ask(socket, event, ...args) {
    return within(new Promise((resolve) => socket.emit(event, ...args, resolve)), `ack of ${event}`);
}

/* A plain WebSocket client with an inbox of what the server sends. */
export async function plain(url, token, headers = {}) {
    const ws = plainUnopened(url, token, headers);
    await within(new Promise((resolve, reject) => {
        ws.once("open", resolve);
        ws.once("error", reject);
    }), "plain websocket to open");
    return ws;
}

export function plainUnopened(url, token, headers = {}, options = {}) {
    const auth = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const ws = new WebSocket(`${url.replace(/^http/, "ws")}/`, { headers: { ...auth, ...headers }, ...options });
    ws.inbox = new Inbox("plain websocket");
    ws.on("message", (data, isBinary) => ws.inbox.push(isBinary ? ["(binary)", data] : JSON.parse(String(data))));
    ws.emitEvent = (...frame) => ws.send(JSON.stringify(frame));
    open.add(ws);
    return ws;
}

/* Closes whatever the test left open: call it after each test. */
export function closeAll() {
    for (const item of open) {
        if (item instanceof WebSocket)
            item.terminate();
        else
            item.disconnect();
    }
    open.clear();
}
