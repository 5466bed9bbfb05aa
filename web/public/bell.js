/* Notifications: how many are unread, the latest of them, and where they lead. */

import { ask } from "./net.js";
import { closePanels } from "./panels.js";
import { state } from "./state.js";
import { $, agoOf, countText, el } from "./text.js";
import { toast } from "./toast.js";

const SHOWN_MAX = 30;

let notes = []; /* newest first */
let unread = 0;
let go = () => {}; /* opens a party */

function setUnread(n) {
    unread = n;
    $("bell-count").hidden = !n;
    $("bell-count").textContent = countText(n);
    $("bell").setAttribute("aria-label", n ? `Notifications, ${n} unread` : "Notifications");
    $("bell-clear").hidden = !n;
}

function markRead(ids) {
    for (const note of notes)
        note.isRead = note.isRead || !ids || ids.includes(note.id);
    render();
}

async function open(note) {
    closePanels();
    if (!note.isRead) {
        const answer = await ask("notifications:mark_read", [note.id]);
        if (answer) {
            markRead([note.id]);
            setUnread(answer.unread);
        }
    }
    if (typeof note.data?.partyId === "string" && note.data.partyId)
        go(note.data.partyId);
}

async function clear() {
    const answer = await ask("notifications:mark_all_read");
    if (!answer)
        return;
    markRead(null);
    setUnread(answer.unread);
}

function row(note) {
    const item = el("li");
    const button = el("button", note.isRead ? "note" : "note unread");
    button.type = "button";
    button.append(el("span", "note-title", note.title), el("span", "note-body", note.body),
        el("span", "note-when", agoOf(new Date(note.createdAt))));
    button.addEventListener("click", () => open(note));
    item.append(button);
    return item;
}

export function render() {
    $("bell-list").replaceChildren(...notes.map(row));
    $("bell-none").hidden = notes.length > 0;
}

export function resetBell() {
    notes = [];
    setUnread(0);
    render();
}

/* What there is, also what came while we were away. */
export async function loadBell() {
    const answer = await ask("notifications:list", { limit: SHOWN_MAX });
    if (!answer)
        return;
    notes = answer.notifications;
    setUnread(answer.unread);
    render();
}

export function bindBellPage(openParty) {
    go = openParty;
    $("bell-clear").addEventListener("click", clear);
}

export function bindBell(socket) {
    socket.on("notification:new", (note) => {
        if (state.socket !== socket || notes.some((n) => n.id === note.id))
            return;
        notes = [note, ...notes].slice(0, SHOWN_MAX);
        setUnread(unread + 1);
        render();
        toast(note.title);
    });
    socket.on("notifications:read", (m) => {
        if (state.socket !== socket)
            return;
        markRead(m.all ? null : m.ids);
        setUnread(m.unread);
    });
}
