/* One message as a row of the list. */

import { el, hueOf, icon, initials, timeOf } from "./text.js";

export const EMOJI = ["👍", "❤️", "😂", "🎉", "🔥"];

/* Pictures come from this server only; elsewhere the address is shown as text. */
export function photoOf(url) {
    try {
        const at = new URL(url, location.href);
        return /^\/demo-media\/[a-z0-9]{1,64}\.svg$/.test(at.pathname) ? at.pathname : null;
    } catch {
        return null;
    }
}

export const replyOf = (r) => r && { id: r.id, from: r.senderId, name: r.username, text: r.deleted ? "" : r.content || "a photo" };

/* An item of the list for a message of the server. */
export function itemOf(m) {
    const at = new Date(m.createdAt);
    const photo = m.deletedAt ? null : photoOf(m.mediaUrl ?? undefined);
    return {
        kind: "message", id: m.id, from: m.senderId, at: Number.isNaN(at.getTime()) ? new Date() : at, rev: m.rev, photo,
        text: m.content || (photo ? "" : m.mediaUrl) || "", deleted: Boolean(m.deletedAt), edited: Boolean(m.editedAt),
        reply: replyOf(m.replyTo), reactions: m.reactions || [],
    };
}

/* What the row shows: it is drawn again when this changes. */
export const keyOf = (item, same, open, name) => JSON.stringify([same, open, name, item.failed, item.rev, item.text,
    item.edited, item.deleted, item.reply, item.reactions]);

/* ---- parts ---- */

function button(className, label, onClick) {
    const node = el("button", className);
    node.type = "button";
    node.setAttribute("aria-label", label);
    node.title = label;
    node.addEventListener("click", (event) => {
        event.stopPropagation();
        onClick();
    });
    return node;
}

function quote(reply, log) {
    const node = el("div", "quote");
    node.append(el("span", "quote-who", log.nameOf(reply.from) || reply.name || ""), el("span", "quote-text", reply.text || "deleted"));
    return node;
}

function photo(item, log) {
    const node = button("photo", `Photo by ${log.nameOf(item.from)}`, () => log.hooks.photo(item));
    const img = el("img");
    img.alt = "";
    img.width = 480;
    img.height = 360;
    img.src = item.photo;
    node.append(img);
    return node;
}

function whenOf(item) {
    const sending = item.kind === "own" && !item.failed;
    const when = el("time", "when", sending ? "sending" : `${item.edited && !item.deleted ? "edited " : ""}${timeOf(item.at)}`);
    when.dateTime = item.at.toISOString();
    return when;
}

function bubble(item, log) {
    const node = el("div", item.photo ? "bubble has-photo" : "bubble");
    if (item.reply)
        node.append(quote(item.reply, log));
    if (item.photo)
        node.append(photo(item, log));
    if (!item.photo || item.text)
        node.append(el("span", "body", item.deleted ? "Message deleted" : item.text));
    node.append(whenOf(item));
    if (canAct(item))
        node.addEventListener("click", () => String(getSelection()) || log.toggle(item));
    return node;
}

const canAct = (item) => item.kind === "message" && !item.deleted;

function chips(item, log) {
    const node = el("div", "chips");
    for (const { emoji, count, mine } of item.reactions) {
        const chip = button("chip", `${emoji} ${count}`, () => log.hooks.react(item, emoji, !mine));
        chip.setAttribute("aria-pressed", String(Boolean(mine)));
        chip.append(el("span", "", emoji), el("span", "chip-count", String(count)));
        node.append(chip);
    }
    return node;
}

function tools(item, log) {
    const node = el("div", "tools");
    const mine = new Set(item.reactions.filter((r) => r.mine).map((r) => r.emoji));
    const tool = (id, label, fn) => {
        const b = button(`tool tool-${id}`, label, () => { log.toggle(item); fn(item); });
        b.append(icon(id));
        return b;
    };
    for (const emoji of EMOJI) {
        const b = button("tool emoji", `React with ${emoji}`, () => {
            log.toggle(item);
            log.hooks.react(item, emoji, !mine.has(emoji));
        });
        b.append(emoji);
        node.append(b);
    }
    node.append(tool("reply", "Reply", log.hooks.reply));
    if (item.from === log.myId && !item.photo)
        node.append(tool("edit", "Edit", log.hooks.edit));
    if (item.from === log.myId)
        node.append(tool("trash", "Delete", log.hooks.erase));
    return node;
}

function more(item, log) {
    const node = button("more", "More", () => log.toggle(item));
    node.append(icon("dots"));
    return node;
}

function retry(item, log) {
    const node = el("button", "retry", "Not sent. Try again");
    node.type = "button";
    node.addEventListener("click", () => log.hooks.retry(item));
    return node;
}

/* The row. log: the Log it is for, with names and hooks; same: by the one before, too; open: with its tools. */
export function drawMessage(item, log, same, open) {
    const flags = {
        mine: item.from === log.myId, same, fresh: item.fresh, pending: item.kind === "own", failed: item.failed,
        deleted: item.deleted, open,
    };
    const row = el("li", ["msg", ...Object.keys(flags).filter((f) => flags[f])].join(" "));
    const name = log.nameOf(item.from);
    const avatar = el("span", `avatar ${hueOf(item.from)}`, initials(name));
    const line = el("div", "line");
    avatar.setAttribute("aria-hidden", "true");
    line.append(bubble(item, log));
    if (canAct(item))
        line.append(more(item, log));
    row.append(el("p", "who", name), avatar, line);
    if (open)
        row.append(tools(item, log));
    if (item.reactions?.length && !item.deleted)
        row.append(chips(item, log));
    if (item.failed)
        row.append(retry(item, log));
    item.fresh = false;
    return row;
}
