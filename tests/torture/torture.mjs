#!/usr/bin/env node
/* The storm for as long as you like: torture.mjs [--seconds N] [--seed N] [--clients N] [--only sqlite|postgresql|cluster]
 *             [--transports polling,websocket,upgrade] [--adapter classic|sharded|streams], of the cluster
 *
 * On SQLite, and on PostgreSQL where PARTYLINE_TEST_PG says one is (make torture starts one when it is installed); there also on
 * a cluster, with Redis away for 20 s. Prints the seed first; exit code 1 when the checker found something. */

import { parseArgs } from "node:util";
import { hasRedis } from "../interop/lib/redis.mjs";
import { clusterStorm } from "./cluster.mjs";
import { postgresStore, sqliteStore, storm } from "./storm.mjs";

const AWAY_MS = Number(process.env.TORTURE_AWAY_MS || 20000), LEASE_MS = 5000;

const { values } = parseArgs({ options: {
    seconds: { type: "string", default: "60" }, seed: { type: "string" }, clients: { type: "string", default: "50" },
    only: { type: "string" }, adapter: { type: "string" }, transports: { type: "string", default: "polling,websocket,upgrade" },
} });
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const onPostgres = () => postgresStore(process.env.PARTYLINE_TEST_PG);
const storms = [["sqlite", (options) => storm({ ...options, store: sqliteStore() })]];
if (process.env.PARTYLINE_TEST_PG) {
    storms.push(["postgresql", (options) => storm({ ...options, store: onPostgres() })]);
    if (hasRedis())
        storms.push(["cluster", (options) => clusterStorm({ ...options, store: onPostgres(), away: AWAY_MS, lease: LEASE_MS,
            transports: values.transports.split(","), adapter: values.adapter })]);
}

let failed = 0;
for (const [name, run] of storms.filter(([n]) => !values.only || n === values.only)) {
    const start = Date.now();
    const say = (what) => console.log(`  ${((Date.now() - start) / 1000).toFixed(1)} s: ${what}`);
    console.log(`${name}: seed ${seed}, ${values.clients} clients, ${values.seconds} s`);
    try {
        console.log(`  ok:`, await run({ seed, clients: Number(values.clients), seconds: Number(values.seconds), say }));
    } catch (error) {
        console.log(`  FAILED (seed ${seed}): ${error.stack}`);
        failed = 1;
    }
}
process.exit(failed);
