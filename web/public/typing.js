/* Who types, theirs and ours. */

import { state } from "./state.js";
import { $, el } from "./text.js";

const RENEW_MS = 2000; /* how often "is typing" is repeated while keys are pressed */
const STOP_MS = 3000; /* silence after which we say that we stopped */
const FORGET_MS = 6000; /* a peer that vanished while typing */

/* ---- theirs ---- */

const others = new Map(); /* user id -> timer */

export function onTyping({ userId, username, isTyping }, log) {
    if (userId === state.me.id)
        return;
    log.learn(userId, username);
    clearTimeout(others.get(userId));
    others.delete(userId);
    if (isTyping)
        others.set(userId, setTimeout(() => stopTyping(userId, log), FORGET_MS));
    show(log);
}

export function stopTyping(userId, log) {
    clearTimeout(others.get(userId));
    if (others.delete(userId))
        show(log);
}

export function clearTyping(log) {
    for (const id of Array.from(others.keys()))
        stopTyping(id, log);
}

function textFor(names) {
    if (names.length === 1)
        return `${names[0]} is typing`;
    return names.length === 2 ? `${names[0]} and ${names[1]} are typing` : "Several people are typing";
}

function show(log) {
    $("typing").replaceChildren();
    if (!others.size)
        return;
    const dots = el("span", "dots");
    dots.append(el("i"), el("i"), el("i"));
    $("typing").append(dots, textFor(Array.from(others.keys(), (id) => log.nameOf(id))));
}

/* ---- ours ---- */

let said = 0; /* when we last said "is typing", 0 when the room thinks we are not */
let timer = 0;

export function sayTyping(isTyping) {
    clearTimeout(timer);
    if (isTyping)
        timer = setTimeout(() => sayTyping(false), STOP_MS);
    const due = isTyping ? Date.now() - said > RENEW_MS : said !== 0;
    if (!due)
        return;
    said = isTyping ? Date.now() : 0;
    if (state.socket?.connected)
        state.socket.emit("chat:typing", { roomId: state.room, isTyping });
}
