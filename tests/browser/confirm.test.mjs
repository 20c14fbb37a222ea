// What decides which key is the home's: "It is mine" cannot be pressed by accident, and a file of pins is shown before it counts.
import { test } from "./trial.mjs";
import assert from "node:assert/strict";
import { startLab } from "./lab.mjs";
import { KINDS, go, isAtGate, launch, sleep, until, where } from "./browser.mjs";

const ACCEPT = "It is mine: accept";

for (const kind of KINDS) {
    test(`${kind}: the button that accepts a key takes no double click that began elsewhere, and none in its first second`, async () => {
        const lab = await startLab();
        const own = await launch(kind, lab);
        try {
            assert.equal((await own.guard({ pins: null })).light, "attention");
            const page = await own.browser.newPage();
            await go(page, `${lab.home}/frame`);
            await until(() => isAtGate(page));
            // Pressed as soon as it is there, as by the second half of a slow double click.
            const press = (detail) =>
                page.evaluate(
                    (name, detail) => {
                        const found = [...document.querySelectorAll("button")].find(({ textContent }) => textContent === name);
                        if (globalThis.isOld) return false;
                        found?.dispatchEvent(new MouseEvent("click", { bubbles: true, detail }));
                        return Boolean(found);
                    },
                    ACCEPT,
                    detail,
                );
            // The page itself loads again: Firefox's driver does not notice when a page of the extension has loaded.
            await page.evaluate(() => {
                globalThis.isOld = true;
                setTimeout(() => location.reload());
            });
            await until(() => press(1), { every: 10, why: "the button" });
            assert.deepEqual((await own.status()).record.pins, [], "in its first second");
            await sleep(1200);
            assert.ok(await press(2));
            await sleep(500);
            assert.deepEqual((await own.status()).record.pins, [], "the second click of a double click");
            assert.ok(await press(1));
            await until(async () => (await own.status()).light === "trusted", { why: "accepted" });
            await until(async () => (await where(page)) === `${lab.home}/frame`, { why: "going on" });
        } finally {
            await own.close();
            lab.stop();
        }
    });

    test(`${kind}: a file of pins is shown before it counts`, async () => {
        const lab = await startLab();
        const own = await launch(kind, lab);
        try {
            await own.guard({ pins: null });
            const before = await own.ask({ ask: "export-pins" });
            const shown = await own.ask({ ask: "preview-pins", json: lab.pins });
            const [site] = shown.sites;
            assert.deepEqual([site.address, site.is_new, site.known_keys], [lab.address, false, 0]);
            assert.equal(site.new_keys.length, JSON.parse(lab.pins).sites[0].pins.length);
            const stranger = JSON.stringify({ schema: 1, kind: "doorlight-pins", sites: [{ address: "other.test", key_habit: "keeps", pins: [] }] });
            assert.deepEqual((await own.ask({ ask: "preview-pins", json: stranger })).sites[0].is_new, true);
            assert.equal((await own.ask({ ask: "preview-pins", json: "{" })).trouble.code, "pins-malformed");

            // The page: a file is chosen, what it changes is shown, and only then it counts.
            const page = await own.page("options.html");
            const choose = () =>
                page.evaluate((json) => {
                    const input = document.querySelector("#file ~ * input[type=file], section[aria-labelledby=file] input[type=file]");
                    const files = new DataTransfer();
                    files.items.add(new File([json], "pins.json", { type: "application/json" }));
                    input.files = files.files;
                    input.dispatchEvent(new Event("change", { bubbles: true }));
                    return true;
                }, lab.pins);
            const click = (name) =>
                page.evaluate((name) => [...document.querySelectorAll("button")].find(({ textContent }) => textContent === name)?.click() === undefined, name);
            const has = (name) => page.evaluate((name) => [...document.querySelectorAll("button")].some(({ textContent }) => textContent === name), name);
            await until(choose, { why: "the file" });
            await until(() => has("Import these pins"), { why: "the preview" });
            const text = await page.evaluate(() => document.body.innerText);
            assert.ok(text.includes(site.new_keys[0]) && text.includes(lab.address));
            assert.deepEqual(await own.ask({ ask: "export-pins" }), before, "nothing has changed yet");
            await click("Cancel");
            await until(async () => !(await has("Import these pins")));
            assert.deepEqual(await own.ask({ ask: "export-pins" }), before, "nor after Cancel");
            await choose();
            await until(() => has("Import these pins"));
            await sleep(1200);
            await click("Import these pins");
            await until(async () => (await own.status()).record?.pins.length > 0, { why: "imported" });
        } finally {
            await own.close();
            lab.stop();
        }
    });
}
