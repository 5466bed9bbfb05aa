/* A line that comes and goes. */

import { $ } from "./text.js";

const SHOWN_MS = 4000;
let timer = 0;

export function toast(text) {
    $("toast").textContent = text;
    $("toast").hidden = false;
    clearTimeout(timer);
    timer = setTimeout(() => { $("toast").hidden = true; }, SHOWN_MS);
}
