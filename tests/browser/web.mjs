// The web page in real browsers: a new profile each, no extension, and everything noted that must not happen.
import puppeteer from "puppeteer-core";
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeFolder, running } from "./machine.mjs";
import { PATHS, until } from "./browser.mjs";

/** Runs in the page before anything else: notes what the policy refused, what was saved and said, and how long it took to get ready. */
function note() {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile, sample }) =>
        violations.push([violatedDirective, blockedURI, sourceFile, sample].join(" ")),
    );
    globalThis.heard = [];
    new MutationObserver(() => {
        const said = document.querySelector("#said")?.textContent;
        if (said && said !== heard.at(-1)) heard.push(said);
    }).observe(document, { subtree: true, childList: true, characterData: true });
    globalThis.saved = [];
    const create = URL.createObjectURL.bind(URL);
    URL.createObjectURL = (blob) => {
        blob.text().then((text) => saved.push(text));
        return create(blob);
    };
}

/** A browser with a profile of its own, which goes with it. */
export async function openBrowser(kind) {
    const folder = mkdtempSync(join(tmpdir(), `doorlight-www-${kind}-`));
    const executablePath = PATHS[kind].find(existsSync);
    const common = { executablePath, headless: true, userDataDir: join(folder, "profile"), defaultViewport: null };
    const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
    running.add(folder);
    const browser = await (kind === "chromium"
        ? puppeteer.launch({ ...common, pipe: true, args })
        : puppeteer.launch({ ...common, browser: "firefox", extraPrefsFirefox: { "privacy.reduceTimerPrecision": false } }));
    return {
        browser,
        folder,
        async close() {
            await browser.close().catch(() => {});
            running.delete(folder);
            removeFolder(folder);
        },
    };
}

/** A tab with the page in it, and what people do there. */
export async function openPage(own, url, { waits = true } = {}) {
    const tab = await own.browser.newPage();
    const errors = [];
    // Firefox reports what a server does not allow the page to read as an error of the page; it is told to the reader.
    tab.on("pageerror", (error) => String(error).includes("Cross-Origin Request Blocked") || errors.push(String(error)));
    await tab.evaluateOnNewDocument(note);
    await tab.goto(url);
    const it = {
        tab,
        errors,
        ready: () => until(() => tab.evaluate(() => performance.getEntriesByName("doorlight-ready").length > 0), { why: "the page" }),
        text: (selector) => tab.evaluate((selector) => document.querySelector(selector)?.innerText ?? "", selector),
        count: (selector) => tab.evaluate((selector) => document.querySelectorAll(selector).length, selector),
        click: (selector) => tab.evaluate((selector) => document.querySelector(selector).click(), selector),
        /** Clicks the button of this name. */
        press: (name, within = "body") =>
            tab.evaluate(
                (name, within) => {
                    const found = [...document.querySelector(within).querySelectorAll("button")].find((one) => one.textContent === name);
                    if (!found) throw new Error(`no button ${name}`);
                    found.click();
                },
                name,
                within,
            ),
        fill: (selector, value) =>
            tab.evaluate(
                (selector, value) => {
                    const field = document.querySelector(selector);
                    field.value = value;
                    field.dispatchEvent(new Event("change", { bubbles: true }));
                },
                selector,
                value,
            ),
        /** Types into the text field and presses the button; waits until something came of it. */
        async give(text) {
            await it.clear();
            await it.fill("#given", text);
            await it.press("Check");
            await it.settled();
        },
        async clear() {
            await it.press("Clear");
            await until(() => tab.evaluate(() => !document.querySelector("#result").childElementCount && !document.querySelector("#given-complaint").textContent));
        },
        settled: () =>
            until(() => tab.evaluate(() => document.querySelector("#result").childElementCount > 0 || document.querySelector("#given-complaint").textContent), {
                why: "a result",
            }),
        /** Drops a file on the page. */
        async drop(bytes, name = "chain.der") {
            await it.clear();
            await tab.evaluate(
                (base64, name) => {
                    const data = new DataTransfer();
                    data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
                    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
                },
                Buffer.from(bytes).toString("base64"),
                name,
            );
            await it.settled();
        },
        /** Chooses a file with the file chooser that `selector` finds. */
        async choose(bytes, name, selector) {
            const path = join(own.folder, name);
            writeFileSync(path, bytes);
            const input = await tab.$(selector);
            await input.uploadFile(path);
        },
        complaint: () => it.text("#given-complaint"),
        light: () => tab.evaluate(() => document.querySelector("#result .head")?.className.replace("head ", "") ?? ""),
        /** Does it, and waits until the page has said something that starts so: good news goes by itself after a while, and may be gone before anybody looks. */
        async hears(start, act) {
            await tab.evaluate(() => void (heard.length = 0));
            await act();
            await until(() => tab.evaluate((start) => heard.some((said) => said.startsWith(start)), start), { why: start }).catch(async (error) => {
                throw new Error(`${error.message}: ${JSON.stringify(await tab.evaluate(() => heard))} / ${await it.complaint()}`, { cause: error });
            });
        },
        /** The last file that was saved, after a press on the button of this name. */
        async save(name) {
            const before = await tab.evaluate(() => saved.length);
            await it.press(name);
            return until(() => tab.evaluate((before) => saved[before], before), { why: name });
        },
        async judgeAs({ host, at }) {
            if (host !== undefined) await it.fill("#host", host);
            if (at !== undefined) await it.fill("#time", at);
            await tab.evaluate(() => document.querySelector("#result").setAttribute("data-old", ""));
            const old = await tab.evaluate(() => (globalThis.old = document.querySelector("#result .head")) && true);
            await it.press("Judge again");
            if (old) await until(() => tab.evaluate(() => !old.isConnected), { why: "another judgement" });
        },
        report: async () => JSON.parse(await it.save("Save the report")),
        /** What must hold after everything: nothing was refused by the policy, nothing became markup, nothing broke. */
        async assertHarmless(name = "") {
            assert.deepEqual(await tab.evaluate(() => violations), [], name);
            assert.deepEqual(errors, [], name);
            assert.equal(await it.count("main script, main iframe, main object, main style, main b, main form, main img:not(.sign)"), 0, name);
            assert.equal(await tab.evaluate(() => [...document.querySelectorAll("main svg")].some((svg) => !svg.classList.contains("doorlight-timeline"))), false, name);
            assert.notEqual(await tab.title(), "owned", name);
            const hidden = await tab.evaluate(() => /[\u0000-\u0008\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/.test(document.querySelector("#result").textContent));
            assert.equal(hidden, false, `${name}: characters that do not show`);
            // A key without a text is shown as itself.
            assert.deepEqual(await tab.evaluate(() => document.body.innerText.match(/\b(www|light|danger|attention|published|watch|why)(_[a-z0-9]+)+\b/g)), null, name);
        },
    };
    if (waits) await it.ready();
    return it;
}
