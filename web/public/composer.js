/* Where messages are written: new ones, replies, and own ones that are changed. */

import { ACK_MS, ask } from "./net.js";
import { state } from "./state.js";
import { $, random } from "./text.js";
import { sayTyping } from "./typing.js";

const TEXT_MAX_PX = 160;

let log;
let mode = null; /* {edit: item} or {reply: item} */

export function fitComposer() {
    const text = $("text");
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + 2}px`; /* + 2: the borders */
    text.style.overflowY = text.scrollHeight > TEXT_MAX_PX ? "auto" : "hidden";
    $("send-button").disabled = !text.value.trim();
}

function setText(value) {
    $("text").value = value;
    fitComposer();
}

/* ---- what the next text is ---- */

function setMode(next) {
    if (mode?.edit || next?.edit)
        setText(next?.edit ? next.edit.text : "");
    mode = next;
    $("mode").hidden = !next;
    if (!next)
        return;
    const item = next.edit || next.reply;
    $("mode-what").textContent = next.edit ? "Editing your message" : `Replying to ${log.nameOf(item.from)}`;
    $("mode-text").textContent = next.edit ? "" : item.text || "a photo";
    $("text").focus();
}

export const startReply = (item) => setMode({ reply: item });
export const startEdit = (item) => setMode({ edit: item });
export const endMode = () => setMode(null);

/* The message is gone: nothing to answer or to change. */
export function dropMode(id) {
    if ((mode?.edit || mode?.reply)?.id === id)
        setMode(null);
}

/* ---- sending ---- */

function onSend(event) {
    event.preventDefault();
    const text = $("text").value.trim();
    if (!text)
        return;
    const was = mode;
    setMode(null);
    setText("");
    sayTyping(false);
    if (was?.edit)
        ask("chat:edit", { roomId: state.room, messageId: was.edit.id, content: text });
    else
        say(text, was?.reply);
}

function say(text, to) {
    const item = {
        kind: "own", room: state.room, clientId: random(20), from: state.me.id, at: new Date(), text, failed: false,
        reply: to && { id: to.id, from: to.from, text: to.text },
    };
    log.addOwn(item);
    deliver(item);
}

/* The client id makes a repeat harmless: the server stores the message once. */
export function deliver(item) {
    const message = { roomId: item.room, content: item.text, clientId: item.clientId, replyTo: item.reply?.id };
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

export function bindComposer(theLog) {
    log = theLog;
    $("composer").addEventListener("submit", onSend);
    $("mode-end").addEventListener("click", endMode);
    $("text").addEventListener("input", () => {
        fitComposer();
        sayTyping(!mode?.edit && $("text").value.trim() !== "");
    });
    $("text").addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing)
            onSend(event);
        else if (event.key === "Escape")
            endMode();
    });
}
