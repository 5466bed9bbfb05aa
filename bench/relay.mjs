/* What a request costs that reaches the wrong server: bench/relay.mjs [BUILD]
 *
 * Two examples/nosticky of one loop each, and a Redis. Clients by hand send an event and fetch its acknowledgement, once all through
 * the server that has their session and once all through the other. The servers' CPU is their own count (/proc/PID/stat), so that this
 * program's slowness is not in it; the latency is that of one client alone. */

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const TOP = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const BUILD = path.resolve(process.argv[2] || path.join(TOP, "build"));
const WebSocket = createRequire(path.join(TOP, "tests/interop/x.js"))("ws");
const SECONDS = Number(process.env.SECONDS || 5), CLIENTS = 50, PAYLOAD = "x".repeat(100);
const TICKS = 100; /* a second, of /proc */

const children = [];
process.once("exit", () => children.forEach((c) => c.kill("SIGKILL")));

async function start(file, args, env, port) {
    const child = spawn(file, args, { env: { PATH: process.env.PATH, ...env }, stdio: "ignore" });

    children.push(child);
    for (let tries = 0; tries < 500; tries++) {
        const up = await new Promise((resolve) => {
            const s = net.connect(port, "127.0.0.1", () => { s.destroy(); resolve(true); });
            s.once("error", () => setTimeout(() => resolve(false), 20));
        });
        if (up)
            return { pid: child.pid, port };
    }
    throw new Error(`${file} does not listen on ${port}`);
}

async function freePort() {
    const s = net.createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => s.once("listening", resolve));
    const { port } = s.address();
    await new Promise((resolve) => s.close(resolve));
    return port;
}

const cpu = ({ pid }) => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ").slice(11, 13)
    .reduce((a, b) => a + Number(b), 0) / TICKS;

const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });

function request(port, sid, body) {
    return new Promise((resolve, reject) => {
        const r = http.request({
            port, host: "127.0.0.1", agent, method: body === undefined ? "GET" : "POST",
            path: `/socket.io/?EIO=4&transport=polling${sid ? `&sid=${sid}` : ""}`,
        }, (answer) => {
            let text = "";
            answer.setEncoding("utf8").on("data", (d) => { text += d; }).on("end", () => (answer.statusCode === 200 ? resolve(text)
                : reject(new Error(`${answer.statusCode} ${text}`))));
        });
        r.once("error", reject);
        r.end(body);
    });
}

/* A polling session at `home`; cycle() sends one event through `via` and fetches what is acknowledged. */
async function poller(home, via) {
    const { sid } = JSON.parse((await request(home.port)).slice(1));
    await request(home.port, sid, "40");
    await request(home.port, sid);
    return {
        async cycle() {
            const [got] = await Promise.all([request(via.port, sid), request(via.port, sid, `421["echo","${PAYLOAD}"]`)]);
            if (got === "2") /* a ping was due */
                return request(via.port, sid, "3").then(() => request(via.port, sid));
            return got;
        },
        end: () => request(via.port, sid, "1"),
    };
}

/* A session that went from polling to a WebSocket through `via`. */
async function socket(home, via) {
    const { sid } = JSON.parse((await request(home.port)).slice(1));
    await request(home.port, sid, "40");
    await request(home.port, sid);
    const ws = new WebSocket(`ws://127.0.0.1:${via.port}/socket.io/?EIO=4&transport=websocket&sid=${sid}`, { perMessageDeflate: false });
    let hear;
    const next = () => new Promise((resolve) => { hear = resolve; });
    ws.on("message", (data) => (String(data) === "2" ? ws.send("3") : hear(String(data))));
    await new Promise((resolve) => ws.once("open", resolve));
    const probed = next();
    ws.send("2probe");
    await probed;
    ws.send("5");
    return {
        cycle() {
            const got = next();
            ws.send(`421["echo","${PAYLOAD}"]`);
            return got;
        },
        end: () => ws.close(),
    };
}

async function turns(client, until, times) {
    let n = 0;
    while (performance.now() < until) {
        const from = performance.now();
        await client.cycle();
        times?.push(performance.now() - from);
        n++;
    }
    return n;
}

async function measure(make, home, via, servers) {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => make(home, via)));
    const before = servers.map(cpu), from = performance.now();
    const done = (await Promise.all(clients.map((c) => turns(c, from + SECONDS * 1000)))).reduce((a, b) => a + b, 0);
    const used = servers.map((s, i) => ((cpu(s) - before[i]) * 1e6) / done), seconds = (performance.now() - from) / 1000, times = [];

    await turns(clients[0], performance.now() + 2000, times);
    clients.forEach((c) => c.end());
    times.sort((a, b) => a - b);
    return { rate: done / seconds, used, p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)] };
}

/* The other finds the owner as soon as that one's lease is in Redis. */
async function untilFound(home, other) {
    for (;;) {
        try {
            await (await poller(home, other)).cycle();
            return;
        } catch {
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    }
}

const redisPort = await freePort();
await start("redis-server", ["--port", String(redisPort), "--save", "", "--bind", "127.0.0.1"], {}, redisPort);
const env = { REDIS_URL: `redis://127.0.0.1:${redisPort}`, CLUSTER_SECRET: "bench", CLUSTER_HOST: "127.0.0.1", LOOPS: "1" };
const nodes = [];
for (let i = 0; i < 2; i++) {
    const port = await freePort();
    nodes.push(await start(path.join(BUILD, "examples/nosticky"), [], { ...env, PORT: String(port) }, port));
}
const [home, other] = nodes;
await untilFound(home, other);
console.log("| | a second | owner, µs CPU | other, µs CPU | p50 ms | p99 ms |\n|---|---|---|---|---|---|");
for (const [name, make] of [["event and acknowledgement by polling (POST + GET)", poller], ["the same over WebSocket", socket]])
    for (const [how, via] of [["direct", home], ["relayed", other]]) {
        const r = await measure(make, home, via, nodes);
        console.log(`| ${name}, ${how} | ${r.rate.toFixed(0)} | ${r.used[0].toFixed(1)} | ${r.used[1].toFixed(1)} | ${r.p50.toFixed(3)} | ${r.p99.toFixed(3)} |`);
    }
process.exit(0);
