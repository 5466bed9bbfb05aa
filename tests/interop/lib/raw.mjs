/* HTTP/1.1 and WebSocket by hand, byte for byte, for what no well-behaved client would send. */

import { randomBytes } from "node:crypto";
import net from "node:net";
import { DEADLINE_MS, within } from "./wait.mjs";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

export class Raw {
    static async open(port) {
        const raw = new Raw();
        raw.socket = net.connect({ port, host: "127.0.0.1" });
        raw.bytes = Buffer.alloc(0);
        raw.ended = false;
        raw.wake = () => {};
        raw.socket.on("data", (bytes) => { raw.bytes = Buffer.concat([raw.bytes, bytes]); raw.wake(); });
        for (const event of ["end", "close", "error"])
            raw.socket.on(event, () => { raw.ended = true; raw.wake(); });
        await within(new Promise((resolve, reject) => raw.socket.once("connect", resolve).once("error", reject)), "connect");
        raw.socket.setNoDelay(true);
        return raw;
    }

    send(data) {
        this.socket.write(data);
        return this;
    }

    destroy() {
        this.socket.destroy();
    }

    /* Runs `parse` on what has arrived until it gives a value, which says how many bytes it used. */
    async parsed(parse, what, ms = DEADLINE_MS) {
        return within((async () => {
            for (;;) {
                const value = parse(this.bytes);
                if (value) {
                    this.bytes = this.bytes.subarray(value.used);
                    return value;
                }
                if (this.ended)
                    throw new Error(`the connection ended before ${what}; had ${JSON.stringify(String(this.bytes))}`);
                await new Promise((resolve) => { this.wake = resolve; });
            }
        })(), what, ms);
    }

    /* The next response: {status, headers, lines, body}. `bodyless` for answers to HEAD. */
    response({ bodyless = false, ms } = {}) {
        return this.parsed((bytes) => parseResponse(bytes, bodyless || undefined), "a response", ms);
    }

    /* The next WebSocket frame: {opcode, payload, rsv}. */
    frame(ms) {
        return this.parsed(parseFrame, "a frame", ms);
    }

    /* The next text frame that is no heartbeat, as text. */
    async text() {
        for (;;) {
            const { opcode, payload } = await this.frame();
            if (opcode === 1 && String(payload) !== "2")
                return String(payload);
            if (opcode === 8)
                throw new Error(`closed with ${payload.toString("hex")} instead of a text`);
        }
    }

    /* Skips what is in between and gives the payload of the close frame, or null when TCP just ended. */
    async closed(ms = DEADLINE_MS) {
        try {
            for (;;) {
                const { opcode, payload } = await this.frame(ms);
                if (opcode === 8)
                    return payload;
            }
        } catch (error) {
            if (this.ended)
                return null;
            throw error;
        }
    }

    /* Waits for the end of the connection; what came before it stays in .bytes. */
    async end(ms) {
        await this.parsed(() => this.ended && { used: 0 }, "the end of the connection", ms);
    }
}

function dechunk(bytes) {
    const parts = [];
    for (let at = 0;;) {
        const line = bytes.indexOf("\r\n", at);
        if (line < 0)
            return null;
        const size = parseInt(bytes.toString("latin1", at, line), 16);
        if (bytes.length < line + 2 + size + 2)
            return null;
        parts.push(bytes.subarray(line + 2, line + 2 + size));
        at = line + 2 + size + 2;
        if (size === 0)
            return { body: Buffer.concat(parts), used: at };
    }
}

function parseResponse(bytes, bodyless) {
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0)
        return null;
    const [statusLine, ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
    const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(statusLine);
    const headers = Object.fromEntries(lines.map((l) => [l.split(":")[0].toLowerCase(), l.slice(l.indexOf(":") + 1).trim()]));
    const result = { status: Number(status), headers, lines, body: Buffer.alloc(0), used: end + 4 };
    if (bodyless || [101, 204, 304].includes(result.status))
        return result;
    if (headers["transfer-encoding"] === "chunked") {
        const chunked = dechunk(bytes.subarray(end + 4));
        return chunked && { ...result, body: chunked.body, used: end + 4 + chunked.used };
    }
    const length = Number(headers["content-length"] || 0);
    if (bytes.length < end + 4 + length)
        return null;
    return { ...result, body: bytes.subarray(end + 4, end + 4 + length), used: end + 4 + length };
}

function parseFrame(bytes) {
    if (bytes.length < 2)
        return null;
    const short = bytes[1] & 0x7f;
    const head = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < head)
        return null;
    const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (bytes.length < head + length)
        return null;
    return {
        opcode: bytes[0] & 15, fin: bytes[0] >> 7, rsv: (bytes[0] >> 4) & 7, masked: bytes[1] >> 7,
        payload: bytes.subarray(head, head + length), used: head + length,
    };
}

/* A frame as a client sends it. Options: opcode, fin, rsv, mask (false for the forbidden unmasked frame). */
export function frame(payload, { opcode = 1, fin = 1, rsv = 0, mask = true } = {}) {
    const data = Buffer.from(payload);
    const long = data.length > 65535 ? 8 : data.length > 125 ? 2 : 0;
    const head = Buffer.alloc(2 + long);
    head[0] = (fin << 7) | (rsv << 4) | opcode;
    head[1] = (mask ? 0x80 : 0) | (long === 8 ? 127 : long === 2 ? 126 : data.length);
    if (long === 2)
        head.writeUInt16BE(data.length, 2);
    if (long === 8)
        head.writeBigUInt64BE(BigInt(data.length), 2);
    if (!mask)
        return Buffer.concat([head, data]);
    const key = randomBytes(4);
    return Buffer.concat([head, key, Buffer.from(data.map((b, i) => b ^ key[i & 3]))]);
}

export function request(method, target, { headers = {}, body } = {}) {
    const all = { Host: "localhost", ...(body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) }), ...headers };
    const lines = Object.entries(all).filter(([, v]) => v !== null).map(([k, v]) => `${k}: ${v}\r\n`).join("");
    return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, "latin1"), Buffer.from(body ?? "")]);
}

/* One request on a connection of its own. */
export async function exchange(port, method, target, options = {}) {
    const raw = await Raw.open(port);
    try {
        raw.send(request(method, target, options));
        return await raw.response({ bodyless: method === "HEAD" });
    } finally {
        raw.destroy();
    }
}

export const UPGRADE = {
    Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY,
};
export const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; /* of KEY */

/* Asks for an upgrade: {raw, answer}. */
export async function upgrade(port, target, { method = "GET", headers = {} } = {}) {
    const raw = await Raw.open(port);
    raw.send(request(method, target, { headers: { ...UPGRADE, ...headers } }));
    return { raw, answer: await raw.response() };
}

/* A polling session of Engine.IO. `path` is "/socket.io/" or "/engine.io/". */
export class Polling {
    static async open(port, path = "/socket.io/") {
        const answer = await exchange(port, "GET", `${path}?EIO=4&transport=polling`);
        const polling = new Polling();
        polling.handshake = JSON.parse(String(answer.body).slice(1));
        Object.assign(polling, { port, path, sid: polling.handshake.sid, answer });
        polling.query = `${path}?EIO=4&transport=polling&sid=${polling.sid}`;
        return polling;
    }

    get(options) {
        return exchange(this.port, "GET", this.query, options);
    }

    post(body, options = {}) {
        return exchange(this.port, "POST", this.query, { ...options, body });
    }

    /* Sends a GET and leaves it pending: a Raw to ask for the response. */
    async poll() {
        const raw = await Raw.open(this.port);
        return raw.send(request("GET", this.query));
    }

    /* Polls until something other than a heartbeat arrives; the packets. */
    async packets() {
        for (;;) {
            const answer = await this.get();
            if (answer.status !== 200)
                throw new Error(`poll answered ${answer.status} ${answer.body}`);
            const list = String(answer.body).split("\x1e");
            if (list.includes("2"))
                await this.post("3");
            const rest = list.filter((p) => p !== "2");
            if (rest.length)
                return rest;
        }
    }
}

/* A WebSocket session of Engine.IO: a Raw behind its open packet. */
export async function webSocket(port, path = "/socket.io/") {
    const { raw, answer } = await upgrade(port, `${path}?EIO=4&transport=websocket`);
    if (answer.status !== 101)
        throw new Error(`upgrade answered ${answer.status} ${answer.body}`);
    raw.handshake = JSON.parse(String((await raw.frame()).payload).slice(1));
    return raw;
}
