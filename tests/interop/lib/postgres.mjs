/* A PostgreSQL of its own for a test file, started and stopped by tests/postgres/pg. */

import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import path from "node:path";
import { ROOT, freePort, tempDir } from "./server.mjs";

const PG = path.join(ROOT, "tests/postgres/pg");
export const PASSWORD = "secret"; /* of tests/postgres/pg */

let databases = 0;

export class Postgres {
    static async start() {
        const pg = new Postgres();
        pg.top = tempDir();
        chmodSync(pg.top, 0o711); /* the server runs as another user when we are root */
        pg.dir = path.join(pg.top, "pg");
        pg.port = await freePort();
        pg.resume();
        process.once("exit", () => pg.stop("immediate"));
        return pg;
    }

    control(...args) {
        execFileSync(PG, args, { stdio: ["ignore", "ignore", "inherit"] });
    }

    resume() {
        this.control("start", this.dir, String(this.port));
        this.runs = true;
    }

    /* mode: "fast", or "immediate" as after a crash. */
    stop(mode = "fast") {
        if (this.runs)
            this.control("stop", this.dir, mode);
        this.runs = false;
    }

    /* What psql says to some SQL, or to the SQL in `file`: rows as lines, columns between |. */
    sql(database, text, file) {
        const what = file ? ["-f", file] : ["-c", text];
        return execFileSync("psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", this.dir, "-p", String(this.port),
            "-U", "party", "-d", database, ...what], { encoding: "utf8" }).trim();
    }

    /* A new database; with `prisma` one that has Party Gallery's tables. Gives its name. */
    database({ prisma = false } = {}) {
        const name = `db${++databases}`;
        this.sql("party", `CREATE DATABASE ${name}`);
        if (prisma)
            this.sql(name, "", path.join(ROOT, "tests/postgres/prisma.sql"));
        return name;
    }

    /* By TCP and with the password, as in production. */
    url(database) {
        return `postgres://party:${PASSWORD}@127.0.0.1:${this.port}/${database}?schema=public&connection_limit=5`;
    }
}
