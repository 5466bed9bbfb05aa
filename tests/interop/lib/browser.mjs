/* Tabs of headless Chromium, each with a profile of its own. Whatever a page complains about, or asks of another host, is
 * kept for the test to fail on. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { DEADLINE_MS } from "./wait.mjs";

export const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
export const DESKTOP = { width: 1180, height: 760 };
export const PHONE = { width: 390, height: 780 };

const ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export class Browser {
    static async launch() {
        const browser = new Browser();
        browser.chromium = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
        return browser;
    }

    contexts = [];
    complaints = [];

    /* A tab on that server (which need not be open yet). Options: those of a context. When `noisy`, errors in
     * its console are expected. */
    async tab(url, options = {}, { noisy = false } = {}) {
        const context = await this.chromium.newContext({ viewport: DESKTOP, ...options });
        this.contexts.push(context);
        const page = await context.newPage();
        page.setDefaultTimeout(DEADLINE_MS);
        page.on("console", (m) => m.type() === "error" && !noisy && this.complaints.push(m.text()));
        page.on("pageerror", (error) => this.complaints.push(error.message));
        page.on("dialog", (dialog) => { this.complaints.push("a dialog"); dialog.dismiss(); });
        page.on("request", (r) => r.url().startsWith(url) || this.complaints.push(`a request to ${r.url()}`));
        return page;
    }

    /* After each test. */
    async closeTabs() {
        await Promise.all(this.contexts.map((c) => c.close()));
        this.contexts = [];
        const found = this.complaints;
        this.complaints = [];
        assert.deepEqual(found, [], "errors in the console");
    }

    close() {
        return this.chromium.close();
    }
}
