/* The door: a name, a party. */

import { $, ROOMS, el, newUser, slug } from "./text.js";

function roomFromHash() {
    try {
        return slug(decodeURIComponent(location.hash.slice(1)));
    } catch {
        return ""; /* a broken percent sequence */
    }
}

function buildPick(title, checked, i) {
    const label = el("label", `pick dot-${i}`);
    const radio = el("input");
    radio.type = "radio";
    radio.name = "room";
    radio.value = slug(title);
    radio.checked = checked;
    label.append(radio, el("span", "", title));
    return label;
}

/* Naming a room unchecks the ready-made ones; clearing the name goes back to the first. */
function onOwnRoom() {
    const own = $("own-room").value !== "";
    const radios = Array.from($("picks").querySelectorAll("input"));
    for (const radio of radios)
        radio.checked = radio.checked && !own;
    if (!own && !radios.some((r) => r.checked))
        radios[0].checked = true;
}

/* enter(user, room id): somebody comes in. */
export function buildDoor(enter) {
    const wanted = roomFromHash();
    const known = ROOMS.some((r) => slug(r) === wanted);
    $("own-room").value = known ? "" : wanted;
    $("picks").append(...ROOMS.map((title, i) => buildPick(title, known ? slug(title) === wanted : !wanted && i === 0, i)));
    $("picks").addEventListener("change", () => { $("own-room").value = ""; });
    $("own-room").addEventListener("input", onOwnRoom);
    $("signin").addEventListener("submit", (event) => {
        event.preventDefault();
        const name = $("name").value.trim();
        const room = slug($("own-room").value) || $("picks").querySelector("input:checked")?.value || slug(ROOMS[0]);
        if (name)
            enter(newUser(name), room);
    });
}

export function showDoor(error) {
    $("chat").hidden = true;
    $("door").hidden = false;
    $("enter").disabled = false;
    $("door-error").hidden = !error;
    $("door-error").textContent = error || "";
    document.title = "Partyline";
    $("name").focus();
}
