/* What is unread in the parties that are not open, and saying what was read in the one that is. */

import { ask } from "./net.js";
import { state } from "./state.js";

const READ_MS = 300; /* several messages that follow each other are one reading */
const LOOK_MS = 4000; /* how often the server is asked about the other parties */

const counts = new Map(); /* room id -> messages */
let changed = () => {};
let seq = 0; /* of the open room: the last thing seen */
let waiting = null; /* {roomId, seq}: what is still to be said */
let timer = 0;

export const unreadOf = (room) => (room === state.room ? 0 : counts.get(room) || 0);

function learn(rooms) {
    for (const { roomId, unread } of rooms)
        counts.set(roomId, roomId === state.room ? 0 : unread); /* the open one is being read */
    changed();
}

export async function lookUnread() {
    const answer = await ask("chat:unread");
    if (answer)
        learn(answer.rooms);
}

export function resetUnread() {
    clearTimeout(timer);
    waiting = null;
    counts.clear();
    seq = 0;
}

function sayRead() {
    clearTimeout(timer);
    if (waiting)
        ask("chat:read", waiting);
    waiting = null;
}

/* Another room is open. Its cursor is set once its history is there. */
export function openRoom() {
    sayRead();
    counts.delete(state.room);
    seq = 0;
}

/* Everything up to `upTo` in the open room is on the screen. */
export function sawUpTo(upTo) {
    if (!(upTo > seq))
        return;
    seq = upTo;
    waiting = { roomId: state.room, seq };
    clearTimeout(timer);
    timer = setTimeout(sayRead, READ_MS);
}

export function bindUnreadPage(onChange) {
    changed = onChange;
    setInterval(() => !document.hidden && lookUnread(), LOOK_MS);
}

export function bindUnread(socket) {
    socket.on("chat:unread", (m) => state.socket === socket && learn(m?.rooms || []));
}
