/* A cluster of Node's socket.io and ours over sharded pub/sub (Redis 7), in all three ways to subscribe. What is tested for
 * every adapter is in lib/mixed.mjs. */

import { after, before, describe, test } from "node:test";
import { unique } from "./lib/chat.mjs";
import { ask } from "./lib/client.mjs";
import {
    Redis, SKIP, acknowledgements, broadcasts, closeAll, frozen, garbage, killed, redisAway, servers, sockets, withCluster,
} from "./lib/mixed.mjs";

describe("sharded adapter", { skip: SKIP }, () => {
    let redis;
    before(async () => { redis = await Redis.start(); });
    after(async () => { closeAll(); await redis?.stop(); });

    for (const mode of ["sharded-dynamic", "sharded-dynamic-private", "sharded-static"]) {
        withCluster(mode, mode, () => redis, (c) => {
            broadcasts(c);
            acknowledgements(c);
            sockets(c);
            servers(c);
            if (mode !== "sharded-static")
                channels(c);
            if (mode === "sharded-dynamic") {
                frozen(c);
                killed(c);
                redisAway(c);
            }
        });
    }
    withCluster("garbage", "sharded-dynamic", () => redis, (c) => garbage(c, { channels: (key) => [`${key}#/#`] }), ["c", "c"]);
});

/* A room's channel is subscribed to while the room has members, and no longer. */
function channels(c) {
    test("who leaves a room unsubscribes from its channel", async () => {
        const room = unique("room");
        const [a, b, d] = await c.crowd({ rooms: [room] });
        await ask(a, "leave", room);
        await c.subscribed(room, "/", 2);
        b.disconnect();
        await c.subscribed(room, "/", 1);
        await c.peers[0].order("leave", { rooms: [d.id], to: [room] });
        await c.subscribed(room, "/", 0);
    });
}
