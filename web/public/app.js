/* Partyline demo page, a small Party Gallery over the stock Socket.IO client: one party at a time. Whatever comes from
 * the network is put on the page with textContent only. */

import * as bell from "./bell.js";
import { bindComposer, deliver, dropMode, endMode, fitComposer, startEdit, startReply } from "./composer.js";
import { buildDoor, showDoor } from "./door.js";
import { addPicture, bindGallery, bindGalleryPage, dropPicture, resetGallery, showPicture } from "./gallery.js";
import { Log } from "./log.js";
import { ask, fetchToken } from "./net.js";
import { addPanel, bindPanels, closePanels } from "./panels.js";
import { bindParty, bindPartyPage, leaveParty, resetParty, watchParty } from "./party.js";
import { bindPeople, bindPeoplePage, meet, meetAgain, resetPeople } from "./people.js";
import { forget, recall, remember, state } from "./state.js";
import { $, ROOMS, countText, el, hueOf, initials, roomTitle, slug } from "./text.js";
import { toast } from "./toast.js";
import { clearTyping, onTyping, sayTyping, stopTyping } from "./typing.js";
import { bindUnread, bindUnreadPage, lookUnread, openRoom, resetUnread, sawUpTo, unreadOf } from "./unread.js";

const RENEW_MS = 1000; /* pause before asking for a new token */

let unseen = 0; /* messages that came while the tab was hidden */
let lastSeq = 0; /* how far the open room goes */

const log = new Log($("log"), $("scroller"), {
    retry: deliver,
    react: (item, emoji, on) => ask(on ? "chat:react" : "chat:unreact", { roomId: state.room, messageId: item.id, emoji }),
    reply: startReply,
    edit: startEdit,
    erase: (item) => ask("chat:delete", { roomId: state.room, messageId: item.id }),
    photo: (item) => showPicture(item.photo, log.nameOf(item.from)),
});
const redrawPeople = bindPeoplePage((id) => log.nameOf(id));

/* ---- entering and leaving ---- */

async function enter(user, room) {
    $("enter").disabled = true;
    try {
        state.token = await fetchToken(user);
    } catch (error) {
        showDoor(error instanceof TypeError ? "The server cannot be reached." : error.message);
        return;
    }
    state.me = user;
    state.room = room;
    log.learn(user.id, user.username);
    showChat();
    remember();
    openSocket();
}

function showChat() {
    $("door").hidden = true;
    $("chat").hidden = false;
    $("me-name").textContent = state.me.username;
    $("me-avatar").textContent = initials(state.me.username);
    $("me-avatar").className = `avatar ${hueOf(state.me.id)}`;
    bell.resetBell();
    resetPeople();
    resetUnread();
    showRoom();
    fitComposer();
    $("text").focus();
}

function leave() {
    const { socket } = state;
    sayTyping(false);
    closePanels();
    state.socket = null;
    socket.emit("chat:leave", { roomId: state.room });
    socket.disconnect();
    forget();
    state.ownRooms = [];
    showDoor();
}

/* ---- parties ---- */

function roomButton(id, i) {
    const item = el("li");
    const button = el("button", `room dot-${i % 5}`);
    const unread = unreadOf(id);
    button.type = "button";
    button.append(el("span", "room-title", roomTitle(id)));
    if (unread) {
        const badge = el("span", "badge", countText(unread));
        badge.setAttribute("aria-label", `${unread} unread`);
        button.append(badge);
    }
    button.setAttribute("aria-current", String(id === state.room));
    button.addEventListener("click", () => switchRoom(id));
    item.append(button);
    return item;
}

let railKey = ""; /* what the rail shows */

function showRail() {
    const ids = [...ROOMS.map(slug), ...state.ownRooms];
    const key = JSON.stringify([state.room, ids.map((id) => [id, unreadOf(id)])]);
    if (key === railKey)
        return;
    railKey = key;
    $("rooms").replaceChildren(...ids.map(roomButton));
}

function showRoom() {
    if (!ROOMS.map(slug).includes(state.room) && !state.ownRooms.includes(state.room))
        state.ownRooms = [...state.ownRooms, state.room];
    openRoom();
    showRail();
    $("rooms").querySelector('[aria-current="true"]').scrollIntoView({ block: "nearest", inline: "nearest" });
    $("room-name").textContent = roomTitle(state.room);
    history.replaceState(null, "", `#${encodeURIComponent(state.room)}`);
    unseen = 0;
    lastSeq = 0;
    $("latest").hidden = true;
    endMode();
    clearTyping(log);
    resetParty();
    resetGallery();
    log.reset(state.me.id);
    showTitle();
}

function switchRoom(id) {
    if (id === state.room)
        return;
    sayTyping(false);
    if (state.socket.connected)
        state.socket.emit("chat:leave", { roomId: state.room });
    leaveParty(state.room);
    state.room = id;
    showRoom();
    remember();
    join();
    $("text").focus();
}

function join() {
    if (!state.socket.connected)
        return;
    state.socket.emit("chat:join", { roomId: state.room });
    watchParty();
    lookUnread();
}

/* ---- the connection ---- */

function openSocket() {
    const socket = io({ auth: (cb) => cb({ token: state.token }), forceNew: true });
    state.socket = socket;
    showState("connecting");
    bindConnection(socket);
    bindRoom(socket);
    bindParty(socket);
    bindGallery(socket);
    bindPeople(socket);
    bindUnread(socket);
    bell.bindBell(socket);
}

function bindConnection(socket) {
    socket.on("connect", () => {
        if (state.socket !== socket)
            return;
        showState("online");
        if (socket.recovered) /* it is in its room already, and has been sent what it missed */
            return;
        join();
        meetAgain();
        bell.loadBell();
    });
    socket.on("disconnect", () => {
        clearTyping(log);
        onLost(socket);
    });
    socket.on("connect_error", (error) => onLost(socket, error));
}

/* The client comes back by itself, except when the server said no: then our token is from another life of the server. */
function onLost(socket, error) {
    if (state.socket !== socket)
        return;
    showState("offline", "reconnecting");
    if (!socket.active)
        setTimeout(() => renew(socket, error), RENEW_MS);
}

async function renew(socket, refusal) {
    if (state.socket !== socket)
        return;
    try {
        state.token = await fetchToken(state.me);
        socket.connect();
    } catch (error) {
        if (error instanceof TypeError) /* no network: try again */
            setTimeout(() => renew(socket, refusal), 2 * RENEW_MS);
        else
            showState("offline", refusal?.message || error.message);
    }
}

function showState(name, text) {
    $("state").dataset.state = name;
    $("state").textContent = text || name;
}

/* ---- events of the room ---- */

function bindRoom(socket) {
    const here = (fn) => (m) => {
        if (m?.roomId === state.room && state.socket === socket)
            fn(m);
    };
    socket.on("chat:history", here(onHistory));
    socket.on("chat:new_message", here(onMessage));
    socket.on("chat:message_edited", here((m) => { log.edited(m); reached(m.seq); }));
    socket.on("chat:message_deleted", here(onDeleted));
    socket.on("chat:reaction", here((m) => { log.reacted(m); reached(m.seq); }));
    socket.on("chat:user_joined", here(onJoined));
    socket.on("chat:user_left", here(onLeft));
    socket.on("chat:user_typing", here((m) => onTyping(m, log)));
    socket.on("error", (m) => toast(m?.message || "Something went wrong"));
}

function onHistory(m) {
    if (!Array.isArray(m.messages))
        return;
    log.history(m.messages);
    for (const { photo, from } of log.items.filter((i) => i.photo))
        addPicture(photo, log.nameOf(from));
    meet(m.messages.map((one) => one.senderId).filter((id) => id !== state.me.id));
    redrawPeople();
    reached(m.lastSeq);
    $("latest").hidden = true;
}

function onMessage(m) {
    if (log.has(m.id))
        return;
    stopTyping(m.senderId, log);
    if (log.message(m))
        $("latest").hidden = false;
    const item = log.items.find((i) => i.id === m.id);
    addPicture(item?.photo, log.nameOf(m.senderId));
    if (m.senderId !== state.me.id)
        meet([m.senderId]);
    reached(m.seq);
    if (document.hidden)
        unseen++;
    showTitle();
}

function onDeleted(m) {
    const photo = log.items.find((i) => i.id === m.messageId)?.photo;
    log.deleted(m);
    dropMode(m.messageId);
    dropPicture(photo);
    reached(m.seq);
}

/* The room goes that far now; when its end is on the screen, it was read. */
function reached(seq) {
    lastSeq = Math.max(lastSeq, seq || 0);
    if (!document.hidden && log.atBottom())
        sawUpTo(lastSeq);
}

function onJoined({ userId }) {
    if (userId === state.me.id) /* another tab of ours */
        return;
    log.joined(userId);
    meet([userId]);
}

function onLeft({ userId }) {
    stopTyping(userId, log);
    if (userId !== state.me.id)
        log.left(userId);
}

/* ---- the page around it ---- */

function showTitle() {
    document.title = `${unseen ? `(${unseen}) ` : ""}${roomTitle(state.room)} · Partyline`;
}

let atEnd = true;

/* Who reads the end keeps seeing it when photos, the keyboard or a longer draft take room away. */
const resized = () => atEnd && log.toBottom();

function scrolled() {
    atEnd = log.atBottom();
    if (!atEnd)
        return;
    $("latest").hidden = true;
    if (state.socket && lastSeq)
        reached(lastSeq);
}

function bindPage() {
    $("leave").addEventListener("click", leave);
    $("latest").addEventListener("click", () => log.toBottom());
    $("scroller").addEventListener("scroll", scrolled);
    new ResizeObserver(resized).observe($("scroller"));
    document.addEventListener("visibilitychange", () => {
        if (document.hidden || !state.socket)
            return;
        unseen = 0;
        showTitle();
        reached(lastSeq);
        lookUnread();
    });
    bindComposer(log);
    bindPartyPage();
    bindGalleryPage();
    bindUnreadPage(showRail);
    bell.bindBellPage(switchRoom);
    addPanel("people", $("people-button"), redrawPeople);
    addPanel("notes", $("bell"), bell.render);
    bindPanels();
}

buildDoor(enter);
bindPage();
const saved = recall();
if (saved) {
    state.ownRooms = Array.isArray(saved.ownRooms) ? saved.ownRooms.map(String) : [];
    enter(saved.me, saved.room);
} else {
    showDoor();
}
