/* The message list of one room: what it shows, and drawing it. Items are messages of the room, own messages that
 * the server has not acknowledged yet, and notices (joined, left). */

import { drawMessage, itemOf, keyOf } from "./message.js";
import { dayOf, el, nameFromId } from "./text.js";

const GROUP_MS = 5 * 60 * 1000; /* messages closer than this share one avatar */
const RETURN_MS = 15 * 1000; /* "left" followed by "joined" within this is a reload: say nothing */
const BOTTOM_PX = 80;
const ROWS_MAX = 500; /* rows kept on the page */

export class Log {
    /* list: the <ol>; scroller: what scrolls around it. hooks, each called with an item: retry (a failed own message is to
     * be sent again), react(item, emoji, on), reply, edit, erase, photo (its picture was tapped). */
    constructor(list, scroller, hooks) {
        this.list = list;
        this.scroller = scroller;
        this.hooks = hooks;
        this.names = new Map(); /* user id -> name, as seen in messages and typing notices */
        this.reset(null);
    }

    reset(myId) {
        this.myId = myId;
        this.items = [];
        this.open = null; /* id of the message whose tools are shown */
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
        this.learn(m.replyTo?.senderId, m.replyTo?.username);
        return itemOf(m);
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

    /* ---- changes to messages: each only when it is newer than what we have ---- */

    change(id, seq, apply) {
        const item = this.items.find((i) => i.kind === "message" && i.id === id);
        if (!item || item.rev >= seq)
            return null;
        const follow = this.atBottom();
        apply(item);
        item.rev = seq;
        this.render();
        if (follow)
            this.toBottom();
        return item;
    }

    edited({ messageId, seq, content }) {
        return this.change(messageId, seq, (item) => Object.assign(item, { text: content, edited: true }));
    }

    deleted({ messageId, seq }) {
        return this.change(messageId, seq, (item) => Object.assign(item, { text: "", deleted: true, photo: null, reactions: [] }));
    }

    reacted({ messageId, seq, userId, emoji, added, count }) {
        return this.change(messageId, seq, (item) => {
            const old = item.reactions.find((r) => r.emoji === emoji);
            const now = { emoji, count, mine: userId === this.myId ? added : Boolean(old?.mine) };
            const list = old ? item.reactions.map((r) => (r === old ? now : r)) : [...item.reactions, now];
            item.reactions = list.filter((r) => r.count > 0);
        });
    }

    /* Shows or hides the tools of a message. */
    toggle(item) {
        const follow = this.atBottom();
        this.open = this.open === item.id ? null : item.id;
        this.render();
        if (follow)
            this.toBottom();
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
        const open = item.kind === "message" && item.id === this.open && !item.deleted;
        const key = keyOf(item, same, open, this.nameOf(item.from));
        return this.rowOf(item, key, () => drawMessage(item, this, same, open));
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
