/* What a client knows of rooms, kept as docs/EVENTS.md says: entries of a room's log are applied in the order of seq; what
 * comes too early waits until chat:sync has closed the hole. */

import { ask } from "./client.mjs";

const LIVE = ["chat:new_message", "chat:message_edited", "chat:message_deleted", "chat:reaction"];

export class RoomModel {
    constructor(roomId, userId) {
        Object.assign(this, { roomId, userId, seq: 0, messages: new Map(), early: new Map(), seen: [] });
    }

    /* Everything that happens in the room comes here, live. */
    listen(socket) {
        for (const event of LIVE) {
            socket.on(event, (payload) => {
                if (payload.roomId === this.roomId)
                    this.live(event, payload);
            });
        }
    }

    get hasHole() {
        return this.early.size > 0;
    }

    live(event, payload) {
        if (payload.seq <= this.seq)
            return;
        this.early.set(payload.seq, [event, payload]);
        this.catchUp();
    }

    catchUp() {
        for (const seq of [...this.early.keys()].filter((s) => s <= this.seq))
            this.early.delete(seq);
        while (this.early.has(this.seq + 1)) {
            const [event, payload] = this.early.get(++this.seq);
            this.early.delete(this.seq);
            this.seen.push(this.seq);
            this.apply(event, payload);
        }
    }

    apply(event, payload) {
        if (event === "chat:new_message") {
            this.messages.set(payload.id, { ...payload });
            return;
        }
        const message = this.messages.get(payload.messageId);
        message.rev = payload.seq;
        if (event === "chat:message_edited") {
            message.content = payload.content;
            message.editedAt = payload.editedAt;
        } else if (event === "chat:message_deleted") {
            Object.assign(message, { content: "", mediaUrl: null, deletedAt: payload.deletedAt });
            delete message.reactions;
        } else {
            this.react(message, payload);
        }
    }

    react(message, { emoji, count, userId, added }) {
        const list = [...message.reactions ?? []];
        let i = list.findIndex((r) => r.emoji === emoji);
        if (i < 0)
            i = list.push({ emoji, count, mine: false }) - 1;
        list[i] = { emoji, count, mine: userId === this.userId ? added : list[i].mine };
        message.reactions = list.filter((r) => r.count > 0);
        if (!message.reactions.length)
            delete message.reactions;
    }

    /* A RoomLog of chat:sync; throws when it does not say what happened to each number. */
    merge(log) {
        const told = [...log.messages.filter((m) => m.seq > this.asked), ...log.changes].map((e) => e.seq).sort((a, b) => a - b);
        told.forEach((seq, i) => {
            if (seq !== this.asked + 1 + i)
                throw new Error(`${this.roomId}: sync from ${this.asked} to ${log.seq} tells ${told}`);
        });
        if (told.length !== log.seq - this.asked)
            throw new Error(`${this.roomId}: sync from ${this.asked} to ${log.seq} tells ${told}`);
        if (log.seq <= this.seq) /* overtaken by live events */
            return;
        for (const message of log.messages) {
            const known = this.messages.get(message.id);
            if (!known || message.rev > known.rev)
                this.messages.set(message.id, message);
        }
        for (const seq of told.filter((s) => s > this.seq))
            this.seen.push(seq);
        this.seq = log.seq;
        this.catchUp();
    }

    /* Joins, and asks for what was missed, until there is nothing more. */
    async sync(socket) {
        for (;;) {
            this.asked = this.seq;
            const log = await ask(socket, "chat:sync", { roomId: this.roomId, afterSeq: this.asked });
            if (!log.ok)
                throw new Error(`sync refused: ${JSON.stringify(log)}`);
            this.merge(log);
            if (!log.more)
                return;
        }
    }

    /* In order, without what differs between reading and hearing: the state of the message that is answered. */
    list() {
        return [...this.messages.values()].sort((a, b) => a.seq - b.seq).map(plain);
    }
}

export const plain = ({ replyTo, sender, clientId, ...message }) => ({ ...message, replyTo: replyTo?.id ?? null });

/* The whole history of a room as the server has it, by pages. */
export async function wholeHistory(socket, roomId, limit = 100) {
    const all = [];
    for (;;) {
        const page = await ask(socket, "chat:history", { roomId, after: all.at(-1)?.seq ?? 0, limit });
        if (!page.ok)
            throw new Error(`history refused: ${JSON.stringify(page)}`);
        all.push(...page.messages);
        if (!page.more)
            return all;
    }
}

/* Numbers from 0 to below 1 that a seed repeats. */
export function random(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = Math.imul(state ^ (state >>> 15), state | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}
