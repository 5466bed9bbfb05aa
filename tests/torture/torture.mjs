#!/usr/bin/env node
/* The storm for as long as you like: torture.mjs [--seconds N] [--seed N] [--clients N] [--only sqlite|postgresql]
 *
 * On SQLite, and on PostgreSQL where PARTYLINE_TEST_PG says one is (make torture starts one when it is installed). Prints the
 * seed first; exit code 1 when the checker found something. */

import { parseArgs } from "node:util";
import { postgresStore, sqliteStore, storm } from "./storm.mjs";

const { values } = parseArgs({ options: {
    seconds: { type: "string", default: "60" }, seed: { type: "string" }, clients: { type: "string", default: "50" },
    only: { type: "string" },
} });
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const stores = [["sqlite", sqliteStore]];
if (process.env.PARTYLINE_TEST_PG)
    stores.push(["postgresql", () => postgresStore(process.env.PARTYLINE_TEST_PG)]);

let failed = 0;
for (const [name, make] of stores.filter(([n]) => !values.only || n === values.only)) {
    const start = Date.now();
    const say = (what) => console.log(`  ${((Date.now() - start) / 1000).toFixed(1)} s: ${what}`);
    console.log(`${name}: seed ${seed}, ${values.clients} clients, ${values.seconds} s`);
    try {
        console.log(`  ok:`, await storm({ seed, store: make(), clients: Number(values.clients), seconds: Number(values.seconds), say }));
    } catch (error) {
        console.log(`  FAILED (seed ${seed}): ${error.stack}`);
        failed = 1;
    }
}
process.exit(failed);
