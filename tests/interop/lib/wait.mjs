/* Waiting for events, never for time: everything has a deadline and says what it was waiting for. */

export const DEADLINE_MS = Number(process.env.INTEROP_DEADLINE_MS || 10000);

const TICK_MS = 50;
const SUITE_MS = 240000;

/* What a failed test left open must not keep its suite's process, and with it the whole run. */
if (process.env.NODE_TEST_CONTEXT)
    setTimeout(() => {
        console.error(`no end after ${SUITE_MS} ms: ${process.getActiveResourcesInfo()}`);
        process.exit(1);
    }, SUITE_MS).unref();

/* Calls `late` after ms in which this process could hear of events: while it waited for a program (execFileSync), or for a
 * processor, what it waits for may have come without anybody to look. Gives what stops it. */
function deadline(ms, late) {
    let left = ms;
    const wait = () => setTimeout(() => {
        left -= TICK_MS;
        if (left > 0)
            timer = wait();
        else
            late();
    }, Math.min(TICK_MS, left));
    let timer = wait();
    return () => clearTimeout(timer);
}

/* Resolves like `promise`, or rejects with `what` in the message after ms. */
export function within(promise, what, ms = DEADLINE_MS) {
    let stop;
    const late = new Promise((_, reject) => {
        stop = deadline(ms, () => reject(new Error(`timed out after ${ms} ms waiting for ${what}`)));
    });
    return Promise.race([promise, late]).finally(stop);
}

/* The next `event` of an emitter, with its arguments as an array. */
export function once(emitter, event, what = event, ms = DEADLINE_MS) {
    return within(new Promise((resolve) => emitter.once(event, (...args) => resolve(args))), what, ms);
}

/* Tries `fn` again until it gives something truthy: for what has no event of its own (a port that opens, a file). */
export async function until(fn, what, ms = DEADLINE_MS) {
    let late = false;
    const stop = deadline(ms, () => { late = true; });
    try {
        for (;;) {
            const value = await fn();
            if (value)
                return value;
            if (late)
                throw new Error(`timed out after ${ms} ms waiting for ${what}`);
            await new Promise((resolve) => setTimeout(resolve, 15));
        }
    } finally {
        stop();
    }
}

/* Remembers what arrived until somebody asks for it, so that nothing is missed between two awaits. */
export class Inbox {
    constructor(name) {
        this.name = name;
        this.items = []; /* [event, ...args] */
        this.waiters = [];
    }

    push(item) {
        const i = this.waiters.findIndex((w) => w.wants(item));
        if (i < 0)
            this.items.push(item);
        else
            this.waiters.splice(i, 1)[0].resolve(item);
    }

    /* Takes the first item of that event for which `match(...args)` holds; its first argument. */
    async next(event, match = () => true, ms = DEADLINE_MS) {
        const wants = ([name, ...args]) => name === event && match(...args);
        const i = this.items.findIndex(wants);
        if (i >= 0)
            return this.items.splice(i, 1)[0][1];
        const waiter = { wants };
        const arrival = new Promise((resolve) => { waiter.resolve = resolve; });
        this.waiters.push(waiter);
        try {
            return (await within(arrival, `"${event}" at ${this.name}`, ms))[1];
        } finally {
            this.waiters = this.waiters.filter((w) => w !== waiter);
        }
    }

    /* First arguments of what has arrived of that event and was not taken. */
    all(event) {
        return this.items.filter(([name]) => name === event).map(([, arg]) => arg);
    }

    /* Waits for n of that event and takes them. */
    async take(event, n, match) {
        const list = [];
        while (list.length < n)
            list.push(await this.next(event, match));
        return list;
    }
}
