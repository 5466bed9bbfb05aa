/* The demo page in headless Chromium: two tabs, two people. */

import assert from "node:assert/strict";
import path from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { Browser, CHROMIUM, DESKTOP, PHONE } from "./lib/browser.mjs";
import { unique } from "./lib/chat.mjs";
import { partyline, tempDir } from "./lib/server.mjs";

describe("demo page", { skip: !CHROMIUM && "chromium is not installed" }, () => {
    const shots = process.env.SCREENSHOTS || tempDir();
    let server;
    let browser;

    before(async () => {
        server = await partyline({ env: { WS_DEFLATE: "true" } });
        browser = await Browser.launch();
    });
    after(async () => {
        await browser?.close();
        await server?.stop();
    });
    afterEach(() => browser.closeTabs());

    const tab = (viewport = DESKTOP) => browser.tab(server.url, { viewport });

    async function enter(page, name, room) {
        await page.goto(server.url);
        await page.fill("#name", name);
        await page.fill("#own-room", room);
        await page.click("#enter");
        await online(page);
    }

    const online = (page) => page.waitForSelector('#state[data-state="online"]');
    const message = (page, text) => page.locator(".msg:not(.pending) .body", { hasText: text });
    const shot = (page, name) => page.screenshot({ path: path.join(shots, `${name}.png`) });

    async function say(page, text) {
        await page.fill("#text", text);
        await page.press("#text", "Enter");
        await message(page, text).waitFor();
    }

    async function texts(page) {
        return page.locator(".msg .body").allTextContents();
    }

    test("two tabs talk; a reload brings back user, room and history", async () => {
        const room = unique("room");
        const [alice, bob] = [await tab(), await tab(PHONE)];
        await bob.goto(server.url);
        await shot(bob, "door");
        await enter(alice, "Alice", room);
        await enter(bob, "Bob", room);
        await alice.locator(".notice", { hasText: "Bob joined" }).waitFor();

        await say(alice, "hello bob");
        await message(bob, "hello bob").waitFor();
        assert.equal(await bob.locator(".who").first().textContent(), "Alice");
        await say(bob, "hello alice");
        await message(alice, "hello alice").waitFor();

        await bob.locator("#text").pressSequentially("typing something");
        await alice.locator("#typing", { hasText: "Bob is typing" }).waitFor();
        await bob.fill("#text", "");
        await alice.locator("#typing", { hasText: "Bob is typing" }).waitFor({ state: "detached" });
        await shot(alice, "chat-desktop");
        await shot(bob, "chat-phone");

        await alice.reload();
        await online(alice);
        await message(alice, "hello alice").waitFor();
        assert.equal(await alice.textContent("#me-name"), "Alice");
        assert.deepEqual(await texts(alice), ["hello bob", "hello alice"]);
        assert.equal(await alice.locator(".msg.mine .body").textContent(), "hello bob");
        await say(alice, "back again");
        await message(bob, "back again").waitFor();
    });

    test("markup in messages, names and rooms stays text", async () => {
        const evil = "<img src=x onerror=alert(1)><script>alert(2)</script>";
        const [alice, bob] = [await tab(), await tab()];
        const room = unique("room");
        await enter(alice, "Alice", room);
        await enter(bob, "<b>Bob</b>", room);
        await say(bob, evil);
        await message(alice, evil).waitFor();
        assert.equal(await alice.locator(".log img, .log script, .log b").count(), 0);
        assert.equal(await alice.locator(".who").first().textContent(), "<b>Bob</b>");
    });

    test("rooms are apart, and switching shows the other history", async () => {
        const [alice, bob] = [await tab(), await tab()];
        const room = unique("room");
        await enter(alice, "Alice", room);
        await say(alice, "only here");
        await enter(bob, "Bob", room);
        await message(bob, "only here").waitFor();
        await bob.locator(".room", { hasText: "Kitchen" }).click();
        await bob.locator("#room-name", { hasText: "Kitchen" }).waitFor();
        await alice.locator(".notice", { hasText: "Bob left" }).waitFor();
        const word = unique("in the kitchen");
        await say(bob, word);
        assert.equal((await texts(bob)).includes("only here"), false);
        await bob.locator(".rooms .room").last().click();
        await message(bob, "only here").waitFor();
        assert.equal((await texts(alice)).includes(word), false);
    });

    test("nothing overflows a phone", async () => {
        const page = await tab({ width: 320, height: 640 });
        await enter(page, "Bartholomew Maximilian the Third", unique("a-room-with-quite-a-long-name"));
        await say(page, "w".repeat(400));
        await say(page, Array(60).fill("many words").join(" "));
        const [page_, view] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
        assert.ok(page_ <= view, `${page_} > ${view}`);
        for (const selector of ["#text", "#send-button", "#state", "#leave"]) {
            const box = await page.locator(selector).boundingBox();
            assert.ok(box.x >= 0 && box.x + box.width <= 320 && box.y + box.height <= 640, `${selector} ${JSON.stringify(box)}`);
        }
        const bubbles = await page.locator(".bubble").evaluateAll((all) => all.map((b) => b.getBoundingClientRect().right));
        assert.ok(bubbles.every((right) => right <= 320), String(bubbles));
        await shot(page, "narrow");
    });

    test("the browser and the server agree on compression, and long messages pass", async () => {
        const long = "compressed both ways ".repeat(180).trim();
        const [alice, bob] = [await tab(), await tab()];
        const room = unique("room");
        await enter(alice, "Alice", room);
        await enter(bob, "Bob", room);
        const agreed = await alice.evaluate(() => new Promise((resolve, reject) => {
            const ws = new WebSocket(`${location.origin.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
            ws.onerror = reject;
            ws.onopen = () => { resolve(ws.extensions); ws.close(); };
        }));
        assert.equal(agreed, "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
        await say(alice, long);
        await message(bob, long).waitFor();
        assert.deepEqual(await texts(bob), [long]);
    });

    test("leaving gives the name back", async () => {
        const page = await tab();
        await enter(page, "Alice", unique("room"));
        await page.click("#leave");
        await page.waitForSelector("#door:not([hidden])");
        await page.reload();
        await page.waitForSelector("#door:not([hidden])");
    });

    test("a server that comes back finds the page waiting", async () => {
        const mine = await partyline({ env: { JWT_SECRET: "" } });
        const page = await browser.tab(mine.url, {}, { noisy: true });
        await page.goto(mine.url);
        await page.fill("#name", "Alice");
        await page.fill("#own-room", "comeback");
        await page.click("#enter");
        await online(page);
        await say(page, "before");
        await mine.crash();
        await page.waitForSelector('#state[data-state="offline"]');
        await shot(page, "offline");
        const again = await partyline({ db: mine.db, port: mine.port, env: { JWT_SECRET: "" } });
        await online(page);
        await say(page, "after");
        assert.deepEqual(await texts(page), ["before", "after"]);
        await page.context().close();
        await again.stop();
    });
});
