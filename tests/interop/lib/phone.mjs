/* A client in a process of its own, which can stand still with its connection open, as a phone that went out of reach:
 * node phone.mjs URL TOKEN TRANSPORT prints "here" once it is connected. */

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { until } from "./wait.mjs";

const file = fileURLToPath(import.meta.url);
const running = new Set();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

export class Phone {
    static async start(url, token, transport = "websocket") {
        const phone = new Phone();
        let said = "";
        phone.child = spawn(process.execPath, [file, url, token, transport], { stdio: ["ignore", "pipe", "inherit"] });
        running.add(phone.child);
        phone.child.once("close", () => running.delete(phone.child));
        phone.child.stdout.on("data", (bytes) => { said += bytes; });
        await until(() => said.includes("here"), "the phone to be connected");
        return phone;
    }

    freeze() {
        this.child.kill("SIGSTOP");
    }

    thaw() {
        this.child.kill("SIGCONT");
    }

    stop() {
        this.child.kill("SIGKILL");
    }
}

if (process.argv[1] === file) {
    const [url, token, transport] = process.argv.slice(2);
    const socket = io(url, { auth: { token }, transports: [transport] });
    socket.on("connect", () => console.log("here"));
}
