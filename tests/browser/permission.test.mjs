// The extension as it is shipped: no host permission at first, and the browser's own prompt, answered by keyboard in a window.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { startLab } from "./lab.mjs";
import { KINDS, launch, sleep, until } from "./browser.mjs";
import { press, startScreen } from "./machine.mjs";

describe("the permission prompt, in a window", () => {
    let screen;
    before(async () => (screen = await startScreen()));
    after(() => screen.stop());

    for (const kind of KINDS) {
        test(`${kind}: nothing is granted at first; the address is guarded once the user allows it`, async () => {
            const lab = await startLab();
            let own;
            try {
                own = await launch(kind, lab, { isStock: true, isVisible: true });
                const page = await own.page(`setup.html#${lab.address}`);
                const granted = () => page.evaluate(() => chrome.permissions.getAll());
                assert.deepEqual((await granted()).origins, []);
                assert.equal((await own.status()).light, "not-guarded");
                const button = await until(() => page.$("main button"));
                // Firefox 159's driver refuses that for a page of an extension, which was opened last and is in front.
                await page.bringToFront().catch(() => {});
                await button.click();
                await sleep(1500);
                assert.deepEqual((await granted()).origins, [], "nothing before the answer");
                // Nothing tells when the prompt is up, so the keys are pressed until they met it. Firefox: the prompt's button has a key of its own, which goes by
                // way of the page. Chromium: the first button is Deny, the second Allow; the page does nothing with these keys.
                if (kind === "chromium") await page.evaluate(() => addEventListener("keydown", (event) => event.preventDefault(), true));
                const answer = async () => {
                    // Keys that met the prompt as it came up may have said no: then it is asked for once more.
                    if (await page.evaluate(() => document.querySelector("main [aria-invalid]"))) await button.click();
                    press(...(kind === "firefox" ? ["alt+a"] : ["Tab", "Return"]));
                    return until(async () => (await granted()).origins.length > 0, { within: 5000 });
                };
                await until(answer, { why: "the permission" }).catch((error) => {
                    if (process.env.DOORLIGHT_PICTURES) execFileSync("import", ["-window", "root", `${process.env.DOORLIGHT_PICTURES}/prompt-${kind}.png`]);
                    throw error;
                });
                const schemes = kind === "chromium" ? ["*", "ws", "wss"] : ["*"];
                assert.deepEqual((await granted()).origins.sort(), schemes.map((scheme) => `${scheme}://${lab.host}/*`));
                await until(async () => (await own.status()).is_guarded, { why: "guarded" });
            } finally {
                await own?.close();
                lab.stop();
            }
        });
    }
});
