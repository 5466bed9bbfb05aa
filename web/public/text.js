/* Small helpers: names, parties, times, elements. */

export const $ = (id) => document.getElementById(id);

export const ROOMS = ["Living room", "Kitchen", "Dance floor", "Rooftop"];

export const slug = (text) =>
    text.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "");

export function hash(text) {
    let h = 0;
    for (const c of text)
        h = (h * 31 + c.codePointAt(0)) >>> 0;
    return h;
}

/* n random letters and digits, without those that look alike. */
export function random(n) {
    const bytes = crypto.getRandomValues(new Uint8Array(n));
    return Array.from(bytes, (b) => "abcdefghijkmnpqrstuvwxyz23456789"[b % 32]).join("");
}

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
export const roomTitle = (id) => ROOMS.find((r) => slug(r) === id) || capital(id.replaceAll("-", " "));
export const hueOf = (id) => `hue-${hash(String(id)) % 8}`;

/* Two people may pick the same name; the random end of the id keeps them apart. */
export const newUser = (name) => ({ id: `${slug(name) || "guest"}-${random(5)}`, username: name });
export const nameFromId = (id) => capital(String(id).replace(/-[a-z0-9]{5}$/, "").replaceAll("-", " "));

export function initials(name) {
    const words = name.trim().split(/\s+/);
    const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
    return letters.map((w) => Array.from(w)[0] || "?").join("").toUpperCase();
}

export const timeOf = (at) => at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

export function dayOf(at) {
    if (!at)
        return null;
    const midnight = (d) => new Date(d).setHours(0, 0, 0, 0);
    const days = Math.round((midnight(Date.now()) - midnight(at)) / 86400000);
    if (days <= 0)
        return "Today";
    return days === 1 ? "Yesterday" : at.toLocaleDateString([], { day: "numeric", month: "long", year: "numeric" });
}

/* A new element; text never becomes markup. */
export function el(tag, className, text) {
    const node = document.createElement(tag);
    if (className)
        node.className = className;
    if (text !== undefined)
        node.textContent = text;
    return node;
}

/* The drawing of that name in index.html. */
export function icon(name) {
    const SVG = "http://www.w3.org/2000/svg";
    const node = document.createElementNS(SVG, "svg");
    const use = document.createElementNS(SVG, "use");
    use.setAttribute("href", `#${name}`);
    node.setAttribute("aria-hidden", "true");
    node.append(use);
    return node;
}

export const countText = (n) => (n > 99 ? "99+" : String(n));

/* "3 min ago" */
export function agoOf(at) {
    const minutes = Math.floor((Date.now() - at.getTime()) / 60000);
    if (!(minutes >= 1))
        return "just now";
    if (minutes < 60)
        return `${minutes} min ago`;
    return minutes < 1440 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} d ago`;
}
