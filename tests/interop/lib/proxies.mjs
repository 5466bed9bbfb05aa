/* nginx, HAProxy and Caddy with the very files of deploy/: only addresses and ports are others. */

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Program, ROOT, freePort, tempDir } from "./server.mjs";
import { within } from "./wait.mjs";

/* Where nginx, when it is not root, may keep what it always makes at its start. */
const nginxPaths = (dir) => ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${dir}/${name};`).join(" ");

const KINDS = {
    nginx: {
        file: "nginx.conf",
        edit: (text, dir) => text.replace("http {", `http { ${nginxPaths(dir)}`).replace("worker_processes auto", "worker_processes 2"),
        command: (config, dir) => ["nginx", ["-p", dir, "-e", "stderr", "-c", config, "-g", `daemon off; pid ${dir}/pid;`]],
        version: ["-v"],
    },
    haproxy: { file: "haproxy.cfg", edit: (text) => text, command: (config) => ["haproxy", ["-db", "-f", config]], version: ["-v"] },
    caddy: {
        file: "Caddyfile",
        edit: (text) => text,
        command: (config) => ["caddy", ["run", "--adapter", "caddyfile", "--config", config]],
        version: ["version"],
    },
};

export function hasProxy(kind) {
    try {
        execFileSync(kind, KINDS[kind].version, { stdio: "ignore", env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
        return true;
    } catch {
        return false;
    }
}

/* ports: of three servers on 127.0.0.1. */
export async function startProxy(kind, ports) {
    const { file, edit, command } = KINDS[kind];
    const dir = tempDir(), port = await freePort(), config = path.join(dir, file);
    let text = edit(readFileSync(path.join(ROOT, "deploy", file), "utf8"), dir);

    ports.forEach((p, i) => { text = text.replaceAll(`node${i + 1}:3000`, `127.0.0.1:${p}`); });
    text = text.replaceAll(/(listen |bind :|^:)8080/gm, `$1${port}`);
    writeFileSync(config, text);
    const [program, args] = command(config, dir);
    const proxy = await Program.start(program, args, { CWD: dir, HOME: dir, PATH: `${process.env.PATH}:/usr/sbin` }, port);
    proxy.end = async () => {
        proxy.child.kill("SIGTERM");
        await within(proxy.exit, `${kind} to end`);
    };
    return proxy;
}
