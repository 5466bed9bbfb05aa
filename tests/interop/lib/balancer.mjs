/* A load balancer without any stickiness: each TCP connection goes to the next server that accepts it. */

import net from "node:net";
import { once } from "./wait.mjs";

export class Balancer {
    /* ports: of the servers, on 127.0.0.1; may be changed at any time. */
    static async start(ports) {
        const balancer = new Balancer();
        Object.assign(balancer, { ports, turn: 0, open: new Set() });
        balancer.server = net.createServer((client) => balancer.accept(client));
        balancer.server.listen(0, "127.0.0.1");
        await once(balancer.server, "listening");
        balancer.port = balancer.server.address().port;
        balancer.url = `http://127.0.0.1:${balancer.port}`;
        return balancer;
    }

    accept(client) {
        this.open.add(client);
        client.setNoDelay();
        client.on("error", () => {});
        client.on("close", () => this.open.delete(client));
        this.pass(client, this.ports.length);
    }

    /* Tries the servers in turn; a client nobody takes is closed. */
    pass(client, tries) {
        if (client.destroyed)
            return;
        if (tries === 0) {
            client.destroy();
            return;
        }
        const server = net.connect(this.ports[this.turn++ % this.ports.length], "127.0.0.1");
        const next = () => this.pass(client, tries - 1);
        server.once("error", next);
        server.once("connect", () => {
            server.off("error", next);
            server.on("error", () => client.destroy());
            server.setNoDelay();
            client.pipe(server).pipe(client);
            client.on("close", () => server.destroy());
            server.on("close", () => client.destroy());
        });
    }

    stop() {
        this.server.close();
        for (const client of this.open)
            client.destroy();
    }
}
