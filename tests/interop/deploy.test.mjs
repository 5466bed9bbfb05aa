/* The files of deploy/ against the program: the settings they name exist, and their times fit its own. That balancers take
 * their files, and serve with them, is in balancer.test.mjs. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { before, describe, test } from "node:test";
import { ROOT, SECRET, run } from "./lib/server.mjs";

const text = (file) => readFileSync(path.join(ROOT, "deploy", file), "utf8");

/* The first group of each match; there must be one at least. */
function all(file, pattern) {
    const found = [...text(file).matchAll(pattern)].map((match) => match[1]);
    assert.ok(found.length, `${pattern} in deploy/${file}`);
    return found;
}

describe("deploy/", () => {
    const settings = new Map();
    const ms = (name) => Number(settings.get(name));

    before(async () => {
        const { code, out, err } = await run(["config"], { JWT_SECRET: SECRET });
        assert.equal(code, 0, err);
        for (const line of out.trim().split("\n")) {
            const [name, value] = line.split(/\s+/);
            settings.set(name, value);
        }
    });

    test("every setting in it is one", () => {
        const node = /^x-node:[^]*?^services:/m.exec(text("compose.yaml"))[0];
        const names = [...[...node.matchAll(/^ {4}([A-Z][A-Z_]+):/gm)].map(([, name]) => name),
            ...all("partyline.service", /^Environment=PARTYLINE_([A-Z_]+)=/gm)];
        assert.ok(names.includes("REDIS_URL") && names.includes("JWT_SECRET_FILE"), names);
        for (const name of names) /* each secret may be in a file, too */
            assert.ok(settings.has(name.replace(/_FILE$/, "")) || settings.has(name), `${name} is no setting`);
    });

    test("what compose.yaml asks for is in env.example", () => {
        const given = all("env.example", /^([A-Z_]+)=/gm);
        for (const name of [...all("compose.yaml", /\$\{([A-Z_]+):[?-]/g), ...all("compose.yaml", /\{environment: ([A-Z_]+)\}/g)])
            assert.ok(given.includes(name), `${name} is not in env.example`);
    });

    test("no balancer closes a silent connection before its last ping could be answered", () => {
        const silent = (ms("PING_INTERVAL") + ms("PING_TIMEOUT")) / 1000;
        const times = [...all("nginx.conf", /proxy_(?:read|send)_timeout (\d+)s/g), ...all("haproxy.cfg", /timeout (?:client|server|tunnel)\s+(\d+)s/g),
            ...all("Caddyfile", /(?:read|write)_timeout (\d+)s/g)];
        assert.equal(times.length, 7);
        for (const seconds of times)
            assert.ok(Number(seconds) > silent, `${seconds} s, but a ping may take ${silent} s`);
    });

    test("who stops a server waits until it has moved its clients off", () => {
        const grace = ms("SHUTDOWN_GRACE") / 1000 + 1;
        for (const seconds of [...all("partyline.service", /^TimeoutStopSec=(\d+)$/gm), ...all("compose.yaml", /stop_grace_period: (\d+)s/g)])
            assert.ok(Number(seconds) > grace, `${seconds} s, but stopping may take ${grace} s`);
    });
});
