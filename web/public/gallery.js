/* Pictures of the open party: a strip of what was shared, newest first, and one of them large. */

import { photoOf } from "./message.js";
import { ask, post } from "./net.js";
import { state } from "./state.js";
import { $, el, nameFromId, random } from "./text.js";
import { toast } from "./toast.js";

const SHOWN_MAX = 30;

let pictures = []; /* {path, by: name}, newest first */
let nodes = new Map(); /* path -> element: those that are there already stay */

export function resetGallery() {
    pictures = [];
    nodes = new Map();
    render();
}

/* A picture that was shared; one that is known already is passed over. */
export function addPicture(path, by) {
    if (!path || pictures.some((p) => p.path === path))
        return;
    pictures = [{ path, by }, ...pictures].slice(0, SHOWN_MAX);
    render();
}

export function dropPicture(path) {
    pictures = pictures.filter((p) => p.path !== path);
    render();
}

export function showPicture(path, by) {
    $("picture").src = path;
    $("picture-by").textContent = `Shared by ${by}`;
    $("viewer").showModal();
}

function thumb({ path, by }) {
    const button = el("button", "thumb");
    const img = el("img");
    img.alt = "";
    img.src = path;
    button.type = "button";
    button.setAttribute("aria-label", `Photo by ${by}`);
    button.append(img);
    button.addEventListener("click", () => showPicture(path, by));
    return button;
}

function render() {
    nodes = new Map(pictures.map((p) => [p.path, nodes.get(p.path) || thumb(p)]));
    $("strip").replaceChildren(...nodes.values());
    $("gallery").hidden = !pictures.length;
    $("gallery-count").textContent = pictures.length === 1 ? "1 photo" : `${pictures.length} photos`;
}

/* The service that stores pictures makes one and tells the party; the chat keeps it. */
async function share() {
    const roomId = state.room;
    $("share").disabled = true;
    try {
        const { url } = await post("/demo/media", { partyId: roomId });
        const mediaUrl = location.origin + url;
        await ask("chat:message", { roomId, content: "", type: "IMAGE", mediaUrl, clientId: random(20) });
    } catch (error) {
        toast(error.message);
    } finally {
        $("share").disabled = false;
    }
}

export function bindGalleryPage() {
    $("share").addEventListener("click", share);
    $("viewer").addEventListener("click", () => $("viewer").close());
}

export function bindGallery(socket) {
    socket.on("party:new_media", (m) => {
        if (m?.partyId === state.room && state.socket === socket)
            addPicture(photoOf(m.media?.url), m.media?.username || nameFromId(m.media?.userId));
    });
}
