// The extension's own pages: what axe finds, and that nothing hostile becomes markup.
import { test } from "./trial.mjs";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { startLab } from "./lab.mjs";
import { KINDS, launch } from "./browser.mjs";
import { everyState } from "./stage.mjs";

// Some texts name settings of Home Assistant, which look like keys.
const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const messages = Object.values(JSON.parse(read("../../extension/static/_locales/en/messages.json")));
const texts = messages.map(({ message }) => message).join("\n") + read("../../docs/codes.md");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

if (KINDS.includes("chromium"))
    test("every page in every state: axe finds nothing serious, nothing is markup, no text is missing, no error", async () => {
        const lab = await startLab();
        const own = await launch("chromium", lab, { hasWatch: true });
        const seen = [];
        try {
            await everyState(lab, own, async (name, page) => {
                seen.push(name);
                for (const scheme of ["light", "dark"]) {
                    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
                    // The page's policy forbids eval, so the checker comes by the driver.
                    const { violations } = await page.evaluate(`${axe}; axe.run()`);
                    const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
                    assert.deepEqual(serious.map(({ id, nodes }) => [name, scheme, id, nodes[0].html]), []);
                }
                // Its own signs are pictures; a name out of a certificate must never become one.
                assert.equal(await page.evaluate(() => document.querySelectorAll("main img:not([src*=\"icons/\"]), main script, main iframe").length), 0, name);
                // A key without a text is shown as itself.
                const words = await page.evaluate(() => document.body.innerText.match(/\b[a-z]+(_[a-z]+)+\b/g) ?? []);
                assert.deepEqual(words.filter((word) => !texts.includes(word)), [], name);
                // At 320 pixels nothing is cut off sideways.
                await page.setViewport({ width: 320, height: 600 });
                assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), `${name} is wider than 320 pixels`);
            });
            assert.ok(seen.length >= 15, seen.join());
        } finally {
            await own.close();
            lab.stop();
        }
    });
