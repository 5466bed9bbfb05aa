/* A Worker of Node in a process of its own, to be killed: bull_worker.mjs VERSION PORT QUEUE LOCK_MS. Says what it begins; ends
 * no job. */

import { createRequire } from "node:module";

const [, , version, port, queue, lock] = process.argv;
const { Worker } = createRequire(import.meta.url)(version);

new Worker(queue, (job) => new Promise(() => console.log(job.id)),
    { connection: { host: "127.0.0.1", port: Number(port) }, lockDuration: Number(lock), stalledInterval: 100, concurrency: 2 });
