/* The storm of tests/torture, short: 50 clients that repeat themselves and lose their connections, kill -9 in between, and
 * on PostgreSQL connections that are cut; then the same on a cluster. `make torture` runs it longer. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { clusterStorm } from "../torture/cluster.mjs";
import { postgresStore, sqliteStore, storm } from "../torture/storm.mjs";
import { hasRedis } from "./lib/redis.mjs";
import { ROOT, tempDir } from "./lib/server.mjs";

const PG = path.join(ROOT, "tests/postgres/pg");
const seed = Number(process.env.TORTURE_SEED || Math.floor(Math.random() * 1e9));

const hasPostgres = () => {
    try {
        return readdirSync("/usr/lib/postgresql").length > 0;
    } catch {
        return false;
    }
};

async function briefly(store) {
    const result = await storm({ seed, store, seconds: 4 });
    assert.ok(result.misfortunes > 0 && result.acknowledged > 200, JSON.stringify(result));
}

describe(`a storm with misfortunes, seed ${seed}`, () => {
    test("on SQLite", () => briefly(sqliteStore()));

    describe("on PostgreSQL", { skip: !hasPostgres() && "not installed" }, () => {
        const dir = tempDir();
        before(() => {
            chmodSync(dir, 0o711);
            execFileSync(PG, ["start", dir], { stdio: "ignore" });
        });
        after(() => execFileSync(PG, ["stop", dir, "immediate"], { stdio: "ignore" }));
        test("and its connections cut", () => briefly(postgresStore(dir)));
        test("three nodes, and Redis gone for a while", { skip: !hasRedis() && "redis-server is not installed" }, async (t) => {
            const result = await clusterStorm({ seed, store: postgresStore(dir), seconds: 1, say: (what) => t.diagnostic(what) });
            assert.ok(result.misfortunes >= 5 && result.acknowledged > 200, JSON.stringify(result));
        });
    });
});
