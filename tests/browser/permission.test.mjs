// The extension as it is shipped: no host permission at first, and the browser's own prompt, answered by keyboard in a window.
import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { startLab } from "./lab.mjs";
import { KINDS, launch, sleep, until } from "./browser.mjs";

const DISPLAY = ":93";
const press = (...keys) => execFileSync("xdotool", ["key", "--delay", "120", ...keys], { env: { ...process.env, DISPLAY } });

describe("the permission prompt, in a window", () => {
    let screen;
    before(async () => {
        screen = spawn("Xvfb", [DISPLAY, "-screen", "0", "1280x900x24"], { stdio: "ignore" });
        await sleep(1000);
        process.env.DISPLAY = DISPLAY;
    });
    after(() => {
        delete process.env.DISPLAY;
        screen.kill();
    });

    for (const kind of KINDS) {
        test(`${kind}: nothing is granted at first; the address is guarded once the user allows it`, async () => {
            const lab = await startLab();
            const own = await launch(kind, lab, { isStock: true, isVisible: true });
            try {
                const page = await own.page(`setup.html#${lab.address}`);
                const granted = () => page.evaluate(() => chrome.permissions.getAll());
                assert.deepEqual((await granted()).origins, []);
                assert.equal((await own.status()).light, "not-guarded");
                const button = await until(() => page.$("main button"));
                await page.bringToFront();
                await button.click();
                await sleep(1500);
                assert.deepEqual((await granted()).origins, [], "nothing before the answer");
                // Firefox: the prompt's button has a key of its own. Chromium: the first button is Deny, the second Allow.
                if (kind === "firefox") press("alt+a");
                else press("Tab", "Return");
                await until(async () => (await granted()).origins.length > 0, { within: 8000, why: "the permission" }).catch(
                    async (error) => {
                        if (process.env.DOORLIGHT_PICTURES) execFileSync("import", ["-window", "root", `${process.env.DOORLIGHT_PICTURES}/prompt-${kind}.png`]);
                        throw error;
                    },
                );
                const schemes = kind === "chromium" ? ["*", "ws", "wss"] : ["*"];
                assert.deepEqual((await granted()).origins.sort(), schemes.map((scheme) => `${scheme}://${lab.host}/*`));
                await until(async () => (await own.status()).is_guarded, { why: "guarded" });
            } finally {
                await own.close();
                lab.stop();
            }
        });
    }
});
