/* Servers of one cluster, on Node (node_peer.mjs, whose head says what they can do) or in C (examples/cluster.c). */

import assert from "node:assert/strict";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ask, client, connected } from "./client.mjs";
import { Program, example, freePort } from "./server.mjs";
import { within } from "./wait.mjs";

const NODE_PEER = path.join(path.dirname(fileURLToPath(import.meta.url)), "node_peer.mjs");

/* One server: .control takes orders, .inbox has what it heard of others. */
export class Peer {
    /* kind: "node", "ioredis" (Node with that client) or "c". */
    static async start(kind, { url, mode, key = "socket.io", timeout = 5000, env = {} }) {
        const peer = new Peer();
        const port = await freePort();
        const args = [String(port), url, mode, key, String(timeout)];
        peer.kind = kind;
        peer.program = kind === "c" ? await Program.start(example("cluster"), args, env, port)
            : await Program.start(process.execPath, [NODE_PEER, ...args], { ...env, PEER_REDIS: kind === "ioredis" ? kind : "redis" }, port);
        Object.assign(peer, { port, url: peer.program.url, name: `${kind}:${port}` });
        await peer.attach();
        return peer;
    }

    async attach() {
        this.control = client(`${this.url}/ctl`, { transports: ["websocket"], name: `/ctl of ${this.name}`, reconnection: true });
        this.inbox = this.control.inbox;
        await connected(this.control);
    }

    get log() {
        return this.program.log;
    }

    /* It runs, and has had nothing to complain of. */
    sound() {
        assert.equal(this.program.ended, undefined, `${this.name} has ended:\n${this.log}`);
        assert.equal(this.log.replace(/^listening on .*\n/, ""), "", `what ${this.name} says`);
    }

    /* A connected client of this server: {data, nsp, rooms} and options of the client. */
    async client({ nsp = "/", data, rooms = [], ...options } = {}) {
        const socket = client(this.url + (nsp === "/" ? "" : nsp),
            { transports: ["websocket"], auth: { data }, name: `a client of ${this.name}${nsp}`, ...options });
        await connected(socket);
        if (rooms.length)
            await ask(socket, "join", rooms);
        return socket;
    }

    /* Carries out an order of node_peer.mjs; its result. */
    order(name, order = {}, ms) {
        return within(new Promise((resolve) => this.control.emit(name, order, resolve)), `${name} at ${this.name}`, ms);
    }

    async good(name, order) {
        const { err, ...rest } = await this.order(name, order);
        assert.equal(err, null, `${name} at ${this.name}`);
        return Object.values(rest)[0];
    }

    /* Stands still, with all connections open. */
    freeze() {
        this.program.child.kill("SIGSTOP");
    }

    thaw() {
        this.program.child.kill("SIGCONT");
    }

    async stop() {
        this.thaw();
        this.control.disconnect();
        await this.program.stop();
    }
}
