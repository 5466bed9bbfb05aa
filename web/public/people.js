/* Who is around: everybody whom this page has heard of, with a dot that tells how they are. */

import { ask, post } from "./net.js";
import { state } from "./state.js";
import { $, agoOf, el, hueOf, icon, initials, nameFromId, roomTitle } from "./text.js";
import { toast } from "./toast.js";

const PEOPLE_MAX = 200;
const ORDER = ["online", "busy", "away", "offline"];

let names = () => ""; /* user id -> name */
const people = new Map(); /* user id -> {status, lastSeen} */

export function resetPeople() {
    people.clear();
    render();
}

function learn({ userId, status, lastSeen }) {
    if (!userId || !ORDER.includes(status))
        return;
    if (userId === state.me?.id) {
        $("my-status").value = status === "offline" ? "online" : status;
        return;
    }
    if (people.has(userId) || people.size < PEOPLE_MAX)
        people.set(userId, { status, lastSeen });
}

/* People turned up here: how are they? */
export async function meet(ids) {
    const fresh = Array.from(new Set(ids)).filter((id) => id && !people.has(id)).slice(0, PEOPLE_MAX);
    if (!fresh.length)
        return;
    const answer = await ask("presence:check", fresh);
    answer?.users.forEach(learn);
    render();
}

/* After a time without a connection nothing of what we know is sure. */
export async function meetAgain() {
    const answer = await ask("presence:check", [state.me.id, ...people.keys()]);
    answer?.users.forEach(learn);
    render();
}

async function wave(userId) {
    try {
        await post("/demo/notify", {
            userId, type: "PARTY_REMINDER", partyId: state.room,
            title: `${state.me.username} waves at you`, body: `Come over to ${roomTitle(state.room)}`,
        });
        toast(`You waved at ${names(userId)}`);
    } catch (error) {
        toast(error.message);
    }
}

function seenText({ status, lastSeen }) {
    return status === "offline" && lastSeen ? `left ${agoOf(new Date(lastSeen))}` : status;
}

function row([userId, how]) {
    const item = el("li", "person");
    const face = el("span", `avatar ${hueOf(userId)}`, initials(names(userId)));
    const text = el("span", "person-text");
    const button = el("button", "icon wave");
    face.dataset.status = how.status;
    face.setAttribute("aria-hidden", "true");
    text.append(el("span", "person-name", names(userId)), el("span", "person-how", seenText(how)));
    button.type = "button";
    button.title = `Wave at ${names(userId)}`;
    button.setAttribute("aria-label", button.title);
    button.append(icon("wave"));
    button.addEventListener("click", () => wave(userId));
    item.append(face, text, button);
    return item;
}

function render() {
    const rank = ([id, how]) => `${ORDER.indexOf(how.status)} ${names(id)}`;
    const list = Array.from(people).sort((a, b) => rank(a).localeCompare(rank(b)));
    const online = list.filter(([, how]) => how.status !== "offline").length;
    $("people-count").textContent = String(online);
    $("people-button").setAttribute("aria-label", `People, ${online} online`);
    $("people-list").replaceChildren(...list.map(row));
    $("people-none").hidden = list.length > 0;
}

/* nameOf: what users are called. */
export function bindPeoplePage(nameOf) {
    names = (id) => nameOf(id) || nameFromId(id);
    $("my-status").addEventListener("change", () => ask("presence:status", $("my-status").value));
    return render;
}

export function bindPeople(socket) {
    socket.on("presence:update", (m) => {
        if (state.socket !== socket)
            return;
        learn(m || {});
        render();
    });
}
