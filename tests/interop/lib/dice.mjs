/* Random numbers that can be had again: SEED in the environment, or a new one, which the test prints. */

export function dice(t, seed = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 31))) {
    t.diagnostic(`SEED=${seed}`);
    let state = seed >>> 0;
    const next = () => {
        state = (state + 0x9e3779b9) >>> 0;
        let z = state;
        z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
        z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
        return (z ^ (z >>> 16)) >>> 0;
    };
    return {
        below: (n) => next() % n,
        pick: (list) => list[next() % list.length],
    };
}
