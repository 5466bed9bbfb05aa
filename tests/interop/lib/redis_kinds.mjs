/* Redis in its other shapes, each of real servers: a cluster of three masters, a master and a replica under a sentinel, and TLS.
 * All have .url for REDIS_URL, ask(...command) on whoever has the key, and stop(). */

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { Redis } from "./redis.mjs";
import { freePort } from "./server.mjs";
import { until } from "./wait.mjs";

/* By a connection of its own, which a failover may not break; follows redirections. */
const cli = (redis, ...command) => JSON.parse(execFileSync("redis-cli",
    ["-c", "--json", "-p", String(redis.port), ...command.map(String)], { encoding: "utf8" }));

const MASTERS = 3;
const SLOTS = 16384;

export class RedisCluster {
    static async start() {
        const cluster = new RedisCluster();
        cluster.nodes = await Promise.all(Array.from({ length: MASTERS }, async () => {
            const bus = await freePort(); /* by itself it is the port and 10000, which need not be one */
            const node = await Redis.start("--cluster-enabled", "yes", "--cluster-port", String(bus), "--cluster-node-timeout", "3000");
            return Object.assign(node, { bus });
        }));
        const [first] = cluster.nodes;
        for (const [i, node] of cluster.nodes.entries()) {
            await node.ask("CLUSTER", "ADDSLOTSRANGE", Math.ceil(SLOTS * i / MASTERS), Math.ceil(SLOTS * (i + 1) / MASTERS) - 1);
            await node.ask("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
            node.id = await node.ask("CLUSTER", "MYID");
        }
        for (const node of cluster.nodes.slice(1))
            await node.ask("CLUSTER", "MEET", "127.0.0.1", first.port, first.bus);
        for (const node of cluster.nodes)
            await until(async () => {
                const info = await node.ask("CLUSTER", "INFO");
                return /cluster_state:ok/.test(info) && /cluster_size:3/.test(info);
            }, "the cluster");
        return cluster;
    }

    get url() {
        return `redis+cluster://127.0.0.1:${this.nodes[1].port}`;
    }

    /* Who serves the slot, as it says itself. */
    async owner(slot) {
        const ranges = await this.nodes[0].ask("CLUSTER", "SLOTS");
        const [, , [, , id]] = ranges.find(([from, to]) => slot >= from && slot <= to);
        return this.nodes.find((node) => node.id === id);
    }

    async ask(...command) {
        return cli(this.nodes[0], ...command);
    }

    /* Moves the key's slot, with all that is in it, to the next node, as redis-cli --cluster reshard does. */
    async move(key) {
        const slot = await this.nodes[0].ask("CLUSTER", "KEYSLOT", key);
        const from = await this.owner(slot), to = this.nodes[(this.nodes.indexOf(from) + 1) % MASTERS];
        await to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", from.id);
        await from.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id);
        for (let keys; (keys = await from.ask("CLUSTER", "GETKEYSINSLOT", slot, 100)).length;)
            await from.ask("MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "KEYS", ...keys);
        for (const node of [to, from, ...this.nodes])
            await node.ask("CLUSTER", "SETSLOT", slot, "NODE", to.id);
    }

    async stop() {
        for (const node of this.nodes)
            await node.stop();
    }
}

export class RedisSentinel {
    static async start() {
        const sentinel = new RedisSentinel();
        const master = await Redis.start(), replica = await Redis.start("--replicaof", "127.0.0.1", String(master.port), "--repl-diskless-sync-delay", "0");
        await until(() => cli(replica, "ROLE")[3] === "connected", "the replica");
        Object.assign(sentinel, { master, replica });
        const file = path.join(master.dir, "sentinel.conf");
        writeFileSync(file, `sentinel monitor main 127.0.0.1 ${master.port} 1\nsentinel down-after-milliseconds main 500\n`
            + "sentinel failover-timeout main 3000\n");
        sentinel.watcher = await Redis.sentinel(file);
        await until(async () => {
            const [state] = await sentinel.watcher.ask("SENTINEL", "MASTERS");
            return state[state.indexOf("num-slaves") + 1] === "1";
        }, "the sentinel to know the replica");
        return sentinel;
    }

    get url() {
        return `redis+sentinel://127.0.0.1:${this.watcher.port}/main`;
    }

    async ask(...command) {
        return cli(this.master, ...command);
    }

    /* kill -9 of the master; the replica takes its place. */
    async fail() {
        const gone = this.master;
        await gone.stop("SIGKILL");
        this.master = this.replica;
        await until(() => cli(this.master, "ROLE")[0] === "master", "the failover", 20000);
    }

    async stop() {
        await this.watcher.stop();
        await this.replica.stop();
        if (this.master !== this.replica)
            await this.master.stop();
    }
}
