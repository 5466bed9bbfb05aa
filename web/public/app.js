/* Partyline demo page: one room at a time, over the stock Socket.IO client. Whatever comes from the network is put
 * on the page with textContent only. */

import { Log } from "./log.js";
import { ROOMS, el, hueOf, initials, newUser, random, roomTitle, slug } from "./text.js";

const STORE = "partyline.session";
const ACK_MS = 8000;
const RENEW_MS = 1000; /* pause before asking for a new token */
const TYPING_RENEW_MS = 2000; /* how often "is typing" is repeated while keys are pressed */
const TYPING_STOP_MS = 3000; /* silence after which we say that we stopped */
const TYPING_FORGET_MS = 6000; /* a peer that vanished while typing */
const TEXT_MAX_PX = 160;

const $ = (id) => document.getElementById(id);

const state = {
    socket: null,
    me: null, /* {id, username} */
    token: null,
    room: null, /* room id */
    typing: new Map(), /* user id -> timer */
    unread: 0,
};
const log = new Log($("log"), $("scroller"), deliver);

/* ---- what survives a reload of this tab ---- */

function remember() {
    sessionStorage.setItem(STORE, JSON.stringify({ me: state.me, room: state.room }));
}

function recall() {
    try {
        const saved = JSON.parse(sessionStorage.getItem(STORE));
        return saved?.me?.id && saved.room ? saved : null;
    } catch {
        return null;
    }
}

function roomFromHash() {
    try {
        return slug(decodeURIComponent(location.hash.slice(1)));
    } catch {
        return ""; /* a broken percent sequence */
    }
}

/* ---- the door ---- */

function buildPick(title, checked, i) {
    const label = el("label", `pick dot-${i}`);
    const radio = el("input");
    radio.type = "radio";
    radio.name = "room";
    radio.value = slug(title);
    radio.checked = checked;
    label.append(radio, el("span", "", title));
    return label;
}

function buildDoor() {
    const wanted = roomFromHash();
    const known = ROOMS.some((r) => slug(r) === wanted);
    $("own-room").value = known ? "" : wanted;
    $("picks").append(...ROOMS.map((title, i) => buildPick(title, known ? slug(title) === wanted : !wanted && i === 0, i)));
    $("picks").addEventListener("change", () => { $("own-room").value = ""; });
    $("own-room").addEventListener("input", onOwnRoom);
    $("signin").addEventListener("submit", onSignIn);
}

/* Naming a room unchecks the ready-made ones; clearing the name goes back to the first. */
function onOwnRoom() {
    const own = $("own-room").value !== "";
    const radios = Array.from($("picks").querySelectorAll("input"));
    for (const radio of radios)
        radio.checked = radio.checked && !own;
    if (!own && !radios.some((r) => r.checked))
        radios[0].checked = true;
}

function showDoor(error) {
    $("chat").hidden = true;
    $("door").hidden = false;
    $("enter").disabled = false;
    $("door-error").hidden = !error;
    $("door-error").textContent = error || "";
    document.title = "Partyline";
    $("name").focus();
}

function onSignIn(event) {
    event.preventDefault();
    const name = $("name").value.trim();
    const room = slug($("own-room").value) || $("picks").querySelector("input:checked")?.value || slug(ROOMS[0]);
    if (name)
        enter(newUser(name), room);
}

/* ---- entering and leaving ---- */

async function fetchToken(user) {
    const response = await fetch("/demo/token", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ id: user.id, username: user.username }),
    });
    if (response.status === 404)
        throw new Error("This server does not run in demo mode, so it hands out no names here.");
    if (!response.ok)
        throw new Error(`The server refused that name (${response.status}).`);
    return (await response.json()).token;
}

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
    remember();
    showChat();
    openSocket();
}

function showChat() {
    $("door").hidden = true;
    $("chat").hidden = false;
    $("me-name").textContent = state.me.username;
    $("me-avatar").textContent = initials(state.me.username);
    $("me-avatar").className = `avatar ${hueOf(state.me.id)}`;
    showRoom();
    $("text").focus();
}

function leaveParty() {
    const socket = state.socket;
    sayTyping(false);
    state.socket = null;
    socket.emit("chat:leave", { roomId: state.room });
    socket.disconnect();
    sessionStorage.removeItem(STORE);
    showDoor();
}

/* ---- rooms ---- */

function roomButton(id, i) {
    const item = el("li");
    const button = el("button", `room dot-${i % 5}`);
    button.type = "button";
    button.append(el("span", "", roomTitle(id)));
    button.setAttribute("aria-current", String(id === state.room));
    button.addEventListener("click", () => switchRoom(id));
    item.append(button);
    return item;
}

let ownRooms = []; /* rooms visited that are not among the ready-made ones */

function showRoom() {
    const ready = ROOMS.map(slug);
    if (!ready.includes(state.room) && !ownRooms.includes(state.room))
        ownRooms = [...ownRooms, state.room];
    $("rooms").replaceChildren(...[...ready, ...ownRooms].map(roomButton));
    $("rooms").querySelector('[aria-current="true"]').scrollIntoView({ block: "nearest", inline: "nearest" });
    $("room-name").textContent = roomTitle(state.room);
    history.replaceState(null, "", `#${encodeURIComponent(state.room)}`);
    state.unread = 0;
    clearTyping();
    log.reset(state.me.id);
    showTitle();
}

function switchRoom(id) {
    if (id === state.room)
        return;
    sayTyping(false);
    if (state.socket.connected)
        state.socket.emit("chat:leave", { roomId: state.room });
    state.room = id;
    remember();
    showRoom();
    join();
    $("text").focus();
}

function join() {
    if (state.socket.connected)
        state.socket.emit("chat:join", { roomId: state.room });
}

/* ---- the connection ---- */

function openSocket() {
    const socket = io({ auth: (cb) => cb({ token: state.token }), forceNew: true });
    state.socket = socket;
    showState("connecting");
    bindConnection(socket);
    bindRoom(socket);
}

function bindConnection(socket) {
    socket.on("connect", () => {
        showState("online");
        if (!socket.recovered)
            join(); /* a recovered session is in its room already, and has been sent what it missed */
    });
    socket.on("disconnect", () => {
        clearTyping();
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
    socket.on("chat:user_joined", here(onJoined));
    socket.on("chat:user_left", here(onLeft));
    socket.on("chat:user_typing", here(onTyping));
    socket.on("error", (m) => toast(m?.message || "Something went wrong"));
}

function onHistory({ messages }) {
    if (!Array.isArray(messages))
        return;
    log.history(messages);
    $("latest").hidden = true;
}

function onMessage(m) {
    if (log.has(m.id))
        return;
    stopTyping(m.senderId);
    if (log.message(m))
        $("latest").hidden = false;
    if (document.hidden)
        state.unread++;
    showTitle();
}

function onJoined({ userId }) {
    if (userId !== state.me.id) /* else it is another tab of ours */
        log.joined(userId);
}

function onLeft({ userId }) {
    stopTyping(userId);
    if (userId !== state.me.id)
        log.left(userId);
}

/* ---- typing, theirs and ours ---- */

function onTyping({ userId, username, isTyping }) {
    if (userId === state.me.id)
        return;
    log.learn(userId, username);
    clearTimeout(state.typing.get(userId));
    state.typing.delete(userId);
    if (isTyping)
        state.typing.set(userId, setTimeout(() => stopTyping(userId), TYPING_FORGET_MS));
    showTyping();
}

function stopTyping(userId) {
    clearTimeout(state.typing.get(userId));
    if (state.typing.delete(userId))
        showTyping();
}

function clearTyping() {
    for (const id of Array.from(state.typing.keys()))
        stopTyping(id);
}

function typingText(names) {
    if (names.length === 1)
        return `${names[0]} is typing`;
    return names.length === 2 ? `${names[0]} and ${names[1]} are typing` : "Several people are typing";
}

function showTyping() {
    $("typing").replaceChildren();
    if (!state.typing.size)
        return;
    const dots = el("span", "dots");
    dots.append(el("i"), el("i"), el("i"));
    $("typing").append(dots, typingText(Array.from(state.typing.keys(), (id) => log.nameOf(id))));
}

let typingSaid = 0; /* when we last said "is typing", 0 when the room thinks we are not */
let typingTimer = 0;

function sayTyping(isTyping) {
    clearTimeout(typingTimer);
    if (isTyping)
        typingTimer = setTimeout(() => sayTyping(false), TYPING_STOP_MS);
    const due = isTyping ? Date.now() - typingSaid > TYPING_RENEW_MS : typingSaid !== 0;
    if (!due)
        return;
    typingSaid = isTyping ? Date.now() : 0;
    if (state.socket?.connected)
        state.socket.emit("chat:typing", { roomId: state.room, isTyping });
}

/* ---- sending ---- */

function onSend(event) {
    event.preventDefault();
    const text = $("text").value.trim();
    if (!text)
        return;
    const item = {
        kind: "own", room: state.room, clientId: random(20), from: state.me.id, at: new Date(), text, failed: false,
    };
    $("text").value = "";
    fitComposer();
    sayTyping(false);
    log.addOwn(item);
    deliver(item);
}

/* The client id makes a repeat harmless: the server stores the message once. */
function deliver(item) {
    const message = { roomId: item.room, content: item.text, clientId: item.clientId };
    item.failed = false;
    log.render();
    log.toBottom();
    state.socket.timeout(ACK_MS).emit("chat:message", message, (error, answer) => {
        if (!error && answer?.ok)
            log.remove(item);
        else
            item.failed = true;
        log.render();
    });
}

/* ---- the page around it ---- */

function showTitle() {
    document.title = `${state.unread ? `(${state.unread}) ` : ""}${roomTitle(state.room)} · Partyline`;
}

let toastTimer = 0;
function toast(text) {
    $("toast").textContent = text;
    $("toast").hidden = false;
    clearTimeout(toastTimer);
    toastTimer = setTimeout(() => { $("toast").hidden = true; }, 4000);
}

function fitComposer() {
    const text = $("text");
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + 2}px`; /* + 2: the borders */
    text.style.overflowY = text.scrollHeight > TEXT_MAX_PX ? "auto" : "hidden";
    $("send-button").disabled = !text.value.trim();
}

function scrolled() {
    if (log.atBottom())
        $("latest").hidden = true;
}

function bindPage() {
    $("composer").addEventListener("submit", onSend);
    $("leave").addEventListener("click", leaveParty);
    $("latest").addEventListener("click", () => log.toBottom());
    $("scroller").addEventListener("scroll", scrolled);
    $("text").addEventListener("input", () => {
        fitComposer();
        sayTyping($("text").value.trim() !== "");
    });
    $("text").addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing)
            onSend(event);
    });
    window.addEventListener("resize", () => log.toBottom());
    document.addEventListener("visibilitychange", () => {
        if (document.hidden || !state.room)
            return;
        state.unread = 0;
        showTitle();
    });
}

buildDoor();
bindPage();
const saved = recall();
if (saved)
    enter(saved.me, saved.room);
else
    showDoor();
