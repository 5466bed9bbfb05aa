/* A Socket.IO server on Node in a cluster over Redis, for the tests to order about; examples/cluster.c is the same in C.
 *
 *     node_peer.mjs PORT REDIS_URL MODE [KEY [TIMEOUT_MS]]
 *
 * MODE: classic, classic-specific (publishOnSpecificResponseChannel), sharded-static, sharded-dynamic,
 * sharded-dynamic-private, streams, streams-recovery (with connection state recovery; no other mode has it). KEY: prefix of
 * the channels, and the name of the stream; "socket.io". TIMEOUT_MS: how long requests to other servers may take, 5000; the
 * sharded and streams adapters of Node know only 5000. PEER_REDIS=ioredis takes that client in place of `redis`.
 *
 * Namespaces for the tests' clients: "/", "/admin" and, when a client asks for them, all that begin with "/dyn-". A client's
 * auth.data becomes the socket's data. Events of a client, all with an acknowledgement:
 *
 *     join  [room...]                              leave  room
 *     data  value                                  replaces the socket's data
 *     tell  {rooms, except, flags, args}           from the socket: to all others (in the rooms), but for its own
 *     self  {args}                                 socket.emit
 *
 * Orders come to "/ctl", one object each, and are acknowledged when they are carried out. nsp is "/" when absent, rooms and
 * except may be absent, flags is {local, volatile, compress: false} or absent:
 *
 *     emit          {nsp, rooms, except, flags, args}            -> nothing
 *     gather        {nsp, rooms, except, flags, timeout, args}   -> {err, answers}        broadcast with acknowledgements
 *     call          {nsp, id, timeout, args}                     -> {err, answer}         of one socket, wherever it is
 *     fetch         {nsp, rooms, except, flags, timeout}         -> {err, sockets: [{id, rooms, data, handshake}]}
 *     join, leave   {nsp, rooms, except, flags, to: [room...]}   -> nothing
 *     kick          {nsp, rooms, except, flags, close}           -> nothing
 *     server-emit   {nsp, args}                                  -> nothing
 *     server-call   {nsp, args}                                  -> {err, answers}
 *     server-count  {nsp}                                        -> {err, count}
 *     rooms         {nsp}                                        -> {err, rooms}          of all servers; classic on Node only
 *
 * The timeout of fetch is for Node's sharded and streams adapters, which know no TIMEOUT_MS; others need not look at it.
 * err is null or a text; with one of the time-outs the answers that came are there. What other servers emit to this one:
 * "sse" (anything), "sse-ask" (is answered with {port, args}) and "sse-mute" (never answered). Each is told to the clients of
 * this server's "/ctl" as "heard" {nsp, args}, args with the event's name.
 */

import { once } from "node:events";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { Server } from "socket.io";

const [, , port, url, mode, key = "socket.io", timeout = "5000"] = process.argv;

const complain = (error) => console.error(`redis: ${error.code ?? ""} ${error.message}`);

const viaIoredis = process.env.PEER_REDIS === "ioredis";

/* ioredis connects by itself, and must not subscribe before it is ready. */
async function opened(client) {
    client.on("error", complain);
    if (!viaIoredis)
        await client.connect();
    else if (client.status !== "ready")
        await once(client, "ready");
    return client;
}

const first = await opened(viaIoredis ? new Redis(url, { retryStrategy: () => 50 })
    : createClient({ url, socket: { reconnectStrategy: 50 } }));
const clients = [first];
async function another() {
    clients.push(await opened(first.duplicate()));
    return clients.at(-1);
}

async function adapter() {
    const [kind, variant] = mode.split(/-(.*)/);
    if (kind === "classic") {
        return createAdapter(first, await another(),
            { key, requestsTimeout: Number(timeout), publishOnSpecificResponseChannel: variant === "specific" });
    }
    if (kind === "sharded")
        return createShardedAdapter(first, await another(), { channelPrefix: key, subscriptionMode: variant });
    return createStreamsAdapter(first, { streamName: key, channelPrefix: key });
}

const io = new Server({
    adapter: await adapter(),
    ...(mode === "streams-recovery" && { connectionStateRecovery: {} }),
});

/* ---- the tests' clients ------------------------------------------------------------------------------- */

function choose(operator, { rooms = [], except = [], flags = {} }) {
    if (rooms.length)
        operator = operator.to(rooms);
    if (except.length)
        operator = operator.except(except);
    if (flags.local)
        operator = operator.local;
    if (flags.volatile)
        operator = operator.volatile;
    if (flags.compress === false)
        operator = operator.compress(false);
    return operator;
}

function serve(socket) {
    socket.data = socket.recovered ? socket.data : socket.handshake.auth.data ?? {};
    socket.on("join", async (rooms, done) => { await socket.join(rooms); done(); });
    socket.on("leave", async (room, done) => { await socket.leave(room); done(); });
    socket.on("data", (value, done) => { socket.data = value; done(); });
    socket.on("tell", (order, done) => { choose(order.rooms?.length ? socket : socket.broadcast, order).emit(...order.args); done(); });
    socket.on("self", ({ args }, done) => { socket.emit(...args); done(); });
}

/* ---- orders ------------------------------------------------------------------------------------------- */

const named = (order) => io.of(order.nsp ?? "/");
const whom = (order) => choose(named(order), order);
const result = (work, name) => work.then((value) => ({ err: null, [name]: value }),
    (error) => ({ err: error.message || String(error), [name]: error.responses ?? [] }));

async function call({ id, nsp, timeout: ms, args }) {
    const [socket] = await io.of(nsp ?? "/").in(id).fetchSockets();
    if (!socket)
        return { err: "no such socket" };
    return new Promise((resolve) => socket.timeout(ms).emit(...args, (err, answer) =>
        resolve({ err: err && (err.message || String(err)), answer })));
}

const ORDERS = {
    emit: async (order) => { whom(order).emit(...order.args); },
    gather: (order) => result(whom(order).timeout(order.timeout).emitWithAck(...order.args), "answers"),
    call,
    fetch: (order) => result((order.timeout ? whom(order).timeout(order.timeout) : whom(order)).fetchSockets().then((sockets) =>
        sockets.map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms], data, handshake }))), "sockets"),
    join: async (order) => { whom(order).socketsJoin(order.to); },
    leave: async (order) => { whom(order).socketsLeave(order.to); },
    kick: async (order) => { whom(order).disconnectSockets(order.close); },
    "server-emit": async (order) => { named(order).serverSideEmit(...order.args); },
    "server-call": (order) => result(named(order).serverSideEmitWithAck(...order.args), "answers"),
    rooms: (order) => result(named(order).adapter.allRooms().then((rooms) => [...rooms]), "rooms"),
    "server-count": (order) => result(named(order).adapter.serverCount(), "count"),
};

io.of("/ctl").on("connection", (socket) => {
    for (const [name, carryOut] of Object.entries(ORDERS))
        socket.on(name, async (order, done) => done(await carryOut(order)));
});

function listen(nsp) {
    const heard = (...args) => io.of("/ctl").local.emit("heard", { nsp: nsp.name, args });
    nsp.on("connection", serve);
    nsp.on("sse", (...args) => heard("sse", ...args));
    nsp.on("sse-mute", (...args) => heard("sse-mute", ...args.slice(0, -1)));
    nsp.on("sse-ask", (...args) => {
        const done = args.pop();
        heard("sse-ask", ...args);
        done({ port: Number(port), args });
    });
}

io.on("new_namespace", (nsp) => {
    if (nsp.name.startsWith("/dyn-"))
        listen(nsp);
});
io.of(/^\/dyn-/);
listen(io.of("/"));
listen(io.of("/admin"));

process.once("SIGTERM", async () => {
    await io.close();
    for (const client of clients)
        viaIoredis ? client.disconnect() : client.destroy();
    process.exit(0);
});
io.listen(Number(port));
