/* The demo page as a small Party Gallery, in headless Chromium: what two people see of each other beside the talk itself. */

import assert from "node:assert/strict";
import path from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { Browser, CHROMIUM, DESKTOP, PHONE } from "./lib/browser.mjs";
import { unique } from "./lib/chat.mjs";
import { partyline, tempDir } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

describe("demo gallery", { skip: !CHROMIUM && "chromium is not installed" }, () => {
    const shots = process.env.SCREENSHOTS || tempDir();
    let server;
    let browser;

    before(async () => {
        server = await partyline({ env: { PRESENCE_GRACE: "200" } });
        browser = await Browser.launch();
    });
    after(async () => {
        await browser?.close();
        await server?.stop();
    });
    afterEach(() => browser.closeTabs());

    async function enter(name, room, options) {
        const page = await browser.tab(server.url, options);
        await page.goto(server.url);
        await page.fill("#name", name);
        await page.fill("#own-room", room);
        await page.click("#enter");
        await online(page);
        return page;
    }

    const online = (page) => page.waitForSelector('#state[data-state="online"]');
    const row = (page, text) => page.locator(".msg:not(.pending)", { has: page.locator(".body", { hasText: text }) });
    const shot = (page, name) => page.screenshot({ path: path.join(shots, `${name}.png`) });
    const shows = (page, selector, text) => page.locator(selector, { hasText: text }).waitFor();
    const person = (page, name) => page.locator(".person", { has: page.locator(".person-name", { hasText: name }) });
    const open = (page, name) => page.locator(".room", { hasText: name }).click();

    /* The element is there but not shown. */
    const hidden = (page, selector) => page.waitForSelector(selector, { state: "hidden" });

    async function say(page, text) {
        await page.fill("#text", text);
        await page.press("#text", "Enter");
        await row(page, text).waitFor();
    }

    /* A button of a message's tools. */
    async function act(page, text, label) {
        await row(page, text).locator(".bubble").click();
        await row(page, text).getByRole("button", { name: label, exact: true }).click();
    }

    async function fits(page, width) {
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${wide} > ${width}`);
        const text = await page.locator("#text").boundingBox();
        assert.ok(text.height > 40, `the composer is ${text.height} high`);
        for (const selector of ["#text", "#send-button", "#share", "#bell", "#people-button", "#state", "#leave"]) {
            const box = await page.locator(selector).boundingBox();
            assert.ok(box && box.x >= 0 && box.x + box.width <= width, `${selector} ${JSON.stringify(box)}`);
        }
    }

    test("viewers are counted, a status reaches all who watch, and a reload keeps it", async () => {
        const room = unique("party");
        const alice = await enter("Alice", room);
        await shows(alice, "#viewers", "1 watching");
        await shows(alice, "#party-status", "Live");
        const bob = await enter("Bob", room, { viewport: PHONE });
        await shows(alice, "#viewers", "2 watching");
        await shows(bob, "#viewers", "2 watching");

        await bob.click("#people-button");
        await bob.click("#party-turn");
        await shows(alice, "#party-status", "Ended");
        await shows(alice, "#toast", "The party is ended");
        await alice.reload();
        await shows(alice, "#party-status", "Ended");
        await shows(alice, "#viewers", "2 watching");
        await bob.click("#party-turn");
        await shows(alice, "#party-status", "Live");

        await bob.click("#leave");
        await shows(alice, "#viewers", "1 watching");
        await open(alice, "Kitchen");
        await shows(alice, "#viewers", "1 watching");
    });

    test("reactions come and go by tapping, and are there after a reload", async () => {
        const room = unique("party");
        const [alice, bob] = [await enter("Alice", room), await enter("Bob", room)];
        await say(alice, "who likes cake");
        await row(bob, "who likes cake").waitFor();
        await act(bob, "who likes cake", "React with 🎉");
        const chip = (page) => row(page, "who likes cake").locator(".chip");
        assert.equal(await chip(alice).getAttribute("aria-pressed"), "false");
        assert.equal(await chip(alice).textContent(), "🎉1");
        await chip(alice).click();
        await chip(bob).locator(".chip-count", { hasText: "2" }).waitFor();
        await chip(alice).and(alice.locator('[aria-pressed="true"]')).waitFor();

        await alice.reload();
        await chip(alice).and(alice.locator('[aria-pressed="true"]')).waitFor();
        assert.equal(await chip(alice).textContent(), "🎉2");
        await chip(alice).click();
        await chip(bob).locator(".chip-count", { hasText: "1" }).waitFor();
        await chip(bob).click();
        await chip(alice).waitFor({ state: "detached" });
    });

    test("replies, edits and deletions reach the other, and stay", async () => {
        const room = unique("party");
        const [alice, bob] = [await enter("Alice", room), await enter("Bob", room)];
        await say(alice, "bring ice");
        await row(bob, "bring ice").waitFor();
        assert.equal(await row(bob, "bring ice").getByRole("button", { name: "Edit" }).count(), 0);
        await act(bob, "bring ice", "Reply");
        await shows(bob, "#mode-what", "Replying to Alice");
        await say(bob, "will do");
        await hidden(bob, "#mode");
        await row(alice, "will do").locator(".quote-text", { hasText: "bring ice" }).waitFor();

        await act(alice, "bring ice", "Edit");
        assert.equal(await alice.inputValue("#text"), "bring ice");
        await alice.fill("#text", "bring lemons");
        await alice.press("#text", "Enter");
        await row(bob, "bring lemons").locator(".when", { hasText: "edited" }).waitFor();
        await act(alice, "bring lemons", "Delete");
        await row(bob, "Message deleted").waitFor();
        await bob.reload();
        await row(bob, "will do").waitFor();
        assert.deepEqual(await bob.locator(".msg .body").allTextContents(), ["Message deleted", "will do"]);
    });

    test("unread messages of another party are counted, and read by opening it", async () => {
        const room = unique("party");
        const [alice, bob] = [await enter("Alice", room), await enter("Bob", room)];
        await say(alice, "first");
        await row(bob, "first").waitFor();
        const badge = bob.locator(".rooms .room").last().locator(".badge");
        await open(bob, "Rooftop");
        await shows(alice, ".notice", "Bob left");
        await say(alice, "second");
        await say(alice, "third");
        await badge.filter({ hasText: /^2$/ }).waitFor();
        await shot(bob, "unread");
        await bob.reload();
        await badge.filter({ hasText: /^2$/ }).waitFor();

        await bob.locator(".rooms .room").last().click();
        await row(bob, "third").waitFor();
        await badge.waitFor({ state: "detached" });
        const cursor = () => bob.evaluate(async () => (await import("/net.js")).ask("chat:unread"));
        await until(async () => (await cursor()).rooms.every((r) => r.unread === 0), "the cursor to move");
        await open(bob, "Rooftop");
        await shows(bob, "#room-name", "Rooftop");
        await say(alice, "fourth");
        await badge.filter({ hasText: /^1$/ }).waitFor();
    });

    test("a shared photo shows up in the gallery and the chat, opens, and goes with its message", async () => {
        const room = unique("party");
        const [alice, bob] = [await enter("Alice", room), await enter("Bob", room, { viewport: PHONE })];
        await hidden(alice, "#gallery");
        await bob.click("#share");
        await alice.waitForSelector(".thumb");
        const photo = alice.locator(".msg .photo img");
        await photo.waitFor();
        await until(() => photo.evaluate((img) => img.complete && img.naturalWidth > 0), "the picture to be there");
        await shows(alice, "#gallery-count", "1 photo");
        await alice.click("#share");
        await shows(bob, "#gallery-count", "2 photos");

        await alice.locator(".thumb").last().click();
        await alice.waitForSelector("#viewer[open]");
        assert.equal(await alice.textContent("#picture-by"), "Shared by Bob");
        await until(() => alice.evaluate(() => document.getElementById("picture").naturalWidth > 0), "the large picture");
        await shot(alice, "viewer");
        await alice.keyboard.press("Escape");
        await alice.waitForSelector("#viewer:not([open])", { state: "attached" });

        await bob.reload();
        await shows(bob, "#gallery-count", "2 photos");
        await bob.locator(".msg.mine .more").click();
        await bob.getByRole("button", { name: "Delete" }).click();
        await shows(alice, "#gallery-count", "1 photo");
        assert.equal(await alice.locator(".msg .photo").count(), 1);
    });

    test("people have dots, choose how they are shown, and wave: the bell counts, leads there and clears", async () => {
        const room = unique("party");
        const alice = await enter("Alice", room);
        const bob = await enter("Bob", room);
        await shows(alice, ".notice", "Bob joined");
        await alice.click("#people-button");
        await person(alice, "Bob").locator('[data-status="online"]').waitFor();
        await bob.click("#people-button");
        await bob.selectOption("#my-status", "busy");
        await person(alice, "Bob").locator('[data-status="busy"]').waitFor();
        await shot(alice, "people");

        await bob.keyboard.press("Escape");
        await open(bob, "Kitchen");
        await shows(bob, "#room-name", "Kitchen");
        await person(alice, "Bob").getByRole("button", { name: "Wave at Bob" }).click();
        await shows(bob, "#bell-count", /^1$/);
        await shows(bob, "#toast", "Alice waves at you");
        await person(alice, "Bob").getByRole("button", { name: "Wave at Bob" }).click();
        await shows(bob, "#bell-count", /^2$/);
        await bob.reload();
        await shows(bob, "#bell-count", /^2$/);
        await shows(bob, "#room-name", "Kitchen");

        await bob.click("#bell");
        assert.equal(await bob.locator(".note.unread").count(), 2);
        await shot(bob, "bell");
        await bob.locator(".note").first().click();
        await shows(bob, "#bell-count", /^1$/);
        await shows(alice, ".notice", "Bob joined");
        await bob.click("#bell");
        await bob.click("#bell-clear");
        await hidden(bob, "#bell-count");
        assert.equal(await bob.locator(".note.unread").count(), 0);
        await bob.reload();
        await bob.click("#bell");
        await bob.locator(".note").nth(1).waitFor();
        await hidden(bob, "#bell-count");

        await bob.click("#leave");
        await person(alice, "Bob").locator('[data-status="offline"]').waitFor();
    });

    test("two devices of one user are in step: what one reads the other knows", async () => {
        const room = unique("party");
        const alice = await enter("Alice", room);
        const bob = await enter("Bob", room);
        const session = await bob.evaluate(() => sessionStorage.getItem("partyline.session"));
        const phone = await browser.tab(server.url, { viewport: PHONE });
        await phone.addInitScript((s) => sessionStorage.setItem("partyline.session", s), session);
        await phone.goto(server.url);
        await online(phone);
        await shows(alice, "#viewers", "2 watching");
        await alice.click("#people-button");
        await person(alice, "Bob").getByRole("button", { name: "Wave at Bob" }).click();
        await shows(bob, "#bell-count", /^1$/);
        await shows(phone, "#bell-count", /^1$/);
        await phone.click("#bell");
        await phone.click("#bell-clear");
        await hidden(bob, "#bell-count");
    });

    test("everything is in reach on a phone, by light and dark", async () => {
        const room = unique("a-party-with-quite-a-long-name");
        const names = [["dark-phone", { viewport: PHONE, colorScheme: "dark" }], ["desktop", { viewport: DESKTOP }],
            ["small-phone", { viewport: { width: 320, height: 640 } }], ["dark-desktop", { viewport: DESKTOP, colorScheme: "dark" }]];
        const pages = [];
        for (const [name, options] of names)
            pages.push([name, options, await enter(`Guest ${pages.length + 1} of the evening`, room, options)]);
        const [a, b] = [pages[0][2], pages[1][2]];
        await say(a, "Good evening everybody, the lights are up and the music is on!");
        await b.click("#share");
        await b.locator(".msg .photo").waitFor();
        await row(b, "Good evening").waitFor();
        await act(b, "Good evening", "React with ❤️");
        await act(b, "Good evening", "Reply");
        await say(b, "On my way, with cake");
        await a.click("#share");
        await row(b, "On my way").waitFor();
        await say(b, "Save me a dance");
        await row(b, "Save me").locator(".bubble").click();
        for (const [name, options, page] of pages) {
            await row(page, "Save me a dance").waitFor();
            await shows(page, "#gallery-count", "2 photos");
            await shows(page, "#viewers", "4 watching");
            await fits(page, options.viewport.width);
            const end = () => page.evaluate(() => {
                const s = document.getElementById("scroller");
                return s.scrollHeight - s.scrollTop - s.clientHeight;
            });
            await until(async () => await end() <= 1, "the end of the chat to be on the screen");
            await shot(page, `gallery-${name}`);
            for (const [button, panel] of [["#people-button", "#people"], ["#bell", "#notes"]]) {
                await page.click(button);
                const box = await page.locator(panel).boundingBox();
                assert.ok(box.x >= 0 && box.x + box.width <= options.viewport.width, `${panel} ${JSON.stringify(box)}`);
                await shot(page, `gallery-${name}-${panel.slice(1)}`);
            }
            await page.keyboard.press("Escape");
            await hidden(page, "#notes");
        }
    });
});
