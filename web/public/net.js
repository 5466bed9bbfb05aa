/* Asking the server, by event or by HTTP. */

import { state } from "./state.js";

export const ACK_MS = 8000;

/* The acknowledgement of an event, or null when it was refused (event `error` says why), lost, or we are offline. */
export function ask(event, ...args) {
    const { socket } = state;
    if (!socket?.connected)
        return Promise.resolve(null);
    return new Promise((resolve) => {
        socket.timeout(ACK_MS).emit(event, ...args,
            (error, answer) => resolve(!error && answer?.ok && state.socket === socket ? answer : null));
    });
}

/* What a service beside the chat would do, by a route of the demo. The answer, or an Error for people. */
export async function post(path, body) {
    const response = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${state.token}` },
        body: JSON.stringify(body),
    }).catch(() => { throw new Error("The server cannot be reached."); });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok)
        throw new Error(`That did not work (${answer.error || response.status}).`);
    return answer;
}

export async function fetchToken(user) {
    const response = await fetch("/demo/token", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ id: user.id, username: user.username }),
    });
    if (response.status === 404)
        throw new Error("This server does not run in demo mode, so it hands out no names here.");
    if (!response.ok)
        throw new Error(`The server refused that name (${response.status}).`);
    return (await response.json()).token;
}
