/* Notes which events go between the Socket.IO clients of these tests and partyline, for catalogue.check.mjs: with
 * PARTYLINE_SEEN naming a directory, each process leaves a file there. It listens below the client's own API, so nothing
 * that a test does with its sockets escapes it. */

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Socket as Socket48 } from "socket.io-client";
import { Socket as Socket40 } from "socket.io-client-40";

const dir = process.env.PARTYLINE_SEEN;
const SAMPLES = 20;
const [EVENT, ACK, BINARY_EVENT, BINARY_ACK] = [2, 3, 5, 6];
const ports = new Set();

/* accepted (acknowledged as good) and got: event -> payloads; acked: event -> {ok: answers, code: answers}. */
const seen = { accepted: {}, got: {}, acked: {} };

/* From now on what goes to that port counts. */
export const watch = (port) => ports.add(String(port));

function note(table, key, sample) {
    const samples = table[key] ??= [];
    if (samples.length < SAMPLES)
        samples.push(sample ?? null);
}

/* Answers that are no object (or none of ours) are noted too, for the check to find. */
function noteAnswer([event, payload], answer) {
    if (answer?.ok === true)
        note(seen.accepted, event, payload);
    note(seen.acked[event] ??= {}, answer?.ok === true ? "ok" : String(answer?.error?.code), answer);
}

function spy(Socket) {
    const { packet, onpacket } = Socket.prototype;
    const ours = (socket) => socket.nsp === "/" && ports.has(new URL(socket.io.uri).port);

    Socket.prototype.packet = function (p) {
        if ((p.type === EVENT || p.type === BINARY_EVENT) && p.id !== undefined && ours(this))
            (this.seenAsked ??= new Map()).set(p.id, p.data);
        return packet.call(this, p);
    };
    Socket.prototype.onpacket = function (p) {
        if (p.nsp === "/" && ours(this)) {
            if (p.type === EVENT || p.type === BINARY_EVENT)
                note(seen.got, p.data[0], p.data[1]);
            else if ((p.type === ACK || p.type === BINARY_ACK) && this.seenAsked?.has(p.id))
                noteAnswer(this.seenAsked.get(p.id), p.data[0]);
        }
        return onpacket.call(this, p);
    };
}

if (dir) {
    spy(Socket48);
    spy(Socket40);
    process.once("exit", () => {
        mkdirSync(dir, { recursive: true });
        writeFileSync(path.join(dir, `${process.pid}.json`), JSON.stringify(seen));
    });
}
