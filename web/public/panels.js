/* What hangs below the buttons at the top: one panel at a time. */

import { $ } from "./text.js";

const panels = new Map(); /* id of the panel -> {button, onOpen} */

function show(id, open) {
    const { button, onOpen } = panels.get(id);
    $(id).hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (open)
        onOpen?.();
}

export function closePanels() {
    for (const id of panels.keys())
        show(id, false);
}

/* The button opens and closes the panel; the panel closes by Escape and by a click elsewhere. */
export function addPanel(id, button, onOpen) {
    panels.set(id, { button, onOpen });
    button.addEventListener("click", (event) => {
        const open = $(id).hidden;
        event.stopPropagation();
        closePanels();
        show(id, open);
    });
    $(id).addEventListener("click", (event) => event.stopPropagation());
}

export function bindPanels() {
    document.addEventListener("click", closePanels);
    document.addEventListener("keydown", (event) => {
        const open = Array.from(panels.keys()).find((id) => !$(id).hidden);
        if (event.key !== "Escape" || !open)
            return;
        closePanels();
        panels.get(open).button.focus();
    });
}
