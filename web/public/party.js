/* The open party: is it live, and how many watch. */

import { ask, post } from "./net.js";
import { meet } from "./people.js";
import { state } from "./state.js";
import { $ } from "./text.js";
import { toast } from "./toast.js";

const STATUS = { LIVE: "Live", PLANNED: "Soon", ENDED: "Ended", CANCELLED: "Cancelled" };

function showStatus(status) {
    $("party-status").hidden = !STATUS[status];
    $("party-status").textContent = STATUS[status] || "";
    $("party-status").dataset.status = status || "";
    $("party-turn").hidden = !STATUS[status];
    $("party-turn").textContent = status === "LIVE" ? "End this party" : "Start the party again";
}

function showViewers(n) {
    $("viewers").hidden = n === undefined;
    $("viewers").textContent = n === undefined ? "" : `${n} watching`;
}

/* Nothing is known of the party that is opened now. */
export function resetParty() {
    showStatus(null);
    showViewers();
}

export async function watchParty() {
    const partyId = state.room;
    const answer = await ask("party:join_live", { partyId });
    if (!answer || partyId !== state.room)
        return;
    showStatus(answer.status);
    showViewers(answer.viewerCount);
}

export function leaveParty(partyId) {
    if (state.socket?.connected)
        state.socket.emit("party:leave_live", { partyId });
}

async function turn() {
    const status = $("party-status").dataset.status === "LIVE" ? "ENDED" : "LIVE";
    try {
        await post("/demo/status", { partyId: state.room, status });
    } catch (error) {
        toast(error.message);
    }
}

export function bindPartyPage() {
    $("party-turn").addEventListener("click", turn);
}

export function bindParty(socket) {
    const here = (fn) => (m) => {
        if (m?.partyId === state.room && state.socket === socket)
            fn(m);
    };
    const viewers = ({ viewerCount }) => showViewers(viewerCount);
    socket.on("party:viewer_joined", here((m) => { viewers(m); meet([m.userId]); }));
    socket.on("party:viewer_left", here(viewers));
    socket.on("party:viewer_count", here(viewers));
    socket.on("party:status_changed", here(({ status }) => {
        showStatus(status);
        toast(status === "LIVE" ? "The party is live" : `The party is ${STATUS[status]?.toLowerCase() ?? status}`);
    }));
}
