/* The message list of one room: what it shows, and drawing it. Items are messages of the room, own messages that
 * the server has not acknowledged yet, and notices (joined, left). */

import { dayOf, el, hueOf, initials, nameFromId, timeOf } from "./text.js";

const GROUP_MS = 5 * 60 * 1000; /* messages closer than this share one avatar */
const RETURN_MS = 15 * 1000; /* "left" followed by "joined" within this is a reload: say nothing */
const BOTTOM_PX = 80;
const ROWS_MAX = 500; /* rows kept on the page */

function atOf(message) {
    const at = new Date(message.createdAt);
    return Number.isNaN(at.getTime()) ? new Date() : at;
}

export class Log {
    /* list: the <ol>; scroller: what scrolls around it; onRetry(item): a failed own message is to be sent again. */
    constructor(list, scroller, onRetry) {
        this.list = list;
        this.scroller = scroller;
        this.onRetry = onRetry;
        this.names = new Map(); /* user id -> name, as seen in messages and typing notices */
        this.reset(null);
    }

    reset(myId) {
        this.myId = myId;
        this.items = [];
        this.dividers = new Map(); /* day -> holder of its one row */
        this.render();
    }

    nameOf(id) {
        return this.names.get(id) || nameFromId(id);
    }

    learn(id, name) {
        if (name)
            this.names.set(id, name);
    }

    /* ---- what it shows ---- */

    /* History is the truth for what was said; own messages still on their way stay below it. */
    history(messages) {
        const ids = new Set(messages.map((m) => m.id));
        const clientIds = new Set(messages.map((m) => m.clientId).filter(Boolean));
        const waiting = this.items.filter((i) => i.kind === "own" && !clientIds.has(i.clientId));
        const older = this.items.filter((i) => i.kind === "message" && !ids.has(i.id));
        this.items = [...older, ...messages.map((m) => this.itemOf(m)), ...waiting];
        this.render();
        this.toBottom();
    }

    itemOf(m) {
        this.learn(m.senderId, m.sender?.username);
        return { kind: "message", id: m.id, from: m.senderId, at: atOf(m), text: m.content || m.mediaUrl || "" };
    }

    has(id) {
        return this.items.some((i) => i.kind === "message" && i.id === id);
    }

    /* A new message of the room, above what we are still sending. True when the reader has to scroll to see it. */
    message(m) {
        const follow = this.atBottom() || m.senderId === this.myId;
        this.remove(this.ownItemFor(m));
        const firstOwn = this.items.findIndex((i) => i.kind === "own");
        this.items.splice(firstOwn < 0 ? this.items.length : firstOwn, 0, { ...this.itemOf(m), fresh: true });
        this.render();
        if (follow)
            this.toBottom();
        return !follow;
    }

    ownItemFor(m) {
        if (m.senderId !== this.myId)
            return undefined;
        const own = this.items.filter((i) => i.kind === "own");
        return own.find((i) => m.clientId && i.clientId === m.clientId) || own.find((i) => i.text === m.content);
    }

    addOwn(item) {
        this.items.push(item);
    }

    remove(item) {
        this.items = this.items.filter((i) => i !== item);
    }

    joined(userId) {
        const last = this.items.findLast((i) => i.kind === "notice" && i.who === userId);
        if (last?.verb === "left" && Date.now() - last.at < RETURN_MS) {
            this.remove(last);
            this.render();
        } else {
            this.notice(userId, "joined");
        }
    }

    left(userId) {
        this.notice(userId, "left");
    }

    notice(who, verb) {
        const follow = this.atBottom();
        this.items.push({ kind: "notice", who, verb, at: new Date() });
        this.render();
        if (follow)
            this.toBottom();
    }

    /* ---- drawing ---- */

    /* A row is drawn again only when what it shows has changed: screen readers are not told the same thing twice. */
    rowOf(holder, key, draw) {
        if (holder.key !== key) {
            holder.key = key;
            holder.row = draw();
        }
        return holder.row;
    }

    plainRow(className, text) {
        if (!this.dividers.has(text))
            this.dividers.set(text, {});
        return this.rowOf(this.dividers.get(text), text, () => el("li", className, text));
    }

    noticeRow(item) {
        const text = `${this.nameOf(item.who)} ${item.verb}`;
        return this.rowOf(item, text, () => el("li", "notice", text));
    }

    messageRow(item, previous) {
        const same = Boolean(previous) && previous.kind !== "notice" && previous.from === item.from
            && item.at - previous.at < GROUP_MS;
        return this.rowOf(item, [same, item.failed, this.nameOf(item.from)].join(), () => this.draw(item, same));
    }

    draw(item, same) {
        const flags = {
            mine: item.from === this.myId, same, fresh: item.fresh, pending: item.kind === "own", failed: item.failed,
        };
        const row = el("li", ["msg", ...Object.keys(flags).filter((f) => flags[f])].join(" "));
        const name = this.nameOf(item.from);
        const avatar = el("span", `avatar ${hueOf(item.from)}`, initials(name));
        avatar.setAttribute("aria-hidden", "true");
        const bubble = el("div", "bubble");
        const when = el("time", "when", item.kind === "own" && !item.failed ? "sending" : timeOf(item.at));
        when.dateTime = item.at.toISOString();
        bubble.append(el("span", "body", item.text), when);
        row.append(el("p", "who", name), avatar, bubble);
        if (item.failed)
            row.append(this.retryButton(item));
        return row;
    }

    retryButton(item) {
        const button = el("button", "retry", "Not sent. Try again");
        button.type = "button";
        button.addEventListener("click", () => this.onRetry(item));
        return button;
    }

    rows() {
        const list = [];
        let previous = null;
        for (const item of this.items) {
            if (item.kind === "notice") {
                list.push(this.noticeRow(item));
            } else {
                const day = dayOf(item.at);
                if (day !== dayOf(previous?.at)) {
                    list.push(this.plainRow("day", day));
                    previous = null;
                }
                list.push(this.messageRow(item, previous));
            }
            previous = item;
        }
        return list.length ? list : [this.plainRow("empty", "Nothing has been said here yet.")];
    }

    render() {
        this.items = this.items.slice(-ROWS_MAX);
        const rows = this.rows();
        rows.forEach((row, i) => {
            if (this.list.children[i] !== row)
                this.list.insertBefore(row, this.list.children[i] || null);
        });
        while (this.list.children.length > rows.length)
            this.list.lastChild.remove();
    }

    /* ---- scrolling ---- */

    atBottom() {
        const s = this.scroller;
        return s.scrollHeight - s.scrollTop - s.clientHeight < BOTTOM_PX;
    }

    toBottom() {
        this.scroller.scrollTop = this.scroller.scrollHeight;
    }
}
